"""Invoices, receipts and credit notes: numbered without gaps, kept as they were printed, posted to the books.

Each is issued once: a second call for the same thing gives back the document that is there. A number is taken from its
counter in the transaction that writes the document, and only there; a rollback gives it back. Locks are taken in one
order, the repair first and the counter last.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import func, select

from shop.extensions import db
from shop.models import invoicing
from shop.models import ledger as books
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.document import ERASED, Document, DocumentCounter, DocumentKind
from shop.models.ending import MergedRepair
from shop.models.errors import Invalid, NotFound
from shop.models.invoicing import BRAZIL, Buyer, Line, Rate, Totals
from shop.models.money import Money
from shop.models.payment import Payment, PaymentState
from shop.models.repair import Repair
from shop.models.text import is_plain, one_line
from shop.models.workflow import State
from shop.services import document_content, ledger, pdf, pix, pricing, repairs
from shop.services.bookings import tracking_path
from shop.services.buyers import clean_buyer, customer_of
from shop.services.catalogue import translated
from shop.services.company import our_company
from shop.services.document_content import Frame
from shop.services.events import record
from shop.services.pricing import COUNTRY_OF_CURRENCY
from shop.services.statements import insert_statement

ISSUED = "document.issued"
LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Paper:
    """A document in a list."""

    id: int
    kind: str
    number: str
    issued_at: datetime
    money: Money


def issue_invoice(repair: Repair, *, actor: Actor, buyer: Buyer | None = None, mailed: bool = True) -> Document:
    """The invoice of what the repair costs, also where it is paid already. The caller commits.

    `buyer` is whom it is made out to, by default the customer as on file. A second call gives back the first invoice,
    unless that was credited in full: then another one is issued. `mailed` sends it to the customer.
    Raises Invalid for a buyer who cannot be printed or whose tax number is wrong, and for a cancelled repair; Merged
    for a ticket merged away.
    """
    repair = repairs.lock_repair(repair.number)
    if found := find_invoice(repair):
        return found
    if repair.status == State.CANCELLED:
        raise Invalid(
            {"repair": _("This repair was cancelled, so there is nothing to bill. Make a new ticket for it.")}
        )
    country = country_of(repair)
    buyer = clean_buyer(buyer or customer_of(repair), seller_country=country)
    is_reverse = invoicing.is_reverse_charge(buyer, seller_country=country)
    frame = frame_of(DocumentKind.INVOICE, repair, buyer)
    with force_locale(frame.locale):
        lines = lines_of(repair, country, is_reverse=is_reverse)
        figures = invoicing.totals(lines)
        paid = _paid(repair, frame)
        frame = _numbered(frame)
        content = document_content.invoice(frame, lines, figures, paid=paid, reverse=is_reverse)
    document = _write(frame, f"invoice:repair:{repair.id}:{_count_invoices(repair) + 1}", content, figures)
    _post(document, books.Kind.INVOICE, books.invoice_posting, repair, actor)
    _tell(document, repair, actor=actor, mailed=mailed)
    return document


def issue_receipt(payment: Payment, *, actor: Actor, mailed: bool = True) -> Document:
    """The receipt of a payment that was captured, after it was posted to the books. The caller commits.

    A second call gives back the first receipt. Raises Invalid for a payment of which nothing was captured.
    """
    repair = repairs.lock_repair(payment.repair.number, merged=True)
    key = f"receipt:payment:{payment.id}"
    if found := _find(key):
        return found
    if payment.captured <= 0:
        raise Invalid({"payment": _("Nothing was paid yet, so there is no receipt.")})
    frame = frame_of(DocumentKind.RECEIPT, repair, customer_of(repair))
    balance = ledger.repair_balance(repair)
    frame = _numbered(frame)
    with force_locale(frame.locale):
        content = document_content.receipt(frame, payment, price=balance.due, paid=balance.paid)
    document = _write(frame, key, content, Totals(payment.captured, 0, ()), payment_id=payment.id)
    _tell(document, repair, actor=actor, mailed=mailed)
    return document


def issue_credit_note(
    invoice: Document,
    *,
    reason: str,
    key: str,
    actor: Actor,
    amount: int | None = None,
    lines: Sequence[tuple[str, int]] = (),
    mailed: bool = True,
) -> Document:
    """Takes `amount` of an invoice back, or the (words, amount) of `lines`, or all that is left. The caller commits.

    `key` names what it is for, such as `refund:12`: a second call with it gives back the first credit note. Its VAT is
    that part of the invoice's which it takes back. Raises Invalid for an amount over the rest, or without a reason.
    """
    repair = _lock_repair_of(invoice)
    own_key = f"credit_note:{invoice.id}:{key}"
    if found := _find(own_key):
        return found
    reason = _clean_reason(reason)
    before = credited(invoice)
    left = invoice.gross - before
    amount = sum(part for _words, part in lines) if lines else left if amount is None else amount
    if invoice.kind != DocumentKind.INVOICE or not 0 < amount <= left:
        raise Invalid({"amount": _("No more than the rest of the invoice can be credited.")})
    was = figures_of(invoice)
    frame = replace(
        frame_of(DocumentKind.CREDIT_NOTE, repair, Buyer(**was["buyer"])), country=was["country"], locale=invoice.locale
    )
    figures = invoicing.part(_figures_of(was), amount, before=before)
    number = number_of(invoice)
    frame = _numbered(frame)
    with force_locale(frame.locale):
        rows = [Line(words, part) for words, part in lines] or [
            Line(_("Credit on invoice %(number)s", number=number), amount)
        ]
        content = document_content.credit_note(
            frame, rows, figures, corrects=number, reason=reason, reverse=was["reverse_charge"]
        )
    document = _write(frame, own_key, content, figures, corrects_id=invoice.id)
    _post(document, books.Kind.CREDIT_NOTE, books.credit_note_posting, repair, actor)
    _tell(document, repair, actor=actor, mailed=mailed)
    return document


def number_of(document: Document) -> str:
    """INV-2026-000123"""
    return invoicing.number_of(document.series, document.year, document.number)


def country_of(repair: Repair) -> str:
    """Whose tax law the document follows: as for its price, the money says it before the branch does."""
    return COUNTRY_OF_CURRENCY.get(repair.currency, repair.location.country)


def credited(invoice: Document) -> int:
    """Minor units of it that credit notes have taken back."""
    query = select(func.coalesce(func.sum(Document.gross), 0)).where(
        Document.corrects_id == invoice.id, Document.kind == DocumentKind.CREDIT_NOTE
    )
    return int(db.session.scalar(query) or 0)


def get_document(document_id: int) -> Document:
    """Raises NotFound."""
    document = db.session.get(Document, document_id)
    if document is None:
        raise NotFound(_("There is no such document."))
    return document


def find_invoice(repair: Repair) -> Document | None:
    """The invoice that stands; None where there is none, or where all of the last one was credited."""
    query = select(Document).where(_is_invoice_of(repair)).order_by(Document.id.desc()).limit(1)
    last = db.session.scalar(query)
    return last if last and (not last.gross or credited(last) < last.gross) else None


def find_credit_note(repair: Repair, *, key: str) -> Document | None:
    """The one that was issued for what `key` names, such as `refund:12`, on any invoice of this repair."""
    query = select(Document).where(
        Document.repair_id == repair.id,
        Document.kind == DocumentKind.CREDIT_NOTE,
        Document.key.endswith(f":{key}", autoescape=True),
    )
    return db.session.scalar(query)


def papers_of(repair: Repair) -> list[Paper]:
    """The documents of a repair, and of its customer's tickets that were merged into it, the newest first.

    One statement.
    """
    query = select(
        Document.id, Document.kind, Document.series, Document.year, Document.number, Document.issued_at,
        Document.gross, Document.currency,
    )  # fmt: skip
    rows = db.session.execute(query.where(_belongs_to(repair)).order_by(Document.id.desc()))
    return [
        Paper(
            row.id,
            row.kind,
            invoicing.number_of(row.series, row.year, row.number),
            row.issued_at,
            Money(row.gross, row.currency),
        )
        for row in rows
    ]


def get_document_of(repair: Repair, number: str) -> Document:
    """The document of this repair with this number. Raises NotFound, also for one of another repair."""
    place = invoicing.read_number(number)
    if place is None:
        raise NotFound(_("There is no such document."))
    series, year, count = place
    query = select(Document).where(
        Document.series == series, Document.year == year, Document.number == count, _belongs_to(repair)
    )
    document = db.session.scalar(query)
    if document is None:
        raise NotFound(_("There is no such document."))
    return document


def pdf_of(document: Document) -> bytes:
    """The document as it was issued, byte for byte. Raises NotFound for one whose content was erased."""
    return pdf.render(_content(document), issued=int(document.issued_at.timestamp()))


def figures_of(document: Document) -> dict:
    """What the document says in minor units: net, tax, gross, rates, buyer, and what was due or corrected then."""
    return _content(document)["figures"]


def next_number(series: str, year: int) -> int:
    """Takes the next number. The counter stays locked until the caller's transaction ends: the next one waits."""
    statement = (
        insert_statement(DocumentCounter)
        .values(series=series, year=year, last=1)
        .on_conflict_do_update(index_elements=["series", "year"], set_={"last": DocumentCounter.last + 1})
        .returning(DocumentCounter.last)
    )
    return int(db.session.execute(statement).scalar_one())


