"""The calendar as a table: rows of time, columns of days or people, and what may be dropped where."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from shop.models.grid import SLOTTED
from shop.services.calendar import Blocked, Entry, Standing, Stretch
from shop.services.clock import zone_mark
from shop.services.slots import HORIZON, blocked_places, cut

_ALL_DAY = timedelta(days=1)


@dataclass(slots=True)
class Cell:
    """What stands at one time in one column. `free` maps a service type to the places left, where it may be dropped."""

    at: datetime | None = None
    free: dict[str, int] = field(default_factory=dict)
    taken: int = 0
    capacity: int | None = None
    why: str = ""
    state: str = "closed"
    blocks: list[Blocked] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    is_now: bool = False


@dataclass(slots=True)
class Column:
    """A day, or a colleague on the one day that is shown."""

    day: date
    label: str = ""
    who: int | None = None
    booked: int = 0
    closed: str = ""


@dataclass(slots=True)
class Row:
    label: str
    cells: list[Cell]


@dataclass(slots=True)
class Grid:
    columns: list[Column]
    rows: list[Row]


@dataclass(slots=True)
class Day:
    """One day of the agenda."""

    day: date
    entries: list[Entry]
    blocks: list[Blocked]
    closed: str


def week_grid(stretch: Stretch, entries: list[Entry], *, now: datetime) -> Grid:
    """A column for each day."""
    days = [_local_day(stretch, entry.starts_at) for entry in entries]
    columns = [Column(day, booked=days.count(day), closed=closed_words(stretch, day)) for day in stretch.days]
    cells = {column.day: _cells(stretch, column.day, now=now) for column in columns}
    for entry in entries:
        _place(cells[_local_day(stretch, entry.starts_at)], stretch, entry)
    return _table(columns, [cells[column.day] for column in columns], stretch.branch.hours.zone)


def day_grid(stretch: Stretch, entries: list[Entry], *, now: datetime) -> Grid:
    """A column for each colleague, nobody first; places are those of the branch in every column."""
    day = stretch.days[0]
    people: list[tuple[int | None, str]] = [(None, _("Nobody yet")), *stretch.people]
    known = {who for who, _name in people}
    people += sorted({(e.assignee_id, e.assignee or "") for e in entries if e.assignee_id not in known})
    columns, cells = [], []
    for who, name in people:
        theirs = [entry for entry in entries if entry.assignee_id == who]
        columns.append(Column(day, label=name, who=who, booked=len(theirs), closed=closed_words(stretch, day)))
        cells.append(_cells(stretch, day, now=now, who=who))
        for entry in theirs:
            _place(cells[-1], stretch, entry)
    return _table(columns, cells, stretch.branch.hours.zone)


def agenda(stretch: Stretch, entries: list[Entry]) -> list[Day]:
    days = []
    for day in stretch.days:
        blocks = [block for block in stretch.blocks if _touches(stretch, block, day)]
        theirs = [entry for entry in entries if _local_day(stretch, entry.starts_at) == day]
        days.append(Day(day, theirs, blocks, closed_words(stretch, day)))
    return days


def closed_words(stretch: Stretch, day: date) -> str:
    """Why the branch does not open on this day; '' if it does."""
    if day in stretch.branch.closures:
        return _("Closed: %(name)s", name=stretch.branch.closures[day])
    return "" if stretch.branch.hours.week[day.weekday()] else _("Closed")


def to_be_moved(stretch: Stretch, entries: list[Entry], *, now: datetime) -> list[Entry]:
    """Expected at a time that has meanwhile been closed or blocked out: nobody may find the door shut."""
    return [entry for entry in entries if entry.standing(now) is Standing.EXPECTED and _is_shut(stretch, entry)]


def _is_shut(stretch: Stretch, entry: Entry) -> bool:
    if entry.starts_at is None or entry.ends_at is None:
        return False
    periods = stretch.branch.hours.periods(_local_day(stretch, entry.starts_at))
    is_open = any(opens <= entry.starts_at < closes for opens, closes in periods)
    touching = [b for b in stretch.blocks if b.starts_at < entry.ends_at and b.ends_at > entry.starts_at]
    if any(block.staff_id == entry.assignee_id if block.staff_id else block.places is None for block in touching):
        return True
    return not is_open


def _table(columns: list[Column], cells: list[dict[tuple[str, int], Cell]], zone: ZoneInfo) -> Grid:
    keys = sorted(set().union(*cells), key=_in_order) if cells else []
    rows = []
    for label, fold in keys:
        in_row = [of_column.get((label, fold), Cell()) for of_column in cells]
        # The other days of a week may have this hour once.
        marks = [zone_mark(cell.at, zone) for cell in in_row if cell.at]
        rows.append(Row(label + next(filter(None, marks), ""), in_row))
    return Grid(columns, rows)


def _cells(stretch: Stretch, day: date, *, now: datetime, who: int | None = None) -> dict[tuple[str, int], Cell]:
    """The cells of one day by local time; an hour that comes twice has two rows."""
    hours, cells = stretch.branch.hours, {}
    begins = datetime.combine(day, datetime.min.time(), hours.zone)
    ends = datetime.combine(day + _ALL_DAY, datetime.min.time(), hours.zone)
    for service in SLOTTED:
        for view in cut(hours, stretch.branch.grids[service], start=begins, end=ends):
            cell = cells.setdefault(_key(stretch, view.start), Cell(at=view.start))
            _offer(cell, stretch, service, view, now=now, who=who)
    started = [cells[key] for key in sorted(cells, key=_in_order) if (cells[key].at or ends) <= now]
    if started and any(opens <= now < closes for opens, closes in hours.periods(day)):
        started[-1].is_now = True
    return cells


def _offer(cell: Cell, stretch: Stretch, service: str, view, *, now: datetime, who: int | None) -> None:
    """What of this slot is left, and in words why nothing is."""
    blocks = [b for b in stretch.blocks if b.starts_at < view.end and b.ends_at > view.start]
    blocked = blocked_places(service, blocks, start=view.start, end=view.end)
    stored = stretch.places.get((service, view.start))
    capacity = stored.capacity if stored else view.capacity
    capacity = 0 if blocked is None else max(capacity - blocked, 0)
    taken = stored.taken if stored else 0
    if service == "in_store":
        cell.taken, cell.capacity = taken, capacity
        cell.blocks = [block for block in blocks if block.staff_id is None or who in (None, block.staff_id)]
    away = next((block for block in blocks if who is not None and block.staff_id == who), None)
    why = _why_not(view.start, blocked, taken < capacity, away, blocks, now=now)
    if not why:
        cell.free[service] = capacity - taken
    if service == "in_store" or not cell.why:
        cell.why = why
    cell.state = "open" if cell.free else _state(cell, view.start, blocked, now=now)


def _why_not(start: datetime, blocked: int | None, is_free: bool, away, blocks, *, now: datetime) -> str:
    if start < now:
        return _("This time has passed.")
    if start >= now + HORIZON:
        return _("Bookings reach 60 days ahead.")
    if blocked is None:
        return _("Blocked out: %(reason)s", reason=next(block.reason for block in blocks if block.places is None))
    if away:
        return _("%(name)s is away: %(reason)s", name=away.person, reason=away.reason)
    return "" if is_free else _("Full")


def _state(cell: Cell, start: datetime, blocked: int | None, *, now: datetime) -> str:
    if start < now:
        return "past"
    return "blocked" if blocked is None else "full"


def _place(cells: dict[tuple[str, int], Cell], stretch: Stretch, entry: Entry) -> None:
    """Into the row of its time, or into a row of its own where today's grid has none."""
    if entry.starts_at is None:
        return
    cell = cells.setdefault(_key(stretch, entry.starts_at), Cell(at=entry.starts_at, state="off"))
    cell.entries.append(entry)


