"""What a person must know now: the few tickets that press, what is ready, what went out today, and what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, func, literal_column, or_, select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import UtcDateTime, utc_now
from shop.models.customer import Customer, Device
from shop.models.ledger import Account, Kind, LedgerEntry, LedgerTransaction
from shop.models.payment import Dispute, DisputeState, Payment
from shop.models.permissions import Role
from shop.models.promise import Outlook
from shop.models.repair import Repair
from shop.models.staff import Staff
from shop.models.workflow import NEVER_LATE, Party, State
from shop.services import outbox, queue, relay
from shop.services.health_report import LAG_LIMIT_SECONDS
from shop.services.memory import LogState, recall
from shop.services.payments import held
from shop.services.queue import Counts, Filters, minute
from shop.services.statements import as_written

MOST_PRESSING = 5
MOST_READY = 4
MOST_COUNTED = 9_999

_NOW, _DAY_ENDS = bindparam("now", type_=UtcDateTime), bindparam("day_ends", type_=UtcDateTime)
_UNFINISHED = Repair.status.not_in([literal_column(f"'{state}'") for state in sorted(NEVER_LATE)])
_HANDED_OVER = Repair.status.in_([literal_column(f"'{state}'") for state in (State.COLLECTED, State.SHIPPED)])
_FACTS = (Repair.id, Repair.number, Repair.status, Repair.due_at, Repair.status_since, Repair.total, Repair.currency,
          Repair.place, Repair.waiting_on, Repair.assignee_id, Repair.updated_at)  # fmt: skip


def _cut(*conditions, order, most: int):
    """The first few of the open part, cut before any join."""
    cut = select(*_FACTS, Repair.customer_id, Repair.device_id).where(literal_column("is_open"), *conditions)
    rows = cut.order_by(*order).limit(as_written(most)).subquery()
    order = tuple(rows.c[column.key] for column in order)
    return (
        select(*[rows.c[column.key] for column in _FACTS], Customer.name.label("customer"),
               Device.label.label("device"), Staff.name.label("assignee"),
               Outlook.likely_at, Outlook.stalls_at, Outlook.seen_at)
        .select_from(rows)
        .join(Customer, Customer.id == rows.c.customer_id)
        .join(Device, Device.id == rows.c.device_id)
        .outerjoin(Staff, Staff.id == rows.c.assignee_id)
        .outerjoin(Outlook, Outlook.repair_id == rows.c.id)
        .order_by(*order)
    )  # fmt: skip


_DUE = (Repair.due_at < _DAY_ENDS, _UNFINISHED)
_MINE = (
    Repair.waiting_on == Party.US.value,
    or_(Repair.assignee_id == bindparam("me"), Repair.assignee_id.is_(None)),
)
_BY_DUE = (Repair.due_at, Repair.id)
_PRESSING = _cut(*_DUE, order=_BY_DUE, most=MOST_PRESSING)
_PRESSING_ME = _cut(*_DUE, *_MINE, order=_BY_DUE, most=MOST_PRESSING)
_READY = _cut(Repair.status == State.READY.value, order=(Repair.status_since, Repair.id), most=MOST_READY)


_WAYS = (Account.CASH, Account.TERMINAL, Account.STRIPE, Account.PAYPAL)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Repairs that went back to their owners today: how many, and what they come to in each currency."""

    jobs: int
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Takings:
    """Money of today by the books: what came by each way and currency, and what went back. Minor units."""

    came: tuple[tuple[str, str, int], ...]
    back: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Alerts:
    """What is wrong with the shop's machinery, as far as this person may know."""

    undelivered: int = 0
    locked: tuple[tuple[int, str, datetime], ...] = ()
    relay_seconds: float = 0.0
    faulty_payments: int = 0
    disputes: int = 0
    holds_ending: int = 0
    answer_by: datetime | None = None


def pressing(actor: Actor, *, day_ends: datetime, state: LogState) -> Sequence:
    """The first that are due by tonight or late already: a technician's own and what nobody has, else everybody's."""
    now = utc_now()
    if actor.role == Role.TECHNICIAN:
        statement, me = _PRESSING_ME, actor.id or 0
    else:
        statement, me = _PRESSING, 0
    values = {"now": now, "day_ends": day_ends, "me": me}
    return recall(
        state, ("pressing", statement is _PRESSING, me, day_ends, minute(now)), lambda: _rows(statement, values)
    )


