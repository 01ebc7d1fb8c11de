"""The sealed log, walked link by link."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import and_, func, or_, select, tuple_

from shop.extensions import db
from shop.models.event import GENESIS, Event, EventDetail, detail_hash, seal
from shop.services.relay import head

_BATCH = 5_000
_ROWS = select(
    Event.position,
    Event.previous_hash,
    Event.hash,
    Event.id,
    Event.verb,
    Event.aggregate,
    Event.version,
    Event.actor,
    Event.at,
    Event.detail_hash,
    Event.body,
    EventDetail.salt,
    EventDetail.body.label("detail"),
).outerjoin(EventDetail, EventDetail.event_id == Event.id)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`position` is the first bad one, or the head when all is well."""

    good: bool
    position: int
    reason: str
    head: str


def verify(*, outside_head: tuple[int, str] | None = None, start: tuple[int, str] = (0, GENESIS)) -> Verdict:
    """Walks every link of the chain. `outside_head` (position, hash), kept elsewhere, convicts a cut or re-made tail.

    `start` (position, hash) is taken on trust and the walk begins after it: a part proves only itself.
    """
    position, previous = start
    kept_at, kept_hash = outside_head or (0, GENESIS)
    for fact in _sealed(after=position):
        fault = _fault(fact, expected=position + 1, previous=previous)
        if not fault and fact.position == kept_at and fact.hash != kept_hash:
            fault = "the hash is not the one kept outside"
        if fault:
            return Verdict(False, position + 1, fault, previous)
        position, previous = fact.position, fact.hash
    if kept_at > position:
        return Verdict(False, position + 1, f"the log ends here, but a head at {kept_at} was kept outside", previous)
    if unsealed := _seals_without_position():
        return Verdict(False, position + 1, f"event {unsealed} bears a seal but has lost its position", previous)
    return Verdict(True, position, "", previous)


def verify_last(count: int) -> Verdict:
    """The last `count` links, or the whole log if it is shorter."""
    start = head()[0] - count
    known = db.session.scalar(select(Event.hash).where(Event.position == start)) if start > 0 else None
    return verify(start=(start, known)) if known else verify()


def counts() -> tuple[int, int]:
    """(sealed, waiting to be sealed)."""
    row = db.session.execute(select(func.count(Event.position), func.count() - func.count(Event.position))).one()
    return row[0], row[1]


def _sealed(*, after: int) -> Iterator:
    """Every row that claims a position, wherever that is: zero, negative and doubled ones as well."""
    claimed = Event.position > after if after else Event.position.is_not(None)
    batch = db.session.execute(_ROWS.where(claimed).order_by(Event.position, Event.id).limit(_BATCH))
    while rows := batch.all():
        yield from rows
        further = tuple_(Event.position, Event.id) > tuple_(rows[-1].position, rows[-1].id)
        # Said again without the id: an index on positions alone can be entered in the middle by it.
        claimed = and_(Event.position >= rows[-1].position, further)
        batch = db.session.execute(_ROWS.where(claimed).order_by(Event.position, Event.id).limit(_BATCH))


def _fault(fact, *, expected: int, previous: str) -> str:
    if fact.position > expected:
        return f"the event is missing: the next one stands at {fact.position}"
    if fact.position < expected:
        return f"event {fact.id} stands at {fact.position}, where none can be"
    if fact.previous_hash != previous:
        return "it does not follow from the event before"
    if fact.hash != seal(fact, position=fact.position, previous_hash=previous):
        return "its content does not match its seal"
    if fact.salt is not None and detail_hash(fact.salt, fact.detail) != fact.detail_hash:
        return "its personal details do not match their seal"
    return ""


def _seals_without_position() -> int | None:
    bears_seal = or_(Event.hash.is_not(None), Event.previous_hash.is_not(None))
    return db.session.scalar(select(Event.id).where(Event.position.is_(None), bears_seal).limit(1))
