"""The strip of days and the times of one of them."""

from dataclasses import dataclass
from datetime import date
from itertools import groupby

from shop.models.base import utc_now
from shop.models.location import Location
from shop.services import slots
from shop.services.slots import SlotView

DAYS_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the strip with the slots that are still to come."""

    day: date
    slots: tuple[SlotView, ...]

    @property
    def is_full(self) -> bool:
        return not any(slot.remaining for slot in self.slots)


@dataclass(frozen=True, slots=True)
class Strip:
    """Six open days from where the visitor looks; the times of `shown` are listed."""

    days: tuple[Day, ...]
    shown: Day | None
    earlier: date | None
    later: date | None


def read_strip(location: Location, service_type: str, *, start: date | None, shown: date | None) -> Strip:
    """The six open days that begin at `start`, or the six that hold `shown`."""
    days = _open_days(location, service_type)
    first = _first_index(days, start, shown)
    page = days[first : first + DAYS_AT_ONCE]
    listed = next((day for day in page if day.day == shown), None) or next(
        (day for day in page if not day.is_full), page[0] if page else None
    )
    return Strip(
        days=tuple(page),
        shown=listed,
        earlier=days[max(first - DAYS_AT_ONCE, 0)].day if first else None,
        later=days[first + DAYS_AT_ONCE].day if first + DAYS_AT_ONCE < len(days) else None,
    )


def read_date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


def _open_days(location: Location, service_type: str) -> list[Day]:
    zone, now = location.hours.zone, utc_now()
    views = slots.list_slots(location, service_type, start=now, end=now + slots.HORIZON)
    return [
        Day(day, tuple(group)) for day, group in groupby(views, key=lambda view: view.start.astimezone(zone).date())
    ]


def _first_index(days: list[Day], start: date | None, shown: date | None) -> int:
    if start is None:
        place = next((index for index, day in enumerate(days) if day.day == shown), 0)
        return place - place % DAYS_AT_ONCE
    return next((index for index, day in enumerate(days) if day.day >= start), 0)
