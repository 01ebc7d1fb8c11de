"""Work left on every bench against the hours of its person: one statement over the open part."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, bindparam, case, func, literal_column, select

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.repair import Repair
from shop.models.workflow import NEVER_LATE, Party
from shop.models.working_time import WorkingTime
from shop.models.workload import (
    UNKNOWN_MINUTES,
    Bench,
    Pile,
    Strain,
    days_ahead,
    minutes_left,
    party_of,
    stand_at_end,
    strain,
)
from shop.services.memory import LogState, log_state, recall
from shop.services.queue import minute
from shop.services.team import Branch, Member, home_branch, list_team

_MOST_DAYS = 14
_NOW = bindparam("now", type_=UtcDateTime)


def _open_work() -> Select:
    """The open part by person, state and day on which it is due: built once, it costs more than running it."""
    days = [bindparam(f"day_{place}", type_=UtcDateTime) for place in range(_MOST_DAYS)]
    bounds = [(Repair.due_at < end, place) for place, end in enumerate([_NOW, *days])]
    rows = select(
        Repair.assignee_id,
        Repair.status,
        Repair.currency,
        case(*bounds, else_=len(bounds)).label("due"),
        func.coalesce(Repair.work_minutes, literal_column(str(UNKNOWN_MINUTES))).label("minutes"),
        Repair.total,
    ).where(literal_column("is_open"))
    cut = rows.subquery()
    keys = (cut.c.assignee_id, cut.c.status, cut.c.currency, cut.c.due)
    return select(*keys, func.count(), func.sum(cut.c.minutes), func.sum(cut.c.total)).group_by(*keys)


_OPEN_WORK = _open_work()


@dataclass(frozen=True, slots=True)
class OpenWork:
    """All open repairs as figures: a bench for each person, `None` for what nobody has."""

    benches: dict[int | None, Bench]
    ready: int = 0
    ready_value: tuple[tuple[str, int], ...] = ()

    def bench(self, staff_id: int | None) -> Bench:
        return self.benches.get(staff_id, Bench())


@dataclass(frozen=True, slots=True)
class PersonLoad:
    """One person's bench against their hours: `strain` on the day by which most is too much, `whole` at the end of
    the week. `today` are minutes of roster still to come."""

    member: Member
    bench: Bench
    time: WorkingTime
    strain: Strain
    whole: Strain
    today: int


@dataclass(frozen=True, slots=True)
class TeamLoad:
    people: tuple[PersonLoad, ...]
    unassigned: Bench
    days: tuple[datetime, ...]


def open_work(branch: Branch, state: LogState | None = None) -> OpenWork:
    """One statement; kept while nothing changes, for a minute at most."""
    now = utc_now()
    days = days_ahead(now, branch.hours.zone)
    return recall(state or log_state(), ("open work", branch.id, minute(now)), lambda: _read(now, days))


def team_load(branch: Branch, state: LogState | None = None) -> TeamLoad:
    """Everyone who works at the bench or has a repair, whoever has most too much first."""
    state, now = state or log_state(), utc_now()
    work, days = open_work(branch, state), days_ahead(now, branch.hours.zone)
    people = [
        person_load(member, work.bench(member.id), branch, now=now, days=days)
        for member in list_team(state)
        if member.works_at_the_bench or work.bench(member.id).jobs
    ]
    people.sort(key=lambda load: (-load.strain.excess, load.member.name, load.member.id))
    return TeamLoad(tuple(people), work.bench(None), tuple(days))


def person_load(member: Member, bench: Bench, branch: Branch, *, now: datetime, days: Sequence[datetime]) -> PersonLoad:
    hours = member.time(branch)
    return PersonLoad(
        member, bench, hours, strain(bench, hours, now=now, days=days), stand_at_end(bench, hours, now=now, days=days),
        today=hours.minutes(now, days[0]),
    )  # fmt: skip


def _read(now: datetime, days: Sequence[datetime]) -> OpenWork:
    ends = [*days, *[days[-1]] * (_MOST_DAYS - len(days))]
    values = {"now": now, **{f"day_{place}": end for place, end in enumerate(ends)}}
    piles: dict[int | None, dict[Party, Pile]] = defaultdict(dict)
    due: dict[int | None, list[int]] = defaultdict(lambda: [0] * (len(days) + 2))
    late: dict[int | None, int] = defaultdict(int)
    ready, value = 0, Counter[str]()
    for assignee, status, currency, place, jobs, minutes, total in db.session.connection().execute(_OPEN_WORK, values):
        left, party = minutes_left(status, int(minutes)), party_of(status)
        if party is None:
            continue
        piles[assignee][party] = piles[assignee].get(party, Pile()) + Pile(jobs, left)
        # Days past the last that was asked for share one place.
        at = place if place <= len(days) else len(days) + 1
        if party == Party.US:
            due[assignee][at] += left
        if place == 0 and status not in NEVER_LATE:
            late[assignee] += jobs
        if status == "ready":
            ready, value[currency] = ready + jobs, value[currency] + int(total)
    benches = {person: Bench(found, tuple(due[person]), late[person]) for person, found in piles.items()}
    return OpenWork(benches, ready, tuple(sorted(value.items())))


def open_jobs(state: LogState | None = None) -> dict[int | None, int]:
    """How many open repairs each person has, of whom have any."""
    state = state or log_state()
    return {person: bench.jobs for person, bench in open_work(home_branch(state), state).benches.items()}
