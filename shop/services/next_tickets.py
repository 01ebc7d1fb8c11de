"""Taking the next best ticket: chosen for the person, claimed so that no two people get the same."""

from dataclasses import dataclass
from types import SimpleNamespace

from sqlalchemy import ColumnElement, func, literal_column, select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.customer import Device
from shop.models.next_ticket import Choice, Waiting, order, weigh
from shop.models.promise import Outlook
from shop.models.repair import Repair
from shop.models.skills import fit
from shop.models.workflow import Party
from shop.models.workload import minutes_left
from shop.services import repairs, risk
from shop.services.events import hold
from shop.services.memory import log_state
from shop.services.skills import needs_of
from shop.services.statements import as_written
from shop.services.team import Branch, Member, find_member, home_branch
from shop.services.undo import Step

# So many of the most urgent are weighed: further down nothing can be urgent enough to matter.
LOOKED_AT = 60
_TRIES = 3

_FREE: tuple[ColumnElement, ...] = (
    Repair.assignee_id.is_(None),
    Repair.waiting_on == Party.US.value,
    literal_column("repairs.is_open"),
)
_CANDIDATES = (
    select(
        Repair.id,
        Repair.number,
        Device.label.label("device"),
        func.substr(Repair.problem, as_written(1), as_written(160)).label("problem"),
        Repair.status,
        Repair.priority,
        Repair.due_at,
        Repair.work_minutes,
        Repair.updated_at,
        Outlook.likely_at,
        Outlook.stalls_at,
        Outlook.seen_at,
    )
    .join(Device, Device.id == Repair.device_id)
    .outerjoin(Outlook, Outlook.repair_id == Repair.id)
    .where(*_FREE)
    .order_by(Repair.due_at, Repair.id)
    .limit(as_written(LOOKED_AT))
)


@dataclass(frozen=True, slots=True)
class Taken:
    """The repair is locked and the person's now; `step` takes that back."""

    repair: Repair
    choice: Choice
    step: Step | None


def choices(actor: Actor) -> list[Choice]:
    """What this person would take, the best first: three statements beside what is kept."""
    state = log_state()
    branch = home_branch(state)
    member = find_member(actor.id, state)
    return _choices(member, branch) if member else []


def explain(repair: Repair, actor: Actor) -> Choice | None:
    """Why this repair, for somebody who has it or asks; None for whoever is not of the staff any more."""
    state = log_state()
    branch = home_branch(state)
    member = find_member(actor.id, state)
    if member is None:
        return None
    outlook = db.session.get(Outlook, repair.id)
    waiting = Waiting(
        repair.id, repair.number, repair.device.label, repair.problem, repair.status, repair.priority, repair.due_at,
        minutes_left(repair.status, repair.work_minutes), fit(member.skills, needs_of([repair.id])[repair.id]),
        *_risk(repair, outlook),
    )  # fmt: skip
    return weigh(waiting, member.time(branch), now=utc_now())


def take(actor: Actor) -> Taken | None:
    """Gives the actor the best repair that nobody has; None where nothing waits. The caller commits.

    Two people at the same moment get different ones: a row that somebody else is taking is passed over.
    Raises NotAllowed.
    """
    actor.require("repair.take")
    for _ in range(_TRIES):
        ranked = choices(actor)
        for choice in ranked:
            repair = _claim(choice)
            if repair is not None:
                return Taken(repair, choice, repairs.assign(repair, actor.id, actor=actor))
        if not ranked:
            return None
    return None


def _choices(member: Member, branch: Branch) -> list[Choice]:
    # Who has no roster may be at any branch.
    here = _CANDIDATES.where(Repair.location_id.in_(sorted(member.branches))) if member.branches else _CANDIDATES
    rows = db.session.execute(here).all()
    needs = needs_of([row.id for row in rows])
    waiting = [
        Waiting(
            row.id, row.number, row.device, row.problem, row.status, row.priority, row.due_at,
            minutes_left(row.status, row.work_minutes), fit(member.skills, needs[row.id]),
            *_risk(row, row),
        )
        for row in rows
    ]  # fmt: skip
    return order(waiting, member.time(branch), now=utc_now())


def _risk(repair, outlook) -> tuple[str, str]:
    """(kind, words) of what is foreseen for it; that it is late is told by its date."""
    if outlook is None:
        return "", ""
    found = risk.explain(
        SimpleNamespace(
            status=repair.status, due_at=repair.due_at, updated_at=repair.updated_at, likely_at=outlook.likely_at,
            stalls_at=outlook.stalls_at, seen_at=outlook.seen_at,
        )
    )  # fmt: skip
    return (str(found.kind), found.words) if found.kind in (risk.Kind.AT_RISK, risk.Kind.STALLED) else ("", "")


def _claim(choice: Choice) -> Repair | None:
    """The row, locked, if it is still free and in the state that was weighed."""
    query = (
        select(Repair)
        .where(Repair.id == choice.ticket.id, Repair.status == choice.ticket.status, *_FREE)
        .with_for_update(of=Repair, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    repair = db.session.scalar(query)
    if repair is not None:
        hold(repair)
    return repair
