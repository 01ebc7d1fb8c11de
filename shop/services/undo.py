"""Taking back what a person did a moment ago.

An act is described by its inverse: for each ticket a step, with the kind of the act and the facts that its reversal
needs. Whoever adds an act registers its reversal with `reverses`. A step may only be taken back while what it changed
is still as it left it; everything else on the ticket may have changed meanwhile.
"""

import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.errors import CannotUndo, NotFound, ShopError
from shop.models.repair import Repair
from shop.models.undo import GRACE_SECONDS, UNDO_SECONDS, UndoableAct
from shop.services import endings, holds
from shop.services.events import dumps, hold, record

# Kept a little longer than it can be used, so that a late one is told why.
KEPT = timedelta(days=1)
# Under this name the facts of a step hold the event whose message is to be held back.
MESSAGE = "message_of"
# The only kind of step that can be taken back on a ticket that was merged away.
MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Step:
    """What was done to one ticket. `facts` is plain JSON."""

    kind: str
    repair_id: int
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """An act that can be taken back. `seconds` are what is left."""

    token: str
    seconds: int
    steps: tuple[Step, ...]

    @property
    def sends(self) -> bool:
        """True if a message is held for it."""
        return any(MESSAGE in step.facts for step in self.steps)


@dataclass(frozen=True, slots=True)
class Undone:
    """Numbers of the tickets that are as before, and for the others why they are not."""

    numbers: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    held_back: int


# Changes a locked repair back and records that; raises CannotUndo, NotAllowed or Invalid with a sentence.
Reversal = Callable[[Repair, dict[str, Any], Actor], None]
_REVERSALS: dict[str, Reversal] = {}


def reverses(kind: str):
    """Registers the function that takes back steps of this kind."""

    def register(function: Reversal) -> Reversal:
        _REVERSALS[kind] = function
        return function

    return register


def reverse_field(kind: str, column: str, *, verb: str, permission: str) -> None:
    """Registers the reversal of an act that only sets one column: facts are `from`, `to` and `version`."""

    @reverses(kind)
    def reverse(repair: Repair, facts: dict[str, Any], actor: Actor) -> None:
        actor.require(permission)
        if getattr(repair, column) != facts["to"]:
            raise changed_since(repair)
        setattr(repair, column, facts["from"])
        record_undone(verb, repair, facts, actor=actor)


def undoable(steps: Iterable[Step], *, actor: Actor, seconds: int = UNDO_SECONDS) -> Offer | None:
    """Notes in the caller's transaction that the actor may take these steps back; None when there is nothing to."""
    steps = tuple(steps)
    if not steps or actor.id is None:
        return None
    now = utc_now()
    act = UndoableAct(
        token=secrets.token_urlsafe(16), staff_id=actor.id, created_at=now,
        expires_at=now + timedelta(seconds=seconds + GRACE_SECONDS),
        steps=dumps({"steps": [[step.kind, step.repair_id, step.facts] for step in steps]}),
    )  # fmt: skip
    db.session.add(act)
    return Offer(act.token, seconds, steps)


def find_offer(actor: Actor) -> Offer | None:
    """The last act of this person that can still be taken back."""
    query = select(UndoableAct).where(UndoableAct.staff_id == actor.id).order_by(UndoableAct.created_at.desc()).limit(1)
    act = db.session.scalar(query)
    left = int((act.expires_at - utc_now()).total_seconds()) - GRACE_SECONDS if act else 0
    if act is None or act.undone_at or left <= 0:
        return None
    return Offer(act.token, left, _steps(act))


def undo(token: str, *, actor: Actor) -> Undone:
    """Takes an act back, wholly in the caller's transaction: what it changed, and the message that was held for it.

    An act on one ticket is taken back or refused. Of an act on many, those that can be are, and `refused` names the
    others; if none can be, the first reason is raised. Raises NotFound for an act that is not the actor's, CannotUndo
    with a sentence when it is too late, and NotAllowed when the actor has lost the right since.
    """
    act = _lock_act(token, actor)
    steps = _steps(act)
    holds.lock_events(step.facts[MESSAGE] for step in steps if MESSAGE in step.facts)
    numbers, refused, held_back, first = [], [], 0, None
    for step in sorted(steps, key=lambda step: step.repair_id):
        try:
            with db.session.begin_nested():
                numbers.append(reverse(step, actor=actor))
        except ShopError as error:
            first = first or error
            refused.append((_number_of(step.repair_id), error.message))
        else:
            held_back += MESSAGE in step.facts
    if first and not numbers:
        raise first
    act.undone_at = utc_now()
    return Undone(tuple(numbers), tuple(refused), held_back)


def hold_back_message(repair: Repair, facts: dict[str, Any]) -> None:
    """For reversals: the message that the act caused will never leave. Raises CannotUndo if it has."""
    if MESSAGE in facts and not holds.take_back(facts[MESSAGE], aggregate=f"repair:{repair.id}"):
        raise CannotUndo(
            _("The message has left: move %(number)s by hand, and tell the customer.", number=repair.number)
        )


def record_undone(verb: str, repair: Repair, facts: dict[str, Any], *, actor: Actor) -> None:
    """The compensating fact: it names the version of the one that it takes back, which stays in the log."""
    repair.updated_at = utc_now()
    body = {"from": facts["to"], "to": facts["from"], "undoes": facts["version"]}
    record(verb, repair, actor=actor, body=body)


def changed_since(repair: Repair) -> CannotUndo:
    return CannotUndo(
        _("%(number)s has been changed again since: look at it, and change it by hand.", number=repair.number)
    )


def _lock_act(token: str, actor: Actor) -> UndoableAct:
    query = select(UndoableAct).where(UndoableAct.token == token[:32].replace("\x00", "?")).with_for_update()
    act = db.session.scalar(query.execution_options(populate_existing=True))
    if act is None or act.staff_id != actor.id:
        raise NotFound(_("There is nothing of yours to undo here."))
    if act.undone_at:
        raise CannotUndo(_("This was undone already."))
    if act.expires_at < utc_now():
        raise CannotUndo(_("The time to undo is over. Change it back by hand."))
    return act


def reverse(step: Step, *, actor: Actor) -> str:
    """Takes one step back in the caller's transaction, which has locked the event of its message; gives the number."""
    query = select(Repair).where(Repair.id == step.repair_id).with_for_update(of=Repair)
    repair = db.session.scalar(query.execution_options(populate_existing=True))
    if repair is None:
        raise NotFound(_("This ticket is not here any more."))
    hold(repair)
    if step.kind != MERGE and (ending := endings.find_merge(repair)):
        raise CannotUndo(ending.words)
    _REVERSALS[step.kind](repair, step.facts, actor)
    return repair.number


def _number_of(repair_id: int) -> str:
    return db.session.scalar(select(Repair.number).where(Repair.id == repair_id)) or ""


def _steps(act: UndoableAct) -> tuple[Step, ...]:
    return tuple(Step(*step) for step in json.loads(act.steps)["steps"])
