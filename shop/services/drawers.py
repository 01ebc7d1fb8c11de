"""The cash drawer of a branch: opened with a float, closed by a count that nobody has helped with a figure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, case, false, func, select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.cash import counted as sum_of
from shop.models.errors import Invalid
from shop.models.ledger import (
    Account,
    Entry,
    Kind,
    LedgerEntry,
    LedgerTransaction,
    balanced,
    drawer_difference_posting,
    payout_posting,
    way_into,
)
from shop.models.location import Location
from shop.models.payment import Drawer, Payment, Provider
from shop.models.text import one_line
from shop.services import ledger
from shop.services.events import hold, record

MOST = 100_000_00
LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class Taking:
    """What came in one way during a session: how many payments, how much, and how much of it went back."""

    provider: str
    number: int
    amount: int
    refunded: int


@dataclass(frozen=True, slots=True)
class Moved:
    """Cash that was put in or taken out by hand; negative is out."""

    at: datetime
    amount: int
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Report:
    """A drawer's session in figures: X while it is in use, Z with its number once it is closed.

    `expected` is the float and all cash that moved since, in minor units. `differed` is by how much the float was more
    than the session before had left, and why; None where it was the same.
    """

    drawer: Drawer
    number: int | None
    takings: tuple[Taking, ...]
    moves: tuple[Moved, ...]
    expected: int
    differed: Moved | None = None


def find_in_use(location_id: int) -> Drawer | None:
    return db.session.scalar(select(Drawer).where(Drawer.location_id == location_id, Drawer.closed_at.is_(None)))


def lock_in_use(location_id: int) -> Drawer:
    """The branch's drawer, its row locked. Raises Invalid where none is open."""
    query = select(Drawer).where(Drawer.location_id == location_id, Drawer.closed_at.is_(None)).with_for_update()
    drawer = db.session.scalar(query.execution_options(populate_existing=True))
    if drawer is None:
        raise Invalid({"drawer": _("Open the till first: it begins with the float that is in the drawer.")})
    hold(drawer)
    return drawer


def carried_over(location_id: int, *, currency: str) -> int | None:
    """What the last session left in the drawer; None before the first, and where that held other money."""
    last = db.session.scalar(
        select(Drawer)
        .where(Drawer.location_id == location_id, Drawer.closed_at.is_not(None))
        .order_by(Drawer.id.desc())
        .limit(1)
    )
    return None if last is None or last.currency != currency else (last.counted or 0) - (last.banked or 0)


def open_drawer(
    location: Location, *, currency: str, float_amount: int, minimum_float: int, actor: Actor, reason: str = ""
) -> Drawer:
    """Begins a session. What differs from what the last one left came from the bank, or went there, for a `reason`.

    Raises Invalid where one is open already, an amount cannot be, or it differs and nobody says why.
    """
    actor.require("drawer.use")
    reason, faults = one_line(reason), {}
    if not 0 <= float_amount <= MOST:
        faults["float"] = _("Count what is in the drawer: an amount from nothing to 100,000.")
    if not 0 <= minimum_float <= MOST:
        faults["minimum"] = _("Enter what should stay in the drawer overnight, from nothing to 100,000.")
    # Whoever opens at the same moment waits here, and is told below.
    db.session.execute(select(Location.id).where(Location.id == location.id).with_for_update())
    if find_in_use(location.id):
        faults["drawer"] = _("The till of this branch is open already.")
    left = carried_over(location.id, currency=currency)
    is_other = left is not None and float_amount != left
    if is_other and not faults:
        faults |= _unexplained(reason, is_less=float_amount < (left or 0))
    if faults:
        raise Invalid(faults)
    drawer = Drawer(
        location_id=location.id, currency=currency, opened_by=actor.id, float_amount=float_amount,
        minimum_float=minimum_float, version=0,
    )  # fmt: skip
    db.session.add(drawer)
    db.session.flush()
    hold(drawer)
    if float_amount != (left or 0):
        _post_float(drawer, float_amount - (left or 0), actor=actor, reason=reason if is_other else "")
    body = {"float": float_amount, "currency": currency, **({"left": left} if is_other else {})}
    record("drawer.opened", drawer, actor=actor, body=body)
    return drawer


