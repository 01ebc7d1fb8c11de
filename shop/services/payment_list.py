"""The payments of the shop, newest first: filtered, searched, a page at a time however many there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from shop import database
from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.customer import Customer
from shop.models.errors import NotFound
from shop.models.payment import (
    ONLINE,
    UNDECIDED,
    Dispute,
    DisputeState,
    Payment,
    PaymentState,
    Provider,
    ProviderCall,
    ProviderEvent,
)
from shop.models.pix import read_end_to_end
from shop.models.repair import Repair
from shop.services import drawers, numbers, queue
from shop.services.clock import midnight
from shop.services.events import record
from shop.services.filters import parse_filters
from shop.services.payments import held, refunds
from shop.services.statements import as_written

PAGE, BATCH = 50, 500
# A search by name looks at the payments of so many tickets.
MOST_TICKETS = 1_000
# Slug -> what it selects. `open`: something may still come of it.
STATES = ("paid", "open", "authorised", "ending", "failed", "cancelled", "refunded", "disputed", "faulty")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; days are days of the shop, both included."""

    state: str = ""
    provider: str = ""
    q: str = ""
    since: date | None = None
    until: date | None = None

    def arguments(self) -> dict[str, str]:
        values = {"state": self.state, "provider": self.provider, "q": self.q, "since": self.since, "until": self.until}
        return {name: str(value) for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Page:
    """`next` is where the next page begins; `is_cut` if a search found more tickets than it looks at."""

    rows: Sequence[Row]
    next: int | None
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Whole:
    """A payment with everything that was said about it. `is_hidden`: its amounts are not for this person, yet."""

    payment: Payment
    is_hidden: bool
    calls: Sequence[ProviderCall]
    events: Sequence[ProviderEvent]


def read_page(filters: Filters, *, zone: str, actor: Actor, before: int | None = None, most: int = PAGE) -> Page:
    """Rows of id, moment, ticket, customer, way, state and amounts, which are None where they are hidden from `actor`.

    One statement, one more for a search by words.
    """
    query, is_cut = _filtered(filters, zone, hidden=drawers.hides(actor))
    if before is not None:
        query = query.where(Payment.id < before)
    rows = db.session.execute(query.order_by(Payment.id.desc()).limit(as_written(most + 1))).all()
    return Page(rows[:most], rows[most - 1].id if len(rows) > most else None, is_cut)


def read_all(filters: Filters, *, zone: str, actor: Actor) -> Iterator[Row]:
    """Every row, a batch at a time: nobody waits for a slow download."""
    before: int | None = None
    while True:
        with database.reading():
            page = read_page(filters, zone=zone, actor=actor, before=before, most=BATCH)
            db.session.rollback()
        yield from page.rows
        if page.next is None:
            return
        before = page.next


def get_payment(payment_id: int, *, actor: Actor) -> Whole:
    """Raises NotFound."""
    found = db.session.execute(
        select(Payment, drawers.hides(actor))
        .where(Payment.id == payment_id)
        .options(
            joinedload(Payment.repair).joinedload(Repair.customer),
            selectinload(Payment.refunds),
            selectinload(Payment.disputes),
        )
    ).first()
    if found is None:
        raise NotFound("There is no such payment.")
    calls = select(ProviderCall).where(ProviderCall.payment_id == payment_id).order_by(ProviderCall.id)
    events = select(ProviderEvent).where(ProviderEvent.payment_id == payment_id).order_by(ProviderEvent.id)
    return Whole(found[0], bool(found[1]), db.session.scalars(calls).all(), db.session.scalars(events).all())


def clear_fault(payment_id: int, *, actor: Actor) -> None:
    """Somebody has seen to what was wrong. Raises NotFound; a second call changes nothing."""
    payment = refunds.lock_payment(payment_id)
    if payment.fault:
        body = {"payment": payment.id, "fault": payment.fault}
        payment.fault = ""
        payment.version += 1
        record("payment.fault_cleared", payment.repair, actor=actor, body=body)


def open_disputes() -> Sequence[Dispute]:
    """Those that wait for our answer or the bank's, the most pressing first."""
    return db.session.scalars(
        select(Dispute)
        .where(Dispute.state.in_((DisputeState.OPEN, DisputeState.ANSWERED)))
        .order_by(Dispute.due_by, Dispute.id)
        .options(joinedload(Dispute.payment).joinedload(Payment.repair))
    ).all()


def count_trouble() -> dict[str, int]:
    """How many payments have a fault that a person must look at, and how many disputes are open."""
    faulty = db.session.scalar(select(func.count()).select_from(Payment).where(Payment.fault != ""))
    disputes = db.session.scalar(
        select(func.count()).select_from(Dispute).where(Dispute.state.in_((DisputeState.OPEN, DisputeState.ANSWERED)))
    )
    return {"faulty": faulty or 0, "disputed": disputes or 0}


def _filtered(filters: Filters, zone: str, *, hidden: ColumnElement[bool]) -> tuple[Select, bool]:
    amounts = (Payment.amount, Payment.captured, Payment.refunded, Payment.fee)
    query = (
        select(
            Payment.id, Payment.created_at, Payment.provider, Payment.purpose, Payment.state, Payment.currency,
            *(case((hidden, None), else_=amount).label(amount.key) for amount in amounts), Payment.fault,
            Payment.failure_code, Payment.provider_ref, Payment.livemode, Repair.number,
            Customer.name.label("customer"),
        )
        .join(Repair, Repair.id == Payment.repair_id)
        .join(Customer, Customer.id == Repair.customer_id)
    )  # fmt: skip
    if filters.state:
        query = query.where(_state_condition(filters.state))
    if filters.provider:
        query = query.where(Payment.provider == filters.provider)
    if filters.since:
        query = query.where(Payment.created_at >= midnight(filters.since, zone))
    if filters.until:
        query = query.where(Payment.created_at < midnight(filters.until + timedelta(days=1), zone))
    if not filters.q:
        return query, False
    found, is_cut = _searched(filters.q)
    return query.where(found), is_cut


def _state_condition(state: str):
    match state:
        case "ending":
            return held.ends_soon(utc_now())
        case "open":
            return Payment.state.in_(UNDECIDED)
        case "refunded":
            return Payment.refunded > 0
        case "faulty":
            return Payment.fault != ""
        case "disputed":
            return Payment.id.in_(select(Dispute.payment_id))
    return Payment.state == PaymentState(state)


def _searched(q: str):
    """By a reference of the provider, by a ticket, or by the words of the ticket's search."""
    number = numbers.read_one(q)
    if number and number.kind == "ticket":
        return Payment.repair_id == select(Repair.id).where(Repair.number == number.key).scalar_subquery(), False
    if end_to_end := read_end_to_end(q, now=utc_now()):
        return and_(Payment.provider == Provider.PIX, Payment.provider_ref == end_to_end), False
    if "_" in q or (q.isascii() and q.isalnum() and q == q.upper() and any(map(str.isdigit, q))):
        # Its index begins with the provider.
        is_attempt = and_(Payment.provider.in_(sorted(ONLINE)), Payment.provider_ref == q)
        return or_(is_attempt, Payment.charge_ref == q), False
    filters = parse_filters({"view": "all", "q": q})
    ids = queue.ids(filters, me=0, day_ends=utc_now(), most=MOST_TICKETS + 1)
    return Payment.repair_id.in_(list(ids[:MOST_TICKETS])), len(ids) > MOST_TICKETS
