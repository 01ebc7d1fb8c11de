"""The tickets behind a bench's figures, in the order in which they are due."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import literal_column, select, tuple_

from shop.extensions import db
from shop.models.customer import Device
from shop.models.repair import Repair
from shop.models.workflow import NEVER_LATE
from shop.models.working_time import WorkingTime
from shop.models.workload import minutes_left, party_of

PAGE = 50
_WRITTEN_PLACE = re.compile(r"([0-9]{1,17})\.([0-9]{1,10})\.([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Job:
    """One ticket of a bench. `sum` is the work due up to and with it, `hours` the roster until it is due."""

    number: str
    device: str
    status: str
    party: str
    due_at: datetime
    is_late: bool
    is_unknown: bool
    minutes: int
    sum: int
    hours: int | None

    @property
    def excess(self) -> int:
        return 0 if self.hours is None else self.sum - self.hours


@dataclass(frozen=True, slots=True)
class BenchPage:
    jobs: Sequence[Job]
    next: str | None


def page(staff_id: int | None, time: WorkingTime | None, *, now: datetime, after: str = "") -> BenchPage:
    """At most PAGE open tickets of a person, or of nobody: one statement. `after` is the place where a page ended."""
    query = (
        select(
            Repair.id, Repair.number, Repair.status, Repair.waiting_on, Repair.due_at, Repair.work_minutes,
            Device.label.label("device"),
        )
        .join(Device, Device.id == Repair.device_id)
        .where(literal_column("repairs.is_open"))
        .order_by(Repair.due_at, Repair.id)
        .limit(PAGE + 1)
    )  # fmt: skip
    query = query.where(Repair.assignee_id.is_(None) if staff_id is None else Repair.assignee_id == staff_id)
    total = 0
    if place := _read_place(after):
        query, total = query.where(tuple_(Repair.due_at, Repair.id) > tuple_(*place[:2])), place[2]
    rows = db.session.execute(query).all()
    jobs = []
    for row in rows[:PAGE]:
        job = _job(row, time, now=now, before=total)
        jobs.append(job)
        total = job.sum
    return BenchPage(jobs, _place(rows[PAGE - 1], total) if len(rows) > PAGE else None)


def _job(row, time: WorkingTime | None, *, now: datetime, before: int) -> Job:
    party = party_of(row.status)
    left = minutes_left(row.status, row.work_minutes)
    is_work = party == "us"
    return Job(
        number=row.number, device=row.device, status=row.status, party=party or "", due_at=row.due_at,
        is_late=row.due_at < now and row.status not in NEVER_LATE, is_unknown=row.work_minutes is None, minutes=left,
        sum=before + (left if is_work else 0),
        hours=time.minutes(now, row.due_at) if time and is_work and row.due_at > now else None,
    )  # fmt: skip


def _place(row, total: int) -> str:
    return f"{int(row.due_at.timestamp() * 1_000_000)}.{row.id}.{total}"


def _read_place(after: str) -> tuple[datetime, int, int] | None:
    match = _WRITTEN_PLACE.fullmatch(after)
    if match is None or int(match[2]) >= 2**31:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(match[1])), int(match[2]), int(match[3])
