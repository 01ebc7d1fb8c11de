"""By when a job will end, from the pace of all jobs until now, seen from several sides.

`Pace` says how the rest of a job goes by today's life tables; `Levels` says at which level of that a promise holds.
"""

from array import array
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp

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


class Levels:
    """At which level of their outlooks promises hold: a life table of the levels at which the latest of them ended."""

    def __init__(self, watch: Watch):
        self._watch = watch
        self._memory = Memory(_PROMISES)
        self._table = self._memory.table(len(_CELLS))
        self._plain = [(high - low) / (1 - low) for low, high in pairwise((0.0, *_CELLS))]
        self._ends = 0
        self.levels = list(TARGETS)

    def begin(self, shares: Sequence[float], *, at: float) -> Run:
        bounds = [place_of(shares, level) for level in _CELLS]
        return self._watch.begin(Run(at, bounds, [self._table], self._memory))

    def end(self, run: Run) -> None:
        self._memory.tick()
        run.end()
        self._ends += 1
        if self._ends % _EVERY == 0:
            hazards = self._table.hazards(self._plain, [trusted * self._memory.weight for trusted in _TRUSTED])
            self.levels = [place_of(shares_of(hazards), target, _CELLS) for target in TARGETS]
