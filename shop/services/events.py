"""`record`: the one way that a fact enters the log."""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import event as sa_event
from sqlalchemy.orm import Session, SessionTransaction

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.event import Event, EventDetail, detail_hash
from shop.services import wake
from shop.services.subscriptions import subscribers_of

_LOCKS = "aggregates_locked_in"
_RECORDED = "events_recorded"
_EVENTS: Any = Event.__table__
_APPEND = _EVENTS.insert().returning(_EVENTS.c.id)
_APPEND_DETAIL = cast(Any, EventDetail.__table__).insert()


class NotLocked(RuntimeError):
    """An event was recorded for a row that this transaction has not locked: its order would be a guess."""


def hold(aggregate) -> None:
    """Notes that this transaction holds the row lock of `aggregate` (or has just created it).

    Raises NotLocked outside a transaction, where nothing can be locked.
    """
    session = db.session()
    transaction = session.get_nested_transaction() or session.get_transaction()
    if transaction is None:
        raise NotLocked(_name(aggregate))
    # A lock taken again inside a savepoint outlives it: the transaction around it has it already.
    _locks(session).setdefault(_name(aggregate), transaction)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where a fact stands: its row in the log, and its place in the life of what it is about."""

    id: int
    aggregate: str
    version: int


def record(verb: str, aggregate, *, actor: Actor, body: dict | None = None, detail: dict | None = None) -> Recorded:
    """Appends one fact about `aggregate` to the log, in the caller's transaction.

    `body` is sealed for ever and must name nobody; `detail` holds what is personal and can be erased.
    Bumps the aggregate's version. Raises NotLocked if the aggregate is not held by this transaction, and
    KeyError for a verb that the table of subscriptions does not know.
    """
    session = db.session()
    name = _name(aggregate)
    if name not in _locks(session):
        raise NotLocked(name)
    subscribers_of(verb)
    aggregate.version += 1
    salt, text = (secrets.token_hex(16), dumps(detail)) if detail else ("", "")
    facts = {
        "verb": verb,
        "aggregate": name,
        "version": aggregate.version,
        "actor": actor.reference,
        "at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "body": dumps(body or {}),
        "detail_hash": detail_hash(salt, text) if detail else "",
    }
    # Straight into the table: a fact is never read back or changed by whoever records it.
    connection = session.connection()
    fact_id = connection.execute(_APPEND, facts).scalar_one()
    if detail:
        connection.execute(_APPEND_DETAIL, {"event_id": fact_id, "salt": salt, "body": text})
    session.info.setdefault(_RECORDED, []).append(fact_id)
    return Recorded(fact_id, name, aggregate.version)


def dumps(value: dict) -> str:
    """Canonical JSON: sorted keys, no spaces, so that equal facts have equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def _name(aggregate) -> str:
    return f"{aggregate.__tablename__.removesuffix('s')}:{aggregate.id}"


def _locks(session: Session) -> dict[str, SessionTransaction]:
    return session.info.setdefault(_LOCKS, {})


@sa_event.listens_for(Session, "after_commit")
def _after_commit(session) -> None:
    # Fires also when a savepoint is released, so it may only wake the relay, never send.
    if savepoint := session.get_nested_transaction():
        _inherit_locks(session, savepoint)
    elif session.info.pop(_RECORDED, None):
        wake.relay()


@sa_event.listens_for(Session, "after_transaction_end")
def _after_transaction_end(session, ended) -> None:
    # Rolling back to a savepoint gives back the row locks taken since.
    session.info[_LOCKS] = {name: taken_in for name, taken_in in _locks(session).items() if taken_in is not ended}
    if ended.parent is None:
        session.info.pop(_RECORDED, None)


def _inherit_locks(session: Session, savepoint: SessionTransaction) -> None:
    for name, taken_in in _locks(session).items():
        if taken_in is savepoint and savepoint.parent is not None:
            _locks(session)[name] = savepoint.parent
