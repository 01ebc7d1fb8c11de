"""Leases of claimed deliveries, kept alive by a heartbeat while their process lives and works."""

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import BindParameter, Engine, tuple_, update

from shop.extensions import db
from shop.models.base import database_now
from shop.models.event import Delivery, DeliveryState

log = structlog.get_logger(__name__)

LEASE = 30.0
# A handler that takes longer hangs: its lease runs out, another attempt begins, and the fence drops its result.
LONGEST_RUN = 900.0


def held(delivery_id: int | BindParameter, attempt: int | BindParameter):
    """The fence: an update that touches the delivery only while this attempt holds it."""
    return (
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.attempt == attempt, Delivery.state == DeliveryState.RUNNING)
        .execution_options(synchronize_session=False)
    )


Claim = tuple[int, int]


@contextmanager
def holding(claims: list[Claim]):
    """Inside, the leases of `claims`, each (id, attempt), are extended; gives a Holder to ask and to tell."""
    holder = Holder(db.engine)
    _heartbeat.add(holder.engine, claims)
    try:
        yield holder
    finally:
        _heartbeat.remove(holder.engine, claims)


class Holder:
    def __init__(self, engine: Engine):
        self.engine = engine

    def is_certain(self, claim: Claim) -> bool:
        """True while less than a lease has passed since the last time that the database gave it to us.

        False after a sleep, such as a stopped process: then only the database knows.
        """
        return _heartbeat.is_certain(self.engine, claim)

    def end(self, claim: Claim) -> None:
        _heartbeat.remove(self.engine, [claim])


@dataclass(slots=True)
class _Held:
    """Moments of the process's own monotonic clock."""

    since: float
    extended: float


class _Heartbeat:
    """One thread a process, begun with its first claim."""

    def __init__(self):
        self._held: dict[tuple[Engine, int, int], _Held] = {}
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, engine: Engine, claims: list[Claim]) -> None:
        now = time.monotonic()
        with self._guard:
            self._held.update(((engine, *claim), _Held(now, now)) for claim in claims)
            # A thread does not live through a fork.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, daemon=True, name="heartbeat")
                self._thread.start()

    def remove(self, engine: Engine, claims: list[Claim]) -> None:
        with self._guard:
            for claim in claims:
                self._held.pop((engine, *claim), None)

    def is_certain(self, engine: Engine, claim: Claim) -> bool:
        with self._guard:
            mine = self._held.get((engine, *claim))
        return mine is not None and time.monotonic() - mine.extended < LEASE / 2

    def _beat(self) -> None:
        while True:
            time.sleep(LEASE / 3)
            for engine, claims in self._alive().items():
                begun = time.monotonic()
                try:
                    self._note(engine, extend(engine, claims), begun)
                except Exception:
                    log.warning("heartbeat_failed", deliveries=len(claims), exc_info=True)

    def _note(self, engine: Engine, claims: list[Claim], moment: float) -> None:
        with self._guard:
            for claim in claims:
                if mine := self._held.get((engine, *claim)):
                    mine.extended = moment

    def _alive(self) -> dict[Engine, list[Claim]]:
        claims: dict[Engine, list[Claim]] = {}
        with self._guard:
            for (engine, delivery_id, attempt), mine in self._held.items():
                if time.monotonic() - mine.since < LONGEST_RUN:
                    claims.setdefault(engine, []).append((delivery_id, attempt))
        return claims


def extend(engine: Engine, claims: list[Claim]) -> list[Claim]:
    """Puts off the end of each lease that is still held, on a connection of its own; returns which those were."""
    with engine.begin() as connection:
        rows = connection.execute(
            update(Delivery)
            .where(tuple_(Delivery.id, Delivery.attempt).in_(claims), Delivery.state == DeliveryState.RUNNING)
            .values(due_at=database_now(LEASE))
            .returning(Delivery.id, Delivery.attempt)
        )
        return [(row.id, row.attempt) for row in rows]


_heartbeat = _Heartbeat()
