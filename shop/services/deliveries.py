"""Deliveries: claimed with a lease, run, finished only by the attempt that claimed them.

At least once, in order per subscriber and aggregate. What a handler writes to our own database commits
together with the finish, so there it happens exactly once.
"""

import random
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager

import structlog
from sqlalchemy import and_, exists, func, select, update
from sqlalchemy.orm import aliased, joinedload

from shop.extensions import db
from shop.models.base import database_now
from shop.models.errors import NotFound
from shop.models.event import Delivery, DeliveryState, Event

log = structlog.get_logger(__name__)

LEASE = 60.0
MAX_ATTEMPTS = 8
CLAIM_AT_ONCE = 20
UNFINISHED = (DeliveryState.WAITING, DeliveryState.RUNNING)

Handler = Callable[[Delivery], None]
HANDLERS: dict[str, Handler] = {}


def handles(subscriber: str):
    """Registers a function as the handler of a subscriber."""

    def register(function: Handler) -> Handler:
        HANDLERS[subscriber] = function
        return function

    return register


def drain(subscriber: str, *, limit: int = 1000) -> int:
    """Runs due deliveries of one subscriber until none is left or `limit` is reached; returns how many ran.

    Commits by itself, once per claim and once per delivery: each stands alone. Safe to run in any number
    of processes at once, and again after a crash at any point.
    """
    ran = 0
    while ran < limit:
        claims = claim(subscriber)
        if not claims:
            break
        for delivery_id, attempt in claims:
            run(delivery_id, attempt=attempt)
            ran += 1
    return ran


def claim(subscriber: str, *, at_once: int = CLAIM_AT_ONCE) -> list[tuple[int, int]]:
    """Takes the lease of due deliveries, the oldest unfinished of each aggregate only; commits.

    Returns (id, attempt). The attempt is counted here, so that one that kills its process is counted too.
    """
    older = aliased(Delivery)
    waits_for_older = exists().where(
        older.subscriber == Delivery.subscriber,
        older.ordering_key == Delivery.ordering_key,
        older.state.in_(UNFINISHED),
        older.id < Delivery.id,
    )
    due = and_(
        Delivery.subscriber == subscriber,
        Delivery.state.in_(UNFINISHED),
        Delivery.due_at <= database_now(),
        ~waits_for_older,
    )
    candidates = select(Delivery.id).where(due).order_by(Delivery.due_at, Delivery.id).limit(at_once)
    taken = db.session.execute(
        update(Delivery)
        .where(Delivery.id.in_(candidates.with_for_update(skip_locked=True)), due)
        .values(
            state=DeliveryState.RUNNING,
            attempt=Delivery.attempt + 1,
            due_at=database_now(LEASE),
        )
        .returning(Delivery.id, Delivery.attempt)
        .execution_options(synchronize_session=False)
    ).all()
    db.session.commit()
    return sorted((row.id, row.attempt) for row in taken)


def run(delivery_id: int, *, attempt: int) -> None:
    """Runs one claimed delivery and finishes it, unless another attempt has taken it over; commits."""
    delivery = db.session.get(
        Delivery, delivery_id, options=[joinedload(Delivery.event).joinedload(Event.detail)], populate_existing=True
    )
    if attempt > MAX_ATTEMPTS:
        _finish(delivery_id, attempt, state=DeliveryState.DEAD, error=delivery.error or "The process died each time.")
        return
    try:
        with _heartbeat.holding(delivery_id, attempt):
            HANDLERS[delivery.subscriber](delivery)
        _finish(delivery_id, attempt, state=DeliveryState.DONE)
    except Exception as error:
        db.session.rollback()
        log.warning("delivery_failed", delivery=delivery_id, attempt=attempt, exc_info=True)
        _fail(delivery_id, attempt, error=f"{type(error).__name__}: {error}"[:500])


def due_subscribers() -> list[str]:
    """Subscribers that have at least one delivery to run now."""
    query = select(Delivery.subscriber).where(Delivery.state.in_(UNFINISHED), Delivery.due_at <= database_now()).distinct()
    return list(db.session.scalars(query))


def resend(delivery_id: int) -> Delivery:
    """Gives a dead delivery a new life; the caller commits. Raises NotFound if it is not dead."""
    changed = db.session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state == DeliveryState.DEAD)
        .values(state=DeliveryState.WAITING, attempt=0, due_at=database_now(), finished_at=None)
        .execution_options(synchronize_session=False)
    )
    if changed.rowcount != 1:
        raise NotFound("This delivery is not among the dead ones any more.")
    return db.session.get(Delivery, delivery_id, populate_existing=True)


def state_counts() -> dict[str, int]:
    """How many deliveries wait, run or are dead. Finished ones are not counted."""
    states = (*UNFINISHED, DeliveryState.DEAD)
    query = select(Delivery.state, func.count()).where(Delivery.state.in_(states)).group_by(Delivery.state)
    return dict(db.session.execute(query).tuples().all())


def backoff(attempt: int) -> float:
    """Seconds before the next attempt: 2, 4, 8 … at most 10 minutes, spread by half."""
    return min(2**attempt, 600) * random.uniform(0.5, 1.0)


def _fail(delivery_id: int, attempt: int, *, error: str) -> None:
    if attempt >= MAX_ATTEMPTS:
        _finish(delivery_id, attempt, state=DeliveryState.DEAD, error=error)
    else:
        _finish(delivery_id, attempt, state=DeliveryState.WAITING, error=error, due_at=database_now(backoff(attempt)))


def _finish(delivery_id: int, attempt: int, **values) -> bool:
    """The fenced last write: only the attempt that holds the delivery may make it. Commits or rolls back."""
    if values["state"] in (DeliveryState.DONE, DeliveryState.DEAD):
        values["finished_at"] = database_now()
    changed = db.session.execute(_held(delivery_id, attempt).values(**values))
    if changed.rowcount != 1:
        db.session.rollback()
        log.warning("delivery_late", delivery=delivery_id, attempt=attempt)
        return False
    db.session.commit()
    return True


class _Heartbeat:
    """One thread a process that extends the leases of what runs in it, every third of their life."""

    def __init__(self):
        self._running: set[tuple[int, int]] = set()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, delivery_id: int, attempt: int):
        with self._guard:
            self._running.add((delivery_id, attempt))
            if self._thread is None:
                engine = db.engine
                self._thread = threading.Thread(target=self._beat, args=(engine,), daemon=True, name="heartbeat")
                self._thread.start()
        try:
            yield
        finally:
            with self._guard:
                self._running.discard((delivery_id, attempt))

    def _beat(self, engine) -> None:
        while True:
            time.sleep(LEASE / 3)
            with self._guard:
                running = list(self._running)
            for delivery_id, attempt in running:
                try:
                    with engine.begin() as connection:
                        connection.execute(_held(delivery_id, attempt).values(due_at=database_now(LEASE)))
                except Exception:
                    log.warning("heartbeat_failed", delivery=delivery_id, exc_info=True)


def _held(delivery_id: int, attempt: int):
    """The fence: an update that touches the delivery only while this attempt holds it."""
    return (
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.attempt == attempt, Delivery.state == DeliveryState.RUNNING)
        .execution_options(synchronize_session=False)
    )


_heartbeat = _Heartbeat()
