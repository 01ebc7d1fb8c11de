"""The relay: gives each committed event its place in the order, seals it, and owes it to its subscribers.

It alone writes positions. One transaction at a time, under a lock in the database: a second relay waits,
and if it did not, the unique position would refuse it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import bindparam, func, select, text, update

from shop.extensions import db
from shop.models.base import database_now, utc_now
from shop.models.event import GENESIS, Delivery, DeliveryState, Event, seal
from shop.services.deliveries import Owed, handles
from shop.services.statements import insert_if_absent
from shop.services.subscriptions import held_until, owed_to

log = structlog.get_logger(__name__)

BATCH = 500
# Owed an event whose verb this code does not know, as after a step back to an older release.
UNROUTED = "unrouted"
_LOCK = 7_305_001
# A relay that is stopped while it holds the lock must not hold up the others for ever.
_TAKE_LOCK = text("SELECT set_config('idle_in_transaction_session_timeout', '30s', true), pg_advisory_xact_lock(:lock)")
_TAKE_TIME = text("SELECT set_config('idle_in_transaction_session_timeout', '0', true)")
_COLUMNS = (
    Event.id,
    Event.verb,
    Event.aggregate,
    Event.version,
    Event.actor,
    Event.at,
    Event.body,
    Event.detail_hash,
)
_SEAL = (
    update(Event)
    .where(Event.id == bindparam("event_id"), Event.position.is_(None))
    .values(position=bindparam("place"), previous_hash=bindparam("before"), hash=bindparam("own"))
    .execution_options(synchronize_session=False)
)


@dataclass(frozen=True, slots=True)
class Sealed:
    position: int
    verb: str
    aggregate: str
    actor: str


def relay_batch() -> list[Sealed]:
    """Seals up to BATCH committed events and writes their deliveries; the caller commits.

    Returns what was sealed, in order. A second call finds nothing to do and is harmless.
    """
    _take_lock()
    events = db.session.execute(select(*_COLUMNS).where(Event.position.is_(None)).order_by(Event.id).limit(BATCH)).all()
    if not events:
        return []
    position, previous = head()
    seals, deliveries, sealed = [], [], []
    for fact in in_order(events):
        position += 1
        own = seal(fact, position=position, previous_hash=previous)
        seals.append({"event_id": fact.id, "place": position, "before": previous, "own": own})
        deliveries += [_delivery(fact, subscriber) for subscriber in _route(fact)]
        sealed.append(Sealed(position, fact.verb, fact.aggregate, fact.actor))
        previous = own
    db.session.connection().execute(_SEAL, seals)
    _owe(deliveries)
    return sealed


def has_work() -> bool:
    """True if an event waits for its place. Takes no lock."""
    return db.session.scalar(select(Event.id).where(Event.position.is_(None)).limit(1)) is not None


def head() -> tuple[int, str]:
    """Position and hash of the last sealed event."""
    row = db.session.execute(
        select(Event.position, Event.hash).where(Event.position.is_not(None)).order_by(Event.position.desc()).limit(1)
    ).first()
    return (row.position, row.hash) if row else (0, GENESIS)


def lag_seconds() -> float:
    """Age in seconds of the oldest event that waits for its place; 0 when none does.

    Counted from when it was recorded, so the time that its own transaction took is in it.
    """
    oldest = db.session.scalar(select(func.min(Event.at)).where(Event.position.is_(None)))
    if oldest is None:
        return 0.0
    return max(0.0, (utc_now() - datetime.fromisoformat(oldest)).total_seconds())


def in_order(events: Sequence) -> list:
    """By id, and by version within one aggregate: places of an aggregate stay, its events are put in order."""
    versions: dict[str, list] = {}
    for fact in events:
        versions.setdefault(fact.aggregate, []).append(fact)
    queues = {name: iter(sorted(facts, key=lambda f: f.version)) for name, facts in versions.items()}
    return [next(queues[fact.aggregate]) for fact in events]


def _take_lock() -> None:
    # SQLite: the transaction itself began as the only writer.
    if db.engine.dialect.name == "postgresql":
        db.session.execute(_TAKE_LOCK, {"lock": _LOCK})


def take_time() -> None:
    """For who keeps the lock on purpose: this transaction may rest longer between statements than a relay's."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(_TAKE_TIME)


def _route(fact) -> tuple[str, ...]:
    try:
        return owed_to(fact.verb, fact.body)
    except KeyError:
        log.error("verb_unknown", verb=fact.verb)
        return (UNROUTED,)


def _delivery(fact, subscriber: str) -> dict:
    owed = {"event_id": fact.id, "subscriber": subscriber, "ordering_key": fact.aggregate}
    held = held_until(fact.body, subscriber)
    return {**owed, "due_at": held} if held else owed


def _owe(deliveries: list[dict]) -> None:
    """What was taken back before its event had a place has its row already, see services/holds.py."""
    now = {"state": DeliveryState.WAITING, "created_at": database_now()}
    at_once = [owed for owed in deliveries if "due_at" not in owed]
    held = [owed for owed in deliveries if "due_at" in owed]
    for owed, values in ((at_once, {**now, "due_at": database_now()}), (held, now)):
        if owed:
            statement = insert_if_absent(Delivery, unique=["event_id", "subscriber"], values=values)
            db.session.connection().execute(statement, owed)


@handles(UNROUTED)
def _route_again(delivery: Owed) -> None:
    """Fails until the table of subscriptions knows the verb; then owes the event to whom it names."""
    _owe([_delivery(delivery.event, subscriber) for subscriber in owed_to(delivery.event.verb, delivery.event.body)])
