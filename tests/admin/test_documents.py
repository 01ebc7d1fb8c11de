"""Documents in the console: found, opened, taken away, issued and credited."""

import csv
import io

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.document import Document
from shop.models.event import Event
from shop.models.repair import Repair, RepairLine
from shop.services import document_list, documents
from tests import factories
from tests.statements import statements_of


@pytest.fixture
def priced(cracked_iphone, session) -> Repair:
    cracked_iphone.lines = [RepairLine(position=0, label="Screen replacement", amount=18_900)]
    cracked_iphone.total = 18_900
    session.commit()
    return cracked_iphone


@pytest.fixture
def invoice(priced) -> Document:
    document = documents.issue_invoice(priced, actor=SYSTEM)
    db.session.commit()
    return document


def another(name: str, *, currency: str = "GBP", total: int = 5_000) -> Document:
    email = f"{name.split()[0].lower()}@example.com"
    repair = factories.repair(customer=factories.customer(name, email=email), currency=currency, total=total)
    document = documents.issue_invoice(repair, actor=SYSTEM)
    db.session.commit()
    return document


def numbers_in(page: str) -> list[str]:
    found = db.session.scalars(select(Document).order_by(Document.id))
    return [number for document in found if f">{(number := documents.number_of(document))}</a>" in page]


def test_list_shows_what_was_issued_the_newest_first(invoice, front_desk, browser_of):
    other = another("João Silva", currency="BRL")

    page = browser_of(front_desk).get("/admin/documents/").text

    assert page.index(documents.number_of(other)) < page.index(documents.number_of(invoice))
    assert "Hannah Whitcombe" in page
    assert "£189.00" in page
    assert f'href="/admin/documents/{invoice.id}.pdf"' in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "{invoice}"}, ["invoice"]),
        ({"q": "inv-{year}-1"}, ["invoice"]),
        ({"q": "{ticket}"}, ["invoice"]),
        ({"q": "whitcombe"}, ["invoice"]),
        ({"q": "João"}, ["other"]),
        ({"q": "%"}, []),
        ({"q": "INV-{year}-999999999"}, []),
        ({"q": "99999999999999999999"}, []),
        ({"kind": "invoice"}, ["invoice", "other"]),
        ({"kind": "receipt"}, []),
        ({"kind": "nonsense"}, ["invoice", "other"]),
        ({"series": "INV-BR"}, ["other"]),
        ({"series": "INV", "year": "{year}"}, ["invoice"]),
        ({"year": "1999"}, ["invoice", "other"]),
        ({"year": "2001"}, []),
    ],
)
def test_list_is_filtered_by_what_the_address_says(invoice, front_desk, browser_of, query, found):
    rows = {"invoice": invoice, "other": another("João Silva", currency="BRL")}
    facts = {"invoice": documents.number_of(invoice), "year": invoice.year, "ticket": ticket_of(invoice)}
    asked = {name: value.format(**facts) for name, value in query.items()}

    page = browser_of(front_desk).get("/admin/documents/", query_string=asked).text

    assert numbers_in(page) == [documents.number_of(rows[name]) for name in found]


def ticket_of(document: Document) -> str:
    return db.session.get_one(Repair, document.repair_id).number


def test_list_pages_by_key(invoice, front_desk, browser_of, monkeypatch):
    monkeypatch.setattr(document_list, "PAGE", 2)
    for name in ("Ann Lee", "Bo Ek"):
        another(name)
    browser = browser_of(front_desk)

    first = browser.get("/admin/documents/?kind=invoice").text
    before = db.session.scalars(select(Document.id).order_by(Document.id.desc()).offset(1)).first()
    second = browser.get(f"/admin/documents/?kind=invoice&before={before}").text

    assert f"before={before}" in first
    assert len(numbers_in(first)) == 2
    assert numbers_in(second) == [documents.number_of(invoice)]


def test_list_sends_as_many_statements_for_one_document_as_for_three(invoice, front_desk, browser_of):
    browser = browser_of(front_desk)
    few = statements_of(lambda: browser.get("/admin/documents/"))
    another("Ann Lee")
    another("Bo Ek")

    many = statements_of(lambda: browser.get("/admin/documents/"))

    assert len(few) == len(many) == 3


def test_paper_opens_as_it_was_issued(invoice, front_desk, browser_of):
    answer = browser_of(front_desk).get(f"/admin/documents/{invoice.id}.pdf")

    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"] == f'inline; filename="{documents.number_of(invoice)}.pdf"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.data == documents.pdf_of(invoice)


def test_unknown_paper_and_wrong_right_are_404(invoice, technician, front_desk, browser_of):
    assert browser_of(front_desk).get("/admin/documents/999999.pdf").status_code == 404
    assert browser_of(technician).get(f"/admin/documents/{invoice.id}.pdf").status_code == 404
    assert browser_of(front_desk).post("/admin/documents/export").status_code == 404


