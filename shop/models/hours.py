"""Opening hours of a place, and time counted inside them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# Beyond this the shop never opens again: a calendar without hours must not loop for ever.
_HORIZON_DAYS = 400


@dataclass(frozen=True)
class OpeningHours:
    """`week[0]` is Monday: a tuple of (opens, closes) in local time. `closed` are whole days."""

    zone: ZoneInfo
    week: tuple[tuple[tuple[time, time], ...], ...]
    closed: frozenset[date] = field(default_factory=frozenset)

    def periods(self, day: date) -> list[tuple[datetime, datetime]]:
        """Opening periods of one local day, in UTC."""
        if day in self.closed:
            return []
        return [(self._utc(day, opens), self._utc(day, closes)) for opens, closes in self.week[day.weekday()]]

    def add_minutes(self, start: datetime, minutes: int) -> datetime:
        """The moment when `minutes` of opening time have passed since `start` (both UTC).

        Raises ValueError when the calendar never opens for that long.
        """
        left = timedelta(minutes=minutes)
        for opens, closes in self._periods_from(start):
            begin = max(opens, start)
            if closes - begin >= left:
                return begin + left
            left -= closes - begin
        raise ValueError("the opening hours leave no time for this")

    def minutes_between(self, start: datetime, end: datetime) -> int:
        """Whole minutes of opening time between two moments in UTC; none where the end comes first."""
        passed = timedelta()
        for opens, closes in self._periods_from(start):
            if opens >= end:
                break
            passed += min(closes, end) - max(opens, start)
        return int(passed.total_seconds() // 60)

    def on_the_quarter(self, moment: datetime) -> datetime:
        """The next quarter of an hour, as a person says a time, but never past the closing that comes first."""
        local = moment.astimezone(self.zone)
        over = timedelta(minutes=local.minute % 15, seconds=local.second, microseconds=local.microsecond)
        rounded = moment + timedelta(minutes=15) - over if over else moment
        closing = next((closes for _, closes in self._periods_from(moment - timedelta(microseconds=1))), rounded)
        return min(rounded, closing)

    def _periods_from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        day = start.astimezone(self.zone).date()
        for offset in range(_HORIZON_DAYS):
            for opens, closes in self.periods(day + timedelta(days=offset)):
                if closes > start:
                    yield opens, closes

    def _utc(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, self.zone).astimezone(UTC)
