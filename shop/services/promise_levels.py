"""At which levels of their curves the promises of a branch hold: learned from those made before, kept for a while."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select

from shop.extensions import db
from shop.models.forecast import TARGETS, Correction, level_of, product_limit
from shop.models.hours import OpeningHours
from shop.models.promise import Forecast, Outlook, PromiseLevels
from shop.services.statements import insert_statement

KEPT = timedelta(minutes=30)
# Learned from so many promises that have ended, and as many that wait still; from fewer than the least, nothing.
_ENDED, _LEAST, _WAITING = 600, 100, 2000


def levels_of(location_id: int, hours: OpeningHours, *, now: datetime) -> list[float]:
    """For each of TARGETS the level to promise at."""
    kept = db.session.get(PromiseLevels, location_id)
    if kept is not None and abs(now - kept.learned_at) < KEPT:
        return [kept.level50, kept.level90]
    levels = _learn(location_id, hours, now)
    values = {"level50": levels[0], "level90": levels[1], "learned_at": now}
    statement = insert_statement(PromiseLevels).values(location_id=location_id, **values)
    db.session.execute(statement.on_conflict_do_update(index_elements=["location_id"], set_=values))
    if kept is not None:
        db.session.expire(kept)
    return levels


def _learn(location_id: int, hours: OpeningHours, now: datetime) -> list[float]:
    ended = _latest(location_id, now)
    if len(ended) < _LEAST:
        return list(TARGETS)
    levels = product_limit([*_of_ended(ended, hours), *_of_open(location_id, hours, ended[-1].ready_at, now)])
    waiting = db.session.scalar(select(func.count()).where(Outlook.location_id == location_id)) or 0
    corrections = [Correction(target) for target in TARGETS]
    for row in reversed(ended):
        for correction, date in zip(corrections, (row.likely_at, row.safe_at), strict=True):
            correction.settle(row.ready_at <= date, waiting=waiting)
    return [correction.apply(level) for correction, level in zip(corrections, levels, strict=True)]


def _latest(location_id: int, now: datetime) -> list:
    """The promises that ended last, the latest first."""
    query = (
        select(
            Forecast.made_at, Forecast.ready_at, Forecast.minutes, Forecast.curve, Forecast.likely_at, Forecast.safe_at
        )
        .where(Forecast.ready_at <= now, Forecast.location_id == location_id, Forecast.safe_at.is_not(None))
        .order_by(Forecast.ready_at.desc())
        .limit(_ENDED)
    )
    return list(db.session.execute(query))


def _of_ended(ended: list, hours: OpeningHours) -> Iterator[tuple[float, float, bool]]:
    since = ended[-1].ready_at
    for row in ended:
        curve = json.loads(row.curve)
        yield _begin(curve, row.made_at, since, hours), level_of(curve, row.minutes), True


def _of_open(
    location_id: int, hours: OpeningHours, since: datetime, now: datetime
) -> Iterator[tuple[float, float, bool]]:
    query = (
        select(Forecast.made_at, Forecast.curve)
        .join(Outlook, Outlook.repair_id == Forecast.repair_id)
        .where(
            Outlook.location_id == location_id,
            Forecast.ready_at.is_(None),
            Forecast.safe_at.is_not(None),
            Forecast.made_at > now - timedelta(days=60),
        )
        .limit(_WAITING)
    )
    for made_at, text in db.session.execute(query):
        curve = json.loads(text)
        yield (
            _begin(curve, made_at, since, hours),
            level_of(curve, hours.minutes_between(made_at, now)),
            False,
        )


def _begin(curve: list[float], made_at: datetime, since: datetime, hours: OpeningHours) -> float:
    return level_of(tuple(curve), hours.minutes_between(made_at, since)) if since > made_at else -1.0
