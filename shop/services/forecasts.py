"""By when a repair will be ready, foreseen after everything that moves it on, from the shop's own past.

Reads the log as it grows, so that nobody waits for it, and looks again once an hour at those whose date has passed. It
writes beside the repair and never to it. The method: docs/promises.md.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import joinedload

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.catalogue import DeviceModel
from shop.models.event import Event
from shop.models.forecast import (
    FEWEST,
    LATEST,
    Curve,
    curve_of,
    duration_at,
    load_matters,
    nearest_in_load,
)
from shop.models.hours import OpeningHours
from shop.models.promise import Forecast, LogPlace, Outlook
from shop.models.repair import Repair, RepairLine
from shop.models.workflow import DONE, State
from shop.services import promise_levels
from shop.services.statements import insert_if_absent, insert_statement

BATCH = 200
READER = "forecasts"
_STEPS = (
    "repair.booked", "repair.checked_in", "repair.moved", "repair.move_undone", "repair.merged",
    "repair.merge_undone",
)  # fmt: skip
# Nothing is foreseen before the device is here: then the appointment says more than the past.
UNSEEN = frozenset({State.EXPECTED})
# After so many opening hours without anything happening a repair stands still, and why that is too long.
STALLS: dict[State, int] = {
    State.RECEIVED: 9,
    State.DIAGNOSING: 9,
    State.AWAITING_APPROVAL: 27,
    State.AWAITING_PARTS: 36,
    State.IN_REPAIR: 9,
    State.QUALITY_CHECK: 5,
    State.WARRANTY_RETURN: 9,
}


@dataclass(frozen=True, slots=True)
class Point:
    """Where a repair stands, as far as it tells how long the rest will take."""

    status: str
    repair_type_id: int | None = None
    family: str = ""
    tier: str = ""
    had_parts: bool = False

    def likenesses(self) -> list[tuple[str, list[ColumnElement[bool]]]]:
        """From the closest to the widest: its name, and what like jobs have in common."""
        here = Forecast.status == self.status
        same_type = [here, Forecast.repair_type_id == self.repair_type_id, Forecast.had_parts == self.had_parts]
        family = [here, Forecast.family == self.family]
        return [
            *([("same", [*same_type, Forecast.tier == self.tier]), ("type", same_type)] if self.repair_type_id else []),
            *([("family", family)] if self.family else []),
            ("status", [here]),
        ]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """`curve` is empty, and the dates are missing, where there is not enough history; `jobs` says how much there is."""

    basis: str = ""
    jobs: int = 0
    curve: Curve = ()
    likely_at: datetime | None = None
    safe_at: datetime | None = None
    fields: dict[str, Any] = field(default_factory=dict)


def follow(*, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Foresees along the sealed log from where it stopped the last time; returns how many steps it has looked at.

    Commits by itself after each batch. Any number of processes may call it: one works, the others find nothing to do.
    A shop that gets this for the first time has its whole log read, and so learns from its own past.
    """
    seen = 0
    while not is_stopping():
        batch = _next_steps()
        for event in batch:
            _take_step(event)
        db.session.commit()
        seen += len(batch)
        if len(batch) < BATCH:
            break
    return seen


def has_work() -> bool:
    """True if the log has grown since the last look. Reads two values and takes no lock."""
    place = select(LogPlace.position).where(LogPlace.reader == READER)
    head = db.session.scalar(select(func.max(Event.position))) or 0
    return head > (db.session.scalar(place) or 0)


def _next_steps() -> Sequence[Event]:
    """The next sealed steps of repairs; the place in the log is held until the commit and moves with it."""
    db.session.execute(insert_if_absent(LogPlace, unique=["reader"], values={"reader": READER, "position": 0}))
    place = db.session.scalar(select(LogPlace).where(LogPlace.reader == READER).with_for_update(skip_locked=True))
    if place is None:
        return []
    head = db.session.scalar(select(func.max(Event.position))) or 0
    window = select(Event).where(Event.position > place.position, Event.position <= head, Event.verb.in_(_STEPS))
    batch = db.session.scalars(window.order_by(Event.position).limit(BATCH)).all()
    place.position = batch[-1].position if len(batch) == BATCH else head
    return batch


def _take_step(event: Event) -> None:
    """A second look at the same step finds its forecast and changes nothing."""
    body = json.loads(event.body)
    repair = _repair(int(event.aggregate.partition(":")[2]))
    status, at = body.get("to") or body.get("status") or State.RECEIVED, datetime.fromisoformat(event.at)
    if repair is None:
        return
    if event.verb in ("repair.move_undone", "repair.merge_undone"):
        _reopen(repair.id, since=at - timedelta(minutes=5))
    if status == State.READY:
        _settle(repair, at=at)
    elif status in DONE:
        _withdraw(repair.id, at=at)
    elif status in UNSEEN:
        _forget(repair.id)
    else:
        foresee(repair, status=status, version=event.version, at=at)


