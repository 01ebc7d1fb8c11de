"""By when a job will end, from the pace of all jobs until now, seen from several sides.

`Pace` says how the rest of a job goes by today's life tables; `Levels` says at which level of that a promise holds.
"""

import heapq
from array import array
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from math import exp, log

from shop.models.forecast import TARGETS
from shop.models.life_table import (
    BOUNDS,
    UNSEEN,
    LifeTable,
    Memory,
    Run,
    Watch,
    likelihood_of,
    place_of,
    pooled,
    shares_of,
)

# Counts fade over so many jobs that end, and those of how promises end over so many promises.
_JOBS, _PROMISES = 250, 300
# The wider kind counts as so many more jobs; nothing is wider than all jobs, and what is believed of them little.
_CREDIT, _LITTLE = 30.0, 3.0
# As much as so many jobs tell the views apart.
_EVIDENCE = 30.0
# The cells of the calibration are shares of jobs ended; so many promises are taken to have kept to each of them: more
# of the late ones, where few end, or the last of a handful of long jobs would move them.
_CELLS = (0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8, 0.85, 0.875, 0.9, 0.925, 0.95, 0.97, 0.985, 0.995)
_TRUSTED = tuple(30.0 if level < 0.65 else 100.0 for level in _CELLS)
_EVERY = 10
# What still holds too often is taken back: the step, how waiting promises slow it down, and how far, in log odds.
_STEP, _SLOWER, _FURTHEST = 0.008, 1000.0, -0.3
# Above this level a curve is what is believed rather than seen, and a date there costs years.
_HIGHEST = 0.95

# From the wider kind to the closer one, each a side from which a job may be looked at.
Views = Sequence[Sequence[Hashable]]


@dataclass(slots=True, eq=False)
class Outlook:
    """How a job may go on: by each view, and by all of them together."""

    run: Run
    views: list[array]
    shares: list[float]


class Pace:
    def __init__(self, watch: Watch):
        self._watch = watch
        self._memory = Memory(_JOBS)
        self._all = self._memory.table()
        self._tables: defaultdict[Hashable, LifeTable] = defaultdict(self._memory.table)
        self._scores: list[float] = []
        self._scored = 0.0

    def begin(self, views: Views, *, at: float, is_known: bool) -> Outlook:
        """A job at a new point of its way; with an outlook where enough `is_known`."""
        memo: dict[Hashable, list[float]] = {}
        shares: list[float] = []
        seen_as: list[array] = []
        if is_known:
            wide = self._all.hazards(UNSEEN, [_LITTLE * self._memory.weight] * len(UNSEEN))
            credit = [_CREDIT * self._memory.weight] * len(UNSEEN)
            for kinds in views:
                hazards = wide
                for kind in kinds:
                    if kind not in memo:
                        memo[kind] = self._tables[kind].hazards(hazards, credit)
                    hazards = memo[kind]
                seen_as.append(array("d", hazards))
            shares = shares_of(pooled(seen_as, self._weights(len(views))))
        tables = [self._all, *(self._tables[kind] for kind in {kind for kinds in views for kind in kinds})]
        return Outlook(self._watch.begin(Run(at, BOUNDS, tables, self._memory)), seen_as, shares)

    def end(self, outlooks: Sequence[Outlook]) -> None:
        """One job has ended, with all that was foreseen of it along its way."""
        self._memory.tick()
        for outlook in outlooks:
            outlook.run.end()
            if outlook.views:
                self._judge(outlook)

    def _judge(self, outlook: Outlook) -> None:
        fading = 1 - 1 / (_PROMISES * 4)
        found = [likelihood_of(hazards, outlook.run.cell) for hazards in outlook.views]
        before = self._scores or [0.0] * len(found)
        self._scores = [score * fading + now for score, now in zip(before, found, strict=True)]
        self._scored = self._scored * fading + 1
        outlook.views = []

    def _weights(self, views: int) -> list[float]:
        """Of the views, by how likely each made what happened; all the same while nothing is known."""
        if not self._scores:
            return [1 / views] * views
        best, spare = max(self._scores), self._scored + _EVIDENCE
        raw = [exp((score - best) * _EVIDENCE / spare) for score in self._scores]
        return [weight / sum(raw) for weight in raw]


@dataclass(slots=True)
class Restraint:
    """Promises that hold more often than they say move the level down, and those that break back up, no further than
    where it was: a clipped sum of hits and misses (after Gibbs and Candès 2021), slower while many promises wait."""

    target: float
    value: float = 0.0
    waiting: int = 0

    def settle(self, *, held: bool) -> None:
        self.waiting -= 1
        step = _STEP / (1 + self.waiting / _SLOWER)
        self.value = min(max(self.value + step * (self.target - held), _FURTHEST), 0.0)

    def apply(self) -> float:
        """The share to promise for the target: not above it."""
        return 1 / (1 + exp(-log(self.target / (1 - self.target)) - self.value))


class Levels:
    """At which level of their outlooks promises hold: a life table of the levels at which the latest of them ended."""

    def __init__(self, watch: Watch):
        self._watch = watch
        self._memory = Memory(_PROMISES)
        self._table = self._memory.table(len(_CELLS))
        self._plain = [(high - low) / (1 - low) for low, high in pairwise((0.0, *_CELLS))]
        self._shares: Sequence[float] = _CELLS
        # Of 50 % promises the table learns soon enough.
        self._restraint = Restraint(TARGETS[-1])
        self._dates: list[tuple[float, int, Run]] = []
        self._order = count()
        self._ends = self._waiting = 0

    @property
    def levels(self) -> list[float]:
        wanted = [*TARGETS[:-1], self._restraint.apply()]
        return [min(place_of(self._shares, share, _CELLS), _HIGHEST) for share in wanted]

    def begin(self, shares: Sequence[float], *, at: float) -> tuple[Run, tuple[float, ...]]:
        """A promise at each of the targets: within how long."""
        likely, safe = (place_of(shares, level) for level in self.levels)
        within = (likely, max(likely, safe))
        bounds = [place_of(shares, level) for level in _CELLS]
        run = self._watch.begin(Run(at, bounds, [self._table], self._memory))
        self._restraint.waiting += 1
        self._waiting += 1
        heapq.heappush(self._dates, (at + within[-1], next(self._order), run))
        return run, within

    def pass_time(self, now: float) -> None:
        """A promise whose date passes while its job is open is known to be broken."""
        while self._dates and self._dates[0][0] < now:
            _, _, run = heapq.heappop(self._dates)
            if not run.is_over:
                self._restraint.settle(held=False)

    def end(self, run: Run, *, has_held: bool) -> None:
        """`has_held`: by the later of its dates."""
        self._waiting -= 1
        self._memory.tick(waiting=self._waiting)
        run.end()
        if has_held:
            self._restraint.settle(held=True)
        self._ends += 1
        if self._ends % _EVERY == 0:
            credit = [trusted * self._memory.weight for trusted in _TRUSTED]
            self._shares = shares_of(self._table.hazards(self._plain, credit))
