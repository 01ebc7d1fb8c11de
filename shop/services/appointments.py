"""The life of a booking after it was made: another time, nobody came, or the device is here."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from shop.extensions import db
from shop.models.actor import CUSTOMER, Actor
from shop.models.base import utc_now
from shop.models.booking import Booking, Slot
from shop.models.catalogue import RepairType
from shop.models.errors import Invalid, Stale
from shop.models.grid import SLOTTED
from shop.models.repair import Repair, RepairLine
from shop.models.workflow import State
from shop.services import holds, messages, promises, slots
from shop.services.events import record
from shop.services.undo import MESSAGE, Step

# Until so long before the time customers move or cancel it themselves; after that they ring.
CHANGE_UNTIL = timedelta(hours=2)


def find_booking(repair: Repair) -> Booking | None:
    """How the repair was booked, with its slot; None for a walk-in."""
    query = select(Booking).where(Booking.repair_id == repair.id).options(joinedload(Booking.slot))
    return db.session.scalar(query)


def get_booking(repair: Repair) -> Booking:
    """The same for a repair that was booked. Raises NoResultFound for a walk-in."""
    return db.session.scalars(select(Booking).where(Booking.repair_id == repair.id)).one()


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of an appointment, and how that is taken back; no step where nothing changed."""

    booking: Booking
    step: Step | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """An appointment as it would be: its time, and when the device would be due."""

    starts_at: datetime
    ends_at: datetime
    due_at: datetime


def plan(repair: Repair, starts_at: datetime) -> Plan | None:
    """What `rebook` would agree for this time, whether or not a place is left; None for no time of the branch."""
    slot = slots.find_slot(repair.location, repair.service_type, starts_at)
    return Plan(slot.start, slot.end, _due_at(repair, arrives=slot.start)) if slot else None


def rebook(
    repair: Repair,
    starts_at: datetime,
    *,
    actor: Actor,
    seen: str | None = None,
    send: messages.Send = messages.AT_ONCE,
) -> Changed:
    """Gives a locked repair that is expected another time, at its branch. The same again changes nothing.

    `seen` is the time that the person had on screen (ISO, empty for none): if it was changed since, raises Stale.
    Raises Invalid for a repair that is not expected, or a time that cannot be booked, and SlotFull. `send` is when
    the customer gets the new time.
    """
    _require(actor, "booking.move")
    booking = _expected(repair)
    _compare(booking, seen, starts_at)
    if repair.service_type not in SLOTTED:
        raise Invalid({"slot_start": _("A parcel needs no time: it is expected whenever it comes.")})
    before = booking.slot
    if before is not None and (before.starts_at, before.location_id) == (starts_at, repair.location_id):
        return Changed(booking)
    facts: dict[str, Any] = {
        "slot_before": booking.slot_id, "missed_at": _iso(booking.missed_at), "due_at_before": _iso(repair.due_at),
        "from": _iso(before.starts_at) if before else None,
    }  # fmt: skip
    slot = booking.slot = change_place(repair, before, starts_at)
    booking.missed_at, booking.moves = None, booking.moves + 1
    repair.due_at = _due_at(repair, arrives=slot.starts_at)
    body = {"before": facts["from"], "slot": _iso(slot.starts_at), "due_at": _iso(repair.due_at)}
    facts |= {"slot": slot.id, "to": body["slot"], "due_at": body["due_at"]}
    return _note(repair, booking, "repair.rebooked", "rebook", body, facts, actor=actor, send=send)


def miss(repair: Repair, *, actor: Actor, send: messages.Send = messages.AT_ONCE) -> Changed:
    """Notes on a locked repair that nobody came at its time. It stays expected; a second call changes nothing.

    Raises Invalid before the time has begun. `send` is when the customer gets the way to another time.
    """
    actor.require("booking.move")
    booking, now = _expected(repair), utc_now()
    if booking.slot is None:
        raise Invalid({"slot_start": _("No time was agreed, so nobody can have missed it.")})
    if booking.slot.starts_at > now:
        raise Invalid({"slot_start": _("This time is still to come. Wait until it has begun.")})
    if booking.missed_at is not None:
        return Changed(booking)
    booking.missed_at, booking.misses = now, booking.misses + 1
    body = {"slot": _iso(booking.slot.starts_at)}
    facts = {"from": "expected", "to": "missed", "missed_at": _iso(now)}
    return _note(repair, booking, "repair.missed", "miss", body, facts, actor=actor, send=send)


def rebook_by_customer(repair: Repair, starts_at: datetime, *, seen: str | None) -> Changed:
    """As `rebook`, by the customer's own link: until CHANGE_UNTIL before the time. Raises Invalid after it."""
    _check_in_time(repair)
    return rebook(repair, starts_at, actor=CUSTOMER, seen=seen)


