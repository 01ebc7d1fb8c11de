"""The calendar of bookable time, and the last place in a slot that only one booking gets."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from flask_babel import gettext as _
from sqlalchemy import Row, select, update

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.booking import Slot
from shop.models.errors import Invalid, SlotFull
from shop.models.hours import OpeningHours
from shop.models.location import Location
from shop.services.statements import insert_if_absent

HORIZON = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Grid:
    """How one service type cuts the opening hours. `lunch` is the capacity while half the counter eats."""

    minutes: int
    capacity: int
    lunch: int

    def capacity_at(self, local: time) -> int:
        return self.lunch if time(12) <= local < time(14) else self.capacity


# Parcels come when the post comes, so postal has no slots.
GRIDS = {"in_store": Grid(minutes=30, capacity=4, lunch=2), "pickup": Grid(minutes=120, capacity=3, lunch=2)}


@dataclass(frozen=True, slots=True)
class SlotView:
    """One slot as the calendar has it now. Times are UTC."""

    start: datetime
    end: datetime
    capacity: int
    taken: int = 0

    @property
    def remaining(self) -> int:
        return max(self.capacity - self.taken, 0)


def list_slots(location: Location, service_type: str, *, start: datetime, end: datetime) -> list[SlotView]:
    """Slots that begin in [start, end), full ones too, in order of time.

    Only future ones and at most 60 days ahead, however far the range reaches. One query.
    """
    now = utc_now()
    start, end = max(start, now), min(end, now + HORIZON)
    if service_type not in GRIDS or start >= end:
        return []
    known = _stored(location, service_type, start, end)
    return [_merged(view, known) for view in _calendar(location.hours, GRIDS[service_type], start, end)]


def find_slot(location: Location, service_type: str, starts_at: datetime) -> SlotView | None:
    """The slot of the calendar that begins at this aware moment, or None. Says nothing of places taken."""
    now = utc_now()
    if service_type not in GRIDS or starts_at.tzinfo is None or not now <= starts_at < now + HORIZON:
        return None
    grid = GRIDS[service_type]
    starts_at = starts_at.astimezone(UTC)
    found = _calendar(location.hours, grid, starts_at, starts_at + timedelta(minutes=grid.minutes))
    return next((view for view in found if view.start == starts_at), None)


def no_such_slot() -> str:
    return _("This is not a time that can be booked. Choose one from the list.")


def take(location: Location, service_type: str, *, starts_at: datetime) -> Slot:
    """Takes one place for the caller's transaction; rolling back gives it back.

    Raises Invalid when the calendar has no such slot (closed, past, too far, off the grid) and SlotFull
    when no place is left. Safe against any number of rivals: the conditional update decides.
    """
    view = find_slot(location, service_type, starts_at)
    if view is None:
        raise Invalid({"slot_start": no_such_slot()})
    _ensure_row(location, service_type, view)
    slot_id = db.session.scalar(
        update(Slot)
        .where(_is_slot(location, service_type, view.start), Slot.taken < Slot.capacity)
        .values(taken=Slot.taken + 1)
        .returning(Slot.id)
        .execution_options(synchronize_session=False)
    )
    if slot_id is None:
        raise SlotFull(_("Somebody else has just taken the last place at this time. Choose another."))
    return db.session.get_one(Slot, slot_id, populate_existing=True)


def release(slot: Slot) -> None:
    """Gives one place back. Each call gives back one more: call it once for each booking that ends."""
    db.session.execute(
        update(Slot)
        .where(Slot.id == slot.id, Slot.taken > 0)
        .values(taken=Slot.taken - 1)
        .execution_options(synchronize_session=False)
    )
    db.session.expire(slot, ["taken"])


def _calendar(hours: OpeningHours, grid: Grid, start: datetime, end: datetime) -> Iterator[SlotView]:
    """Empty slots that begin in [start, end), from the opening hours alone."""
    length = timedelta(minutes=grid.minutes)
    for day in _days(start.astimezone(hours.zone).date(), end.astimezone(hours.zone).date()):
        for opens, closes in hours.periods(day):
            begins = opens
            while begins + length <= closes:
                if start <= begins < end:
                    local = begins.astimezone(hours.zone).time()
                    yield SlotView(begins, begins + length, grid.capacity_at(local))
                begins += length


def _days(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def _stored(location: Location, service_type: str, start: datetime, end: datetime) -> dict[datetime, Row]:
    query = select(Slot.starts_at, Slot.capacity, Slot.taken).where(
        Slot.location_id == location.id,
        Slot.service_type == service_type,
        Slot.starts_at >= start,
        Slot.starts_at < end,
    )
    return {row.starts_at: row for row in db.session.execute(query)}


def _merged(view: SlotView, known: dict[datetime, Row]) -> SlotView:
    row = known.get(view.start)
    return view if row is None else SlotView(view.start, view.end, row.capacity, row.taken)


def _ensure_row(location: Location, service_type: str, view: SlotView) -> None:
    """The row exists afterwards, whoever wrote it. Its own capacity counts, not today's grid."""
    values = {
        "location_id": location.id,
        "service_type": service_type,
        "starts_at": view.start,
        "ends_at": view.end,
        "capacity": view.capacity,
        "taken": 0,
    }
    db.session.execute(insert_if_absent(Slot, unique=["location_id", "service_type", "starts_at"], values=values))


def _is_slot(location: Location, service_type: str, start: datetime):
    return (Slot.location_id == location.id) & (Slot.service_type == service_type) & (Slot.starts_at == start)
