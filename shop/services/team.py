"""Who works here, when, and at what they are good: the staff as the workload and the suggestions see them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from sqlalchemy import select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.hours import OpeningHours
from shop.models.permissions import Role, may
from shop.models.roster import Absence, Roster, Skill
from shop.models.staff import Staff, initials
from shop.models.working_time import Stretch, Week, WorkingTime, load_week
from shop.services.locations import list_locations
from shop.services.memory import LogState, log_state, recall

# Absences further back are of no use to anybody here.
REMEMBERED = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class Branch:
    """What of a branch the working time of its people depends on. `closed_at` are the closures of every branch, by id:
    who works at two is free at the one that is closed only."""

    id: int
    name: str
    hours: OpeningHours
    closed_at: Mapping[int, frozenset[date]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Member:
    """One person of the staff. `weeks` are (branch, week) of their rosters; `skills` maps a subject to a level."""

    id: int
    name: str
    role: Role
    is_disabled: bool = False
    weeks: tuple[tuple[int, Week], ...] = ()
    away: tuple[Stretch, ...] = ()
    skills: Mapping[str, str] = field(default_factory=dict)

    @property
    def initials(self) -> str:
        return initials(self.name)

    @property
    def takes_repairs(self) -> bool:
        """May be given a repair."""
        return not self.is_disabled and may(self.role, "repair.move")

    @property
    def works_at_the_bench(self) -> bool:
        """Is asked first: a technician, or whoever is known to be good at some repair."""
        return self.takes_repairs and (self.role == Role.TECHNICIAN or bool(self.skills))

    @property
    def branches(self) -> frozenset[int]:
        """Where the person works by roster; empty where that is not known."""
        return frozenset(branch for branch, _week in self.weeks)

    def week_at(self, branch: Branch) -> Week | None:
        return dict(self.weeks).get(branch.id)

    def time(self, branch: Branch) -> WorkingTime:
        """Working hours at all branches together, each less its own holidays, in the zone of this one.

        Without any roster these are the branch's opening hours and holidays; somebody disabled has none.
        """
        hours = branch.hours
        if self.is_disabled or not self.weeks:
            week = ((),) * 7 if self.is_disabled else hours.week
            return WorkingTime(hours.zone, week, hours.closed, self.away, is_assumed=not self.weeks)
        first, *others = [(week, branch.closed_at.get(at, frozenset())) for at, week in self.weeks]
        return WorkingTime(hours.zone, *first, self.away, elsewhere=tuple(others))

    def time_at(self, branch: Branch) -> WorkingTime:
        """Working hours at this branch alone: none where the person works only elsewhere."""
        if not self.weeks:
            return self.time(branch)
        return replace(self, weeks=((branch.id, self.week_at(branch) or ((),) * 7),)).time(branch)


def list_branches(state: LogState | None = None) -> list[Branch]:
    """Every branch, the first one first, kept while nothing changes."""
    return recall(state or log_state(), "branches", _read_branches)


def home_branch(state: LogState | None = None) -> Branch:
    """The branch whose opening hours count for whoever has no roster."""
    return list_branches(state)[0]


def list_team(state: LogState | None = None) -> list[Member]:
    """Everyone by name, also who is disabled: repairs may still lie on their bench. Kept while no one changes."""
    now = utc_now()
    return recall((state or log_state()).of_staff(), ("team", now.date()), lambda: _read_team(now - REMEMBERED))


def find_member(staff_id: int | None, state: LogState | None = None) -> Member | None:
    return next((member for member in list_team(state) if member.id == staff_id), None)


def _read_branches() -> list[Branch]:
    locations = list_locations()
    closed_at = {location.id: location.hours.closed for location in locations}
    return [Branch(location.id, location.name, location.hours, closed_at) for location in locations]


def _read_team(since: datetime) -> list[Member]:
    """Four statements, whatever the number of people."""
    people = select(Staff.id, Staff.name, Staff.role, Staff.disabled_at).order_by(Staff.name, Staff.id)
    rosters = select(Roster.staff_id, Roster.location_id, Roster.week).order_by(Roster.location_id)
    absences = select(Absence.staff_id, Absence.starts_at, Absence.ends_at).where(Absence.ends_at > since)
    weeks: dict[int, list[tuple[int, Week]]] = defaultdict(list)
    for staff_id, location_id, week in db.session.execute(rosters):
        weeks[staff_id].append((location_id, load_week(week)))
    away: dict[int, list[Stretch]] = defaultdict(list)
    for staff_id, starts_at, ends_at in db.session.execute(absences):
        away[staff_id].append((starts_at, ends_at))
    skills: dict[int, dict[str, str]] = defaultdict(dict)
    for staff_id, subject, level in db.session.execute(select(Skill.staff_id, Skill.subject, Skill.level)):
        skills[staff_id][subject] = level
    return [
        Member(
            row.id, row.name, Role(row.role), is_disabled=row.disabled_at is not None,
            weeks=tuple(weeks.get(row.id, ())), away=tuple(sorted(away.get(row.id, ()))),
            skills=skills.get(row.id, {}),
        )
        for row in db.session.execute(people)
    ]  # fmt: skip
