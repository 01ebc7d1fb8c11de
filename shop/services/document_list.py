"""Documents for the staff and for their accountants: found, paged, taken away."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Row, false, func, or_, select

from shop import database
from shop.extensions import db
from shop.models import invoicing
from shop.models.actor import Actor
from shop.models.customer import Customer
from shop.models.document import Document, DocumentCounter, DocumentKind
from shop.models.money import Money
from shop.models.payment import Payment
from shop.models.repair import Repair
from shop.services import drawers, staff
from shop.services.events import record

PAGE = 50
MOST_EXPORTED = 200_000
_BATCH = 500
_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Filters:
    """`q` is a document's number, a ticket's, or a part of a customer's name. Empty filters nothing."""

    kind: str = ""
    series: str = ""
    year: int | None = None
    q: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    id: int
    kind: str
    number: str
    ticket: str
    customer: str
    issued_at: datetime
    currency: str
    net: int
    tax: int
    gross: int
    corrects: str
    is_hidden: bool = False

    @property
    def money(self) -> Money:
        return Money(self.gross, self.currency)


@dataclass(frozen=True, slots=True)
class Page:
    items: list[Listed]
    older: int | None


def list_documents(filters: Filters, *, actor: Actor, before: int | None = None) -> Page:
    """The newest first, `before` an id; sums that are hidden from `actor` are nothing. One statement."""
    found = _find(filters, before=before, limit=PAGE + 1, hidden=drawers.hides(actor))
    return Page(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def list_series() -> list[tuple[str, int]]:
    """(series, year) of everything that was ever issued."""
    query = select(DocumentCounter.series, DocumentCounter.year)
    rows = db.session.execute(query.order_by(DocumentCounter.year.desc(), DocumentCounter.series))
    return [(series, year) for series, year in rows]


def note_export(filters: Filters, *, actor: Actor) -> None:
    """Notes who takes which documents away; whom was searched for is personal. The caller commits, then reads."""
    person = staff.lock_staff(actor.id or 0)
    body = {"kind": filters.kind, "series": filters.series, "year": filters.year}
    detail = {"q": filters.q} if filters.q else None
    record(
        "staff.documents_exported",
        person,
        actor=actor,
        body={name: value for name, value in body.items() if value},
        detail=detail,
    )


def export_documents(filters: Filters) -> Iterator[Listed]:
    """The same, all of it, in batches; one more than MOST_EXPORTED says that there is more."""
    before, left = None, MOST_EXPORTED + 1
    while left > 0:
        # Each batch by itself: no transaction is as long as somebody's download.
        with database.reading():
            found = _find(filters, before=before, limit=min(_BATCH, left))
            db.session.rollback()
        if not found:
            return
        yield from found
        before, left = found[-1].id, left - len(found)


def _find(
    filters: Filters, *, before: int | None, limit: int, hidden: ColumnElement[bool] | None = None
) -> list[Listed]:
    corrected = select(Document).subquery("corrected")
    is_hidden = false() if hidden is None else Document.payment_id.in_(select(Payment.id).where(hidden))
    query = (
        select(
            Document.id, Document.kind, Document.series, Document.year, Document.number, Repair.number.label("ticket"),
            Customer.name.label("customer"), Document.issued_at, Document.currency, Document.net, Document.tax,
            Document.gross, corrected.c.series.label("corrects_series"), corrected.c.year.label("corrects_year"),
            corrected.c.number.label("corrects_number"), is_hidden.label("is_hidden"),
        )
        .outerjoin(Repair, Repair.id == Document.repair_id)
        .outerjoin(Customer, Customer.id == Repair.customer_id)
        .outerjoin(corrected, corrected.c.id == Document.corrects_id)
        .order_by(Document.id.desc())
        .limit(limit)
    )  # fmt: skip
    if before is not None:
        query = query.where(Document.id < before)
    for condition in _conditions(filters):
        query = query.where(condition)
    return [_listed(row) for row in db.session.execute(query)]


def _conditions(filters: Filters) -> Iterator:
    if filters.kind:
        yield Document.kind == filters.kind
    if filters.series:
        yield Document.series == filters.series
    if filters.year is not None:
        yield Document.year == filters.year
    if q := filters.q.strip():
        yield _matching(q)


def _matching(q: str):
    if place := invoicing.read_number(q):
        series, year, number = place
        return (Document.series == series) & (Document.year == year) & (Document.number == min(number, _LARGEST))
    digits = q.upper().removeprefix("#").removeprefix("RT-")
    if digits.isascii() and digits.isdigit():
        ticket = Repair.number == f"RT-{digits}"
        is_count = digits == q and int(digits) <= _LARGEST
        return or_(ticket, Document.number == int(digits)) if is_count else ticket
    return func.lower(Customer.name).contains(q.lower(), autoescape=True)


def _listed(row: Row) -> Listed:
    is_correction = row.kind == DocumentKind.CREDIT_NOTE and row.corrects_number
    return Listed(
        id=row.id,
        kind=row.kind,
        number=invoicing.number_of(row.series, row.year, row.number),
        ticket=row.ticket or "",
        customer=row.customer or "",
        issued_at=row.issued_at,
        currency=row.currency,
        net=row.net,
        tax=row.tax,
        gross=0 if row.is_hidden else row.gross,
        corrects=invoicing.number_of(row.corrects_series, row.corrects_year, row.corrects_number)
        if is_correction
        else "",
        is_hidden=bool(row.is_hidden),
    )