def cancel_by_customer(repair: Repair) -> None:
    """Ends a locked booking by the customer's own link, until CHANGE_UNTIL before the time. Raises Invalid after it."""
    _check_in_time(repair)
    now, before = utc_now(), repair.status_since
    repair.enter(State.CANCELLED, at=now)
    repair.updated_at = now
    give_back_slot(repair)
    body = {
        "from": State.EXPECTED, "to": State.CANCELLED, "minutes": int((now - before).total_seconds() // 60),
    }  # fmt: skip
    record("repair.moved", repair, actor=CUSTOMER, body=body)


def _check_in_time(repair: Repair) -> None:
    booking = _expected(repair)
    if not may_change(booking):
        raise Invalid({
            "slot_start": _("It is too late to change this here. Call us on %(phone)s.", phone=repair.location.phone)
        })  # fmt: skip


def may_change(booking: Booking | None) -> bool:
    """True while the customer may move or cancel the booking without asking anybody."""
    if booking is None or booking.arrived_at:
        return False
    return booking.slot is None or booking.missed_at is not None or booking.slot.starts_at - utc_now() >= CHANGE_UNTIL


def note_arrival(repair: Repair, *, at: datetime) -> datetime:
    """What follows from a device being handed over now: the promise counts from here. Returns when it is due."""
    booking = find_booking(repair)
    if booking is not None:
        booking.arrived_at, booking.missed_at = at, None
    repair.received_at, repair.due_at = at, _due_at(repair, received_at=at)
    return repair.due_at


def give_back_slot(repair: Repair) -> int | None:
    """A cancelled booking frees its time for others, once; what has begun nobody else can use. Returns the slot."""
    booking = find_booking(repair)
    if booking is None or booking.slot is None or booking.slot.starts_at <= utc_now():
        return None
    slots.release(booking.slot)
    freed, booking.slot_id = booking.slot_id, None
    return freed


def find_coming(repair: Repair) -> Slot | None:
    """The time at which the customer of this repair is still expected."""
    booking = find_booking(repair) if repair.status == State.EXPECTED else None
    return booking.slot if booking and booking.slot and booking.slot.starts_at > utc_now() else None


def may_take_over(repair: Repair, other: Repair) -> bool:
    """Whether the time of `other` can become the time of `repair`: both are expected, in one place, in one way."""
    return (
        find_coming(other) is not None
        and repair.status == State.EXPECTED
        and find_booking(repair) is not None
        and (repair.location_id, repair.service_type) == (other.location_id, other.service_type)
    )


def take_over(repair: Repair, other: Repair) -> dict[str, Any]:
    """The time of `other` becomes that of `repair`, both locked; its own is given back. Returns what undoes it.

    Raises Invalid where that cannot be.
    """
    if not may_take_over(repair, other):
        raise Invalid({"time": _("This time cannot be kept any more: look again.")})
    mine, theirs = _booking_of(repair), _booking_of(other)
    before, slot = mine.slot, theirs.slot
    slots.lock({slot.id, *([before.id] if before else [])} if slot else set())
    if before is not None:
        slots.release(before)
    facts: dict[str, Any] = {
        "slot": theirs.slot_id, "slot_before": mine.slot_id, "missed_at": _iso(mine.missed_at),
        "due_at_before": _iso(repair.due_at),
    }  # fmt: skip
    mine.slot, theirs.slot = slot, None
    mine.missed_at, mine.moves = None, mine.moves + 1
    repair.due_at = _due_at(repair, arrives=slot.starts_at if slot else None)
    return {**facts, "due_at": _iso(repair.due_at)}


def _booking_of(repair: Repair) -> Booking:
    query = select(Booking).where(Booking.repair_id == repair.id).options(joinedload(Booking.slot))
    return db.session.scalars(query).one()


def _require(actor: Actor, permission: str) -> None:
    """Customers change what is theirs: the private link has let them in."""
    if actor != CUSTOMER:
        actor.require(permission)


def _expected(repair: Repair) -> Booking:
    booking = find_booking(repair)
    if booking is None or repair.status != State.EXPECTED:
        raise Invalid({"status": _("This device is not expected any more: it is here, or the booking has ended.")})
    return booking


def _compare(booking: Booking, seen: str | None, wanted: datetime) -> None:
    now = booking.slot.starts_at.isoformat() if booking.slot else ""
    if seen is not None and seen != now:
        raise Stale({"slot_start": (seen, now, wanted.isoformat())})


def change_place(repair: Repair, before: Slot | None, starts_at: datetime) -> Slot:
    """Takes the new place and gives the old one back. Rows are locked in one order: no two wait in a ring."""
    prepared = slots.prepare(repair.location, repair.service_type, starts_at=starts_at)
    slots.lock({prepared.slot_id, *([before.id] if before else [])})
    slot = slots.take_prepared(prepared)
    if before is not None:
        slots.release(before)
    return slot


def _note(
    repair: Repair,
    booking: Booking,
    verb: str,
    kind: str,
    body: dict,
    facts: dict,
    *,
    actor: Actor,
    send: messages.Send,
) -> Changed:
    """The fact in the log, what the customer hears of it, and the step that takes it back."""
    now = repair.updated_at = utc_now()
    can_be_told = messages.is_told_of_appointments(repair.customer)
    dropped = holds.drop_held(f"repair:{repair.id}")
    recorded = record(verb, repair, actor=actor, body={**body, **(send if can_be_told else messages.NEVER).facts(now)})
    told = can_be_told and send.when != messages.When.NONE
    facts |= {"dropped": dropped, "version": recorded.version, **({MESSAGE: recorded.id} if told else {})}
    return Changed(booking, Step(kind, repair.id, facts), told)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _due_at(repair: Repair, *, received_at: datetime | None = None, arrives: datetime | None = None) -> datetime:
    """From the hand-over if it has happened, else from the time that was agreed."""
    query = (
        select(RepairType.duration_minutes)
        .join(RepairLine, RepairLine.repair_type_id == RepairType.id)
        .where(RepairLine.repair_id == repair.id)
    )
    return promises.due_at(
        repair.location,
        received_at=received_at or utc_now(),
        urgency=repair.urgency,
        minutes_of_work=sum(db.session.scalars(query)),
        service_type="in_store" if received_at else repair.service_type,
        slot_start=arrives,
    )
