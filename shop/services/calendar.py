"""What the calendar shows of a stretch of days: who is expected, how full it is, when the branch takes nobody."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import joinedload

from shop.extensions import db
from shop.models.booking import Booking, Slot
from shop.models.customer import Customer, Device
from shop.models.errors import NotFound
from shop.models.grid import Grid
from shop.models.hours import OpeningHours
from shop.models.location import Block, Location
from shop.models.repair import Repair
from shop.models.staff import Staff
from shop.models.workflow import State
from shop.services import staff
from shop.services.locations import list_locations
from shop.services.memory import LogState, log_state, recall
from shop.services.statements import as_written

# Who comes to the counter is late after this; the rider has a window, and is late when it has ended.
GRACE = timedelta(minutes=10)
MOST_WITHOUT_TIME = 50
MOST_DAYS = 62


class Standing(StrEnum):
    """How an appointment stands at this moment."""

    EXPECTED = "expected"
    LATE = "late"
    MISSED = "missed"
    ARRIVED = "arrived"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking as the calendar shows it. `missed_before` counts no-shows of this customer, this one included.

    Times are UTC; both are None for a device that comes at any time, or by post.
    """

    number: str
    version: int
    status: str
    service_type: str
    starts_at: datetime | None
    ends_at: datetime | None
    customer_id: int
    customer: str
    device: str
    work: str
    assignee_id: int | None
    assignee: str | None
    is_missed: bool
    missed_before: int = 0

    def standing(self, now: datetime) -> Standing:
        if self.status == State.CANCELLED:
            return Standing.CANCELLED
        if self.status != State.EXPECTED:
            return Standing.ARRIVED
        if self.is_missed:
            return Standing.MISSED
        return Standing.LATE if self._is_over(now) else Standing.EXPECTED

    def _is_over(self, now: datetime) -> bool:
        if self.starts_at is None or self.ends_at is None:
            return False
        return now > (self.ends_at if self.service_type == "pickup" else self.starts_at + GRACE)


@dataclass(frozen=True, slots=True)
class Places:
    """How many places a stored slot has and how many are taken."""

    capacity: int
    taken: int


@dataclass(frozen=True, slots=True)
class Blocked:
    """A block-out, as the calendar shows it."""

    id: int
    starts_at: datetime
    ends_at: datetime
    places: int | None
    reason: str
    staff_id: int | None
    person: str | None


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch without its row: what is kept for all who ask."""

    id: int
    name: str
    slug: str
    hours: OpeningHours
    grids: dict[str, Grid]
    closures: dict[date, str]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days of one branch with all that happens on them. `days` are local; `start` and `end` are UTC."""

    branch: Branch
    branches: tuple[tuple[str, str], ...]
    people: tuple[tuple[int, str], ...]
    days: tuple[date, ...]
    start: datetime
    end: datetime
    entries: tuple[Entry, ...]
    without_time: tuple[Entry, ...]
    places: dict[tuple[str, datetime], Places]
    blocks: tuple[Blocked, ...]
    position: int


def read_days(slug: str, first: date, days: int, *, state: LogState | None = None) -> Stretch:
    """`days` local days from `first` at a branch ('' for the first one). Raises NotFound for no such branch.

    The same few statements however many repairs there are; kept while nothing changes.
    """
    state, days = state or log_state(), min(days, MOST_DAYS)
    return recall(state, ("calendar", slug, first, days), lambda: _read(slug, first, days, state.position))


def local_bounds(hours: OpeningHours, first: date, days: int) -> tuple[datetime, datetime]:
    """From midnight to midnight where the branch is: a day has 23 or 25 hours when the clocks change."""
    begins = datetime.combine(first, time(), hours.zone).astimezone(UTC)
    ends = datetime.combine(first + timedelta(days=days), time(), hours.zone).astimezone(UTC)
    return begins, ends


def _read(slug: str, first: date, days: int, position: int) -> Stretch:
    locations = list_locations()
    location = next((one for one in locations if slug in ("", one.slug)), None)
    if location is None:
        raise NotFound("There is no such branch.")
    start, end = local_bounds(location.hours, first, days)
    entries = read_entries(location, start, end)
    waiting = _without_time(location)
    counts = _misses({entry.customer_id for entry in (*entries, *waiting) if entry.status == State.EXPECTED})
    return Stretch(
        branch=_branch(location),
        branches=tuple((one.slug, one.name) for one in locations),
        people=tuple(staff.list_assignees()),
        days=tuple(first + timedelta(days=offset) for offset in range(days)),
        start=start,
        end=end,
        entries=_with_counts(entries, counts),
        without_time=_with_counts(waiting, counts),
        places=_places(location, start, end),
        blocks=_blocks(location, start, end),
        position=position,
    )


