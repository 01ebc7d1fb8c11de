"""Who works here, when, and at what they are good: the staff as the workload and the suggestions see them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.hours import OpeningHours
from shop.models.location import Location
from shop.models.permissions import Role, may
from shop.models.roster import Absence, Roster, Skill
from shop.models.staff import Staff, initials
from shop.models.working_time import Stretch, Week, WorkingTime, load_week
from shop.services.locations import home_location
from shop.services.memory import LogState, log_state, recall

# Absences further back are of no use to anybody here.
REMEMBERED = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class Branch:
    """What of a branch the working time of its people depends on."""

    id: int
    name: str
    hours: OpeningHours


@dataclass(frozen=True, slots=True)
class Member:
    """One person of the staff. `week` is None without a roster of their own; `skills` maps a subject to a level."""

    id: int
    name: str
    role: Role
    is_disabled: bool = False
    week: Week | None = None
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

    def time(self, branch: Branch) -> WorkingTime:
        """Working hours at the branch; its opening hours for someone without a roster, and none once disabled."""
        hours = branch.hours
        week = ((),) * 7 if self.is_disabled else hours.week if self.week is None else self.week
        return WorkingTime(hours.zone, week, hours.closed, self.away, is_assumed=self.week is None)


def home_branch(state: LogState | None = None) -> Branch:
    """The branch whose rosters count, kept while nothing changes."""
    return recall(state or log_state(), "branch", lambda: _branch(home_location()))


def list_team(branch: Branch, state: LogState | None = None) -> list[Member]:
    """Everyone by name, also who is disabled: repairs may still lie on their bench. Kept while no one changes."""
    now = utc_now()
    state = (state or log_state()).of_staff()
    return recall(state, ("team", branch.id, now.date()), lambda: _read_team(branch.id, now - REMEMBERED))


def _branch(location: Location) -> Branch:
    return Branch(location.id, location.name, location.hours)


def _read_team(location_id: int, since: datetime) -> list[Member]:
    """Three statements, whatever the number of people."""
    own = (Roster.staff_id == Staff.id) & (Roster.location_id == location_id)
    people = (
        select(Staff.id, Staff.name, Staff.role, Staff.disabled_at, Roster.week)
        .outerjoin(Roster, own)
        .order_by(Staff.name, Staff.id)
    )
    absences = select(Absence.staff_id, Absence.starts_at, Absence.ends_at).where(Absence.ends_at > since)
    away: dict[int, list[Stretch]] = defaultdict(list)
    for staff_id, starts_at, ends_at in db.session.execute(absences):
        away[staff_id].append((starts_at, ends_at))
    skills: dict[int, dict[str, str]] = defaultdict(dict)
    for staff_id, subject, level in db.session.execute(select(Skill.staff_id, Skill.subject, Skill.level)):
        skills[staff_id][subject] = level
    return [
        Member(
            row.id, row.name, Role(row.role), is_disabled=row.disabled_at is not None,
            week=None if row.week is None else load_week(row.week),
            away=tuple(sorted(away.get(row.id, ()))), skills=skills.get(row.id, {}),
        )
        for row in db.session.execute(people)
    ]  # fmt: skip
