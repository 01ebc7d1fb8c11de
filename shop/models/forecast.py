"""How long a job will still take, from the jobs of the past: quantiles, and the levels at which they hold.

Pure: durations are plain numbers in one unit that the caller chooses (opening minutes in the shop, seconds in a
back-test). The method, its sources and its limits are in docs/promises.md.
"""

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import StatisticsError, correlation

# A promise at 90 % is a date by which nine of ten such jobs are ready.
TARGETS = (0.5, 0.9)
# The shape of what lies ahead, kept as the durations at these shares of like jobs.
LEVELS = (
    0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8, 0.85, 0.875, 0.9, 0.925, 0.95, 0.975, 1.0,
)  # fmt: skip
# Fewer like jobs than this say nothing; more than LATEST are too long ago.
FEWEST, LATEST = 40, 500

# The integral part of the calibration: its step, how fast it forgets, and how waiting promises slow it down.
_STEP, _LEAK, _WAITING = 0.07, 0.001, 1000.0
_LOWEST, _HIGHEST = 0.01, 0.99
# Above this level the durations of the past are used up, and a promise must reach beyond the longest of them.
_BEYOND = math.log(0.995 / 0.005)
_REACH = 0.1
_FURTHEST = 1.5

# Whether the load matters is looked at again after so many jobs, and it does from this correlation on.
_LOOK_AGAIN, _MATTERS = 50, 0.3

Curve = tuple[float, ...]


def curve_of(durations: Sequence[float]) -> Curve:
    """Durations at LEVELS, from sorted ones; at least one. Never falls."""
    return tuple(_quantile(durations, level) for level in LEVELS)


def remaining(durations: Sequence[float], passed: float) -> list[float]:
    """What was left of those that took longer than what has passed already; sorted if they were."""
    return [duration - passed for duration in durations if duration > passed]


def duration_at(curve: Curve, level: float) -> float:
    """The duration at a level; one above 1 reaches beyond the longest ever seen."""
    if level >= 1:
        return curve[-1] * math.exp(min(level - 1, _FURTHEST))
    if level <= 0:
        return curve[0]
    place = bisect_left(LEVELS, level)
    below, above = LEVELS[place - 1], LEVELS[place]
    return curve[place - 1] + (curve[place] - curve[place - 1]) * (level - below) / (above - below)


def level_of(curve: Curve, duration: float) -> float:
    """The inverse of `duration_at`: the share of like jobs that were ready after so long; above 1 beyond all."""
    if duration >= curve[-1]:
        return 1 + math.log(max(duration, 1) / max(curve[-1], 1)) if duration > curve[-1] else 1.0
    place = bisect_left(curve, duration)
    if place == 0:
        return 0.0
    below, above = curve[place - 1], curve[place]
    return LEVELS[place - 1] + (LEVELS[place] - LEVELS[place - 1]) * (duration - below) / (above - below)


def product_limit(outcomes: Iterable[tuple[float, float, bool]], targets: Sequence[float] = TARGETS) -> list[float]:
    """Kaplan and Meier's estimate of the levels below which the target shares of promises end, by today's pace.

    An outcome is a stretch of one job: the level that it had reached when the stretch began, the level at its end,
    and whether it was ready there. Begun above 0 it is left-truncated, not ready at its end it is censored.
    Where none says how far a share reaches, the furthest level of all stands.
    """
    stretches = list(outcomes)
    begun = sorted(begin for begin, _, _ in stretches)
    ended = sorted((end, is_ready) for _, end, is_ready in stretches)
    found: list[float] = []
    alive = 1.0
    for place, (level, is_ready) in enumerate(ended):
        if is_ready:
            # One more than are at risk: the job that is to be promised counts among them.
            alive *= 1 - 1 / max(bisect_left(begun, level) - place + 1, 2)
            while len(found) < len(targets) and 1 - alive >= targets[len(found)]:
                found.append(level)
    furthest = ended[-1][0] if ended else 1.0
    return found + [max(furthest, 1.0)] * (len(targets) - len(found))


@dataclass(slots=True)
class Correction:
    """What the product limit leaves over, summed up: promises that keep missing move the level up, and down."""

    target: float
    value: float = 0.0

    def settle(self, held: bool, *, waiting: int) -> None:
        """One promise more of which it is known whether it held, while so many still wait for their end."""
        step = _STEP / (1 + waiting / _WAITING)
        self.value += step * (self.target - (1 if held else 0)) - _LEAK * self.value

    def apply(self, level: float) -> float:
        """The level at which to promise, where the product limit says `level`."""
        inside = min(max(level, _LOWEST), _HIGHEST)
        odds = math.log(inside / (1 - inside)) + self.value
        moved = max(level, inside) if level > _HIGHEST and self.value >= 0 else 1 / (1 + math.exp(-odds))
        return max(moved, 1 + (odds - _BEYOND) * _REACH) if odds > _BEYOND else moved


class Window:
    """The latest durations of one kind of job, with the load of the shop when each was promised."""

    __slots__ = ("_heeds_load", "_latest", "_most", "_since", "_sorted")

    def __init__(self, most: int = LATEST):
        self._latest: deque[tuple[float, float]] = deque()
        self._sorted: list[float] = []
        self._most = most
        self._since, self._heeds_load = 0, False

    def __len__(self) -> int:
        return len(self._latest)

    def add(self, duration: float, load: float = 0.0) -> None:
        self._latest.append((duration, load))
        insort(self._sorted, duration)
        self._since += 1
        if len(self._latest) > self._most:
            oldest, _ = self._latest.popleft()
            del self._sorted[bisect_left(self._sorted, oldest)]

    @property
    def durations(self) -> list[float]:
        return self._sorted

    def at_load(self, load: float) -> list[float]:
        """Sorted durations of those promised while the shop was about as busy, where that makes a difference."""
        if self._since >= _LOOK_AGAIN:
            self._since, self._heeds_load = 0, load_matters(self._latest)
        return nearest_in_load(self._latest, load) if self._heeds_load else self._sorted


def load_matters(jobs: Sequence[tuple[float, float]]) -> bool:
    """True if (duration, load) rise together: Spearman's rank correlation is that of a busy shop, not of chance."""
    if len(jobs) < 2 * FEWEST:
        return False
    durations, loads = _ranks([duration for duration, _ in jobs]), _ranks([load for _, load in jobs])
    try:
        return correlation(durations, loads) >= _MATTERS
    except StatisticsError:
        return False


def nearest_in_load(jobs: Iterable[tuple[float, float]], load: float, share: float = 0.5) -> list[float]:
    """Sorted durations of the share of (duration, load) that lies nearest to `load`, and of all as near as those."""
    jobs = list(jobs)
    distances = sorted(abs(other - load) for _, other in jobs)
    reach = distances[min(max(int(len(jobs) * share), FEWEST), len(jobs)) - 1] if jobs else 0.0
    return sorted(duration for duration, other in jobs if abs(other - load) <= reach)


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [(bisect_left(ordered, value) + bisect_right(ordered, value)) / 2 for value in values]


def _quantile(ordered: Sequence[float], level: float) -> float:
    """Between the order statistics at level * (n + 1), as conformal prediction asks for."""
    place = level * (len(ordered) + 1) - 1
    if place <= 0:
        return ordered[0]
    if place >= len(ordered) - 1:
        return ordered[-1]
    whole = int(place)
    return ordered[whole] + (ordered[whole + 1] - ordered[whole]) * (place - whole)
