"""Working time of one person: their week laid over the calendar, less holidays of the branch and absences.

Periods are kept as wall-clock times and counted in UTC, so a night over the end of summer time is an hour longer.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, pairwise
from zoneinfo import ZoneInfo

Day = tuple[tuple[time, time], ...]
Week = tuple[Day, ...]
Stretch = tuple[datetime, datetime]

DAY_MINUTES, WEEK_MINUTES = 24 * 60, 7 * 24 * 60
# Nobody is asked for work further ahead; a week without hours must not loop for ever.
_HORIZON_DAYS = 120
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class WorkingTime:
    """`week[0]` is Monday: (begins, ends) in local time; an end at or before its begin is on the next day.

    `closed` are days on which the branch does not open: no period begins on them. `away` are absences in UTC.
    `elsewhere` are the weeks at other branches, each with the days on which that one is closed.
    `is_assumed`: the person has no roster of their own, so these are the branch's opening hours.
    """

    zone: ZoneInfo
    week: Week
    closed: frozenset[date] = frozenset()
    away: tuple[Stretch, ...] = field(default=())
    is_assumed: bool = False
    elsewhere: tuple[tuple[Week, frozenset[date]], ...] = ()

    def stretches(self, start: datetime, end: datetime) -> Iterator[Stretch]:
        """Working time within [start, end), in order and in UTC."""
        if start >= end:
            return
        # A night that began the day before may reach into the first day.
        day, last = start.astimezone(self.zone).date() - _A_DAY, end.astimezone(self.zone).date()
        while day <= last:
            for begins, ends in self._periods(day):
                yield from self._present(max(begins, start), min(ends, end))
            day += _A_DAY

    def minutes(self, start: datetime, end: datetime) -> int:
        """Whole minutes of working time in [start, end)."""
        return int(sum((ends - begins).total_seconds() for begins, ends in self.stretches(start, end)) // 60)

    def next_stretch(self, moment: datetime) -> Stretch | None:
        """The stretch that is running, or the next one; None where nothing comes within months."""
        return next(self.stretches(moment, moment + timedelta(days=_HORIZON_DAYS)), None)

    def _periods(self, day: date) -> Iterator[Stretch]:
        weeks = ((self.week, self.closed), *self.elsewhere)
        open_then = [week[day.weekday()] for week, closed in weeks if day not in closed]
        for begins, ends in sorted(chain(*open_then)):
            last = day if ends > begins else day + _A_DAY
            yield self._utc(day, begins), self._utc(last, ends)

    def _utc(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def _present(self, start: datetime, end: datetime) -> Iterator[Stretch]:
        """What is left of one period when absences are cut out."""
        for begins, ends in sorted(self.away):
            if ends <= start or begins >= end:
                continue
            if begins > start:
                yield start, begins
            start = max(start, ends)
        if start < end:
            yield start, end


def overlapping(week: Week) -> list[int]:
    """Weekdays on which a period begins before the one before it has ended, also across midnight and Sunday."""
    periods = sorted(
        (weekday * DAY_MINUTES + _minute(begins), weekday, _length(begins, ends))
        for weekday, day in enumerate(week)
        for begins, ends in day
    )
    faults = {weekday for (before, _, length), (begins, weekday, _) in pairwise(periods) if begins < before + length}
    if periods and periods[-1][0] + periods[-1][2] > periods[0][0] + WEEK_MINUTES:
        faults.add(periods[0][1])
    return sorted(faults)


def week_minutes(week: Week) -> int:
    """Minutes of a plain week, by the clock."""
    return sum(_length(begins, ends) for day in week for begins, ends in day)


def load_week(text: str) -> Week:
    """From its stored text."""
    return tuple(
        tuple((time.fromisoformat(begins), time.fromisoformat(ends)) for begins, ends in day)
        for day in json.loads(text)
    )


def dump_week(week: Sequence[Day]) -> str:
    return json.dumps([[[f"{begins:%H:%M}", f"{ends:%H:%M}"] for begins, ends in day] for day in week])


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute


def _length(begins: time, ends: time) -> int:
    return (_minute(ends) - _minute(begins)) % DAY_MINUTES or DAY_MINUTES
