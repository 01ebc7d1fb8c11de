"""The life of a booking after it was made: another time, nobody came, or the device is here."""

from datetime import datetime, timedelta

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
from shop.services import promises, slots
from shop.services.events import record

# Until so long before the time customers move or cancel it themselves; after that they ring.
CHANGE_UNTIL = timedelta(hours=2)


def find_booking(repair: Repair) -> Booking | None:
    """How the repair was booked, with its slot; None for a walk-in."""
    query = select(Booking).where(Booking.repair_id == repair.id).options(joinedload(Booking.slot))
    return db.session.scalar(query)


def rebook(repair: Repair, starts_at: datetime, *, actor: Actor, seen: str | None = None, tell: bool = True) -> Booking:
    """Gives a locked repair that is expected another time. The same time again changes nothing.

    `seen` is the time that the person had on screen (ISO, empty for none): if it was changed since, raises Stale.
    Raises Invalid for a repair that is not expected, or a time that cannot be booked, and SlotFull. `tell`: the
    customer gets the new time by mail.
    """
    _require(actor, "booking.move")
    booking = _expected(repair)
    _compare(booking, seen, starts_at)
    if repair.service_type not in SLOTTED:
        raise Invalid({"slot_start": _("A parcel needs no time: it is expected whenever it comes.")})
    before = booking.slot
    if before is not None and before.starts_at == starts_at:
        return booking
    booking.slot = _change_place(repair, before, starts_at)
    booking.missed_at, booking.moves = None, booking.moves + 1
    repair.due_at, repair.updated_at = _due_at(repair, arrives=booking.slot.starts_at), utc_now()
    body = {
        "before": before.starts_at.isoformat() if before else None,
        "slot": booking.slot.starts_at.isoformat(),
        "due_at": repair.due_at.isoformat(),
        "tell": tell,
    }
    record("repair.rebooked", repair, actor=actor, body=body)
    return booking


def miss(repair: Repair, *, actor: Actor, tell: bool = True) -> Booking:
    """Notes on a locked repair that nobody came at its time. It stays expected; a second call changes nothing.

    Raises Invalid before the time has begun. `tell`: the customer gets a mail with the way to another time.
    """
    actor.require("booking.move")
    booking, now = _expected(repair), utc_now()
    if booking.slot is None:
        raise Invalid({"slot_start": _("No time was agreed, so nobody can have missed it.")})
    if booking.slot.starts_at > now:
        raise Invalid({"slot_start": _("This time is still to come. Wait until it has begun.")})
    if booking.missed_at is not None:
        return booking
    booking.missed_at, booking.misses, repair.updated_at = now, booking.misses + 1, now
    body = {"slot": booking.slot.starts_at.isoformat(), "tell": tell}
    record("repair.missed", repair, actor=actor, body=body)
    return booking


def may_change(booking: Booking | None) -> bool:
    """True while the customer may move or cancel the booking without asking anybody."""
    if booking is None or booking.slot is None or booking.arrived_at:
        return False
    return booking.missed_at is not None or booking.slot.starts_at - utc_now() >= CHANGE_UNTIL


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


def _change_place(repair: Repair, before: Slot | None, starts_at: datetime) -> Slot:
    """Takes the new place and gives the old one back. Rows are locked in one order: no two wait in a ring."""
    prepared = slots.prepare(repair.location, repair.service_type, starts_at=starts_at)
    ids = {prepared.slot_id, *([before.id] if before else [])}
    db.session.execute(select(Slot.id).where(Slot.id.in_(ids)).order_by(Slot.id).with_for_update())
    slot = slots.take_prepared(prepared)
    if before is not None:
        slots.release(before)
    return slot


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