def _clean_reason(text: str) -> str:
    reason = one_line(text)
    if not reason or len(reason) > LONGEST_REASON or not is_plain(reason):
        raise Invalid({"reason": _("Say why, in under %(most)s characters.", most=LONGEST_REASON)})
    return reason


def frame_of(kind: DocumentKind, repair: Repair, buyer: Buyer) -> Frame:
    """What a document of today would say of who, to whom and about what; it has no number yet."""
    country = country_of(repair)
    return Frame(
        kind=kind,
        number="",
        company=our_company(),
        buyer=buyer,
        repair=repair,
        country=country,
        # What the Brazilian law knows is written in its language.
        locale="pt_BR" if country == BRAZIL else repair.customer.locale,
        issued_at=utc_now(),
        link=_link(repair),
        pix=pix.find_receiver(repair),
    )


def _link(repair: Repair) -> str:
    """The private page of the repair; while something is owed that can be paid from there, the page to pay it on."""
    owes = pix.can_be_paid_from_afar(repair) and ledger.repair_balance(repair).owed > 0
    return current_app.config["SETTINGS"].BASE_URL + tracking_path(repair) + ("/pay" if owes else "")


def lines_of(repair: Repair, country: str, *, is_reverse: bool) -> tuple[Line, ...]:
    """The lines of the price, and one more if they are not all of it."""
    rate = _vat_rate(country)
    lines = [Line(translated(line.label), line.amount, rate) for line in repair.lines]
    rest = repair.total - sum(line.amount for line in lines)
    if rest or not lines:
        label = (
            _("Adjustment")
            if lines
            else translated(repair.work) or _("Repair of %(device)s", device=repair.device.label)
        )
        lines.append(Line(label, rest, rate))
    return invoicing.without_tax(lines) if is_reverse else tuple(lines)


