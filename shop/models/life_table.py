"""How fast jobs end by how long they have gone on: life tables of today's pace.

Pure. A job under way passes from cell to cell of its duration; a table counts, for each cell, those seen there and
those that ended there. Their ratio is the hazard of a period life table: jobs that are open still count as far as
they have come (censored), what was not watched does not (left-truncated), and old counts fade. The method, its
sources and its limits are in docs/promises.md.
"""

import heapq
import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate, count, pairwise

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_TOO_HEAVY = 1e200
# Counts fade over at least this share of those that wait.
_OF_WAITING = 0.1


def _cells() -> tuple[float, ...]:
    """Bounds in seconds: wide cells below a day, narrow ones where people count in days, wide ones beyond."""
    bounds = [_MINUTE]
    for until, ratio in ((_DAY / 2, 1.7), (100 * _DAY, 1.18), (6000 * _DAY, 1.35)):
        while bounds[-1] < until:
            bounds.append(bounds[-1] * ratio)
    return tuple(bounds)


BOUNDS = _cells()
# What is believed of a cell where nobody was yet: half of those that lasted so long last twice as long.
UNSEEN = tuple(1 - (low + _HOUR) / (high + _HOUR) for low, high in pairwise((0.0, *BOUNDS)))


class Memory:
    """What a new count weighs: more with every tick, which is the same as that old ones fade over `span` ticks.

    Where far more wait for their end they fade more slowly: while thousands wait, `span` quick ones end within hours,
    and a memory of hours knows of nothing that takes a day. Before the first tick it weighs nothing: a record without
    any end says when it was begun, not how fast jobs end.
    """

    __slots__ = ("_span", "_tables", "weight")

    def __init__(self, span: float):
        self.weight = 0.0
        self._span = span
        self._tables: list[LifeTable] = []

    def tick(self, *, waiting: int = 0) -> None:
        """`waiting`: how many others are still to end."""
        span = max(self._span, waiting * _OF_WAITING)
        self.weight = self.weight * math.exp(1 / span) if self.weight else 1.0
        if self.weight > _TOO_HEAVY:
            for table in self._tables:
                table.fade(self.weight)
            self.weight = 1.0

    def table(self, cells: int = len(BOUNDS)) -> "LifeTable":
        self._tables.append(LifeTable(cells))
        return self._tables[-1]


class LifeTable:
    """How many were seen in each cell, and how many ended there."""

    __slots__ = ("ended", "seen")

    def __init__(self, cells: int):
        self.ended = [0.0] * cells
        self.seen = [0.0] * cells

    def hazards(self, towards: Sequence[float], credit: Sequence[float]) -> list[float]:
        """For each cell the share that ends there, of those that come to it.

        It is drawn towards what is known of a wider kind, which counts as so many more jobs: the mean of a beta
        posterior. Credit is in the same weights as the counts, and more than none.
        """
        return [
            (ended + trust * wider) / (seen + trust)
            for ended, seen, wider, trust in zip(self.ended, self.seen, towards, credit, strict=True)
        ]

    def fade(self, divisor: float) -> None:
        self.ended = [ended / divisor for ended in self.ended]
        self.seen = [seen / divisor for seen in self.seen]


class Run:
    """One job on its way through the cells, seen by some tables."""

    __slots__ = ("at", "bounds", "cell", "is_over", "memory", "tables")

    def __init__(self, at: float, bounds: Sequence[float], tables: Sequence[LifeTable], memory: Memory):
        self.at, self.bounds, self.tables, self.memory = at, bounds, tables, memory
        self.cell, self.is_over = 0, False

    def end(self) -> None:
        """It ends in the cell to which it has come."""
        self.is_over = True
        if self.cell < len(self.bounds):
            for table in self.tables:
                table.seen[self.cell] += self.memory.weight
                table.ended[self.cell] += self.memory.weight


class Watch:
    """Carries all runs on as time goes by."""

    def __init__(self) -> None:
        self._next: list[tuple[float, int, Run]] = []
        self._order = count()

    def begin(self, run: Run) -> Run:
        heapq.heappush(self._next, (run.at + run.bounds[0], next(self._order), run))
        return run

    def pass_time(self, now: float) -> None:
        """Runs that have left their cell before `now` were seen there and did not end there."""
        upcoming = self._next
        while upcoming and upcoming[0][0] < now:
            _, order, run = upcoming[0]
            if not run.is_over:
                weight, cell = run.memory.weight, run.cell
                for table in run.tables:
                    table.seen[cell] += weight
                run.cell = cell = cell + 1
                if cell < len(run.bounds):
                    heapq.heapreplace(upcoming, (run.at + run.bounds[cell], order, run))
                    continue
            heapq.heappop(upcoming)


def shares_of(hazards: Iterable[float]) -> list[float]:
    """The share that has ended by the end of each cell. Never falls."""
    return [1 - alive for alive in accumulate((1 - hazard for hazard in hazards), lambda one, other: one * other)]


def place_of(shares: Sequence[float], level: float, bounds: Sequence[float] = BOUNDS) -> float:
    """Where the share `level` has ended: a duration, between the bounds of its cell; the last bound where none has."""
    cell = bisect_left(shares, level)
    if cell >= len(shares):
        return bounds[-1]
    low, before = (bounds[cell - 1], shares[cell - 1]) if cell else (0.0, 0.0)
    return low + (bounds[cell] - low) * (level - before) / (shares[cell] - before) if level > 0 else 0.0


def pooled(views: Sequence[Sequence[float]], weights: Sequence[float]) -> list[float]:
    """Hazards of several views of one job, averaged."""
    return [sum(map(float.__mul__, weights, cell)) for cell in zip(*views, strict=True)]


def likelihood_of(hazards: Sequence[float], cell: int) -> float:
    """The logarithm of how likely it was to end in just this cell: a proper score of a view."""
    survived = math.fsum(math.log1p(-hazard) for hazard in hazards[:cell])
    return survived + math.log(hazards[cell]) if cell < len(hazards) else survived
