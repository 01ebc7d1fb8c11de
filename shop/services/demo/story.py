"""How one repair went: its way through the states, what was written on it, and the events of that."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from shop.models.workflow import CLOSED, State
from shop.services.demo import texts
from shop.services.demo.hours import OpenTime
from shop.services.demo.intake import Intake
from shop.services.promises import WORKING_DAYS

_S = State
_DAY = 570  # open minutes
_LOST = "End of life"
_ASKS_FIRST, _NEEDS_PART, _STARTS_AT_ONCE = 0.3, 0.35, 0.25

# Open states by how often, from the furthest on to the newest.
OPEN_SHARES = {
    _S.UNREPAIRABLE: 2,
    _S.READY: 13,
    _S.QUALITY_CHECK: 7,
    _S.AWAITING_PARTS: 15,
    _S.IN_REPAIR: 19,
    _S.WARRANTY_RETURN: 3,
    _S.AWAITING_APPROVAL: 10,
    _S.DIAGNOSING: 14,
    _S.RECEIVED: 17,
}
_WORKING = {_S.DIAGNOSING, _S.IN_REPAIR, _S.QUALITY_CHECK}


@dataclass(frozen=True, slots=True)
class Crew:
    """Ids of the people who do things."""

    technicians: tuple[int, ...]
    counter: int
    manager: int


@dataclass(slots=True)
class Happening:
    """One event before it has its time and its place in the log. `note` is the text of an internal note."""

    verb: str
    actor: str
    body: dict
    detail: dict | None = None
    note: str = ""
    at: datetime | None = None

    @property
    def moment(self) -> datetime:
        """Raises ValueError before the happening has its time."""
        if self.at is None:
            raise ValueError(f"{self.verb} has no time yet")
        return self.at


@dataclass(slots=True)
class Story:
    """The repair as it stands at the end, and the events that led there (none for one from the archive)."""

    status: State
    received_at: datetime
    status_since: datetime
    due_at: datetime
    assignee_id: int | None
    diagnosis: str = ""
    place: str = ""
    happenings: list[Happening] = field(default_factory=list)


def promised(time: OpenTime, begun: float, urgency: str) -> datetime:
    """As `promises.due_at` for a device that is handed in at once, without the calendar's cost."""
    days = WORKING_DAYS[urgency]
    if days is not None:
        return time.at(begun + days * _DAY)
    return time.periods[time.index_of(begun)][1]


def closed_state(outcome: str, rng: random.Random) -> State:
    """How a repair ended whose record says `outcome`."""
    if outcome == _LOST and rng.random() < 0.5:
        return State.CANCELLED
    if outcome == "Repairable" and rng.random() < 0.12:
        return State.CANCELLED
    return State.SHIPPED if rng.random() < 0.06 else State.COLLECTED


def archived(intake: Intake, begun: float, *, time: OpenTime, latest: float, crew: Crew, rng: random.Random) -> Story:
    """A repair of long ago: where it ended and when, without its way there."""
    days = WORKING_DAYS[intake.urgency] or 0
    ended = time.at(min(begun + rng.uniform(0.1, 0.6 + days * 1.3) * _DAY, latest))
    return Story(
        status=closed_state(intake.complaint.outcome, rng),
        received_at=time.at(begun),
        status_since=ended,
        due_at=promised(time, begun, intake.urgency),
        assignee_id=rng.choice(crew.technicians),
        diagnosis=_diagnosis(intake, rng),
    )


