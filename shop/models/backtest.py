"""What would have been promised: a history played again, each promise with only what was known at its moment.

A case begins with its first event and is complete with its last. It is known to be complete at that moment and
not before; a promise is made at arrival and after each event but the last, for then nothing is left to promise.
"""

import heapq
from bisect import insort
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count, islice

from shop.models.forecast import (
    FEWEST,
    TARGETS,
    Correction,
    Curve,
    Window,
    curve_of,
    duration_at,
    level_of,
    product_limit,
)

# The calibration looks back over so many promises that have ended, from so many cases, as long as promises last.
_PROMISES, _CASES, _MOST = 300, 300, 6000
# It is made anew after so many promises, or a fiftieth of those it looks at.
_EVERY = 10
_CASUAL = 100
_HOUR, _DAY = 3600.0, 86400.0
_AGES = (60, _HOUR, 6 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY, 14 * _DAY, 28 * _DAY, 56 * _DAY, 120 * _DAY, 365 * _DAY)


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
    keys: tuple
    load: float
    case: str = ""
    curve: Curve = ()
    within: tuple[float, ...] = ()
    naive: float = 0.0
    took: float | None = None
    known: list[bool] = field(default_factory=lambda: [False] * len(TARGETS))

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
        self.windows: defaultdict[tuple, Window] = defaultdict(Window)
        self.everything: list[float] = []
        self.underway: dict[str, list[tuple[float, str]]] = {}
        self.promised: defaultdict[str, list[Promise]] = defaultdict(list)
        self.calibration = _Calibration()

    def run(self) -> Iterator[Promise]:
        for place, line in enumerate(self.ordered):
            at = line.moment.timestamp()
            self.calibration.pass_time(at)
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
        counted: set[tuple] = set()
        for promise in promises:
            promise.took = at - promise.at
            # A case that stood at the same point ten times says it once.
            for key in set(promise.keys) - counted:
                self.windows[key].add(promise.took, promise.load)
            counted.update(promise.keys)
            insort(self.everything, promise.took)
        self.calibration.complete(promises, at)

    def _promise(self, line: Happened, at: float) -> Promise:
        promise = Promise(line.moment, at, _kinds(line, self.underway[line.case], at), len(self.underway), line.case)
        like = next((self.windows[key] for key in promise.keys if len(self.windows[key]) >= FEWEST), None)
        if like is not None:
            promise.curve = curve_of(like.at_load(promise.load))
            promise.naive = self.everything[min(int(TARGETS[-1] * len(self.everything)), len(self.everything) - 1)]
            self.calibration.promise(promise)
        return promise


class _Calibration:
    """At which levels of the curves promises hold, learned from those made before."""

    def __init__(self):
        self.levels = list(TARGETS)
        self.corrections = [Correction(target) for target in TARGETS]
        self.waiting = [0] * len(TARGETS)
        # Cases completed of late with their promises, and promises of cases that are open.
        self.completed: deque[tuple[float, list[Promise]]] = deque()
        self.open: dict[int, Promise] = {}
        self.ends = self.made = 0
        self.deadlines: list[tuple[float, int, int, Promise]] = []
        self.order = count()

    def pass_time(self, now: float) -> None:
        """A promise whose date passes without the job being ready is known to be broken."""
        while self.deadlines and self.deadlines[0][0] < now:
            _, _, target, promise = heapq.heappop(self.deadlines)
            self._settle(promise, target, held=False)

    def complete(self, promises: Sequence[Promise], now: float) -> None:
        made = [promise for promise in promises if promise.within]
        for promise in made:
            for target in range(len(TARGETS)):
                self._settle(promise, target, held=promise.held(target))
            self.open.pop(id(promise), None)
        if made:
            self.completed.append((now, made))
            self.ends += len(made)
        while len(self.completed) > _CASES and self.ends - len(self.completed[0][1]) > _PROMISES:
            self.ends -= len(self.completed.popleft()[1])

    def promise(self, promise: Promise) -> None:
        self.made += 1
        if self.made % max(_EVERY, (self.ends + len(self.open)) // 50) == 0 and self.ends >= _CASUAL:
            self.levels = product_limit(self._stretches(promise.at))
        within = [
            duration_at(promise.curve, correction.apply(level))
            for level, correction in zip(self.levels, self.corrections, strict=True)
        ]
        promise.within = tuple(max(within[: place + 1]) for place in range(len(within)))
        for target, duration in enumerate(promise.within):
            self.waiting[target] += 1
            heapq.heappush(self.deadlines, (promise.at + duration, next(self.order), target, promise))
        self.open[id(promise)] = promise

    def _settle(self, promise: Promise, target: int, *, held: bool) -> None:
        if not promise.known[target]:
            promise.known[target] = True
            self.waiting[target] -= 1
            self.corrections[target].settle(held, waiting=self.waiting[target])

    def _stretches(self, now: float) -> Iterator[tuple[float, float, bool]]:
        """What became, since the oldest of the latest completions, of all promises that were open in that time."""
        since = self.completed[0][0]
        for _, promises in self.completed:
            for promise in promises:
                yield _begin(promise, since), level_of(promise.curve, promise.took or 0.0), True
        for promise in islice(self.open.values(), None, None, len(self.open) // _MOST + 1):
            yield _begin(promise, since), level_of(promise.curve, now - promise.at), False


def _begin(promise: Promise, since: float) -> float:
    return level_of(promise.curve, since - promise.at) if since > promise.at else -1.0


def _kinds(line: Happened, past: list[tuple[float, str]], at: float) -> tuple:
    """What this moment is like, from the closest likeness to the widest: each is a key of a window."""
    acts = tuple(activity for _, activity in past[-6:])
    steps, age = len(past), sum(at - past[0][0] > limit for limit in _AGES)
    weekday = line.moment.weekday()
    return (
        (acts, steps, age, min(weekday, 5) if weekday >= 4 else 0),
        (acts[-3:], min(steps, 6), age),
        (acts[-2:], min(steps, 4)),
        acts[-1:],
        (),
    )
