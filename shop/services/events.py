"""`record`: the one way that a fact enters the log."""

import json
import secrets
from datetime import UTC, datetime

from sqlalchemy import event as sa_event
from sqlalchemy.orm import Session

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.event import Event, EventDetail, detail_hash
from shop.services import wake

_LOCKS = "aggregates_locked_in"
_RECORDED = "events_recorded"


class NotLocked(RuntimeError):
    """An event was recorded for a row that this transaction has not locked: its order would be a guess."""


def hold(aggregate) -> None:
    """Notes that this transaction holds the row lock of `aggregate` (or has just created it)."""
    session = db.session()
    session.info.setdefault(_LOCKS, {})[_name(aggregate)] = session.get_transaction()


def record(verb: str, aggregate, *, actor: Actor, body: dict | None = None, detail: dict | None = None) -> Event:
    """Appends one fact about `aggregate` to the log, in the caller's transaction.

    `body` is sealed for ever and must name nobody; `detail` holds what is personal and can be erased.
    Bumps the aggregate's version. Raises NotLocked if the aggregate is not held by this transaction.
    """
    session = db.session()
    name = _name(aggregate)
    if session.info.get(_LOCKS, {}).get(name) is not session.get_transaction():
        raise NotLocked(name)
    aggregate.version += 1
    fact = Event(
        verb=verb,
        aggregate=name,
        version=aggregate.version,
        actor=actor.reference,
        at=datetime.now(UTC).isoformat(timespec="microseconds"),
        body=dumps(body or {}),
    )
    if detail:
        salt, text = secrets.token_hex(16), dumps(detail)
        fact.detail = EventDetail(salt=salt, body=text)
        fact.detail_hash = detail_hash(salt, text)
    session.add(fact)
    session.info[_RECORDED] = True
    return fact


def dumps(value: dict) -> str:
    """Canonical JSON: sorted keys, no spaces, so that equal facts have equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def _name(aggregate) -> str:
    return f"{aggregate.__tablename__.removesuffix('s')}:{aggregate.id}"


@sa_event.listens_for(Session, "after_commit")
def _after_commit(session) -> None:
    # Fires also when a savepoint is released, so it may only wake the relay, never send.
    if session.in_nested_transaction():
        return
    session.info.pop(_LOCKS, None)
    if session.info.pop(_RECORDED, False):
        wake.relay()


@sa_event.listens_for(Session, "after_rollback")
def _after_rollback(session) -> None:
    if not session.in_nested_transaction():
        session.info.pop(_LOCKS, None)
        session.info.pop(_RECORDED, None)
