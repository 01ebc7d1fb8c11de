"""The calendar of bookable time, and the last place in a slot that only one booking gets."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from flask_babel import gettext as _
from sqlalchemy import Row, select, update

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.booking import Slot
from shop.models.errors import Invalid, SlotFull
from shop.models.grid import SLOTTED, Grid
from shop.models.hours import OpeningHours
from shop.models.location import Block, Location
from shop.services.locations import share_plan
from shop.services.statements import insert_if_absent

HORIZON = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class SlotView:
    """One slot as the calendar has it now, less the places that are blocked out. Times are UTC."""

    start: datetime
    end: datetime
    capacity: int
    taken: int = 0

    @property
    def remaining(self) -> int:
        return max(self.capacity - self.taken, 0)


class Stop(Protocol):
    """A block-out, as a row or as it is shown."""

    @property
    def starts_at(self) -> datetime: ...
    @property
    def ends_at(self) -> datetime: ...
    @property
    def places(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """A slot whose row is written. `blocked` places of it are nobody's to take."""

    slot_id: int
    blocked: int


def list_slots(location: Location, service_type: str, *, start: datetime, end: datetime) -> list[SlotView]:
    """Slots that begin in [start, end), full ones too, in order of time.

    Only future ones and at most 60 days ahead, however far the range reaches. Two queries.
    """
    now = utc_now()
    start, end = max(start, now), min(end, now + HORIZON)
    if service_type not in SLOTTED or start >= end:
        return []
    known, blocks = _stored(location, service_type, start, end), find_blocks(location, start=start, end=end)
    views = cut(location.hours, location.slot_grids[service_type], start=start, end=end)
    return [_without_blocked(_merged(view, known), service_type, blocks) for view in views]


def find_slot(location: Location, service_type: str, starts_at: datetime) -> SlotView | None:
    """The slot of the calendar that begins at this aware moment, or None. Says nothing of places taken."""
    now = utc_now()
    if service_type not in SLOTTED or starts_at.tzinfo is None or not now <= starts_at < now + HORIZON:
        return None
    starts_at = starts_at.astimezone(UTC)
    grid = location.slot_grids[service_type]
    found = cut(location.hours, grid, start=starts_at, end=starts_at + timedelta(minutes=1))
    return next((view for view in found if view.start == starts_at), None)


def cut(hours: OpeningHours, grid: Grid, *, start: datetime, end: datetime) -> Iterator[SlotView]:
    """The slots that begin in [start, end) by opening hours and grid alone, past and empty ones. No query."""
    length = timedelta(minutes=grid.minutes)
    for day in _days(start.astimezone(hours.zone).date(), end.astimezone(hours.zone).date()):
        for opens, closes in hours.periods(day):
            begins = opens
            while begins + length <= closes:
                if start <= begins < end:
                    local = begins.astimezone(hours.zone).time()
                    yield SlotView(begins, begins + length, grid.capacity_at(local))
                begins += length


def find_blocks(location: Location, *, start: datetime, end: datetime) -> list[Block]:
    """Block-outs that touch [start, end), in order of time."""
    query = select(Block).where(Block.location_id == location.id, Block.ends_at > start, Block.starts_at < end)
    return list(db.session.scalars(query.order_by(Block.starts_at, Block.id)))


def blocked_places(service_type: str, blocks: Iterable[Stop], *, start: datetime, end: datetime) -> int | None:
    """How many places of a slot are blocked out; None for all of them.

    One colleague who is away, or a few places fewer, are the counter's: the rider's windows stay.
    """
    touching = [block for block in blocks if block.starts_at < end and block.ends_at > start]
    if any(block.places is None for block in touching):
        return None
    return sum(block.places or 0 for block in touching) if service_type == "in_store" else 0


def no_such_slot() -> str:
    return _("This is not a time that can be booked. Choose one from the list.")


def take(location: Location, service_type: str, *, starts_at: datetime) -> Slot:
    """Takes one place for the caller's transaction; rolling back gives it back.

    Raises Invalid when the calendar has no such slot (closed, past, too far, off the grid) and SlotFull
    when no place is left. Safe against any number of rivals: the conditional update decides, and nobody changes
    hours, places or block-outs of the branch meanwhile.
    """
    slot = prepare(location, service_type, starts_at=starts_at)
    return take_prepared(slot)


def prepare(location: Location, service_type: str, *, starts_at: datetime) -> Prepared:
    """The slot as it may be taken now, its row written. Raises Invalid and SlotFull like `take`."""
    share_plan(location)
    view = find_slot(location, service_type, starts_at)
    if view is None:
        raise Invalid({"slot_start": no_such_slot()})
    blocks = find_blocks(location, start=view.start, end=view.end)
    blocked = blocked_places(service_type, blocks, start=view.start, end=view.end)
    if blocked is None:
        raise SlotFull(_("This time is not offered any more. Choose another."))
    _ensure_row(location, service_type, view)
    slot_id = db.session.scalars(select(Slot.id).where(_is_slot(location, service_type, view.start))).one()
    return Prepared(slot_id, blocked)


def take_prepared(prepared: Prepared) -> Slot:
    """Takes one place of a prepared slot. Raises SlotFull when none is left."""
    slot_id = db.session.scalar(
        update(Slot)
        .where(Slot.id == prepared.slot_id, Slot.taken + prepared.blocked < Slot.capacity)
        .values(taken=Slot.taken + 1)
        .returning(Slot.id)
        .execution_options(synchronize_session=False)
    )
    if slot_id is None:
        raise SlotFull(_("Somebody else has just taken the last place at this time. Choose another."))
    return db.session.get_one(Slot, slot_id, populate_existing=True)


def lock(slot_ids: Collection[int]) -> None:
    """Call before taking one place and giving back another: in one order, no two wait for each other in a ring."""
    db.session.execute(select(Slot.id).where(Slot.id.in_(slot_ids)).order_by(Slot.id).with_for_update())


def release(slot: Slot) -> None:
    """Gives one place back. Each call gives back one more: call it once for each booking that ends."""
    db.session.execute(
        update(Slot)
        .where(Slot.id == slot.id, Slot.taken > 0)
        .values(taken=Slot.taken - 1)
        .execution_options(synchronize_session=False)
    )
    db.session.expire(slot, ["taken"])


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


def _without_blocked(view: SlotView, service_type: str, blocks: list[Block]) -> SlotView:
    blocked = blocked_places(service_type, blocks, start=view.start, end=view.end)
    return view if blocked == 0 else replace(view, capacity=0 if blocked is None else max(view.capacity - blocked, 0))


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