def move_cash(drawer: Drawer, amount: int, *, reason: str, actor: Actor) -> None:
    """Puts cash from the bank in, or takes cash out to it (negative). The drawer's row is locked.

    Raises Invalid for nothing, without a reason, and, said to those who may see what is expected, for more than the
    drawer holds. Who counts blind must not learn that by trying: what they took out is out, and the count shows it.
    """
    actor.require("drawer.use")
    reason, faults = one_line(reason), {}
    if not reason:
        faults["reason"] = _("Say what it is for: the report shows it.")
    elif len(reason) > LONGEST_REASON:
        faults["reason"] = _("Keep it to %(n)s characters.", n=LONGEST_REASON)
    if not amount or abs(amount) > MOST:
        faults["amount"] = _("Enter an amount, such as 20.00.")
    elif sees_expected(actor) and expected_in(drawer) + amount < 0:
        faults["amount"] = _("There is not so much in the drawer.")
    if faults:
        raise Invalid(faults)
    moved = record("drawer.moved", drawer, actor=actor, body={"amount": amount, "currency": drawer.currency})
    ledger.post(
        f"drawer:{drawer.id}:move:{moved.version}", Kind.DRAWER, payout_posting(Provider.CASH, -amount),
        currency=drawer.currency, actor=actor, drawer_id=drawer.id, memo=reason,
    )  # fmt: skip


def close_drawer(drawer: Drawer, counts: Mapping[int, int], *, banked: int, note: str, actor: Actor) -> Report:
    """Ends the session with what was counted, coin by coin. The drawer's row is locked.

    A difference is posted, never hidden; what is banked leaves the drawer. Raises Invalid; a second call does too,
    for the drawer is not in use any more.
    """
    actor.require("drawer.close")
    note = one_line(note)[:LONGEST_REASON]
    try:
        counted = sum_of(counts, drawer.currency)
    except ValueError:
        raise Invalid({"counts": _("Count the pieces of each note and coin: whole numbers from nothing.")}) from None
    if counted > MOST:
        raise Invalid({"counts": _("That is more than a drawer holds: look at the counts again.")})
    if not 0 <= banked <= counted:
        raise Invalid({"banked": _("Bank at most what was counted.")})
    expected = expected_in(drawer)
    drawer.counted, drawer.expected, drawer.difference = counted, expected, counted - expected
    drawer.banked, drawer.note = banked, note
    drawer.closed_at, drawer.closed_by = utc_now(), actor.id
    facts: dict[str, Any] = {"currency": drawer.currency, "actor": actor, "drawer_id": drawer.id}
    if drawer.difference:
        ledger.post(
            f"drawer:{drawer.id}:difference", Kind.DRAWER, drawer_difference_posting(drawer.difference), **facts
        )
    if banked:
        ledger.post(f"drawer:{drawer.id}:banked", Kind.PAYOUT, payout_posting(Provider.CASH, banked), **facts)
    body = {"counted": counted, "expected": expected, "banked": banked, "currency": drawer.currency}
    record("drawer.closed", drawer, actor=actor, body=body)
    return report(drawer)


def sees_expected(actor: Actor) -> bool:
    """Whether this person may know what must be in a drawer that is in use: all others count it blind."""
    return actor.may("ledger.view")


def hides(actor: Actor) -> ColumnElement[bool]:
    """Payments whose sums would tell a person who counts blind what to count: cash of the sessions that still run."""
    if sees_expected(actor):
        return false()
    in_use = select(Drawer.id).where(Drawer.closed_at.is_(None))
    return and_(Payment.provider == Provider.CASH, Payment.drawer_id.in_(in_use))