def foresee(repair: Repair, *, status: str, version: int, at: datetime) -> None:
    """Keeps what is foreseen for a repair that came into `status` at `at`; harmless when called again."""
    hours, point = repair.location.hours, _point(repair, status)
    foreseen = _foresee(point, location_id=repair.location_id, hours=hours, at=at, load=_load(repair.location_id))
    if (key := _keep(repair, point, foreseen, version=version, turn=0, at=at)) is not None:
        _look_out(repair, foreseen, forecast_id=key, hours=hours, status=status, seen_at=at)


def refresh(*, now: datetime | None = None, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Foresees those anew whose likely date has passed, or to whom something happened after they seemed to stand
    still; returns how many. Commits by itself after each batch."""
    now, done, after = now or utc_now(), 0, 0
    while not is_stopping():
        found = _passed(now, after)
        for outlook, repair in found:
            _look_again(outlook, repair, now)
        db.session.commit()
        done += len(found)
        if len(found) < BATCH:
            break
        after = found[-1][1].id
    return done


def _foresee(
    point: Point, *, location_id: int, hours: OpeningHours, at: datetime, load: int, passed: int = 0
) -> Foreseen:
    basis, durations, jobs = _like(point, load, passed)
    if not durations:
        return Foreseen(jobs=jobs, fields={"load": load})
    curve = tuple(float(round(minutes)) for minutes in curve_of(durations))
    levels = promise_levels.levels_of(location_id, hours, now=at)
    try:
        dates = [hours.on_the_quarter(hours.add_minutes(at, round(duration_at(curve, level)))) for level in levels]
    except ValueError:
        # A branch that never opens has no date to promise.
        return Foreseen(jobs=jobs, fields={"load": load})
    return Foreseen(basis, jobs, curve, dates[0], max(dates), fields={"load": load})


def _like(point: Point, load: int, passed: int) -> tuple[str, Sequence[float], int]:
    """The closest likeness that has enough jobs, their sorted minutes and how many they are.

    `passed`: opening minutes that went by already; of what was ready sooner nothing can be learned.
    """
    most = 0
    for basis, conditions in point.likenesses():
        query = select(Forecast.minutes, Forecast.load).where(
            *conditions, Forecast.minutes.is_not(None), Forecast.turn == 0
        )
        jobs = [(row[0] or 0, row[1]) for row in db.session.execute(query.order_by(Forecast.id.desc()).limit(LATEST))]
        left = [(float(minutes - passed), float(other)) for minutes, other in jobs if minutes > passed or not passed]
        most = max(most, len(left))
        if len(left) >= FEWEST:
            durations = nearest_in_load(left, load) if load_matters(left) else sorted(minutes for minutes, _ in left)
            return basis, durations, len(left)
    return "", (), most


def _point(repair: Repair, status: str) -> Point:
    lines = select(RepairLine.repair_type_id).where(
        RepairLine.repair_id == repair.id, RepairLine.repair_type_id.is_not(None)
    )
    kind = db.session.scalar(lines.order_by(RepairLine.position).limit(1))
    model = db.session.get(DeviceModel, repair.device.model_id) if repair.device.model_id else None
    parts = select(Forecast.id).where(Forecast.repair_id == repair.id, Forecast.status == State.AWAITING_PARTS)
    had_parts = status != State.AWAITING_PARTS and db.session.scalar(parts.limit(1)) is not None
    return Point(status, kind, model.category if model else "", model.tier if model else "", had_parts)


def _load(location_id: int) -> int:
    return db.session.scalar(select(func.count()).where(Outlook.location_id == location_id)) or 0


def _keep(repair: Repair, point: Point, foreseen: Foreseen, *, version: int, turn: int, at: datetime) -> int | None:
    values = {
        "repair_id": repair.id, "version": version, "turn": turn, "location_id": repair.location_id, "made_at": at,
        "status": point.status, "repair_type_id": point.repair_type_id, "family": point.family, "tier": point.tier,
        "had_parts": point.had_parts, "basis": foreseen.basis, "jobs": foreseen.jobs,
        "curve": json.dumps([int(minutes) for minutes in foreseen.curve]) if foreseen.curve else "",
        "likely_at": foreseen.likely_at, "safe_at": foreseen.safe_at, **foreseen.fields,
    }  # fmt: skip
    once = ["repair_id", "version", "turn"]
    statement = insert_statement(Forecast).values(**values).on_conflict_do_nothing(index_elements=once)
    return db.session.scalar(statement.returning(Forecast.id))


def _look_out(
    repair: Repair, foreseen: Foreseen, *, forecast_id: int, hours: OpeningHours, status: str, seen_at: datetime
) -> None:
    # An event that is delivered late must not cover a later one; nor one of a repair that is done by now.
    if repair.status in DONE:
        return
    before = db.session.get(Outlook, repair.id, populate_existing=True)
    told = [date for date in (before.told_at if before else None, foreseen.safe_at) if date]
    values = {
        "forecast_id": forecast_id, "location_id": repair.location_id, "likely_at": foreseen.likely_at,
        "safe_at": foreseen.safe_at, "told_at": min(told, default=None),
        "stalls_at": stalls_at(hours, status, seen_at), "seen_at": seen_at,
    }  # fmt: skip
    db.session.execute(
        insert_statement(Outlook)
        .values(repair_id=repair.id, **values)
        .on_conflict_do_update(index_elements=["repair_id"], set_=values, where=Outlook.seen_at <= seen_at)
    )


def stalls_at(hours: OpeningHours, status: str, since: datetime) -> datetime | None:
    """When a repair that nobody touched since then stands still; None where nobody is to touch it."""
    limit = STALLS.get(State(status))
    try:
        return hours.add_minutes(since, limit * 60) if limit else None
    except ValueError:
        return None


def _settle(repair: Repair, *, at: datetime) -> None:
    """The work is done: every promise of it has its end."""
    hours = repair.location.hours
    query = select(Forecast.id, Forecast.made_at).where(
        Forecast.repair_id == repair.id, Forecast.ready_at.is_(None), Forecast.withdrawn_at.is_(None)
    )
    for key, made_at in db.session.execute(query).all():
        minutes = hours.minutes_between(made_at, at)
        db.session.execute(update(Forecast).where(Forecast.id == key).values(ready_at=at, minutes=minutes))
    _forget(repair.id)


def _withdraw(repair_id: int, *, at: datetime) -> None:
    """Cancelled or beyond repair: how long it would have taken nobody knows."""
    db.session.execute(
        update(Forecast)
        .where(Forecast.repair_id == repair_id, Forecast.ready_at.is_(None), Forecast.withdrawn_at.is_(None))
        .values(withdrawn_at=at)
    )
    _forget(repair_id)


def _reopen(repair_id: int, *, since: datetime) -> None:
    """The move that ended these promises was taken back."""
    db.session.execute(
        update(Forecast)
        .where(Forecast.repair_id == repair_id, or_(Forecast.ready_at >= since, Forecast.withdrawn_at >= since))
        .values(ready_at=None, minutes=None, withdrawn_at=None)
    )


def _forget(repair_id: int) -> None:
    db.session.execute(delete(Outlook).where(Outlook.repair_id == repair_id))


def _passed(now: datetime, after: int) -> list[tuple[Outlook, Repair]]:
    touched = and_(Outlook.stalls_at < now, Repair.updated_at > Outlook.seen_at)
    query = (
        select(Outlook, Repair)
        .join(Repair, Repair.id == Outlook.repair_id)
        .where(or_(Outlook.likely_at < now, touched), Repair.id > after)
        .options(joinedload(Repair.device), joinedload(Repair.location))
        .order_by(Repair.id)
        .limit(BATCH)
        .with_for_update(of=Outlook, skip_locked=True)
    )
    return [(outlook, repair) for outlook, repair in db.session.execute(query)]


def _look_again(outlook: Outlook, repair: Repair, now: datetime) -> None:
    hours = repair.location.hours
    outlook.stalls_at = stalls_at(hours, repair.status, repair.updated_at)
    outlook.seen_at = max(outlook.seen_at, repair.updated_at)
    if outlook.likely_at is None or outlook.likely_at >= now:
        return
    last = db.session.get_one(Forecast, outlook.forecast_id)
    point = Point(last.status, last.repair_type_id, last.family, last.tier, last.had_parts)
    first = select(Forecast.made_at).where(
        Forecast.repair_id == repair.id, Forecast.version == last.version, Forecast.turn == 0
    )
    passed = max(hours.minutes_between(db.session.scalars(first).one(), now), 1)
    foreseen = _foresee(
        point, location_id=repair.location_id, hours=hours, at=now, load=_load(repair.location_id), passed=passed
    )
    key = _keep(repair, point, foreseen, version=last.version, turn=last.turn + 1, at=now)
    if key is not None:
        outlook.forecast_id, outlook.likely_at, outlook.safe_at = key, foreseen.likely_at, foreseen.safe_at


def _repair(repair_id: int) -> Repair | None:
    query = select(Repair).where(Repair.id == repair_id).options(joinedload(Repair.device), joinedload(Repair.location))
    return db.session.scalar(query)