def _vat_rate(country: str) -> int | None:
    """None where none may be shown: also for a company that is not registered for it."""
    if country != BRAZIL and not our_company().vat_number:
        return None
    return pricing.published_rules().taxes.get(country)


def _paid(repair: Repair, frame: Frame) -> list[tuple[str, int]]:
    """What the books say was paid: payment by payment where they explain all of it, else in one sum."""
    total = ledger.repair_balance(repair).paid
    query = (
        select(Payment).where(Payment.repair_id == repair.id, Payment.state == PaymentState.PAID).order_by(Payment.id)
    )
    rows = [
        (document_content.payment_words(payment, frame), payment.captured - payment.refunded)
        for payment in db.session.scalars(query)
        if payment.captured > payment.refunded
    ]
    if sum(amount for _words, amount in rows) == total:
        return rows
    return [(_("Paid so far"), total)]


def _numbered(frame: Frame) -> Frame:
    """With the next number, and with the moment at which it was taken: a later number is never older."""
    series, year = invoicing.series_of(frame.kind, frame.country), _year(frame.issued_at, frame.repair)
    number = next_number(series, year)
    now = utc_now()
    issued_at = now if _year(now, frame.repair) == year else frame.issued_at
    return replace(frame, number=invoicing.number_of(series, year, number), issued_at=issued_at)


