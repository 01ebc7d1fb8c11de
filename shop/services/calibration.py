"""How often promises held: of those that fell due in a month, how many repairs were ready by then.

A promise counts in the month of its date, not of its making: on that day it is known of every one. One whose repair was
cancelled or could not be repaired before its date is left out.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, or_, select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.catalogue import RepairType
from shop.models.promise import Forecast
from shop.models.repair import Repair
from shop.services.memory import LogState, recall
from shop.services.queue_counts import minute

MONTHS = 12
# A share of fewer than these says little, and the page says so.
FEW = 30
MISSED_SHOWN = 50
TARGETS = {90: Forecast.safe_at, 50: Forecast.likely_at}


@dataclass(frozen=True, slots=True)
class Month:
    """`begins` in the shop's zone. `made` promises fell due in it, `held` of them held, at 90 and at 50 %."""

    begins: datetime
    made: int
    held: int
    made50: int
    held50: int

    @property
    def share(self) -> float | None:
        return self.held / self.made if self.made else None

    @property
    def share50(self) -> float | None:
        return self.held50 / self.made50 if self.made50 else None


@dataclass(frozen=True, slots=True)
class Asked:
    """Empty where all branches and all repairs are meant."""

    location_id: int | None = None
    repair_type_id: int | None = None


def by_month(asked: Asked, *, zone: ZoneInfo, state: LogState, now: datetime | None = None) -> list[Month]:
    """The last twelve months, the oldest first; kept while nothing changes, for a minute at most."""
    now = now or utc_now()
    return recall(state, ("promises", asked, str(zone), minute(now)), lambda: _by_month(asked, zone, now))


def missed(asked: Asked, *, target: int, begins: datetime, ends: datetime) -> list:
    """Repairs whose promise fell due in that time and did not hold, the latest date first: number, made_at, date,
    ready_at, status then."""
    date = TARGETS[target]
    query = (
        _due(asked, target, begins, min(ends, utc_now()))
        .where(or_(Forecast.ready_at.is_(None), Forecast.ready_at > date))
        .join(Repair, Repair.id == Forecast.repair_id)
        .with_only_columns(Repair.number, Forecast.made_at, date.label("date"), Forecast.ready_at, Forecast.status)
        .order_by(date.desc(), Forecast.id)
        .limit(MISSED_SHOWN + 1)
    )
    return list(db.session.execute(query))


def repair_types() -> list[tuple[int, str]]:
    query = select(RepairType.id, RepairType.name).order_by(RepairType.name)
    return [(row.id, row.name) for row in db.session.execute(query)]


def months_before(now: datetime, zone: ZoneInfo, count: int = MONTHS) -> list[datetime]:
    """Beginnings of the last months in the zone, the present one last, and of the next."""
    local = now.astimezone(zone)
    place = local.year * 12 + local.month - 1
    return [datetime(month // 12, month % 12 + 1, 1, tzinfo=zone) for month in range(place - count + 1, place + 2)]


def _by_month(asked: Asked, zone: ZoneInfo, now: datetime) -> list[Month]:
    edges = months_before(now, zone)
    counts = {target: _counts(asked, target, edges, now) for target in TARGETS}
    return [Month(begins, *counts[90][place], *counts[50][place]) for place, begins in enumerate(edges[:-1])]


def _counts(asked: Asked, target: int, edges: list[datetime], now: datetime) -> list[tuple[int, int]]:
    """For each month how many fell due and how many held: one pass over one index."""
    date = TARGETS[target]
    held = Forecast.ready_at <= date
    columns = []
    for begins, ends in pairwise(edges):
        in_month = (date >= begins) & (date < ends)
        columns += [func.count().filter(in_month), func.count().filter(in_month, held)]
    row = db.session.execute(_due(asked, target, edges[0], now).with_only_columns(*columns)).one()
    return list(zip(row[::2], row[1::2], strict=True))


def _due(asked: Asked, target: int, begins: datetime, ends: datetime) -> Select:
    date = TARGETS[target]
    query = select(Forecast.id).where(
        Forecast.safe_at.is_not(None), date >= begins, date < ends,
        or_(Forecast.withdrawn_at.is_(None), Forecast.withdrawn_at > date),
    )  # fmt: skip
    if asked.location_id:
        query = query.where(Forecast.location_id == asked.location_id)
    if asked.repair_type_id:
        query = query.where(Forecast.repair_type_id == asked.repair_type_id)
    return query