def told(
    intake: Intake, begun: float, status: State, *, due_at: datetime | None, time: OpenTime, latest: float,
    crew: Crew, rng: random.Random,
) -> Story:  # fmt: skip
    """A repair with all that happened to it between `begun` and at most `latest`, in minutes of opening time."""
    way = _way_to(status, rng, is_lost=intake.complaint.outcome == _LOST)
    is_assigned = len(way) > 1 or rng.random() < 0.35
    story = Story(
        status=status,
        received_at=time.at(begun),
        status_since=time.at(begun),
        due_at=due_at or promised(time, begun, intake.urgency),
        assignee_id=rng.choice(crew.technicians) if is_assigned else None,
        place=_place(status, rng),
    )
    steps = list(_steps(story, way, intake, crew, rng))
    span = latest - begun if status not in CLOSED else min(latest - begun, 4 * _DAY)
    minutes = sorted(begun + rng.random() * span for _ in steps[1:])
    since = story.received_at
    for step, moment in zip(steps, [story.received_at, *map(time.at, minutes)], strict=True):
        step.at = moment
        if step.verb == "repair.moved":
            step.body["minutes"] = int((moment - since).total_seconds() // 60)
            since = story.status_since = moment
    story.happenings = steps
    return story


def _way_to(status: State, rng: random.Random, *, is_lost: bool = False) -> list[State]:
    """An allowed way from the counter to `status`; through "cannot be repaired" if `is_lost`."""
    way = [_S.RECEIVED]
    if status == _S.WARRANTY_RETURN:
        return [*_way_to(_S.COLLECTED, rng), status]
    if is_lost and status in {_S.COLLECTED, _S.SHIPPED}:
        return [*way, _S.DIAGNOSING, _S.UNREPAIRABLE, status]
    if status == _S.RECEIVED or (status == _S.CANCELLED and rng.random() < 0.5):
        return [*way, status][: 1 + (status == _S.CANCELLED)]
    if status != _S.IN_REPAIR or rng.random() > _STARTS_AT_ONCE:
        way.append(_S.DIAGNOSING)
    if status in {_S.DIAGNOSING, _S.UNREPAIRABLE, _S.CANCELLED}:
        return way if status == _S.DIAGNOSING else [*way, status]
    if len(way) > 1 and (status == _S.AWAITING_APPROVAL or rng.random() < _ASKS_FIRST):
        way.append(_S.AWAITING_APPROVAL)
    if status != _S.AWAITING_APPROVAL and (status == _S.AWAITING_PARTS or rng.random() < _NEEDS_PART):
        way.append(_S.AWAITING_PARTS)
    for state in (_S.IN_REPAIR, _S.QUALITY_CHECK, _S.READY, status):
        if way[-1] == status:
            break
        way.append(state)
    return way


def _steps(story: Story, way: list[State], intake: Intake, crew: Crew, rng: random.Random) -> Iterator[Happening]:
    worker = f"staff:{story.assignee_id}" if story.assignee_id else ""
    yield _booked(story, intake, crew, rng)
    if story.assignee_id:
        giver = rng.choice((worker, f"staff:{crew.manager}"))
        yield Happening("repair.assigned", giver, {"from": None, "to": story.assignee_id})
    if rng.random() < 0.3:
        yield _noted(worker or f"staff:{crew.counter}", rng)
    for source, target in pairwise(way):
        if source == _S.DIAGNOSING and not story.diagnosis:
            story.diagnosis = _diagnosis(intake, rng)
            yield Happening("repair.edited", worker, {"fields": ["diagnosis"]}, {"diagnosis": ["", story.diagnosis]})
        mover = f"staff:{crew.counter}" if target in CLOSED or source in CLOSED else worker
        yield Happening("repair.moved", mover, {"from": source, "to": target})
        if target in {_S.AWAITING_PARTS, _S.AWAITING_APPROVAL, _S.IN_REPAIR} and rng.random() < 0.3:
            yield _noted(worker, rng)


def _booked(story: Story, intake: Intake, crew: Crew, rng: random.Random) -> Happening:
    is_online = intake.service_type != "in_store" or rng.random() < 0.6
    return booked(story, intake, crew, is_online=is_online, status=State.RECEIVED)


def booked(
    story: Story, intake: Intake, crew: Crew, *, is_online: bool, status: State, slot: datetime | None = None
) -> Happening:
    facts = {
        "status": status,
        "source": "wizard" if is_online else "counter",
        "device_model": intake.model.id,
        "repair_types": [intake.kind.id],
        "service_type": intake.service_type,
        "urgency": intake.urgency,
        "total": intake.price.total.amount,
        "currency": intake.price.currency,
        "slot": slot.isoformat() if slot else None,
        "due_at": story.due_at.isoformat(),
    }
    customer = intake.customer
    names = {"customer": customer.name, "email": customer.email, "phone": customer.phone, "device": intake.device.label}
    return Happening("repair.booked", "customer" if is_online else f"staff:{crew.counter}", facts, names)


def _noted(actor: str, rng: random.Random) -> Happening:
    return Happening("repair.noted", actor, {}, note=rng.choice(texts.NOTES))


def _diagnosis(intake: Intake, rng: random.Random) -> str:
    return rng.choice(texts.DIAGNOSES).format(part=intake.kind.name)


def _place(status: State, rng: random.Random) -> str:
    if status in CLOSED:
        return ""
    if status in _WORKING:
        return rng.choice(texts.PLACES_WORKING)
    return rng.choice(texts.PLACES_READY if status in {_S.READY, _S.UNREPAIRABLE} else texts.PLACES_WAITING)