def troubled(filters: Filters, counts: Counts, *, me: int, day_ends: datetime, state: LogState) -> tuple[int, Sequence]:
    """How many a list by its risk shows, and its first row: what is wrong with that one can be said in words."""
    key = ("troubled", filters, me if filters.is_personal else 0, day_ends, minute(utc_now()))

    def read() -> tuple[int, Sequence]:
        number = counts.of(filters, me=me)
        if number is None:
            number = queue.count_matches(filters, most=MOST_COUNTED, me=me, day_ends=day_ends)
        return number, queue.first_rows(filters, most=1, me=me, day_ends=day_ends) if number else []

    return recall(state, key, read)


def waiting_longest(*, state: LogState) -> Sequence:
    """The few that have been ready for collection the longest."""
    return recall(state, "ready longest", lambda: _rows(_READY, {}))


def handed_over_today(*, day_ends: datetime, state: LogState) -> HandedOver:
    """Read from the index on the closing date."""
    begins = day_ends - timedelta(days=1)
    query = (
        select(Repair.currency, func.count(), func.sum(Repair.total))
        .where(Repair.closed_at >= begins, _HANDED_OVER, literal_column("NOT is_open"))
        .group_by(Repair.currency)
    )
    rows = recall(state, ("handed over", begins), lambda: _rows(query, {}))
    return HandedOver(
        sum(jobs for _, jobs, _ in rows), tuple(sorted((currency, int(value)) for currency, _, value in rows))
    )


def taken_today(*, day_ends: datetime, state: LogState) -> Takings:
    """By the ledger, read from the index on its time."""
    begins = day_ends - timedelta(days=1)
    came = case((LedgerTransaction.kind == Kind.PAYMENT, LedgerEntry.amount), else_=0)
    back = case((LedgerTransaction.kind != Kind.PAYMENT, -LedgerEntry.amount), else_=0)
    query = (
        select(LedgerEntry.account, LedgerEntry.currency, func.sum(came), func.sum(back))
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(
            LedgerTransaction.at >= begins,
            LedgerTransaction.at < day_ends,
            LedgerTransaction.kind.in_((Kind.PAYMENT, Kind.REFUND, Kind.REFUND_FAILED)),
            LedgerEntry.account.in_(_WAYS),
        )
        .group_by(LedgerEntry.account, LedgerEntry.currency)
    )
    rows = recall(state, ("taken", begins), lambda: _rows(query, {}))
    ordered = sorted(rows, key=lambda row: (_WAYS.index(row[0]), row[1]))
    return Takings(
        tuple((way, currency, int(sum_)) for way, currency, sum_, _ in ordered if sum_),
        tuple((way, currency, int(sum_)) for way, currency, _, sum_ in ordered if sum_),
    )


def alerts(actor: Actor) -> Alerts:
    """Read anew each time: a delivery that dies and a wrong password are no events of a ticket."""
    now = utc_now()
    locked: tuple[tuple[int, str, datetime], ...] = ()
    if actor.may("staff.view"):
        query = select(Staff.id, Staff.name, Staff.locked_until).where(Staff.locked_until > now).order_by(Staff.name)
        locked = tuple((row.id, row.name, row.locked_until) for row in db.session.execute(query))
    lag = relay.lag_seconds() if actor.may("health.view") else 0.0
    faulty, ending, disputes, answer_by = _money_trouble(now) if actor.may("payment.view") else (0, 0, 0, None)
    return Alerts(
        faulty_payments=faulty, holds_ending=ending, disputes=disputes, answer_by=answer_by,
        undelivered=len(outbox.list_troubles()) if actor.may("outbox.view") else 0, locked=locked,
        relay_seconds=lag if lag > LAG_LIMIT_SECONDS else 0.0,
    )  # fmt: skip


def _money_trouble(now: datetime) -> tuple[int, int, int, datetime | None]:
    """Payments that a person must look at, holds that end within a day, and open disputes with the first day of an
    answer. One statement.
    """
    is_open = Dispute.state.in_((DisputeState.OPEN, DisputeState.ANSWERED))
    faulty = select(func.count()).select_from(Payment).where(Payment.fault != "").scalar_subquery()
    ending = select(func.count()).select_from(Payment).where(held.ends_soon(now)).scalar_subquery()
    query = select(faulty, ending, func.count(Dispute.id), func.min(Dispute.due_by)).where(is_open)
    row = db.session.execute(query).one()
    return row[0], row[1], row[2], row[3]


def _rows(statement, values: dict) -> Sequence:
    return db.session.connection().execute(statement, values).all()
