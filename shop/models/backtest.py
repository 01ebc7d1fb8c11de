"""What would have been promised: a history played again, each promise with only what was known at its moment.

A case begins with its first event and is complete with its last. It is known to be complete at that moment and
not before; a promise is made at arrival and after each event but the last, for then nothing is left to promise.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log2

from shop.models.forecast import FEWEST, TARGETS
from shop.models.life_table import Run, Watch
from shop.models.pace import Levels, Outlook, Pace, Views

_HOUR, _DAY = 3600.0, 86400.0
_AGES = (60, _HOUR, 6 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY, 14 * _DAY, 28 * _DAY, 56 * _DAY, 120 * _DAY, 365 * _DAY)
_MANY = 12


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of a history. `moment` is aware."""

    case: str
    activity: str
    moment: datetime


@dataclass(slots=True, eq=False)
class Promise:
    """Made at `moment`: ready within `within` seconds, at each of TARGETS. `naive` knows no difference between jobs."""

    moment: datetime
    at: float
    case: str
    outlook: Outlook
    run: Run | None = None
    within: tuple[float, ...] = ()
    naive: float = 0.0
    took: float | None = None

    def held(self, target: int) -> bool:
        return self.took is not None and self.took <= self.within[target]


def replay(history: Sequence[Happened]) -> list[Promise]:
    """Every promise that could be made and whose case is complete at the end, in order of time."""
    ordered = sorted(history, key=lambda line: line.moment)
    return [promise for promise in _Replay(ordered).run() if promise.within]


class _Replay:
    def __init__(self, ordered: Sequence[Happened]):
        self.ordered = ordered
        # Where each case ends is read only when that event happens: it is what closes a case in a real shop.
        self.last = {line.case: place for place, line in enumerate(ordered)}
        self.watch = Watch()
        self.pace, self.levels = Pace(self.watch), Levels(self.watch)
        self.everything: list[float] = []
        self.completed = 0
        self.underway: dict[str, list[tuple[float, str]]] = {}
        self.promised: defaultdict[str, list[Promise]] = defaultdict(list)

    def run(self) -> Iterator[Promise]:
        for place, line in enumerate(self.ordered):
            at = line.moment.timestamp()
            self.watch.pass_time(at)
            self.levels.pass_time(at)
            self.underway.setdefault(line.case, []).append((at, line.activity))
            if self.last[line.case] == place:
                self._complete(line.case, at)
            else:
                promise = self._promise(line, at)
                self.promised[line.case].append(promise)
                yield promise

    def _complete(self, case: str, at: float) -> None:
        del self.underway[case]
        promises = self.promised.pop(case, [])
        self.completed += bool(promises)
        for promise in promises:
            promise.took = at - promise.at
            insort(self.everything, promise.took)
            if promise.run is not None:
                self.levels.end(promise.run, has_held=promise.held(-1))
        self.pace.end([promise.outlook for promise in promises])

    def _promise(self, line: Happened, at: float) -> Promise:
        is_known = self.completed >= FEWEST
        views = _views(line, self.underway[line.case], at, len(self.underway))
        promise = Promise(line.moment, at, line.case, self.pace.begin(views, at=at, is_known=is_known))
        if is_known:
            promise.run, promise.within = self.levels.begin(promise.outlook.shares, at=at)
            promise.naive = self.everything[min(int(TARGETS[-1] * len(self.everything)), len(self.everything) - 1)]
        return promise


def _views(line: Happened, past: list[tuple[float, str]], at: float, load: int) -> Views:
    """What this moment is like, seen from several sides, each from the wider likeness to the closer."""
    steps = min(len(past), _MANY + int(log2(len(past))))
    age = sum(at - past[0][0] > limit for limit in _AGES)
    since = sum(at - past[-2][0] > limit for limit in _AGES) if len(past) > 1 else -1
    last, two = past[-1][1], tuple(activity for _, activity in past[-2:])
    first, four = past[0][1], tuple(activity for _, activity in past[-4:])
    stands = ("last", last)
    return (
        (stands, ("age", last, age), ("gap", two, age, since)),
        (stands, ("steps", last, steps), ("far", last, steps, age)),
        (stands, ("first", last, first), ("path", four, first)),
        (("old", age),),
        (stands, ("load", last, int(2 * log2(load + 1)))),
        (stands, ("time", last, line.moment.weekday(), line.moment.hour // 4)),
    )