def _key(stretch: Stretch, moment: datetime) -> tuple[str, int]:
    local = moment.astimezone(stretch.branch.hours.zone)
    return f"{local:%H:%M}", local.fold


def _in_order(key: tuple[str, int]) -> tuple[float, int]:
    """By the clock; when it is put back, the hour that comes again follows the first one as a whole."""
    label, fold = key
    hour, minute = int(label[:2]) * 60, int(label[3:])
    return (hour + 59.5, minute) if fold else (hour + minute, 0)


def _local_day(stretch: Stretch, moment: datetime | None) -> date:
    if moment is None:
        raise ValueError("this entry has no time")
    return moment.astimezone(stretch.branch.hours.zone).date()


def _touches(stretch: Stretch, block: Blocked, day: date) -> bool:
    zone = stretch.branch.hours.zone
    last = (block.ends_at - timedelta(seconds=1)).astimezone(zone).date()
    return block.starts_at.astimezone(zone).date() <= day <= last


def shown(entries: tuple[Entry, ...], who: str, *, me: int) -> Iterator[Entry]:
    """Those of one person; of everybody for ''."""
    wanted = {"": None, "me": me, "nobody": None}.get(who, int(who) if who.isdecimal() else None)
    for entry in entries:
        if not who or entry.assignee_id == wanted:
            yield entry
