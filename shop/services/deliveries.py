"""Deliveries: claimed with a lease, run, finished only by the attempt that claimed them.

At least once, in order per subscriber and aggregate. What a handler writes to our own database commits
together with the finish, so there it happens exactly once. A long handler that commits on its way says so, and says
how it acts once all the same (services/bulk_work.py).
"""

import random
from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import structlog
from sqlalchemy import ColumnElement, bindparam, exists, func, literal_column, or_, select, update
from sqlalchemy.orm import aliased

from shop import database
from shop.extensions import db
from shop.models.base import database_now, utc_now
from shop.models.errors import NotFound, ProviderDown
from shop.models.event import ATTEMPTS, Delivery, DeliveryState, Event, EventDetail
from shop.services import leases
from shop.services.leases import held, holding
from shop.services.statements import changed_rows

log = structlog.get_logger(__name__)

CLAIM_AT_ONCE = 50
# So long after the event a provider that does not answer is asked again and again.
SILENCE_LASTS = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Fact:
    """A sealed event. `detail` is the JSON of its personal part, '' if it has none or it was erased."""

    id: int
    verb: str
    aggregate: str
    version: int
    actor: str
    at: str
    body: str
    detail: str


@dataclass(frozen=True, slots=True)
class Owed:
    """A claimed delivery as its handler gets it."""

    id: int
    subscriber: str
    attempt: int
    attempts_allowed: int
    error: str
    event: Fact


_LOAD = (
    select(
        Delivery.id,
        Delivery.subscriber,
        Delivery.attempt,
        Delivery.attempts_allowed,
        Delivery.error,
        Event.id,
        Event.verb,
        Event.aggregate,
        Event.version,
        Event.actor,
        Event.at,
        Event.body,
        func.coalesce(EventDetail.body, ""),
    )
    .join(Event, Event.id == Delivery.event_id)
    .outerjoin(EventDetail, EventDetail.event_id == Event.id)
    .where(Delivery.id.in_(bindparam("ids", expanding=True)), Delivery.state == DeliveryState.RUNNING)
)
# How most end: built once, for building it costs more than running it.
_DONE = held(bindparam("held"), bindparam("by")).values(state=DeliveryState.DONE, finished_at=database_now())

_is_stopping: ContextVar[Callable[[], bool]] = ContextVar("is_stopping", default=lambda: False)


class GoOnLater(Exception):
    """Raised by a long handler that was told to stop, or has run for long enough: another attempt goes on at once."""


Handler = Callable[[Owed], None]
HANDLERS: dict[str, Handler] = {}


def handles(subscriber: str):
    """Registers a function as the handler of a subscriber.

    It is given a delivery with its event, outside any transaction, so that it can call the outside
    world while no lock is held. What it leaves uncommitted in the session commits with the finish; it must
    not commit by itself.
    """

    def register(function: Handler) -> Handler:
        HANDLERS[subscriber] = function
        return function

    return register


