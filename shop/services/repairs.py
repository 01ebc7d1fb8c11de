"""What the shop does with a repair: move it, assign it, edit it, note on it."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import joinedload, selectinload

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.customer import digits, is_imei
from shop.models.errors import Invalid, NotAllowed, Stale
from shop.models.event import Event
from shop.models.repair import FIRST_NUMBER, Note, Repair
from shop.models.staff import Staff
from shop.models.workflow import State, Transition, find_transition, moves_from
from shop.services import appointments, endings, holds, messages
from shop.services.events import hold, record
from shop.services.subscriptions import HANDED_OVER
from shop.services.undo import MESSAGE, Step

# Longer than anybody has to undo a move.
BILLED_AFTER = timedelta(seconds=60)
LONGEST_TEXT = 10_000
LONGEST_SHORT_TEXT = 160

# Field of the form -> (where it is kept, longest text). All can be edited by two people at once.
EDITABLE: dict[str, tuple[str, int]] = {
    "problem": ("repair", LONGEST_TEXT),
    "diagnosis": ("repair", LONGEST_TEXT),
    "place": ("repair", 40),
    "device_label": ("device", LONGEST_SHORT_TEXT),
    "serial": ("device", 40),
    "imei": ("device", 16),
}
_COLUMN = {"device_label": "label"}
_LOCK = (
    select(Repair)
    .where(Repair.number == bindparam("number"))
    .with_for_update(of=Repair)
    .execution_options(populate_existing=True)
)
_NEEDS = {"diagnosis": "repair.diagnose"}


@dataclass(frozen=True, slots=True)
class Edit:
    """What one save did: fields written as typed, and fields that a colleague had changed meanwhile."""

    saved: tuple[str, ...]
    merged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """What one move did: `step` takes it back; `told` is True when a message to the customer will leave."""

    transition: Transition
    step: Step
    told: bool


def get_repair(number: str) -> Repair:
    """The repair with all that its page shows. Raises NotFound."""
    query = (
        select(Repair)
        .where(Repair.number == _as_number(number))
        .options(
            joinedload(Repair.customer),
            joinedload(Repair.device),
            joinedload(Repair.assignee),
            joinedload(Repair.location),
            selectinload(Repair.lines),
        )
    )
    return _found(db.session.scalar(query), number)


def get_workable(number: str) -> Repair:
    """The same for a form that changes it. Raises NotFound, and Merged for a ticket that was merged away."""
    repair = get_repair(number)
    endings.refuse_merged(repair)
    return repair


def lock_repair(number: str, *, merged: bool = False) -> Repair:
    """The repair, its row locked for this transaction. Raises NotFound.

    Raises Merged for a ticket that was merged away, unless `merged`.
    """
    repair = _found(db.session.scalar(_LOCK, {"number": _as_number(number)}), number)
    hold(repair)
    if not merged:
        endings.refuse_merged(repair)
    return repair


def lock_pair(number: str, other: str) -> tuple[Repair, Repair]:
    """Two repairs, locked by id, so that no two who lock the same wait for each other. Raises NotFound."""
    numbers = [_as_number(number), _as_number(other)]
    query = select(Repair).where(Repair.number.in_(numbers)).order_by(Repair.id).with_for_update(of=Repair)
    found = {repair.number: repair for repair in db.session.scalars(query.execution_options(populate_existing=True))}
    one, two = (_found(found.get(wanted), wanted) for wanted in numbers)
    hold(one)
    hold(two)
    return one, two


def move(
    repair: Repair,
    target: State | str,
    *,
    actor: Actor,
    seen: State | str | None = None,
    send: messages.Send = messages.AT_ONCE,
) -> Moved:
    """Moves a locked repair along the workflow; `send` is when its customer is told, if this is told at all.

    `seen` is the status that the person had on screen: if a colleague has moved it since, raises Stale.
    Raises NotAllowed for a missing right, Invalid for a move that does not exist or a field that must be
    filled in first. Moving to the state it is in is refused like any other move that does not exist.
    What is still held about where it was does not leave any more: it would not be true.
    """
    if seen is not None and seen != repair.status:
        raise Stale({"status": (seen, repair.status, target)})
    transition = find_transition(repair.status, target)
    if transition is None:
        raise Invalid({"status": _no_such_move(repair.status, target)})
    actor.require(transition.permission)
    missing = {field: _MISSING[field] for field in transition.needs if not getattr(repair, field).strip()}
    if missing:
        raise Invalid(missing)
    return _move(repair, transition, actor=actor, send=send)


def _move(repair: Repair, transition: Transition, *, actor: Actor, send: messages.Send) -> Moved:
    now, told = utc_now(), messages.is_told(repair, transition.target)
    before: dict[str, Any] = {
        "from": repair.status, "since_before": _iso(repair.status_since), "waiting_on": repair.waiting_on,
        "closed_at": _iso(repair.closed_at), "received_at": _iso(repair.received_at),
        "due_at_before": _iso(repair.due_at), "booking": None,
    }  # fmt: skip
    minutes = int((now - repair.status_since).total_seconds() // 60)
    repair.enter(transition.target, at=now)
    repair.updated_at = now
    dropped = holds.drop_held(f"repair:{repair.id}")
    body = {"from": before["from"], "to": transition.target, "minutes": minutes, **(send.facts(now) if told else {})}
    slot = None
    if transition.target == State.CANCELLED:
        slot = appointments.give_back_slot(repair)
    elif before["from"] == State.EXPECTED:
        before["booking"] = _arrival_facts(repair)
        body["due_at"] = appointments.note_arrival(repair, at=now).isoformat()
    if transition.target in HANDED_OVER or transition.target == State.CANCELLED:
        # Not before it is certain: an invoice is not taken back, and what a bank let go is not held again.
        body["bills_at"] = (now + max(BILLED_AFTER, timedelta(seconds=send.held))).isoformat()
    recorded = record("repair.moved", repair, actor=actor, body=body)
    told = told and send.when != messages.When.NONE
    facts = {
        **before, "to": transition.target, "since": _iso(now), "permission": transition.permission,
        "due_at": _iso(repair.due_at), "slot": slot, "dropped": dropped, "version": recorded.version,
    }  # fmt: skip
    if told:
        facts[MESSAGE] = recorded.id
    return Moved(transition, Step("move", repair.id, facts), told)


def _arrival_facts(repair: Repair) -> dict[str, str | None] | None:
    booking = appointments.find_booking(repair)
    return {name: _iso(getattr(booking, name)) for name in ("arrived_at", "missed_at")} if booking else None


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def assign(repair: Repair, assignee_id: int | None, *, actor: Actor, seen: str | None = None) -> Step | None:
    """Gives a locked repair to someone, or to nobody; returns how to take that back.

    Assigning to who has it changes nothing. `seen` is who had it on the person's screen, empty for nobody: if a
    colleague has given it to another since, raises Stale.
    """
    actor.require("repair.assign")
    if assignee_id == repair.assignee_id:
        return None
    if seen is not None and seen != str(repair.assignee_id or ""):
        raise Stale({"assignee": (seen, repair.assignee_id, assignee_id)})
    if assignee_id is not None:
        person = db.session.get(Staff, assignee_id)
        if person is None or person.disabled_at or not person.actor.may("repair.move"):
            raise Invalid({"assignee": "Choose someone who works on repairs."})
    before, repair.assignee_id = repair.assignee_id, assignee_id
    repair.updated_at = utc_now()
    recorded = record("repair.assigned", repair, actor=actor, body={"from": before, "to": assignee_id})
    return Step("assign", repair.id, {"from": before, "to": assignee_id, "version": recorded.version})


def edit(repair: Repair, changes: dict[str, str], *, base: dict[str, str], actor: Actor) -> Edit:
    """Saves what was typed into a locked repair, merged with what a colleague saved meanwhile.

    `base` holds, for every field of `changes`, the value that the person saw before typing. A field that
    only one of the two changed takes that change; a field that both changed differently raises Stale with
    all such fields, and nothing is saved. Raises Invalid for values that cannot be kept. Saving the same
    twice changes nothing.
    """
    _check_rights(changes, actor)
    if unseen := changes.keys() - base.keys():
        raise Invalid(dict.fromkeys(unseen, "Reload the page and type this again."))
    cleaned, base = _clean(changes), {field: _plain(base[field]) for field in changes}
    current = {field: _read(repair, field) for field in cleaned}
    mine = {field: value for field, value in cleaned.items() if value != base[field]}
    theirs = tuple(field for field in cleaned if current[field] != base[field])
    clashes = {
        field: (base[field], current[field], mine[field])
        for field in theirs
        if field in mine and mine[field] != current[field]
    }
    if clashes:
        raise Stale(clashes)
    written = {field: value for field, value in mine.items() if value != current[field]}
    if written:
        for field, value in written.items():
            _write(repair, field, value)
        repair.refresh_search_text()
        repair.updated_at = utc_now()
        detail = {field: [current[field], value] for field, value in written.items()}
        record("repair.edited", repair, actor=actor, body={"fields": sorted(written)}, detail=detail)
    return Edit(saved=tuple(written), merged=tuple(field for field in theirs if field not in mine))


def add_note(repair: Repair, body: str, *, actor: Actor) -> Note:
    """Adds an internal note to a locked repair. Raises Invalid when empty or too long."""
    actor.require("repair.note")
    body = _plain(body)
    if not body:
        raise Invalid({"body": "Write the note first."})
    if len(body) > LONGEST_TEXT:
        raise Invalid({"body": f"Keep the note under {LONGEST_TEXT:,} characters; this one has {len(body):,}."})
    note = Note(repair_id=repair.id, author_id=actor.id, body=body)
    db.session.add(note)
    db.session.flush()
    repair.updated_at = utc_now()
    record("repair.noted", repair, actor=actor, body={"note": note.id})
    return note


def editable_values(repair: Repair) -> dict[str, str]:
    """Every field that can be edited, as it is now."""
    return {field: _read(repair, field) for field in EDITABLE}


def may_edit(field: str, actor: Actor) -> bool:
    return actor.may(_NEEDS.get(field, "repair.edit"))


def allowed_moves(repair: Repair, actor: Actor) -> list[Transition]:
    """Moves that this person may make now, the suggested one first."""
    return [move for move in moves_from(repair.status) if actor.may(move.permission)]


def timeline(repair: Repair) -> list[Event]:
    """The log of one repair, newest first."""
    query = select(Event).where(Event.aggregate == f"repair:{repair.id}").order_by(Event.version.desc())
    return list(db.session.scalars(query))


def undone(events: list[Event]) -> set[int]:
    """Versions of the facts that were taken back. Who counts time in a state passes over them."""
    return {json.loads(event.body)["undoes"] for event in events if event.verb.endswith("_undone")}


def notes(repair: Repair) -> list[Note]:
    """Internal notes, newest first, those of tickets merged into it among them by their own time."""
    query = select(Note).where(Note.repair_id == repair.id).options(joinedload(Note.author))
    return list(db.session.scalars(query.order_by(Note.created_at.desc(), Note.id.desc())))


def next_repair_id() -> int:
    """The id of the repair about to be created: its number is made of it before the row is written."""
    if db.engine.dialect.name == "postgresql":
        return db.session.scalar(text("SELECT nextval(pg_get_serial_sequence('repairs', 'id'))"))
    return endings.highest_id() + 1


def number_of(repair_id: int) -> str:
    return f"RT-{FIRST_NUMBER - 1 + repair_id}"


_MISSING = {"diagnosis": "Write the diagnosis first: the customer is told what was found."}


def _as_number(typed: str) -> str:
    # PostgreSQL refuses a NUL; no ticket has a question mark in its number.
    return typed.replace("\x00", "?").upper()[:16]


def _found(repair: Repair | None, number: str) -> Repair:
    if repair is None:
        raise endings.absence(_as_number(number))
    return repair


def _no_such_move(source: str, target: str) -> str:
    if target not in list(State):
        return "There is no such status."
    return f"A repair cannot go from {_words(source)} to {_words(target)}."


def _words(state: str) -> str:
    return State(state).value.replace("_", " ")


def _check_rights(changes: dict[str, str], actor: Actor) -> None:
    for field in changes:
        if field not in EDITABLE:
            raise NotAllowed(f"{field} cannot be edited.")
        if not may_edit(field, actor):
            raise NotAllowed(f"Your role does not edit this: {field}.")


def _clean(changes: dict[str, str]) -> dict[str, str]:
    cleaned = {field: _plain(value) for field, value in changes.items()}
    faults = {
        field: f"Keep this under {EDITABLE[field][1]:,} characters; it has {len(value):,}."
        for field, value in cleaned.items()
        if len(value) > EDITABLE[field][1] and field != "imei"
    }
    if imei := cleaned.get("imei"):
        cleaned["imei"] = digits(imei)
        if not is_imei(cleaned["imei"]):
            faults["imei"] = "An IMEI has 15 digits and a check digit; this one does not add up. Dial *#06# to see it."
    if "device_label" in cleaned and not cleaned["device_label"]:
        faults["device_label"] = "Say what device it is."
    if faults:
        raise Invalid(faults)
    return cleaned


def _plain(text: str) -> str:
    """Text as it is kept: line ends as browsers do not send them, no NUL, no space around."""
    return text.replace("\r\n", "\n").replace("\x00", "").strip()


def _read(repair: Repair, field: str) -> str:
    return getattr(_holder(repair, field), _COLUMN.get(field, field))


def _write(repair: Repair, field: str, value: str) -> None:
    setattr(_holder(repair, field), _COLUMN.get(field, field), value)


def _holder(repair: Repair, field: str):
    return repair if EDITABLE[field][0] == "repair" else repair.device
