"""How each act on a ticket is taken back. Imported once, by who offers the undo."""

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, update

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.booking import Booking, Slot
from shop.models.ending import MergedRepair
from shop.models.errors import CannotUndo
from shop.models.repair import Note, Repair
from shop.models.workflow import State
from shop.services import appointments, endings, holds, slots, triage
from shop.services.events import hold, record
from shop.services.statements import changed_rows
from shop.services.undo import (
    MERGE,
    changed_since,
    hold_back_message,
    record_undone,
    reverse_field,
    reverses,
)

reverse_field("assign", "assignee_id", verb="repair.assignment_undone", permission="repair.assign")
reverse_field("priority", "priority", verb="repair.priority_undone", permission=triage.PERMISSION)


@reverses("branch")
def _reverse_branch(repair: Repair, facts: dict[str, Any], actor: Actor) -> None:
    """Back to its shelf too, unless it has been put somewhere since; an appointment that went along comes back."""
    actor.require(triage.PERMISSION)
    if repair.location_id != facts["to"]:
        raise changed_since(repair)
    if "appointment" in facts:
        _reverse_rebooking(repair, facts["appointment"], actor)
    repair.location_id, repair.place = facts["from"], repair.place or facts["place"]
    record_undone("repair.relocation_undone", repair, facts, actor=actor)


@reverses("tag")
def _reverse_tag(repair: Repair, facts: dict[str, Any], actor: Actor) -> None:
    if triage.untag(repair, facts["tag"], actor=actor) is None:
        raise changed_since(repair)


@reverses("untag")
def _reverse_untag(repair: Repair, facts: dict[str, Any], actor: Actor) -> None:
    if triage.tag(repair, facts["tag"], actor=actor) is None:
        raise changed_since(repair)


@reverses("move")
def _reverse_move(repair: Repair, facts: dict[str, Any], actor: Actor) -> None:
    """As if it had not been moved: also since when it is where it was, so that times in a state stay true."""
    actor.require(facts["permission"])
    if repair.status != facts["to"] or repair.status_since != datetime.fromisoformat(facts["since"]):
        raise changed_since(repair)
    hold_back_message(repair, facts)
    if facts["slot"]:
        _take_slot_again(repair, facts["slot"])
    repair.enter(State(facts["from"]), at=datetime.fromisoformat(facts["since_before"]))
    repair.waiting_on = facts["waiting_on"]
    repair.closed_at = _moment(facts["closed_at"])
    repair.received_at = datetime.fromisoformat(facts["received_at"])
    if repair.due_at == datetime.fromisoformat(facts["due_at"]):
        repair.due_at = datetime.fromisoformat(facts["due_at_before"])
    if facts["booking"]:
        _expect_again(repair, facts["booking"])
    holds.revive(facts["dropped"])
    record_undone("repair.move_undone", repair, facts, actor=actor)


@reverses(MERGE)
def _reverse_merge(first: Repair, facts: dict[str, Any], actor: Actor) -> None:
    """Both tickets as before: `first` is the one with the lower id, so that merges and undos lock in one order."""
    actor.require("repair.merge")
    (other_id,) = {facts["duplicate"], facts["survivor"]} - {first.id}
    other = db.session.get(Repair, other_id, with_for_update=True, populate_existing=True)
    merged = db.session.get(MergedRepair, facts["duplicate"])
    if other is None or merged is None or merged.into_id != facts["survivor"]:
        raise changed_since(first)
    hold(other)
    duplicate, stays = (first, other) if first.id == facts["duplicate"] else (other, first)
    if duplicate.status_since != datetime.fromisoformat(facts["since"]) or endings.find_merge(stays):
        raise changed_since(duplicate)
    db.session.delete(merged)
    db.session.execute(delete(Note).where(Note.id.in_(facts["notes"]), Note.repair_id == stays.id))
    if facts["taken_over"]:
        _give_time_again(duplicate, stays, facts["taken_over"])
    elif facts["slot"]:
        _take_slot_again(duplicate, facts["slot"])
    duplicate.enter(State(facts["from"]), at=datetime.fromisoformat(facts["since_before"]))
    duplicate.waiting_on = facts["waiting_on"]
    holds.revive(facts["dropped"])
    body = {"from": facts["to"], "to": facts["from"], "into": stays.number, "undoes": facts["version"]}
    record("repair.merge_undone", duplicate, actor=actor, body=body)
    body = {"merged": duplicate.number, "undoes": facts["absorbed"]}
    record("repair.absorption_undone", stays, actor=actor, body=body)
    duplicate.updated_at = stays.updated_at = utc_now()


