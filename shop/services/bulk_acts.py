"""What can be done to many tickets: for each act what it reads, what it foresees, and the service that does it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask_babel import gettext as _

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.errors import Invalid
from shop.models.location import Location
from shop.models.repair import Repair
from shop.models.staff import Staff
from shop.models.tag import BETWEEN, LONGEST_NAME, slug_of
from shop.models.workflow import State, find_transition
from shop.services import messages, repairs, triage
from shop.services.filters import PRIORITIES
from shop.services.undo import Step


class Reason(StrEnum):
    """Why a ticket is not changed. Those up to NO_RIGHT are foreseen by the preview."""

    SAME = "same"
    NO_STEP = "no_step"
    NO_DIAGNOSIS = "no_diagnosis"
    NO_RIGHT = "no_right"
    CHANGED = "changed"
    GONE = "gone"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Act:
    """`field` is the column of the repair that the act changes; empty where it only adds to the ticket, so that
    nothing a colleague does meanwhile is overwritten. Every function gets the target as text, and the target has
    passed `check`, which raises Invalid."""

    permission: str
    field: str
    check: Callable[[str], str]
    is_same: Callable[[Any, str], bool]
    do: Callable[[Repair, str, Actor, messages.Send], Step | None]


def forecast(name: str, row, target: str, actor: Actor) -> str:
    """Why the act will be refused for this ticket, or empty. `row` has the columns that the preview reads."""
    act = ACTS[name]
    if act.is_same(row, target):
        return Reason.SAME
    if not actor.may(act.permission):
        return Reason.NO_RIGHT
    if name != "status":
        return ""
    transition = find_transition(row.status, target)
    if transition is None:
        return Reason.NO_STEP
    if not actor.may(transition.permission):
        return Reason.NO_RIGHT
    return Reason.NO_DIAGNOSIS if "diagnosis" in transition.needs and not row.has_diagnosis else ""


def value_of(name: str, row) -> str:
    """What the act would change, as the preview keeps it to compare."""
    field = ACTS[name].field
    value = getattr(row, field) if field else ""
    return "" if value is None else str(value)


def _status(target: str) -> str:
    if target not in list(State):
        raise Invalid({"target": _("Choose a status.")})
    return target


def _person(target: str) -> str:
    if not target:
        return target
    person = db.session.get(Staff, _number(target))
    if person is None or person.disabled_at or not person.actor.may("repair.move"):
        raise Invalid({"target": _("Choose someone who works on repairs.")})
    return str(person.id)


def _priority(target: str) -> str:
    if target not in PRIORITIES:
        raise Invalid({"target": _("Choose a priority.")})
    return target


def _branch(target: str) -> str:
    if db.session.get(Location, _number(target)) is None:
        raise Invalid({"target": _("Choose a branch.")})
    return str(_number(target))


def _tag(target: str) -> str:
    name = " ".join(target.replace("\x00", "").replace(",", " ").split())
    if not slug_of(name) or len(name) > LONGEST_NAME:
        raise Invalid({"target": _("Write a tag of at most %(most)s characters.", most=LONGEST_NAME)})
    return name


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _has_tag(row, target: str) -> bool:
    return slug_of(target) in {slug_of(name) for name in row.tags.split(BETWEEN)}


def _move(repair: Repair, target: str, actor: Actor, send: messages.Send) -> Step:
    return repairs.move(repair, target, actor=actor, send=send).step


ACTS: dict[str, Act] = {
    "status": Act("repair.move", "status", _status, lambda row, target: row.status == target, _move),
    "assign": Act(
        "repair.assign", "assignee_id", _person,
        lambda row, target: str(row.assignee_id or "") == target,
        lambda repair, target, actor, _: repairs.assign(repair, int(target) if target else None, actor=actor),
    ),
    "priority": Act(
        triage.PERMISSION, "priority", _priority,
        lambda row, target: row.priority == PRIORITIES[target],
        lambda repair, target, actor, _: triage.set_priority(repair, PRIORITIES[target], actor=actor),
    ),
    "branch": Act(
        triage.PERMISSION, "location_id", _branch,
        lambda row, target: str(row.location_id) == target,
        lambda repair, target, actor, _: triage.move_to_location(repair, int(target), actor=actor),
    ),
    "tag": Act(
        triage.PERMISSION, "", _tag, _has_tag,
        lambda repair, target, actor, _: triage.tag(repair, target, actor=actor),
    ),
    "untag": Act(
        triage.PERMISSION, "", _tag,
        lambda row, target: not _has_tag(row, target),
        lambda repair, target, actor, _: triage.untag(repair, target, actor=actor),
    ),
}  # fmt: skip
