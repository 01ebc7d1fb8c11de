"""Which waiting repair a person takes next: points for urgency, skill and what is begun. Pure and deterministic."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shop.models.skills import Fit, Level
from shop.models.workflow import State
from shop.models.working_time import WorkingTime

_LATE, _MUST_BEGIN, _CALM = 60, 55, 50
_MOST_FOR_LATENESS = 20
_POINTS_PER_SPARE_HOUR = 2
_PRIORITY = {1: 15, 2: 8}
_SKILL = {Level.EXPERT: 20, Level.ABLE: 12, None: 4, Level.LEARNING: 2}
_RISK = {"at_risk": 10, "stalled": 4}
_BEGUN = {State.QUALITY_CHECK: 8, State.WARRANTY_RETURN: 6, State.IN_REPAIR: 5}


class Reason(StrEnum):
    LATE = "late"
    MUST_BEGIN = "must_begin"
    AT_RISK = "at_risk"
    STALLED = "stalled"
    DUE = "due"
    PRIORITY = "priority"
    EXPERT = "expert"
    ABLE = "able"
    LEARNING = "learning"
    BEGUN = "begun"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A repair that nobody has and that waits for us. `minutes` of work are left in it.

    `risk` is at_risk where such repairs are mostly ready too late, or stalled; `risk_words` say why.
    """

    id: int
    number: str
    device: str
    problem: str
    status: str
    priority: int
    due_at: datetime
    minutes: int
    fit: Fit
    risk: str = ""
    risk_words: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """`spare` are minutes of the person's roster that are left beside this work until it is due."""

    ticket: Waiting
    score: int
    spare: int
    reasons: tuple[Reason, ...]


def order(waiting: Iterable[Waiting], hours: WorkingTime, *, now: datetime) -> list[Choice]:
    """The best first. What the person does not do is left out."""
    choices = [weigh(ticket, hours, now=now) for ticket in waiting if ticket.fit.level != Level.NEVER]
    return sorted(choices, key=lambda choice: (-choice.score, choice.ticket.due_at, choice.ticket.id))


def weigh(ticket: Waiting, hours: WorkingTime, *, now: datetime) -> Choice:
    """Points and reasons of one ticket for one person."""
    spare = hours.minutes(now, ticket.due_at) - ticket.minutes
    points = (
        _urgency(ticket, spare, now)
        + _PRIORITY.get(ticket.priority, 0)
        + _SKILL.get(ticket.fit.level, 0)
        + _BEGUN.get(State(ticket.status), 0)
        + _RISK.get(ticket.risk, 0)
    )
    return Choice(ticket, points, spare, tuple(_reasons(ticket, spare, now)))


def _urgency(ticket: Waiting, spare: int, now: datetime) -> int:
    if ticket.due_at < now:
        return _LATE + min(_MOST_FOR_LATENESS, int((now - ticket.due_at).total_seconds() // 3600))
    if spare <= 0:
        return _MUST_BEGIN
    return max(0, _CALM - spare * _POINTS_PER_SPARE_HOUR // 60)


def _reasons(ticket: Waiting, spare: int, now: datetime):
    if ticket.due_at < now:
        yield Reason.LATE
    else:
        yield Reason.MUST_BEGIN if spare <= 0 else Reason.DUE
    if ticket.risk in _RISK:
        yield Reason(ticket.risk)
    if ticket.priority in _PRIORITY:
        yield Reason.PRIORITY
    if ticket.status == State.WARRANTY_RETURN:
        yield Reason.RETURNED
    elif ticket.status in _BEGUN:
        yield Reason.BEGUN
    if ticket.fit.level in _SKILL and ticket.fit.level is not None:
        yield Reason(ticket.fit.level)
