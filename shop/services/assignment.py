"""Proposing a person for a repair, from skills, rosters and what lies on the benches."""

from dataclasses import dataclass
from datetime import datetime

from shop.models.assignment import Candidate, Proposal, Task, rank
from shop.models.base import utc_now
from shop.models.repair import Repair
from shop.models.skills import Needs, fit
from shop.models.workflow import Party
from shop.models.workload import Bench, days_ahead, minutes_left
from shop.services.memory import LogState, log_state
from shop.services.skills import needs_of
from shop.services.team import Branch, Member, home_branch, list_team
from shop.services.workload import open_work


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Everybody who works at the bench, the best first. `skills_known` False: nobody's skills are entered."""

    proposals: tuple[Proposal, ...]
    task: Task
    skills_known: bool

    @property
    def best(self) -> Proposal | None:
        """The person to propose, if anybody suits."""
        first = self.proposals[0] if self.proposals else None
        return first if first and first.is_suitable else None


def suggest(repair: Repair, state: LogState | None = None) -> Suggestion:
    """Whom to give this repair to: at most three statements beside what is kept."""
    state, now = state or log_state(), utc_now()
    branch = home_branch(state)
    team = [member for member in list_team(state) if member.works_at_the_bench]
    work, days = open_work(branch, state), days_ahead(now, branch.hours.zone)
    needs = needs_of([repair.id])[repair.id]
    late = repair.due_at <= now
    # What is late already is wanted as soon as can be: within the day.
    task = Task(
        max(minutes_left(repair.status, repair.work_minutes), 1), days[0] if late else repair.due_at, is_late=late
    )
    candidates = [
        _candidate(member, needs, task, work.bench(member.id), repair, branch, now=now, days=days) for member in team
    ]
    known = any(member.skills for member in team)
    return Suggestion(tuple(rank(candidates, task, skills_known=known)), task, known)


def _candidate(
    member: Member,
    needs: Needs,
    task: Task,
    bench: Bench,
    repair: Repair,
    branch: Branch,
    *,
    now: datetime,
    days: list[datetime],
) -> Candidate:
    """The work due on the day of the deadline counts as if it were due before: the person has to do it too."""
    has_it = repair.assignee_id == member.id
    own = minutes_left(repair.status, repair.work_minutes) if has_it and repair.waiting_on == Party.US else 0
    hours = member.time(branch).minutes(now, task.deadline)
    place = next((at for at, end in enumerate(days, start=1) if task.deadline <= end), len(days) + 1)
    return Candidate(
        member.id, member.name, fit(member.skills, needs), hours=hours,
        free=hours - max(0, bench.minutes_due(place) - own), bench=max(0, bench.now.minutes - own), has_it=has_it,
    )  # fmt: skip
