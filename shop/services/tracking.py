"""What a customer may see of a repair: found by its private link, or by number and e-mail."""

import json
import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from shop.extensions import db
from shop.models.customer import Customer
from shop.models.errors import NotFound
from shop.models.event import Event
from shop.models.repair import Repair
from shop.models.workflow import CLOSED, State
from shop.services import endings, repairs

_ROAD = (
    State.EXPECTED, State.RECEIVED, State.DIAGNOSING, State.IN_REPAIR, State.QUALITY_CHECK, State.READY,
    State.COLLECTED,
)  # fmt: skip
_BY_POST = {State.COLLECTED: State.SHIPPED}


@dataclass(frozen=True, slots=True)
class Entry:
    """The repair came into `state` at `at`."""

    state: State
    at: datetime


@dataclass(frozen=True, slots=True)
class ProgressStep:
    """`place` is past, now or ahead; `at` is when it was last entered."""

    state: State
    place: str
    at: datetime | None


def get_tracked(token: str) -> Repair:
    """The repair behind a private link; for a duplicate the same customer's ticket that it was merged into.

    Raises NotFound.
    """
    query = select(Repair).where(Repair.tracking_token == token[:32]).options(
        joinedload(Repair.customer), joinedload(Repair.device), joinedload(Repair.location), selectinload(Repair.lines)
    )  # fmt: skip
    repair = db.session.scalar(query) if "\x00" not in token else None
    if repair is None:
        raise NotFound()
    return endings.follow(repair)


def lock_tracked(token: str) -> Repair:
    """The repair behind a private link, its row locked for this transaction. Raises NotFound."""
    return repairs.lock_repair(get_tracked(token).number, merged=True)


def find_by_number(number: str, *, email: str) -> Repair | None:
    """The repair with this ticket number if it is this address's. One statement, whatever is wrong."""
    wanted = "RT-" + re.sub(r"\D", "", number)[:10]
    query = (
        select(Repair).join(Customer).where(Repair.number == wanted, func.lower(Customer.email) == email.lower()[:254])
    )
    return db.session.scalar(query)


def history(repair: Repair) -> list[Entry]:
    """Every state in order of time. Notes, assignments, edits and what was undone are not the customer's to see."""
    events = list(reversed(repairs.timeline(repair)))
    entries, undone = [_beginning(repair, events)], repairs.undone(events)
    for event in events:
        if event.verb == "repair.moved" and event.version not in undone:
            entries.append(Entry(State(json.loads(event.body)["to"]), _moment(event)))
    return entries


def _beginning(repair: Repair, events: list[Event]) -> Entry:
    """Booked, or straight over the counter."""
    first = events[0] if events else None
    if first and first.verb == "repair.booked" and json.loads(first.body).get("status") == State.EXPECTED:
        return Entry(State.EXPECTED, _moment(first))
    return Entry(State.RECEIVED, repair.received_at)


def progress(repair: Repair, entries: list[Entry]) -> list[ProgressStep]:
    """The way so far, and what lies ahead on the usual road."""
    now = State(repair.status)
    entered = {entry.state: entry.at for entry in entries}
    entered.setdefault(now, repair.status_since)
    walked = sorted((state for state in entered if state != now), key=lambda state: entered[state])
    walked = [state for state in walked if _is_before(state, now)]
    steps = [ProgressStep(state, "past", entered[state]) for state in walked]
    steps.append(ProgressStep(now, "now" if now not in CLOSED else "past", entered[now]))
    return steps + [ProgressStep(state, "ahead", None) for state in _ahead(now, repair.service_type)]


def _is_before(state: State, now: State) -> bool:
    """A step that will come again is not yet past."""
    return state not in _ROAD or now not in _ROAD or _ROAD.index(state) < _ROAD.index(now)


def _ahead(now: State, service_type: str) -> list[State]:
    if now in CLOSED or now is State.UNREPAIRABLE:
        return []
    place = _ROAD.index(now) if now in _ROAD else _ROAD.index(State.DIAGNOSING)
    by_post = service_type != "in_store"
    return [_BY_POST.get(state, state) if by_post else state for state in _ROAD[place + 1 :]]


def _moment(event: Event) -> datetime:
    return datetime.fromisoformat(event.at)