def expected_in(drawer: Drawer) -> int:
    """What must be in the drawer: its float, and every movement of cash since, but for those of its end."""
    if drawer.expected is not None:
        return drawer.expected
    query = (
        select(func.coalesce(func.sum(LedgerEntry.amount), 0))
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(LedgerTransaction.drawer_id == drawer.id, LedgerEntry.account == Account.CASH)
    )
    return drawer.float_amount + int(db.session.scalar(query) or 0)


def report(drawer: Drawer) -> Report:
    """The session in figures, at this moment. Reads only."""
    number = None
    if drawer.closed_at is not None:
        number = db.session.scalar(
            select(func.count()).where(
                Drawer.location_id == drawer.location_id, Drawer.closed_at.is_not(None), Drawer.id <= drawer.id
            )
        )
    return Report(drawer, number, _takings(drawer), _moves(drawer), expected_in(drawer), _differed(drawer))


def list_closed(location_id: int, *, before: int | None = None, limit: int = 30) -> list[Drawer]:
    """Ended sessions, the latest first; those before the id `before`."""
    query = select(Drawer).where(Drawer.location_id == location_id, Drawer.closed_at.is_not(None))
    if before is not None:
        query = query.where(Drawer.id < before)
    return list(db.session.scalars(query.order_by(Drawer.id.desc()).limit(limit)))


def find_drawer(drawer_id: int) -> Drawer | None:
    return db.session.get(Drawer, drawer_id)


def _unexplained(reason: str, *, is_less: bool) -> dict[str, str]:
    if len(reason) > LONGEST_REASON:
        return {"reason": _("Keep it to %(n)s characters.", n=LONGEST_REASON)}
    if reason:
        return {}
    if is_less:
        return {"reason": _("That is less than the last session left. Count again, or say where the rest went.")}
    return {"reason": _("That is more than the last session left. Count again, or say where it came from.")}


def _post_float(drawer: Drawer, amount: int, *, actor: Actor, reason: str) -> None:
    """Not one of the session's own movements: it is there when the session begins."""
    entries = balanced((Entry(Account.CASH, amount), Entry(Account.BANK, -amount)))
    ledger.post(_float_key(drawer), Kind.DRAWER, entries, currency=drawer.currency, actor=actor, memo=reason)


def _float_key(drawer: Drawer) -> str:
    return f"drawer:{drawer.id}:float"


def _differed(drawer: Drawer) -> Moved | None:
    found = _cash_moved(LedgerTransaction.key == _float_key(drawer), LedgerTransaction.memo != "")
    return found[0] if found else None


def _takings(drawer: Drawer) -> tuple[Taking, ...]:
    query = (
        select(
            LedgerEntry.account,
            func.count(case((LedgerTransaction.kind == Kind.PAYMENT, 1))),
            func.coalesce(func.sum(case((LedgerTransaction.kind == Kind.PAYMENT, LedgerEntry.amount), else_=0)), 0),
            func.coalesce(func.sum(case((LedgerTransaction.kind == Kind.REFUND, -LedgerEntry.amount), else_=0)), 0),
        )
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(
            LedgerTransaction.drawer_id == drawer.id,
            LedgerTransaction.kind.in_((Kind.PAYMENT, Kind.REFUND)),
            LedgerEntry.account.in_((Account.CASH, Account.TERMINAL, Account.BANK)),
        )
        .group_by(LedgerEntry.account)
        .order_by(LedgerEntry.account)
    )
    return tuple(
        Taking(way_into(account), int(number), int(taken), int(back)) for account, number, taken, back in _all(query)
    )


def _all(query):
    return db.session.execute(query).all()


def _moves(drawer: Drawer) -> tuple[Moved, ...]:
    return _cash_moved(
        LedgerTransaction.drawer_id == drawer.id, LedgerTransaction.key.like(f"drawer:{drawer.id}:move:%")
    )


def _cash_moved(*conditions) -> tuple[Moved, ...]:
    query = (
        select(LedgerTransaction.at, LedgerEntry.amount, LedgerTransaction.memo, LedgerTransaction.actor)
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .where(LedgerEntry.account == Account.CASH, *conditions)
        .order_by(LedgerTransaction.id)
    )
    return tuple(Moved(*row) for row in _all(query))