def _branch(location: Location) -> Branch:
    closures = {closure.day: closure.name for closure in location.closures}
    return Branch(location.id, location.name, location.slug, location.hours, location.slot_grids, closures)


def _columns() -> list:
    return [
        Repair.number, Repair.version, Repair.status, Repair.service_type, Slot.starts_at, Slot.ends_at,
        Repair.customer_id, Customer.name, Device.label, Repair.work, Repair.assignee_id, Staff.name,
        Booking.missed_at.is_not(None),
    ]  # fmt: skip


def read_entries(location: Location, start: datetime, end: datetime) -> list[Entry]:
    """Bookings whose time begins in [start, end), in order of time. One statement."""
    query = (
        select(*_columns())
        .select_from(Slot)
        .join(Booking, Booking.slot_id == Slot.id)
        .join(Repair, Repair.id == Booking.repair_id)
        .join(Customer, Customer.id == Repair.customer_id)
        .join(Device, Device.id == Repair.device_id)
        .outerjoin(Staff, Staff.id == Repair.assignee_id)
        .where(Slot.location_id == location.id, Slot.starts_at >= start, Slot.starts_at < end)
        .order_by(Slot.starts_at, Slot.service_type, Repair.id)
    )
    return [Entry(*row) for row in db.session.execute(query)]


def _without_time(location: Location) -> list[Entry]:
    """Expected, but nobody knows when: parcels, and whoever comes at any time. Soonest due first."""
    query = (
        select(*_columns())
        .select_from(Repair)
        .join(Booking, Booking.repair_id == Repair.id)
        .outerjoin(Slot, Slot.id == Booking.slot_id)
        .join(Customer, Customer.id == Repair.customer_id)
        .join(Device, Device.id == Repair.device_id)
        .outerjoin(Staff, Staff.id == Repair.assignee_id)
        .where(
            literal_column("repairs.is_open"),
            Repair.status == State.EXPECTED,
            Repair.location_id == location.id,
            Booking.slot_id.is_(None),
        )
        .order_by(Repair.due_at, Repair.id)
        .limit(as_written(MOST_WITHOUT_TIME))
    )
    return [Entry(*row) for row in db.session.execute(query)]


def _misses(customers: set[int]) -> dict[int, int]:
    """No-shows of these customers so far."""
    if not customers:
        return {}
    query = (
        select(Repair.customer_id, func.sum(Booking.misses))
        .join(Booking, Booking.repair_id == Repair.id)
        .where(Repair.customer_id.in_(customers), Booking.misses > 0)
        .group_by(Repair.customer_id)
    )
    return {customer: int(count) for customer, count in db.session.execute(query)}


def count_misses(customer_id: int) -> int:
    """How often this customer did not come to an appointment."""
    return _misses({customer_id}).get(customer_id, 0)


def _with_counts(entries: Sequence[Entry], counts: dict[int, int]) -> tuple[Entry, ...]:
    return tuple(
        replace(entry, missed_before=counts[entry.customer_id]) if entry.customer_id in counts else entry
        for entry in entries
    )


def _places(location: Location, start: datetime, end: datetime) -> dict[tuple[str, datetime], Places]:
    query = select(Slot.service_type, Slot.starts_at, Slot.capacity, Slot.taken).where(
        Slot.location_id == location.id, Slot.starts_at >= start, Slot.starts_at < end
    )
    return {(row.service_type, row.starts_at): Places(row.capacity, row.taken) for row in db.session.execute(query)}


def _blocks(location: Location, start: datetime, end: datetime) -> tuple[Blocked, ...]:
    query = (
        select(Block)
        .where(Block.location_id == location.id, Block.ends_at > start, Block.starts_at < end)
        .options(joinedload(Block.person))
        .order_by(Block.starts_at, Block.id)
    )
    return tuple(
        Blocked(
            id=block.id, starts_at=block.starts_at, ends_at=block.ends_at, places=block.places, reason=block.reason,
            staff_id=block.staff_id, person=block.person.name if block.person else None,
        )
        for block in db.session.scalars(query)
    )  # fmt: skip
