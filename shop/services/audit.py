"""The sealed log, walked link by link."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from shop.extensions import db
from shop.models.event import GENESIS, Event, detail_hash, seal

_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """`position` is the first bad one, or the head when all is well."""

    good: bool
    position: int
    reason: str
    head: str


def verify(*, outside_head: tuple[int, str] | None = None) -> Verdict:
    """Walks every link of the chain. `outside_head` (position, hash), kept elsewhere, convicts a cut or re-made tail."""
    position, previous = 0, GENESIS
    pending = dict([outside_head]) if outside_head else {}
    while batch := _after(position):
        for fact in batch:
            if fault := _fault(fact, expected=position + 1, previous=previous):
                return Verdict(False, position + 1, fault, previous)
            position, previous = fact.position, fact.hash
            if pending.pop(position, previous) != previous:
                return Verdict(False, position, "the hash is not the one kept outside", previous)
        db.session.expunge_all()
    if pending:
        return Verdict(False, position + 1, f"the log ends here, but a head at {next(iter(pending))} was kept outside", previous)
    return Verdict(True, position, "", previous)


def _after(position: int) -> list[Event]:
    query = select(Event).options(joinedload(Event.detail)).where(Event.position > position)
    return list(db.session.scalars(query.order_by(Event.position).limit(_BATCH)))


def _fault(fact: Event, *, expected: int, previous: str) -> str:
    if fact.position != expected:
        return f"the event is missing: the next one stands at {fact.position}"
    if fact.previous_hash != previous:
        return "it does not follow from the event before"
    if fact.hash != seal(fact, position=fact.position, previous_hash=previous):
        return "its content does not match its seal"
    if fact.detail and detail_hash(fact.detail.salt, fact.detail.body) != fact.detail_hash:
        return "its personal details do not match their seal"
    return ""


def counts() -> tuple[int, int]:
    """(sealed, waiting to be sealed)."""
    row = db.session.execute(select(func.count(Event.position), func.count() - func.count(Event.position))).one()
    return row[0], row[1]
