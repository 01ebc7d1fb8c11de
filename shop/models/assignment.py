"""Whom to give a repair to: points for skill, time and load. Pure and deterministic; docs/decisions/0011 says why.

More free time or a better skill never lowers a score, more work on the bench never raises it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shop.models.skills import Fit, Level

SHOWN = 3

_SKILL = {Level.EXPERT: 45, Level.ABLE: 35, Level.LEARNING: 15, None: 10, Level.NEVER: 0}
_FITS, _SLACK, _LOAD = 40, 10, 5
_A_DAY = 8 * 60
_POINTS_PER_HOUR_SHORT = 10


class Obstacle(StrEnum):
    """The first thing that speaks against a person."""

    NEVER = "never"
    SKILL = "skill"
    ABSENT = "absent"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Task:
    """`minutes` of work, to be done by `deadline`. `is_late`: it should have been done before."""

    minutes: int
    deadline: datetime
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """One person as they stand for a task. `hours` are minutes of roster until the deadline, `free` what of them is
    left beside the work that is due by then, negative where that is too much already; `bench` is all work at hand.
    """

    id: int
    name: str
    fit: Fit
    hours: int
    free: int
    bench: int
    has_it: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    candidate: Candidate
    score: int
    obstacle: Obstacle | None

    @property
    def is_suitable(self) -> bool:
        return self.obstacle is None


def rank(candidates: Iterable[Candidate], task: Task, *, skills_known: bool = True) -> list[Proposal]:
    """The best first: those against whom nothing speaks before all others.

    `skills_known` False: nobody's skills were ever entered, so they are not weighed.
    """
    proposals = [
        Proposal(one, score(one, task), find_obstacle(one, task, skills_known=skills_known)) for one in candidates
    ]
    return sorted(proposals, key=_order)


def score(candidate: Candidate, task: Task) -> int:
    """0 to 100: up to 45 for skill, 50 for time before the deadline, 5 for an empty bench."""
    return _SKILL[candidate.fit.level] + _time_points(candidate, task) + max(0, _LOAD - candidate.bench // _A_DAY)


def find_obstacle(candidate: Candidate, task: Task, *, skills_known: bool = True) -> Obstacle | None:
    if candidate.fit.level == Level.NEVER:
        return Obstacle.NEVER
    if skills_known and not candidate.fit.is_able:
        return Obstacle.SKILL
    if candidate.hours <= 0:
        return Obstacle.ABSENT
    return Obstacle.FULL if candidate.free < task.minutes else None


def _time_points(candidate: Candidate, task: Task) -> int:
    if candidate.hours <= 0:
        return 0
    slack = candidate.free - task.minutes
    if slack < 0:
        return max(0, _FITS + slack * _POINTS_PER_HOUR_SHORT // 60)
    return _FITS + _SLACK * min(slack, _A_DAY) // _A_DAY


def _order(proposal: Proposal) -> tuple:
    one = proposal.candidate
    return (not proposal.is_suitable, proposal.obstacle == Obstacle.NEVER, -proposal.score, one.bench, one.name, one.id)
