"""The sealed log for readers: found, paged, put into words."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from shop.extensions import db
from shop.models.catalogue import DeviceModel
from shop.models.ending import DeletedRepair
from shop.models.event import Event
from shop.models.location import Location
from shop.models.repair import Repair
from shop.models.staff import Staff
from shop.services import endings
from shop.services.audit_words import Change, changes_of, sentence_of
from shop.services.clock import midnight

PAGE = 50
MOST_EXPORTED = 100_000
_BATCH = 1_000
_NAMES = {
    "staff": (Staff.id, Staff.name),
    "device_model": (DeviceModel.id, DeviceModel.name),
    "location": (Location.id, Location.name),
}
_NUMBERED = {
    "repair.assigned": "staff",
    "repair.assignment_undone": "staff",
    "repair.relocated": "location",
    "repair.relocation_undone": "location",
}


@dataclass(frozen=True, slots=True)
class Filters:
    """`verb` is a verb or a kind such as `repair`; `about` a ticket number or an aggregate such as `staff:3`."""

    verb: str = ""
    actor: str = ""
    about: str = ""
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact in words. `about` is what it happened to, `about_name` how people call that."""

    position: int
    hash: str | None
    at: datetime
    verb: str
    who: str
    about: str
    about_name: str
    sentence: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Page:
    items: list[Entry]
    older: int | None


def read_log(filters: Filters, *, zone: str, before: int | None = None) -> Page:
    """Sealed facts, newest first, `before` a position. Days are those of `zone`. At most five statements."""
    found = _find(filters, zone=zone, before=before, limit=PAGE + 1)
    older = found[PAGE - 1].position if len(found) > PAGE else None
    return Page(_entries(found[:PAGE]), older)


def export_log(filters: Filters, *, zone: str) -> Iterator[Entry]:
    """The same, all of it, read in batches, up to MOST_EXPORTED facts and one more, which says that there is more."""
    before, left = None, MOST_EXPORTED + 1
    while left > 0 and (found := _find(filters, zone=zone, before=before, limit=min(_BATCH, left))):
        yield from _entries(found)
        before, left = found[-1].position, left - len(found)
        db.session.expunge_all()


def list_actors() -> list[tuple[str, str]]:
    """(reference, name) of everyone who can have done something."""
    people = db.session.execute(select(Staff.id, Staff.name).order_by(func.lower(Staff.name)))
    return [*((f"staff:{key}", name) for key, name in people), ("customer", "A customer"), ("system", "The system")]


def _find(filters: Filters, *, zone: str, before: int | None, limit: int) -> list[Event]:
    query = select(Event).options(joinedload(Event.detail)).where(Event.position.is_not(None))
    if before is not None:
        query = query.where(Event.position < before)
    for condition in _conditions(filters, zone):
        query = query.where(condition)
    return list(db.session.scalars(query.order_by(Event.position.desc()).limit(limit)))


def _conditions(filters: Filters, zone: str) -> Iterator:
    if filters.verb:
        yield (
            Event.verb == filters.verb
            if "." in filters.verb
            else Event.verb.startswith(f"{filters.verb}.", autoescape=True)
        )
    if filters.actor:
        yield Event.actor == filters.actor
    if filters.about:
        yield Event.aggregate == _aggregate(filters.about)
    if filters.since:
        yield Event.at >= _midnight(filters.since, zone)
    if filters.until:
        yield Event.at < _midnight(filters.until + timedelta(days=1), zone)


def _aggregate(about: str) -> str:
    """`repair:17` for its ticket number; anything else as it was typed."""
    number = about.strip().upper().removeprefix("#")
    number = f"RT-{number}" if number.isdigit() else number
    here = select(Repair.id).where(Repair.number == number)
    gone = select(DeletedRepair.repair_id).where(DeletedRepair.number == number)
    key = db.session.scalar(here.union_all(gone))
    return f"repair:{key}" if key else about.strip().lower()


def _midnight(day: date, zone: str) -> str:
    # Stored times are ISO texts in UTC of equal length, so they compare as texts.
    return midnight(day, zone).astimezone(UTC).isoformat(timespec="microseconds")


def _entries(facts: list[Event]) -> list[Entry]:
    bodies = [json.loads(fact.body) for fact in facts]
    names = _names({fact.aggregate for fact in facts} | {fact.actor for fact in facts} | _named_in(facts, bodies))
    return [_entry(fact, body, names) for fact, body in zip(facts, bodies, strict=True)]


def _entry(fact: Event, body: dict, names: dict[str, str]) -> Entry:
    if fact.position is None:
        raise ValueError("an event without a position is not in the log yet")
    detail = json.loads(fact.detail.body) if fact.detail else {}
    return Entry(
        position=fact.position,
        hash=fact.hash,
        at=datetime.fromisoformat(fact.at),
        verb=fact.verb,
        who=names.get(fact.actor, fact.actor.capitalize()),
        about=fact.aggregate,
        about_name=names.get(fact.aggregate, fact.aggregate),
        sentence=sentence_of(fact.verb, body, names=names),
        changes=changes_of(fact.verb, body, detail, names=names, erased=bool(fact.detail_hash and not detail)),
    )


def _named_in(facts: list[Event], bodies: list[dict]) -> set[str]:
    """Assignees and branches stand in the log by number only."""
    return {
        f"{_NUMBERED[fact.verb]}:{body[end]}"
        for fact, body in zip(facts, bodies, strict=True)
        for end in ("from", "to")
        if fact.verb in _NUMBERED and isinstance(body.get(end), int)
    }


def _names(references: set[str]) -> dict[str, str]:
    """Names of aggregates and actors: one statement for each kind that occurs."""
    wanted: dict[str, list[int]] = {}
    for reference in references:
        kind, _, key = reference.partition(":")
        if kind in (*_NAMES, "repair") and key.isdigit():
            wanted.setdefault(kind, []).append(int(key))
    tickets = endings.numbers_of(wanted.pop("repair", ()))
    names = {f"repair:{key}": number for key, number in tickets.items()}
    for kind, keys in wanted.items():
        found = db.session.execute(select(*_NAMES[kind]).where(_NAMES[kind][0].in_(keys)))
        names |= {f"{kind}:{key}": name for key, name in found}
    return names