def drain(subscriber: str, *, limit: int = 1000, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Runs due deliveries of one subscriber until none is left or `limit` is reached; returns how many ran.

    Commits by itself, once per claim and once per delivery: each stands alone. Safe to run in any number
    of processes at once, and again after a crash at any point. What is claimed when `is_stopping` turns
    true is given back.
    """
    ran = 0
    while ran < limit and not is_stopping():
        claims = claim(subscriber, at_once=min(CLAIM_AT_ONCE, limit - ran))
        if not claims:
            break
        with holding(claims) as lease, _told_to_stop_by(is_stopping):
            loaded = _load(claims)
            for claimed in claims:
                if is_stopping():
                    give_back(*claimed)
                else:
                    run(*claimed, loaded=loaded.get(claimed) if lease.is_certain(claimed) else None)
                    ran += 1
                lease.end(claimed)
    return ran


def is_stopping() -> bool:
    """For long handlers: whether this process is about to end."""
    return _is_stopping.get()()


@contextmanager
def _told_to_stop_by(ask: Callable[[], bool]):
    token = _is_stopping.set(ask)
    try:
        yield
    finally:
        _is_stopping.reset(token)


def claim(subscriber: str, *, at_once: int = CLAIM_AT_ONCE) -> list[tuple[int, int]]:
    """Takes the lease of due deliveries, the oldest unfinished of each aggregate only; commits.

    Returns (id, attempt). The attempt is counted here, so that one that kills its process is counted too.
    """
    asked = {"whose": subscriber, "at_once": at_once}
    taken = db.session.connection().execute(_claim_statement(leases.LEASE), asked).all()
    db.session.commit()
    return sorted((row.id, row.attempt) for row in taken)


def run(delivery_id: int, attempt: int, *, loaded: Owed | None = None) -> None:
    """Runs one claimed delivery and finishes it, unless another attempt has taken it over; commits.

    `loaded` spares the look whether it is still ours: give it only while the lease is certain.
    """
    delivery = loaded or _load([(delivery_id, attempt)]).get((delivery_id, attempt))
    if delivery is None:
        log.warning("delivery_late", delivery=delivery_id, attempt=attempt)
    elif attempt > delivery.attempts_allowed:
        _finish(delivery, state=DeliveryState.DEAD, error=delivery.error or "The process died each time.")
    else:
        _handle(delivery)


def give_back(delivery_id: int, attempt: int) -> None:
    """Returns a claimed delivery that was not begun; commits. The attempt does not count as one."""
    values = {
        "state": DeliveryState.WAITING,
        "attempts_allowed": Delivery.attempts_allowed + 1,
        "due_at": database_now(),
    }
    db.session.execute(held(delivery_id, attempt).values(**values))
    db.session.commit()


def due_subscribers() -> list[str]:
    """Subscribers that have at least one delivery to run now."""
    return list(db.session.scalars(select(Delivery.subscriber).where(_is_due()).distinct()))


def resend(delivery_id: int) -> Delivery:
    """Gives a dead delivery a new life; the caller commits. Raises NotFound if it is not dead."""
    changed = db.session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state == DeliveryState.DEAD)
        .values(
            state=DeliveryState.WAITING,
            attempts_allowed=Delivery.attempt + ATTEMPTS,
            due_at=database_now(),
            finished_at=None,
        )
        .execution_options(synchronize_session=False)
    )
    if changed_rows(changed) != 1:
        raise NotFound("This delivery is not among the dead ones any more.")
    return db.session.get_one(Delivery, delivery_id, populate_existing=True)


def backoff(failures: int) -> float:
    """Seconds before the next attempt: 2, 4, 8 … at most 10 minutes, spread by half."""
    return min(2**failures, 600) * random.uniform(0.5, 1.0)


@lru_cache(maxsize=4)
def _claim_statement(lease: float):
    """Built once for each length of a lease: building it costs more than running it."""
    older = aliased(Delivery)
    waits_for_older = exists().where(
        older.subscriber == Delivery.subscriber,
        older.ordering_key == Delivery.ordering_key,
        _unfinished(older),
        # What is held for its time, and was never tried, holds nobody else up.
        or_(older.attempt > 0, older.due_at <= database_now()),
        older.id < Delivery.id,
    )
    candidates = (
        select(Delivery.id)
        .where(Delivery.subscriber == bindparam("whose"), _is_due(), ~waits_for_older)
        .order_by(Delivery.due_at, Delivery.id)
        .limit(bindparam("at_once"))
        .with_for_update(of=Delivery, skip_locked=True)  # SQLite has one writer and ignores it
        .cte("candidates")
    )
    return (
        update(Delivery)
        .where(Delivery.id.in_(select(candidates.c.id)))
        .values(state=DeliveryState.RUNNING, attempt=Delivery.attempt + 1, due_at=database_now(lease))
        .returning(Delivery.id, Delivery.attempt)
        .execution_options(synchronize_session=False)
    )


def _unfinished(entity) -> ColumnElement[bool]:
    # Literals, not parameters: only then can the planners prove that the partial indexes apply.
    return entity.state.in_([literal_column("'waiting'"), literal_column("'running'")])


def _is_due() -> ColumnElement[bool]:
    return _unfinished(Delivery) & (Delivery.due_at <= database_now())


def _load(claims: list[tuple[int, int]]) -> dict[tuple[int, int], Owed]:
    """Those deliveries that these attempts still hold; no transaction stays open around a handler."""
    with database.reading():
        rows = db.session.connection().execute(_LOAD, {"ids": [delivery_id for delivery_id, _ in claims]}).all()
        db.session.rollback()
    found = [_owed(row) for row in rows]
    return {(owed.id, owed.attempt): owed for owed in found if (owed.id, owed.attempt) in claims}


def _owed(row) -> Owed:
    key, subscriber, attempt, allowed, error, *event = row
    return Owed(key, subscriber, attempt, allowed, error, Fact(*event))


def _handle(delivery: Owed) -> None:
    try:
        HANDLERS[delivery.subscriber](delivery)
        _finish(delivery, state=DeliveryState.DONE)
    except GoOnLater:
        db.session.rollback()
        give_back(delivery.id, delivery.attempt)
    except Exception as error:
        db.session.rollback()
        log.warning("delivery_failed", delivery=delivery.id, attempt=delivery.attempt, exc_info=True)
        _fail(delivery, error=f"{type(error).__name__}: {error}"[:500], is_silence=isinstance(error, ProviderDown))


def _fail(delivery: Owed, *, error: str, is_silence: bool) -> None:
    """Tried again after a pause; dead after the last attempt. A provider's silence uses none up, for some hours."""
    failures = ATTEMPTS - (delivery.attempts_allowed - delivery.attempt)
    if failures >= ATTEMPTS and is_silence and utc_now() - datetime.fromisoformat(delivery.event.at) < SILENCE_LASTS:
        _finish(
            delivery, state=DeliveryState.WAITING, error=error, due_at=database_now(backoff(ATTEMPTS - 1)),
            attempts_allowed=Delivery.attempts_allowed + 1,
        )  # fmt: skip
    elif failures >= ATTEMPTS:
        _finish(delivery, state=DeliveryState.DEAD, error=error)
    else:
        due_at = database_now(backoff(max(failures, 1)))
        _finish(delivery, state=DeliveryState.WAITING, error=error, due_at=due_at)


def _finish(delivery: Owed, **values) -> None:
    """The fenced last write: only the attempt that holds the delivery may make it. Commits or rolls back."""
    if values == {"state": DeliveryState.DONE}:
        is_ours = _is_done(delivery)
    else:
        if values["state"] == DeliveryState.DEAD:
            values["finished_at"] = database_now()
        is_ours = changed_rows(db.session.execute(held(delivery.id, delivery.attempt).values(**values))) == 1
    if is_ours:
        db.session.commit()
        return
    db.session.rollback()
    log.warning("delivery_late", delivery=delivery.id, attempt=delivery.attempt)


def _is_done(delivery: Owed) -> bool:
    """Marks it as done. What its handler has begun to write is to commit with that; else it stands alone."""
    key = {"held": delivery.id, "by": delivery.attempt}
    if db.session().in_transaction():
        return changed_rows(db.session.connection().execute(_DONE, key)) == 1
    with database.alone(db.engine) as connection:
        return changed_rows(connection.execute(_DONE, key)) == 1
