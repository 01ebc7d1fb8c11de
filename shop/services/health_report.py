"""How the shop's machinery is, in figures: what the health page shows."""

import time
from dataclasses import dataclass

from flask import current_app
from redis import RedisError
from sqlalchemy import func, select, text

from shop.extensions import db, socketio
from shop.models.event import Delivery, DeliveryState, Event
from shop.services import redis_client, relay
from shop.services.payments import breaker, refusals

LAG_LIMIT_SECONDS = 30.0
_OPEN_STATES = (DeliveryState.WAITING, DeliveryState.RUNNING, DeliveryState.DEAD)


@dataclass(frozen=True, slots=True)
class RelayState:
    position: int
    waiting: int
    lag_seconds: float

    @property
    def is_behind(self) -> bool:
        return self.lag_seconds > LAG_LIMIT_SECONDS


@dataclass(frozen=True, slots=True)
class Report:
    """`redis_ms` is None where Redis is not configured and negative where it does not answer.

    `redis_evicts` is the policy by which a full Redis would drop jobs, None if it keeps them.
    """

    database: str
    database_ms: float
    relay: RelayState
    deliveries: dict[str, dict[str, int]]
    redis_ms: float | None
    redis_evicts: str | None
    sockets: int | None
    embedded: bool
    refused_webhooks: int
    silent_providers: tuple[str, ...]

    @property
    def dead(self) -> int:
        return sum(states.get(DeliveryState.DEAD, 0) for states in self.deliveries.values())

    @property
    def has_many_refused(self) -> bool:
        return self.refused_webhooks >= refusals.MANY


def report() -> Report:
    settings = current_app.config["SETTINGS"]
    redis_ms = None if settings.is_embedded else _redis_ms()
    return Report(
        database=db.engine.dialect.name,
        database_ms=_database_ms(),
        relay=_relay(),
        deliveries=_deliveries(),
        redis_ms=redis_ms,
        redis_evicts=redis_client.evicting_policy() if redis_ms is not None and redis_ms >= 0 else None,
        sockets=_sockets(),
        embedded=settings.is_embedded,
        refused_webhooks=refusals.count_lately(),
        silent_providers=breaker.silent_providers(),
    )


def _database_ms() -> float:
    started = time.perf_counter()
    db.session.execute(text("SELECT 1"))
    return (time.perf_counter() - started) * 1000


def _relay() -> RelayState:
    waiting = select(func.count()).select_from(Event).where(Event.position.is_(None))
    return RelayState(relay.head()[0], db.session.scalars(waiting).one(), relay.lag_seconds())


def _deliveries() -> dict[str, dict[str, int]]:
    """Subscriber to state to count, of deliveries that are not done: they are few, the done ones are not."""
    query = (
        select(Delivery.subscriber, Delivery.state, func.count())
        .where(Delivery.state.in_(_OPEN_STATES))
        .group_by(Delivery.subscriber, Delivery.state)
        .order_by(Delivery.subscriber)
    )
    counts: dict[str, dict[str, int]] = {}
    for subscriber, state, count in db.session.execute(query):
        counts.setdefault(subscriber, {})[state] = count
    return counts


def _redis_ms() -> float:
    started = time.perf_counter()
    try:
        redis_client.ping()
    except RedisError:
        return -1.0
    return (time.perf_counter() - started) * 1000


def _sockets() -> int | None:
    """Sockets that are connected to this process."""
    server = socketio.server
    # Closed ones stay in the list until the next round of pings.
    return sum(not one.closed for one in list(server.eio.sockets.values())) if server else None
