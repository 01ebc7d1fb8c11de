"""Leases of claimed deliveries, kept alive by a heartbeat while their process lives and works."""

import threading
import time
from contextlib import contextmanager

import structlog
from sqlalchemy import Engine, tuple_, update

from shop.extensions import db
from shop.models.base import database_now
from shop.models.event import Delivery, DeliveryState

log = structlog.get_logger(__name__)

LEASE = 30.0
# A handler that takes longer hangs: its lease runs out, another attempt begins, and the fence drops its result.
LONGEST_RUN = 900.0


def held(delivery_id: int, attempt: int):
    """The fence: an update that touches the delivery only while this attempt holds it."""
    return (
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.attempt == attempt, Delivery.state == DeliveryState.RUNNING)
        .execution_options(synchronize_session=False)
    )


@contextmanager
def holding(claims: list[tuple[int, int]]):
    """Inside, the leases of `claims`, each (id, attempt), are extended; gives a function to call when one is done."""
    engine = db.engine
    _heartbeat.add(engine, claims)
    try:
        yield lambda delivery_id, attempt: _heartbeat.remove(engine, [(delivery_id, attempt)])
    finally:
        _heartbeat.remove(engine, claims)


class _Heartbeat:
    """One thread a process, begun with its first claim."""

    def __init__(self):
        self._since: dict[tuple[Engine, int, int], float] = {}
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, engine: Engine, claims: list[tuple[int, int]]) -> None:
        with self._guard:
            self._since.update(((engine, *claim), time.monotonic()) for claim in claims)
            # A thread does not live through a fork.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, daemon=True, name="heartbeat")
                self._thread.start()

    def remove(self, engine: Engine, claims: list[tuple[int, int]]) -> None:
        with self._guard:
            for claim in claims:
                self._since.pop((engine, *claim), None)

    def _beat(self) -> None:
        while True:
            time.sleep(LEASE / 3)
            for engine, claims in self._alive().items():
                try:
                    extend(engine, claims)
                except Exception:
                    log.warning("heartbeat_failed", deliveries=len(claims), exc_info=True)

    def _alive(self) -> dict[Engine, list[tuple[int, int]]]:
        claims: dict[Engine, list[tuple[int, int]]] = {}
        with self._guard:
            for (engine, delivery_id, attempt), since in self._since.items():
                if time.monotonic() - since < LONGEST_RUN:
                    claims.setdefault(engine, []).append((delivery_id, attempt))
        return claims


def extend(engine: Engine, claims: list[tuple[int, int]]) -> None:
    """Puts the end of each lease that is still held off; on a connection of its own."""
    with engine.begin() as connection:
        connection.execute(
            update(Delivery)
            .where(tuple_(Delivery.id, Delivery.attempt).in_(claims), Delivery.state == DeliveryState.RUNNING)
            .values(due_at=database_now(LEASE))
        )


_heartbeat = _Heartbeat()