def _give_time_again(duplicate: Repair, stays: Repair, facts: dict[str, Any]) -> None:
    mine, theirs = appointments.find_booking(stays), appointments.find_booking(duplicate)
    if mine is None or theirs is None or stays.status != State.EXPECTED or mine.slot_id != facts["slot"]:
        raise changed_since(stays)
    slots.lock({facts["slot"], *([facts["slot_before"]] if facts["slot_before"] else [])})
    mine.slot_id, theirs.slot_id = None, facts["slot"]
    db.session.flush()
    if facts["slot_before"]:
        _take_slot_again(stays, facts["slot_before"])
    db.session.expire(mine, ["slot_id", "slot"])
    db.session.expire(theirs, ["slot"])
    mine.missed_at, mine.moves = _moment(facts["missed_at"]), mine.moves + 1
    if stays.due_at == datetime.fromisoformat(facts["due_at"]):
        stays.due_at = datetime.fromisoformat(facts["due_at_before"])


@reverses("rebook")
def _reverse_rebooking(repair: Repair, facts: dict[str, Any], actor: Actor) -> None:
    """The old place again, if nobody has taken it meanwhile; calendars that took the new time over count further on."""
    actor.require("booking.move")
    booking = appointments.find_booking(repair)
    if booking is None or repair.status != State.EXPECTED or booking.slot_id != facts["slot"]:
        raise changed_since(repair)
    hold_back_message(repair, facts)
    before, left = facts["slot_before"], db.session.get_one(Slot, facts["slot"])
    slots.lock({left.id, *([before] if before else [])})
    booking.slot_id = None
    db.session.flush()
    if before:
        _take_slot_again(repair, before)
    slots.release(left)
    db.session.expire(booking, ["slot_id", "slot"])
    booking.missed_at, booking.moves = _moment(facts["missed_at"]), booking.moves + 1
    if repair.due_at == datetime.fromisoformat(facts["due_at"]):
        repair.due_at = datetime.fromisoformat(facts["due_at_before"])
    holds.revive(facts["dropped"])
    record_undone("repair.rebooking_undone", repair, facts, actor=actor)


@reverses("miss")
def _reverse_miss(repair: Repair, facts: dict[str, Any], actor: Actor) -> None:
    actor.require("booking.move")
    booking = appointments.find_booking(repair)
    if booking is None or booking.missed_at != datetime.fromisoformat(facts["missed_at"]):
        raise changed_since(repair)
    hold_back_message(repair, facts)
    booking.missed_at, booking.misses = None, booking.misses - 1
    holds.revive(facts["dropped"])
    record_undone("repair.miss_undone", repair, facts, actor=actor)


def _expect_again(repair: Repair, before: dict[str, str | None]) -> None:
    booking = appointments.find_booking(repair)
    if booking is not None:
        booking.arrived_at, booking.missed_at = _moment(before["arrived_at"]), _moment(before["missed_at"])


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _take_slot_again(repair: Repair, slot_id: int) -> None:
    taken = db.session.execute(
        update(Slot)
        .where(Slot.id == slot_id, Slot.taken < Slot.capacity)
        .values(taken=Slot.taken + 1)
        .execution_options(synchronize_session=False)
    )
    given = db.session.execute(
        update(Booking)
        .where(Booking.repair_id == repair.id, Booking.slot_id.is_(None))
        .values(slot_id=slot_id)
        .execution_options(synchronize_session=False)
    )
    if changed_rows(taken) != 1 or changed_rows(given) != 1:
        raise CannotUndo(
            _("The time that %(number)s had was taken by someone else: book another one.", number=repair.number)
        )
