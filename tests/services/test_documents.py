"""Invoices, receipts and credit notes: issued once, numbered without gaps, posted to the books, told by one mail."""

import io
import json
from datetime import UTC, datetime

import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.document import Document, DocumentCounter
from shop.models.ending import MergedRepair
from shop.models.errors import Invalid, NotFound
from shop.models.event import Delivery, Event
from shop.models.invoicing import Buyer
from shop.models.ledger import Kind, LedgerEntry, LedgerTransaction, payment_posting, refund_posting
from shop.models.outbox import OutboxMessage
from shop.models.payment import Payment, PaymentState, Provider, Purpose
from shop.models.repair import Repair, RepairLine
from shop.models.workflow import State
from shop.services import deliveries, documents, ledger, ledger_check, mails, pdf, relay, repairs
from tests import factories

GERMAN = Buyer("Müller GmbH", address="Hauptstraße 1\n10115 Berlin", country="de", tax_number="DE 136 695 976")


@pytest.fixture
def priced(cracked_iphone, session) -> Repair:
    """The cracked iPhone with the price of its repair: £189 less £18.90."""
    cracked_iphone.lines = [
        RepairLine(position=0, label="Screen replacement", amount=18_900),
        RepairLine(position=1, label="Member", amount=-1_890),
    ]
    cracked_iphone.total = 17_010
    session.commit()
    return cracked_iphone


