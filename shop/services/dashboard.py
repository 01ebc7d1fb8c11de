"""What a person must know now: the few tickets that press, what is ready, what went out today, and what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, func, literal_column, or_, select, union_all

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import UtcDateTime, utc_now
from shop.models.customer import Customer, Device
from shop.models.ledger import Account, Kind, LedgerEntry, LedgerTransaction, way_into
from shop.models.payment import Dispute, DisputeState, Payment
from shop.models.permissions import Role
from shop.models.promise import Outlook
from shop.models.repair import Repair
from shop.models.staff import Staff
from shop.models.workflow import NEVER_LATE, OPEN, Party, State
from shop.services import drawers, outbox, queue, relay, risk
from shop.services.health_report import LAG_LIMIT_SECONDS
from shop.services.memory import LogState, recall
from shop.services.payments import held
from shop.services.queue import Counts, Filters, minute
from shop.services.statements import as_written

MOST_PRESSING = 5
MOST_READY = 4
MOST_COUNTED = 9_999

_NOW, _DAY_ENDS = bindparam("now", type_=UtcDateTime), bindparam("day_ends", type_=UtcDateTime)
_HANDED_OVER = Repair.status.in_([literal_column(f"'{state}'") for state in (State.COLLECTED, State.SHIPPED)])
_FACTS = (Repair.id, Repair.number, Repair.status, Repair.due_at, Repair.status_since, Repair.total, Repair.currency,
          Repair.place, Repair.waiting_on, Repair.assignee_id, Repair.updated_at)  # fmt: skip


def _few(*conditions, order, most: int):
    """Ids of the first few of the open part, from an index that holds all that is asked."""
    return select(Repair.id).where(literal_column("is_open"), *conditions).order_by(*order).limit(as_written(most))


def _shown(ids, *, order, most: int):
    """The first few of these repairs, cut before any join. Of several cuts the first few of all are among them."""
    found = ids.subquery()
    cut = select(*_FACTS, Repair.customer_id, Repair.device_id).join(found, found.c.id == Repair.id)
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


def _due(*conditions):
    """The first that are due, a status at a time: each is a short stretch of one index, whatever the planner believes
    of how many of a million are open, unfinished and due."""
    parts = [
        _few(Repair.status == literal_column(f"'{state}'"), Repair.due_at < _DAY_ENDS, *conditions,
             order=_BY_DUE, most=MOST_PRESSING).subquery()
        for state in OPEN if state not in NEVER_LATE
    ]  # fmt: skip
    return _shown(union_all(*map(select, parts)), order=_BY_DUE, most=MOST_PRESSING)


_BY_DUE = (Repair.due_at, Repair.id)
_BY_SINCE = (Repair.status_since, Repair.id)
_PRESSING = _due()
_PRESSING_ME = _due(
    Repair.waiting_on == Party.US.value,
    or_(Repair.assignee_id == bindparam("me"), Repair.assignee_id.is_(None)),
)
_READY = _shown(
    _few(Repair.status == literal_column(f"'{State.READY}'"), order=_BY_SINCE, most=MOST_READY),
    order=_BY_SINCE,
    most=MOST_READY,
)


_WAYS = (Account.CASH, Account.TERMINAL, Account.BANK, Account.STRIPE, Account.PAYPAL)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Repairs that went back to their owners today: how many, and what they come to in each currency."""

    jobs: int
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Takings:
    """Money of today by the books: what came by each way and currency, and what went back. Minor units.

    `hides_cash`: who sees it counts cash blind, so it is left out.
    """

    came: tuple[tuple[str, str, int], ...]
    back: tuple[tuple[str, str, int], ...]
    hides_cash: bool = False


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
        return number, _first(filters, counts, me=me, day_ends=day_ends) if number else []

    return recall(state, key, read)


def _first(filters: Filters, counts: Counts, *, me: int, day_ends: datetime) -> Sequence:
    """By when it is due, which the counts say, is found without a walk over all that is open."""
    moment = counts.first_due(risk.Kind(filters.risk), filters, me=me) if filters.by_due else None
    found = queue.first_due_at(filters, moment, me=me, day_ends=day_ends) if moment else []
    return found or queue.first_rows(filters, most=1, me=me, day_ends=day_ends)


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


def taken_today(actor: Actor, *, day_ends: datetime, state: LogState) -> Takings:
    """By the ledger, read from the index on its time. Without cash for those who count it blind."""
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
    hides_cash = not drawers.sees_expected(actor)
    shown = [row for row in rows if not (hides_cash and row[0] == Account.CASH)]
    ordered = sorted(shown, key=lambda row: (_WAYS.index(row[0]), row[1]))
    return Takings(
        tuple((way_into(account), currency, int(sum_)) for account, currency, sum_, _ in ordered if sum_),
        tuple((way_into(account), currency, int(sum_)) for account, currency, _, sum_ in ordered if sum_),
        hides_cash,
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
