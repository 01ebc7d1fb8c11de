"""Deliveries: claimed with a lease, run, finished only by the attempt that claimed them.

At least once, in order per subscriber and aggregate. What a handler writes to our own database commits
together with the finish, so there it happens exactly once.
"""

import random
from collections.abc import Callable

import structlog
from sqlalchemy import ColumnElement, exists, func, literal_column, select, tuple_, update
from sqlalchemy.orm import aliased, joinedload

from shop import database
from shop.extensions import db
from shop.models.base import database_now
from shop.models.errors import NotFound
from shop.models.event import ATTEMPTS, Delivery, DeliveryState, Event
from shop.services import leases
from shop.services.leases import held, holding
from shop.services.statements import changed_rows

log = structlog.get_logger(__name__)

CLAIM_AT_ONCE = 20

Handler = Callable[[Delivery], None]
HANDLERS: dict[str, Handler] = {}


def handles(subscriber: str):
    """Registers a function as the handler of a subscriber.

    It is given a detached delivery with its event, outside any transaction, so that it can call the outside
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
        with holding(claims) as lease:
            loaded = _load(claims)
            for claimed in claims:
                if is_stopping():
                    give_back(*claimed)
                else:
                    run(*claimed, loaded=loaded.get(claimed) if lease.is_certain(claimed) else None)
                    ran += 1
                lease.end(claimed)
    return ran


def claim(subscriber: str, *, at_once: int = CLAIM_AT_ONCE) -> list[tuple[int, int]]:
    """Takes the lease of due deliveries, the oldest unfinished of each aggregate only; commits.

    Returns (id, attempt). The attempt is counted here, so that one that kills its process is counted too.
    """
    older = aliased(Delivery)
    waits_for_older = exists().where(
        older.subscriber == Delivery.subscriber,
        older.ordering_key == Delivery.ordering_key,
        _unfinished(older),
        older.id < Delivery.id,
    )
    candidates = (
        select(Delivery.id)
        .where(Delivery.subscriber == subscriber, _is_due(), ~waits_for_older)
        .order_by(Delivery.due_at, Delivery.id)
        .limit(at_once)
        .with_for_update(of=Delivery, skip_locked=True)  # SQLite has one writer and ignores it
        .cte("candidates")
    )
    taken = db.session.execute(
        update(Delivery)
        .where(Delivery.id.in_(select(candidates.c.id)))
        .values(state=DeliveryState.RUNNING, attempt=Delivery.attempt + 1, due_at=database_now(leases.LEASE))
        .returning(Delivery.id, Delivery.attempt)
        .execution_options(synchronize_session=False)
    ).all()
    db.session.commit()
    return sorted((row.id, row.attempt) for row in taken)


def run(delivery_id: int, attempt: int, *, loaded: Delivery | None = None) -> None:
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


def state_counts() -> dict[str, int]:
    """How many deliveries wait, run or are dead. Finished ones are not counted."""
    number = func.count().label("number")
    unfinished = select(Delivery.state, number).where(_unfinished(Delivery)).group_by(Delivery.state)
    dead = select(func.count()).where(Delivery.state == literal_column("'dead'"))
    counts = {row.state: row.number for row in db.session.execute(unfinished)}
    if died := db.session.scalar(dead):
        counts[DeliveryState.DEAD] = died
    return counts


def backoff(failures: int) -> float:
    """Seconds before the next attempt: 2, 4, 8 … at most 10 minutes, spread by half."""
    return min(2**failures, 600) * random.uniform(0.5, 1.0)


def _unfinished(entity) -> ColumnElement[bool]:
    # Literals, not parameters: only then can the planners prove that the partial indexes apply.
    return entity.state.in_([literal_column("'waiting'"), literal_column("'running'")])


def _is_due() -> ColumnElement[bool]:
    return _unfinished(Delivery) & (Delivery.due_at <= database_now())


def _load(claims: list[tuple[int, int]]) -> dict[tuple[int, int], Delivery]:
    """Those deliveries that these attempts still hold, detached: no transaction stays open around a handler."""
    query = (
        select(Delivery)
        .options(joinedload(Delivery.event).joinedload(Event.detail))
        .where(tuple_(Delivery.id, Delivery.attempt).in_(claims), Delivery.state == DeliveryState.RUNNING)
        .execution_options(populate_existing=True)
    )
    with database.reading():
        found = {(delivery.id, delivery.attempt): delivery for delivery in db.session.scalars(query)}
        for delivery in found.values():
            for row in (delivery.event.detail, delivery.event, delivery):
                if row is not None and row in db.session:
                    db.session.expunge(row)
        db.session.rollback()
    return found


def _handle(delivery: Delivery) -> None:
    try:
        HANDLERS[delivery.subscriber](delivery)
        _finish(delivery, state=DeliveryState.DONE)
    except Exception as error:
        db.session.rollback()
        log.warning("delivery_failed", delivery=delivery.id, attempt=delivery.attempt, exc_info=True)
        _fail(delivery, error=f"{type(error).__name__}: {error}"[:500])


def _fail(delivery: Delivery, *, error: str) -> None:
    failures = ATTEMPTS - (delivery.attempts_allowed - delivery.attempt)
    if failures >= ATTEMPTS:
        _finish(delivery, state=DeliveryState.DEAD, error=error)
    else:
        due_at = database_now(backoff(max(failures, 1)))
        _finish(delivery, state=DeliveryState.WAITING, error=error, due_at=due_at)


def _finish(delivery: Delivery, **values) -> None:
    """The fenced last write: only the attempt that holds the delivery may make it. Commits or rolls back."""
    if values["state"] in (DeliveryState.DONE, DeliveryState.DEAD):
        values["finished_at"] = database_now()
    changed = db.session.execute(held(delivery.id, delivery.attempt).values(**values))
    if changed_rows(changed) == 1:
        db.session.commit()
        return
    db.session.rollback()
    log.warning("delivery_late", delivery=delivery.id, attempt=delivery.attempt)