def pay(repair: Repair, amount: int, *, provider: Provider = Provider.STRIPE, **values) -> Payment:
    """A payment that was captured and posted; committed."""
    row = Payment(
        repair_id=repair.id, provider=provider, purpose=Purpose.DEPOSIT, amount=amount, captured=amount,
        currency=repair.currency, state=PaymentState.PAID, actor="customer", settled_at=datetime.now(UTC), **values,
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    ledger.post(
        f"{provider}:charge:{row.id}", Kind.PAYMENT, payment_posting(provider, amount), currency=repair.currency,
        actor=SYSTEM, repair_id=repair.id, payment_id=row.id,
    )  # fmt: skip
    db.session.commit()
    return row


def invoice(repair: Repair, **values) -> Document:
    document = documents.issue_invoice(repair, actor=SYSTEM, **values)
    db.session.commit()
    return document


def content(document: Document) -> dict:
    return json.loads(document.content)


def deliver() -> list[OutboxMessage]:
    relay.relay_batch()
    db.session.commit()
    deliveries.drain("mail")
    return list(db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def entries(document: Document) -> dict[str, int]:
    query = (
        select(LedgerEntry.account, LedgerEntry.amount)
        .join(LedgerTransaction)
        .where(LedgerTransaction.memo == documents.number_of(document))
    )
    return dict(db.session.execute(query).all())


def test_invoice_is_numbered_split_and_posted(priced, frozen):
    document = invoice(priced)

    assert documents.number_of(document) == "INV-2026-000001"
    assert (document.net, document.tax, document.gross) == (14_175, 2_835, 17_010)
    assert entries(document) == {"customer": 17_010, "revenue": -14_175, "tax": -2_835}
    assert content(document)["rates"]["rows"] == [["20%", "£141.75", "£28.35", "£170.10"]]
    assert content(document)["due"] == ["To pay", "£170.10"]
    assert content(document)["stamp"] == {"text": "Pay by 8 December 2026", "tone": "warn"}


def test_second_invoice_of_a_repair_is_the_first(priced):
    first, second = invoice(priced), invoice(priced)

    assert first.id == second.id
    assert db.session.scalar(select(func.count()).select_from(LedgerTransaction)) == 1
    assert db.session.scalar(select(func.count()).where(Event.verb == documents.ISSUED)) == 1


def test_invoice_says_what_was_paid_and_what_is_due(priced, frozen):
    pay(priced, 4_253, method="Visa 4242")

    document = invoice(priced)

    assert content(document)["totals"] == [
        ["Total, including VAT", "£170.10"],
        ["Deposit, Visa 4242, 24 Nov 2026", "-£42.53"],
    ]
    assert content(document)["due"] == ["To pay", "£127.57"]
    assert ledger.repair_balance(priced).owed == 12_757


def test_invoice_of_what_is_paid_says_so_and_asks_for_nothing(priced):
    pay(priced, 17_010)

    paper = content(invoice(priced))

    assert paper["stamp"] == {"text": "Paid", "tone": "ok"}
    assert (paper["pay"], paper["bank"]) == (None, None)
    assert paper["due"] == ["To pay", "£0.00"]


def test_what_the_payments_do_not_explain_is_said_in_one_sum(priced):
    payment = pay(priced, 17_010)
    ledger.post("stripe:refund:re_1", Kind.REFUND, refund_posting(Provider.STRIPE, 1_000), currency="GBP",
                actor=SYSTEM, repair_id=priced.id, payment_id=payment.id)  # fmt: skip

    paper = content(invoice(priced))

    assert paper["totals"][1] == ["Paid so far", "-£160.10"]
    assert paper["due"] == ["To pay", "£10.00"]


def test_lines_that_are_not_the_whole_price_get_one_more(priced, session):
    priced.total = 20_000
    session.commit()

    paper = content(invoice(priced))

    assert [line["label"] for line in paper["lines"]] == ["Screen replacement", "Member", "Adjustment"]
    assert sum(line["amount"] for line in paper["lines"]) == 20_000


def test_repair_that_costs_nothing_has_an_invoice_and_no_posting(cracked_iphone):
    document = invoice(cracked_iphone)

    assert (document.gross, content(document)["stamp"]["text"]) == (0, "Paid")
    assert entries(document) == {}
    assert invoice(cracked_iphone).id == document.id


def test_business_in_another_country_accounts_for_the_tax(priced):
    document = invoice(priced, buyer=GERMAN)

    paper = content(document)
    assert (document.net, document.tax) == (14_175, 0)
    assert paper["rates"]["rows"] == [["0%", "£141.75", "£0.00", "£141.75"]]
    assert paper["notes"][0].startswith("Reverse charge")
    assert paper["buyer"]["lines"] == ["Hauptstraße 1", "10115 Berlin", "Germany", "VAT number DE 136 695 976"]
    assert ledger.repair_balance(priced).due == 14_175


def test_company_that_is_not_registered_shows_no_vat(priced, app, monkeypatch):
    monkeypatch.setattr(app.config["SETTINGS"], "COMPANY_VAT_NUMBER", "")

    document = invoice(priced)

    assert (document.net, document.tax, content(document)["rates"]) == (17_010, 0, None)
    assert content(document)["totals"][0] == ["Total", "£170.10"]
    assert "VAT" not in document.content


@pytest.mark.parametrize(
    ("buyer", "field"),
    [
        (Buyer(""), "name"),
        (Buyer("x" * 121), "name"),
        (Buyer("Hannah\x00"), "name"),
        (Buyer("Hannah \u202egnip"), "name"),
        (Buyer("Acme", tax_number="GB 123 4567 83"), "tax_number"),
        (Buyer("Acme", country="DEU"), "country"),
    ],
)
def test_buyer_who_cannot_be_printed_takes_no_number(priced, buyer, field):
    with pytest.raises(Invalid) as refused:
        documents.issue_invoice(priced, actor=SYSTEM, buyer=buyer)

    assert field in refused.value.fields
    db.session.commit()
    assert db.session.scalar(select(func.count()).select_from(DocumentCounter)) == 0


def test_brazilian_document_is_commercial_and_says_that_it_is_not_fiscal(priced, session):
    priced.currency = "BRL"
    session.commit()

    document = invoice(priced, buyer=Buyer("João da Silva", tax_number="52998224725"))

    paper = content(document)
    assert documents.number_of(document).startswith("INV-BR-")
    assert (paper["title"], paper["subtitle"]) == ("Fatura comercial", "Documento não fiscal")
    assert (document.tax, paper["rates"], paper["columns"]) == (0, None, ["Descrição", "Valor"])
    assert "CPF 529.982.247-25" in paper["buyer"]["lines"]
    assert "CNPJ 12.ABC.345/01DE-35" in paper["footer"]
    assert paper["due"] == ["A pagar", "R$\xa0170,10"]


def test_brazilian_invoice_is_paid_by_the_pix_code_on_it(priced, session):
    priced.currency = "BRL"
    session.commit()
    pay(priced, 7_003, provider=Provider.PIX, provider_ref="E12345678202601240959ABCDEF12345")

    paper = content(invoice(priced))

    [page] = pdf.picture(paper)
    [read] = zxingcpp.read_barcodes(Image.open(io.BytesIO(page)))
    assert read.text == paper["pay"]["code"]
    assert f"5406100.075802BR5916REVIVATECH TESTE6009SAO PAULO6211050{len(priced.number) - 1}RT" in read.text
    assert paper["pay"]["url"].endswith(f"/track/{priced.tracking_token}/pay")
    assert [", Pix, " in words for words, _amount in paper["totals"]] == [False, True]


def test_cancelled_repair_is_not_billed(priced, session, owner):
    repairs.move(repairs.lock_repair(priced.number), State.CANCELLED, actor=owner.actor)
    session.commit()

    with pytest.raises(Invalid) as refused:
        documents.issue_invoice(priced, actor=owner.actor)

    assert list(refused.value.fields) == ["repair"]
    db.session.rollback()
    assert session.scalar(select(func.count()).select_from(DocumentCounter)) == 0


def test_receipt_is_issued_once_for_a_payment(priced):
    payment = pay(priced, 4_253, provider=Provider.CASH, tendered=5_000)

    document = documents.issue_receipt(payment, actor=SYSTEM)
    again = documents.issue_receipt(payment, actor=SYSTEM)
    db.session.commit()

    paper = content(document)
    assert again.id == document.id
    assert documents.number_of(document).startswith("REC-")
    assert (document.gross, document.tax, document.payment_id) == (4_253, 0, payment.id)
    assert paper["totals"] == [
        ["Price of the repair", "£170.10"],
        ["Cash given", "£50.00"],
        ["Change", "£7.47"],
        ["Paid so far", "£42.53"],
        ["Still to pay", "£127.57"],
    ]


def test_payment_of_nothing_has_no_receipt(priced):
    payment = pay(priced, 100)
    payment.captured = 0

    with pytest.raises(Invalid):
        documents.issue_receipt(payment, actor=SYSTEM)


def test_credit_notes_take_an_invoice_back_with_its_tax(priced):
    sold = invoice(priced)

    notes = [
        documents.issue_credit_note(sold, amount=amount, reason="Scratch", key=f"refund:{amount}", actor=SYSTEM)
        for amount in (5_001, None, 5_001)
    ]
    db.session.commit()

    assert [note.gross for note in notes] == [5_001, 12_009, 5_001]
    assert notes[0].id == notes[2].id
    assert notes[0].tax + notes[1].tax == sold.tax
    assert entries(notes[0]) == {"refunds": notes[0].net, "tax": notes[0].tax, "customer": -5_001}
    assert ledger.repair_balance(priced).billed == 0
    assert content(notes[0])["facts"][1] == ["Corrects", "INV-2026-000001".replace("2026", str(sold.year))]


@pytest.mark.parametrize("amount", [0, -1, 17_011])
def test_no_more_than_the_rest_is_credited(priced, amount):
    sold = invoice(priced)

    with pytest.raises(Invalid):
        documents.issue_credit_note(sold, amount=amount, reason="Scratch", key="x", actor=SYSTEM)


def test_credit_note_needs_a_reason_and_an_invoice(priced):
    sold = invoice(priced)
    note = documents.issue_credit_note(sold, amount=1, reason="Scratch", key="x", actor=SYSTEM)

    with pytest.raises(Invalid):
        documents.issue_credit_note(sold, amount=1, reason=" ", key="y", actor=SYSTEM)
    with pytest.raises(Invalid):
        documents.issue_credit_note(note, amount=1, reason="Scratch", key="z", actor=SYSTEM)


def test_invoice_that_was_credited_in_full_can_be_issued_anew(priced):
    first = invoice(priced)
    documents.issue_credit_note(first, reason="Wrong name", key="anew", actor=SYSTEM)

    second = invoice(priced, buyer=Buyer("Whitcombe Ltd"))

    assert (first.number, second.number) == (1, 2)
    assert invoice(priced).id == second.id
    assert ledger.repair_balance(priced).billed == 17_010


def test_rollback_gives_the_number_back(priced):
    documents.issue_invoice(priced, actor=SYSTEM)
    db.session.rollback()

    assert invoice(priced).number == 1
    assert ledger_check.verify() == []


def test_numbers_begin_anew_with_the_year_of_the_shops_clock(priced, session):
    import time_machine

    # Noon in London is an hour into the next day in Auckland.
    priced.location.zone = "Pacific/Auckland"
    session.commit()
    with time_machine.travel(datetime(2026, 12, 31, 12, 0, tzinfo=UTC), tick=False):
        document = invoice(priced)
    priced.location.zone = "Europe/London"
    session.commit()

    assert documents.number_of(document) == "INV-2027-000001"


def test_document_stays_as_it_was_whatever_changes(priced, session):
    sold = invoice(priced)
    before, words = documents.pdf_of(sold), sold.content

    priced.customer.name, priced.device.label, priced.total = "Somebody Else", "Galaxy S24", 1
    priced.lines = []
    pay(priced, 100)

    session.refresh(sold)
    assert sold.content == words
    assert documents.pdf_of(sold) == before


def test_one_mail_for_each_document_with_the_pdf(priced):
    payment = pay(priced, 4_253)
    documents.issue_receipt(payment, actor=SYSTEM)
    sold = invoice(priced)
    documents.issue_credit_note(sold, amount=1_000, reason="Scratch", key="x", actor=SYSTEM)
    db.session.commit()

    sent = [mail for mail in deliver() if mail.template in mails.DOCUMENT_TEMPLATES]

    year = sold.year
    assert [mail.subject for mail in sent] == [
        f"Receipt REC-{year}-000001 for £42.53", f"Invoice INV-{year}-000001, £170.10",
        f"Credit note CRN-{year}-000001 for £10.00",
    ]  # fmt: skip
    (attached,) = mails.attachments(sent[1])
    assert (attached.filename, attached.content()) == (f"INV-{year}-000001.pdf", documents.pdf_of(sold))
    assert f"/documents/INV-{year}-000001.pdf" in sent[1].text
    assert "£127.57" in sent[1].text
    assert all("<" not in mail.text for mail in sent)


def test_delivery_that_runs_twice_writes_one_mail(priced):
    invoice(priced)
    deliver()
    delivery = db.session.scalars(select(Delivery).order_by(Delivery.id.desc())).first()

    mails.deliver(delivery)
    db.session.commit()

    assert [mail.template for mail in deliver()].count("invoice") == 1


def test_document_that_is_only_printed_is_mailed_to_nobody(priced):
    invoice(priced, mailed=False)

    assert [mail for mail in deliver() if mail.template == "invoice"] == []


def test_customer_without_email_is_skipped_with_a_reason(priced, session):
    priced.customer.email = ""
    session.commit()
    invoice(priced)
    deliver()

    last = db.session.scalars(select(Delivery).order_by(Delivery.id.desc())).first()
    assert last.error == "Skipped: the customer has no e-mail"


def test_mail_speaks_the_customers_language(priced, session):
    priced.customer.locale = "pt_BR"
    session.commit()
    invoice(priced)

    mail = deliver()[-1]

    assert mail.subject.startswith("Fatura INV-")
    assert "Abrir o PDF" in mail.text
    assert content(db.session.scalars(select(Document)).one())["title"] == "Fatura"


def test_only_documents_of_the_repair_are_found_by_number(priced, app):
    sold = invoice(priced)
    other = factories.repair(customer=factories.customer("João Silva", email="joao@example.com"))

    assert documents.get_document_of(priced, documents.number_of(sold).lower()).id == sold.id
    for repair, number in ((other, documents.number_of(sold)), (priced, "INV-2026-000999"), (priced, "x")):
        with pytest.raises(NotFound):
            documents.get_document_of(repair, number)


def test_papers_of_a_duplicate_are_found_at_the_ticket_that_stays(priced, session):
    stays = factories.repair(customer=priced.customer)
    sold = invoice(priced)
    session.add(MergedRepair(repair_id=priced.id, into_id=stays.id))
    session.commit()

    assert [paper.id for paper in documents.papers_of(stays)] == [sold.id]
    assert documents.get_document_of(stays, documents.number_of(sold)).id == sold.id
    assert documents.issue_invoice(stays, actor=SYSTEM).id != sold.id


def test_papers_of_another_customers_duplicate_are_not_shown_to_the_customer_of_the_ticket_that_stays(priced, session):
    stays = factories.repair(customer=factories.customer("João Silva", email="joao@example.com"))
    sold = invoice(priced)
    session.add(MergedRepair(repair_id=priced.id, into_id=stays.id))
    session.commit()

    assert documents.papers_of(stays) == []
    with pytest.raises(NotFound):
        documents.get_document_of(stays, documents.number_of(sold))


def test_what_is_issued_passes_the_check_of_the_books(priced):
    payment = pay(priced, 17_010)
    documents.issue_receipt(payment, actor=SYSTEM)
    sold = invoice(priced)
    documents.issue_credit_note(sold, reason="Scratch", key="x", actor=SYSTEM)
    db.session.commit()

    assert ledger_check.verify() == []
