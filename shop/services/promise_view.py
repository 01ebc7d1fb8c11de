"""What people are told of a repair's forecast: the same figures for the staff and for the customer."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace

from flask_babel import ngettext
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.forecast import level_of
from shop.models.promise import Forecast, Outlook
from shop.models.repair import Repair
from shop.models.workflow import DONE
from shop.services import risk
from shop.services.memory import LogState, recall
from shop.services.queue_counts import minute

# A customer who was told a date is told again only when it moves by more than this.
SLIP = timedelta(hours=2)
_LOOKED_BACK = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Promise:
    """`tenths`: how many of ten like repairs were ready by the due date; None without a forecast.

    `told_at` is set where the customer saw an earlier date than the one that holds for nine of ten now.
    """

    due_at: datetime
    is_late: bool
    jobs: int = 0
    basis: str = ""
    tenths: int | None = None
    likely_at: datetime | None = None
    safe_at: datetime | None = None
    told_at: datetime | None = None
    stalls_at: datetime | None = None
    seen_at: datetime | None = None

    @property
    def kind(self) -> str:
        """Of the ten segments: safe, risk or broken."""
        if self.is_late:
            return "broken"
        return "risk" if self.tenths is not None and self.tenths < 5 else "safe"

    @property
    def source(self) -> str:
        """From how many past repairs, and how like they were."""
        words = {
            "same": lambda: ngettext(
                "From %(num)d past repair like this: same repair, same class of device, same step.",
                "From %(num)d past repairs like this: same repair, same class of device, same step.", self.jobs),
            "type": lambda: ngettext(
                "From %(num)d past repair of the same kind at the same step.",
                "From %(num)d past repairs of the same kind at the same step.", self.jobs),
            "family": lambda: ngettext(
                "From %(num)d past repair of the same sort of device at the same step.",
                "From %(num)d past repairs of the same sort of device at the same step.", self.jobs),
            "status": lambda: ngettext(
                "From %(num)d past repair of any kind at the same step.",
                "From %(num)d past repairs of any kind at the same step.", self.jobs),
        }  # fmt: skip
        return words[self.basis]() if self.basis in words else ""


def promise_of(repair: Repair) -> Promise | None:
    """None where the work is done. One statement."""
    if repair.status in DONE or not repair.is_open:
        return None
    late = repair.due_at < utc_now()
    found = db.session.execute(
        select(Outlook, Forecast)
        .join(Forecast, Forecast.id == Outlook.forecast_id)
        .where(Outlook.repair_id == repair.id)
    ).first()
    if found is None:
        return Promise(repair.due_at, late)
    outlook, forecast = found
    told = outlook.told_at
    slipped = bool(told and outlook.safe_at and outlook.safe_at - told > SLIP)
    return Promise(
        repair.due_at, late, forecast.jobs, forecast.basis, _tenths(repair, forecast), outlook.likely_at,
        outlook.safe_at, told if slipped else None, outlook.stalls_at, outlook.seen_at,
    )  # fmt: skip


def facts_of(repair: Repair, *, state: LogState) -> dict:
    """What the ticket shows: the promise, what is wrong with it, and how many of the branch's promises held."""
    promise = promise_of(repair)
    if promise is None:
        return {"promise": None, "risk": risk.Risk(), "kept_lately": (0, 0)}
    row = SimpleNamespace(
        status=repair.status, due_at=repair.due_at, updated_at=repair.updated_at, likely_at=promise.likely_at,
        stalls_at=promise.stalls_at, seen_at=promise.seen_at,
    )  # fmt: skip
    key = ("kept lately", repair.location_id, minute(utc_now()))
    kept = recall(state, key, lambda: kept_lately(repair.location_id))
    return {"promise": promise, "risk": risk.explain(row), "kept_lately": kept}


def kept_lately(location_id: int) -> tuple[int, int]:
    """Of the 90 % promises of a branch that fell due in the last 90 days: how many, and how many held."""
    now = utc_now()
    query = select(func.count(), func.count().filter(Forecast.ready_at <= Forecast.safe_at)).where(
        Forecast.location_id == location_id, Forecast.safe_at.between(now - _LOOKED_BACK, now),
        Forecast.withdrawn_at.is_(None),
    )  # fmt: skip
    return tuple(db.session.execute(query).one())  # type: ignore[return-value]


def _tenths(repair: Repair, forecast: Forecast) -> int | None:
    """Of the ten, in step with the two dates: never ten, for nothing is certain."""
    if not forecast.curve or forecast.likely_at is None or forecast.safe_at is None:
        return None
    if repair.due_at >= forecast.safe_at:
        return 9
    if repair.due_at >= forecast.likely_at:
        return 5 + int(4 * (repair.due_at - forecast.likely_at) / (forecast.safe_at - forecast.likely_at))
    hours, curve = repair.location.hours, tuple(float(minutes) for minutes in json.loads(forecast.curve))
    by_due, half = (
        level_of(curve, hours.minutes_between(forecast.made_at, date)) for date in (repair.due_at, forecast.likely_at)
    )
    return min(int(5 * by_due / half), 4) if half else 0