def _write(frame: Frame, key: str, content: dict, figures: Totals, **of) -> Document:
    series, year, number = invoicing.read_number(frame.number) or ("", 0, 0)
    document = Document(
        key=key,
        kind=frame.kind,
        series=series,
        year=year,
        number=number,
        repair_id=frame.repair.id,
        issued_at=frame.issued_at,
        currency=frame.repair.currency,
        net=figures.net,
        tax=figures.tax,
        gross=figures.gross,
        locale=frame.locale,
        content=json.dumps(content, ensure_ascii=False, separators=(",", ":")),
        **of,
    )
    db.session.add(document)
    # Its key stands in the event, and in the books.
    db.session.flush()
    return document


def _year(moment: datetime, repair: Repair) -> int:
    return moment.astimezone(ZoneInfo(repair.location.zone)).year


def _tell(document: Document, repair: Repair, *, actor: Actor, mailed: bool) -> None:
    body = {
        "document": document.id,
        "kind": document.kind,
        "number": number_of(document),
        "total": document.gross,
        "currency": document.currency,
    }
    record(ISSUED, repair, actor=actor, body=body if mailed else {**body, "message": "none"})


def _post(document: Document, kind: books.Kind, posting, repair: Repair, actor: Actor) -> None:
    """Into the books, under the document's number. What costs nothing moves nothing."""
    if document.gross:
        number = number_of(document)
        ledger.post(
            f"{kind}:{number}",
            kind,
            posting(net=document.net, tax=document.tax),
            currency=document.currency,
            actor=actor,
            repair_id=repair.id,
            memo=number,
            at=document.issued_at,
        )


def _is_invoice_of(repair: Repair):
    return (Document.repair_id == repair.id) & (Document.kind == DocumentKind.INVOICE)


def _count_invoices(repair: Repair) -> int:
    return int(db.session.scalar(select(func.count(Document.id)).where(_is_invoice_of(repair))) or 0)


def _find(key: str) -> Document | None:
    return db.session.scalar(select(Document).where(Document.key == key))


def _belongs_to(repair: Repair):
    """Its own, and those of the same customer's duplicates: a ticket of somebody else may be merged into it too."""
    duplicates = select(MergedRepair.repair_id).join(Repair, Repair.id == MergedRepair.repair_id)
    merged = duplicates.where(MergedRepair.into_id == repair.id, Repair.customer_id == repair.customer_id)
    return (Document.repair_id == repair.id) | Document.repair_id.in_(merged)


def _lock_repair_of(document: Document) -> Repair:
    repair = db.session.get(Repair, document.repair_id) if document.repair_id else None
    if repair is None:
        raise NotFound(_("There is no such document."))
    return repairs.lock_repair(repair.number, merged=True)


def _content(document: Document) -> dict:
    if document.content == ERASED:
        raise NotFound(_("What stood on this document was erased, as the law asks after some years."))
    return json.loads(document.content)


def _figures_of(kept: dict) -> Totals:
    return Totals(kept["net"], kept["tax"], tuple(Rate(**rate) for rate in kept["rates"]))
