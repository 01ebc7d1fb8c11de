"""The shop's opening hours laid end to end: a moment is a number of open minutes, so that nothing happens at night."""

import random
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate

from shop.models.hours import OpeningHours

_AHEAD = timedelta(days=40)
# Monday catches up with the week-end, Saturday is when people have time.
_OF_WEEKDAY = (1.25, 1.0, 0.95, 0.95, 1.05, 1.3, 1.0)
_GROWTH = 1.8


class OpenTime:
    """`at` and `minute_of` translate between UTC moments and minutes of opening time since `start`."""

    def __init__(self, hours: OpeningHours, *, start: datetime, now: datetime):
        day, last = start.astimezone(hours.zone).date(), (now + _AHEAD).astimezone(hours.zone).date()
        self.periods = []
        while day <= last:
            self.periods += hours.periods(day)
            day += timedelta(days=1)
        lengths = [(closes - opens).total_seconds() / 60 for opens, closes in self.periods]
        self.starts = [0.0, *accumulate(lengths)]
        self._opens = [opens for opens, _ in self.periods]

    def at(self, minute: float) -> datetime:
        index = self.index_of(minute)
        return self._opens[index] + timedelta(minutes=minute - self.starts[index])

    def index_of(self, minute: float) -> int:
        """The opening period that holds `minute`."""
        return min(bisect_right(self.starts, minute), len(self.periods)) - 1

    def minute_of(self, moment: datetime) -> float:
        """Of a moment outside the opening hours: the end of the period before it."""
        index = bisect_right(self._opens, moment) - 1
        if index < 0:
            return 0.0
        passed = (moment - self._opens[index]).total_seconds() / 60
        return min(self.starts[index] + passed, self.starts[index + 1])

    def arrivals(
        self, count: int, *, begin: float, end: float, months: list[float], rng: random.Random
    ) -> Iterator[float]:
        """`count` minutes in order between two, busier in busy months, and busier the later."""
        pieces = list(self._pieces(begin, end))
        weights = [
            (upto - start) * months[opens.month - 1] * _OF_WEEKDAY[opens.weekday()] * (1 + _GROWTH * start / end)
            for opens, start, upto in pieces
        ]
        total, before, passed = sum(weights), 0, 0.0
        for (_, start, upto), weight in zip(pieces, weights, strict=True):
            passed += weight
            until = round(count * passed / total)
            yield from sorted(rng.uniform(start, upto) for _ in range(until - before))
            before = until

    def _pieces(self, begin: float, end: float) -> Iterator[tuple[datetime, float, float]]:
        first = max(bisect_right(self.starts, begin) - 1, 0)
        for index in range(first, len(self.periods)):
            start, upto = max(self.starts[index], begin), min(self.starts[index + 1], end)
            if start >= end:
                return
            if upto > start:
                yield self._opens[index], start, upto
