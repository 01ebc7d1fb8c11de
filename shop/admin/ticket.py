"""What the ticket page shows, put together from the repair, its notes and its log."""

import json
from dataclasses import dataclass, replace
from datetime import datetime

from flask import request
from flask_login import current_user

from shop.admin.extra_work import charge_words
from shop.admin.money import WAYS
from shop.models.base import utc_now
from shop.models.event import Event
from shop.models.repair import Note, Repair
from shop.models.workflow import MAIN_ROAD, NEVER_LATE, State
from shop.services import (
    appointments,
    bookings,
    endings,
    extra_view,
    locations,
    payment_view,
    promise_view,
    repairs,
    staff,
    told,
    undo,
)
from shop.services.memory import LogState, recall
from shop.services.told import Outcome, Told

_ICONS = {
    "repair.booked": "inbox",
    "repair.imported": "inbox",
    "repair.moved": "arrow-right",
    "repair.checked_in": "inbox",
    "repair.rebooked": "calendar-clock",
    "repair.missed": "calendar-days",
    "repair.move_undone": "undo-2",
    "repair.message_hurried": "send",
    "repair.mails_wanted": "bell",
    "repair.mails_unwanted": "bell-off",
    "repair.message_stopped": "ban",
    "repair.assigned": "user-round",
    "repair.assignment_undone": "undo-2",
    "repair.edited": "pencil",
    "repair.noted": "sticky-note",
    "repair.prioritised": "chevrons-up",
    "repair.priority_undone": "undo-2",
    "repair.relocated": "store",
    "repair.relocation_undone": "undo-2",
    "repair.tagged": "tag",
    "repair.untagged": "tag",
    "payment.settled": "banknote",
    "payment.hold_asked": "lock",
    "payment.held": "lock",
    "payment.take_asked": "banknote",
    "payment.release_asked": "ban",
    "payment.cancelled": "ban",
    "payment.failed": "circle-alert",
    "payment.refunded": "undo-2",
    "payment.refund_settled": "undo-2",
    "payment.refund_told": "mail",
    "repair.work_offered": "message-circle-question-mark",
    "repair.work_approved": "check",
    "repair.work_declined": "x",
    "repair.work_withdrawn": "undo-2",
    "repair.card_kept": "credit-card",
    "repair.card_removed": "credit-card",
    "payment.customer_needed": "mail",
    "repair.merged": "git-merge",
    "repair.absorbed": "git-merge",
    "repair.merge_undone": "undo-2",
    "repair.absorption_undone": "undo-2",
    "document.issued": "receipt",
}
# A merge is taken back on both of its tickets.
_TICKETS = ("duplicate", "survivor")
_BRANCHES = {"repair.relocated", "repair.relocation_undone"}


# A ticket that lives for years has hundreds: so many are shown at once, the rest on request.
MOST_ENTRIES = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline."""

    version: int
    icon: str
    verb: str
    at: datetime
    by: str
    body: dict
    detail: dict
    note: str = ""
    branch: str = ""
    told: Told | None = None


def ticket_facts(repair: Repair, *, state: LogState, note: str = "", note_faults: dict | None = None) -> dict:
    events, notes = repairs.timeline(repair), repairs.notes(repair)
    ending = endings.find_merge(repair)
    # With a ticket that was merged away nothing can be done; what it shows of the customer is as ever.
    may_act = current_user.may if ending is None else lambda _permission: False
    people, messages = staff.names(_people_in(events)), told.messages_of(events)
    branches = {id_: name for id_, _slug, name in recall(state.of_staff(), "branches", locations.branch_names)}
    shown = events if request.args.get("history") == "all" else events[:MOST_ENTRIES]
    return {
        "repair": repair,
        "booking": appointments.find_booking(repair),
        "tracking_url": bookings.tracking_path(repair),
        "late": repair.due_at < utc_now() and repair.status not in NEVER_LATE,
        **promise_view.facts_of(repair, state=state),
        "steps": _steps(repair, events),
        "entries": _entries(shown, notes, people, branches, messages),
        "earlier": len(events) - len(shown),
        "has_branches": len(branches) > 1,
        "waiting": [message for message in messages.values() if message.outcome == Outcome.WAITING],
        "offer": _offer_for(repair),
        "money": payment_view.of_repair(repair),
        "ways": WAYS,
        "extra": extra_view.of_repair(repair),
        "charge_words": charge_words,
        "people": people,
        "ending": ending,
        "may_act": may_act,
        "notes": notes,
        "moves": repairs.allowed_moves(repair, current_user.actor) if may_act("repair.move") else [],
        "note": note,
        "note_faults": note_faults or {},
    }


def _people_in(events: list[Event]) -> set[int]:
    """Ids of everyone that the log names: who acted, and who was assigned."""
    ids = {_staff_id(event.actor) for event in events}
    for event in events:
        if event.verb in ("repair.assigned", "repair.assignment_undone"):
            body = json.loads(event.body)
            ids |= {body["from"], body["to"]}
    return ids - {None}


def _offer_for(repair: Repair) -> undo.Offer | None:
    """What this person has just done to this ticket and can take back."""
    offer = undo.find_offer(current_user.actor) if current_user.may("act.undo") else None
    about = {step.facts.get(name, step.repair_id) for step in offer.steps for name in _TICKETS} if offer else set()
    return offer if repair.id in about else None


def _entries(
    events: list[Event],
    notes: list[Note],
    people: dict[int, str],
    branches: dict[int, str],
    messages: dict[int, Told],
) -> list[Entry]:
    texts = {note.id: note.body for note in notes}
    return [replace(_entry(event, texts, people, branches), told=messages.get(event.version)) for event in events]


def _entry(event: Event, texts: dict[int, str], people: dict[int, str], branches: dict[int, str]) -> Entry:
    body = json.loads(event.body)
    return Entry(
        version=event.version,
        icon=_ICONS.get(event.verb, "circle-dot"),
        verb=event.verb.removeprefix("repair.").replace(".", "_"),
        at=datetime.fromisoformat(event.at),
        by=people.get(_staff_id(event.actor), ""),
        body=body,
        detail=json.loads(event.detail.body) if event.detail else {},
        note=texts.get(body.get("note"), ""),
        branch=branches.get(body["to"], "") if event.verb in _BRANCHES else "",
    )


def _steps(repair: Repair, events: list[Event]) -> list[tuple[State, str, datetime | None]]:
    """The main road as (state, past | skipped | now | ahead, when it was entered)."""
    entered, undone = {State.RECEIVED: repair.received_at}, repairs.undone(events)
    road = (State.EXPECTED, *MAIN_ROAD) if repair.status == State.EXPECTED else MAIN_ROAD
    for event in reversed(events):
        if event.verb == "repair.moved" and event.version not in undone:
            entered[json.loads(event.body)["to"]] = datetime.fromisoformat(event.at)
    here = road.index(repair.status) if repair.status in road else len(road)
    return [
        (state, _step_place(index, here, state in entered, end=len(road)), entered.get(state))
        for index, state in enumerate(road)
    ]


def _step_place(index: int, here: int, was_entered: bool, *, end: int) -> str:
    if index == here:
        return "now"
    if index > here or here == end:
        return "past" if was_entered and here == end else "ahead"
    return "past" if was_entered else "skipped"


def _staff_id(actor: str) -> int | None:
    kind, _, key = actor.partition(":")
    return int(key) if kind == "staff" and key else None