def test_accountants_file_has_a_line_for_each_and_takes_credits_off(invoice, manager, browser_of):
    documents.issue_credit_note(invoice, amount=1_890, reason="Scratch", key="x", actor=SYSTEM)
    another("=cmd()")

    answer = browser_of(manager).post("/admin/documents/export?year=" + str(invoice.year))

    fact = db.session.scalars(select(Event).where(Event.verb == "staff.documents_exported")).one()
    assert (fact.actor, fact.body) == (f"staff:{manager.id}", f'{{"year":{invoice.year}}}')
    rows = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert rows[0][:3] == ["Number", "Kind", "Issued"]
    assert [row[1] for row in rows[1:]] == ["invoice", "credit_note", "invoice"]
    assert rows[1][4] == "'=cmd()"
    assert rows[2][6:] == ["-15.75", "-3.15", "-18.90", documents.number_of(invoice)]
    assert rows[3][5:9] == ["GBP", "157.50", "31.50", "189.00"]


def test_invoice_is_issued_from_a_ticket_for_somebody_else(priced, front_desk, browser_of):
    browser = browser_of(front_desk)
    form = {"name": "Whitcombe Ltd", "tax_number": "123456782", "address": "1 High St\nLondon", "mailed": "1"}

    page = browser.get(f"/admin/documents/new/{priced.number}").text
    answer = browser.post(f"/admin/documents/new/{priced.number}", data=form)

    document = db.session.scalars(select(Document)).one()
    fact = db.session.scalars(select(Event).where(Event.verb == documents.ISSUED)).one()
    assert "Hannah Whitcombe" in page
    assert answer.status_code == 303
    assert documents.figures_of(document)["buyer"] == {
        "name": "Whitcombe Ltd", "address": "1 High St\nLondon", "country": "", "email": "",
        "tax_number": "GB 123 4567 82",
    }  # fmt: skip
    assert (fact.aggregate, fact.actor, '"message"' in fact.body) == (
        f"repair:{priced.id}", f"staff:{front_desk.id}", False,
    )  # fmt: skip


def test_wrong_buyer_comes_back_with_what_was_typed(priced, front_desk, browser_of):
    form = {"name": " ", "tax_number": "GB 1"}

    answer = browser_of(front_desk).post(f"/admin/documents/new/{priced.number}", data=form)

    assert answer.status_code == 422
    assert "Write whom the invoice is for." in answer.text
    assert "This is no British VAT number" in answer.text
    assert 'value="GB 1"' in answer.text
    assert db.session.scalar(select(func.count()).select_from(Document)) == 0


def test_ticket_with_an_invoice_shows_it_instead_of_the_form(invoice, priced, front_desk, browser_of):
    page = browser_of(front_desk).get(f"/admin/documents/new/{priced.number}").text

    assert "It has an invoice." in page
    assert f"/admin/documents/{invoice.id}.pdf" in page


def test_part_of_an_invoice_is_credited(invoice, manager, browser_of):
    browser = browser_of(manager)
    form = {"amount": "12,50", "reason": "Scratch on the frame", "seen": "0"}

    answers = [browser.post(f"/admin/documents/{invoice.id}/credit", data=form) for _ in range(2)]

    note = db.session.scalars(select(Document).where(Document.kind == "credit_note")).one()
    assert [answer.status_code for answer in answers] == [303, 303]
    assert (note.gross, note.corrects_id) == (1_250, invoice.id)
    assert "Scratch on the frame" in note.content


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"amount": "189.01", "reason": "x"}, "No more than the rest"),
        ({"amount": "0", "reason": "x"}, "No more than the rest"),
        ({"amount": "12.505", "reason": "x"}, "Write an amount such as 12.50."),
        ({"amount": "-1", "reason": "x"}, "Write an amount such as 12.50."),
        ({"amount": "1e9", "reason": "x"}, "Write an amount such as 12.50."),
        ({"amount": "1", "reason": ""}, "Say why"),
    ],
)
def test_what_cannot_be_credited_is_refused_with_the_reason(invoice, manager, browser_of, form, words):
    answer = browser_of(manager).post(f"/admin/documents/{invoice.id}/credit", data=form)

    assert answer.status_code == 422
    assert words in answer.text
    assert db.session.scalar(select(func.count()).select_from(Document)) == 1


def test_front_desk_cannot_credit(invoice, front_desk, browser_of):
    assert browser_of(front_desk).post(f"/admin/documents/{invoice.id}/credit").status_code == 404


def test_screens_of_documents_in_portuguese_hold_no_english(invoice, priced, owner, browser_of):
    from tests.test_translations import ENGLISH, visible

    priced.problem, browser = "Caiu na escada", browser_of(owner)
    db.session.commit()
    browser.set_cookie("locale", "pt_BR")
    paths = ("", f"new/{priced.number}", f"{invoice.id}/credit", "?q=zzz")

    pages = [browser.get(f"/admin/documents/{path}").text for path in paths]

    assert [ENGLISH.findall(visible(page)) for page in pages] == [[]] * len(paths)


@pytest.mark.parametrize(
    "query", ["before=x", "before=-1", "year=99999999999", "q=%00", "q=%F0%9F%98%80", "series=%00"]
)
def test_odd_addresses_are_answered(invoice, front_desk, browser_of, query):
    assert browser_of(front_desk).get(f"/admin/documents/?{query}").status_code == 200
