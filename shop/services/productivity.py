"""What each person finished of late, and how long it took: read from the index on the closing date."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Float, cast, extract, func, literal_column, select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services.memory import LogState, log_state, recall
from shop.services.queue import minute
from shop.services.team import Branch, Member, list_team

DAYS = 30
_HANDED_OVER: list[ColumnElement] = [literal_column(f"'{state}'") for state in (State.COLLECTED, State.SHIPPED)]
_HOUR = 60


@dataclass(frozen=True, slots=True)
class Finished:
    """One person's repairs handed over in the last 30 days. `turnaround` is the median from arrival to hand-over in
    minutes, `days` the days of roster in that time; 0 where nothing is known of the person's hours."""

    member: Member
    jobs: int
    turnaround: int
    days: int

    @property
    def per_day(self) -> float:
        return self.jobs / self.days if self.days else 0.0


def last_days(branch: Branch, *, state: LogState | None = None) -> list[Finished]:
    """Everybody with something finished, most first; read anew at most once an hour while nothing changes."""
    state, now = state or log_state(), utc_now()
    figures = recall(state, ("productivity", minute(now) // _HOUR), lambda: _read(now - timedelta(days=DAYS)))
    team = {member.id: member for member in list_team(state)}
    found = [
        Finished(team[person], jobs, turnaround, _days_worked(team[person], branch, now))
        for person, jobs, turnaround in figures
        if person in team
    ]
    return sorted(found, key=lambda one: (-one.jobs, one.member.name))


def _read(since: datetime) -> list[tuple[int, int, int]]:
    """(person, repairs, median minutes): one statement, of those closed since. The lower of two middle ones."""
    closed = (Repair.closed_at >= since, Repair.status.in_(_HANDED_OVER), Repair.assignee_id.is_not(None))
    ranked = (
        select(
            Repair.assignee_id.label("person"),
            _seconds().label("seconds"),
            func.row_number().over(partition_by=Repair.assignee_id, order_by=_seconds()).label("place"),
            func.count().over(partition_by=Repair.assignee_id).label("jobs"),
        )
        .where(*closed)
        .subquery()
    )
    query = select(ranked.c.person, ranked.c.jobs, ranked.c.seconds).where(ranked.c.place == (ranked.c.jobs + 1) // 2)
    return [(person, jobs, int(seconds // 60)) for person, jobs, seconds in db.session.execute(query)]


def _seconds():
    if db.engine.dialect.name == "postgresql":
        return cast(extract("epoch", Repair.closed_at - Repair.received_at), Float)
    return (func.julianday(Repair.closed_at) - func.julianday(Repair.received_at)) * 86_400.0


def _days_worked(member: Member, branch: Branch, now: datetime) -> int:
    """Days on which the person was here, by the roster as it stands today."""
    stretches = member.time(branch).stretches(now - timedelta(days=DAYS), now)
    return len({begins.astimezone(branch.hours.zone).date() for begins, _ends in stretches})
