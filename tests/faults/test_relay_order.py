"""The relay's order under hot tickets, rollbacks and slow transactions, with two relays that are killed.

Twins: a cursor over ids loses events; an event written before its row is locked comes out in the wrong order.
"""

import random
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text

from shop import database as modes
from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.services import audit, relay, repairs
from shop.services.events import record
from tests import factories
from tests.faults.processes import Processes
from tests.ports import port

PORT = port(1)
SETTLE_SECONDS = 30


@pytest.fixture
def tickets(app):
    """Numbers of ten tickets, two of them hot."""
    customer = factories.customer()
    return [factories.repair(customer=customer).number for _ in range(10)]


@pytest.fixture
def writers(app, database, dice):
    """`writers(job)`: threads that call `job(dice)` until stopped; eight, or four where the database has one writer."""
    return lambda job: Writers(app, job, number=8 if database == "postgresql" else 4, seed=dice.randrange(2**32))


@pytest.fixture
def relays(app):
    """Two relays in processes of their own."""
    processes = Processes(app.config["SETTINGS"], port=PORT, relays=("first", "second"))
    for name in ("first", "second"):
        processes.start(name)
    yield processes
    processes.stop()


class Writers:
    """What they commit is noted in `committed`."""

    def __init__(self, app, job: Callable, *, number: int, seed: int):
        self.app, self.job = app, job
        self.stopping = threading.Event()
        self.committed: list = []
        self.threads = [threading.Thread(target=self._live, args=(random.Random(seed + n),)) for n in range(number)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _live(self, dice: random.Random) -> None:
        with self.app.app_context():
            while not self.stopping.is_set():
                if (outcome := self.job(dice)) is not None:
                    self.committed.append(outcome)
                db.session.rollback()
                time.sleep(0.001)


def pick(tickets: list[str], dice: random.Random) -> str:
    return tickets[dice.randrange(2)] if dice.random() < 0.7 else dice.choice(tickets)


def pause(dice: random.Random) -> None:
    time.sleep(0.2 if dice.random() < 0.01 else dice.uniform(0, 0.005))


def note_on(tickets: list[str]) -> Callable:
    """A use case as the house does it: lock, change, record, commit; one in twenty is rolled back."""

    def job(dice: random.Random):
        repair = repairs.lock_repair(pick(tickets, dice))
        fact = record("repair.noted", repair, actor=SYSTEM)
        db.session.flush()
        pause(dice)
        if dice.random() < 0.05:
            return None
        outcome = fact.id, fact.aggregate, fact.version
        db.session.commit()
        return outcome

    return job


def read(sql: str) -> list:
    with modes.reading():
        rows = db.session.execute(text(sql)).all()
        db.session.rollback()
    return [tuple(row) for row in rows]


def settle() -> None:
    end = time.monotonic() + SETTLE_SECONDS
    while read("SELECT 1 FROM events WHERE position IS NULL LIMIT 1") and time.monotonic() < end:
        time.sleep(0.05)


def disordered() -> int:
    """How many events of a ticket stand after a later one of the same ticket."""
    rows = read("SELECT aggregate, version FROM events WHERE position IS NOT NULL ORDER BY position")
    highest, wrong = {}, 0
    for aggregate, version in rows:
        wrong += version < highest.get(aggregate, 0)
        highest[aggregate] = max(version, highest.get(aggregate, 0))
    return wrong


def test_relay_loses_none_doubles_none_and_keeps_the_order(tickets, writers, relays, dice, is_full, figures):
    kills, lags = 0, []

    with writers(note_on(tickets)) as load:
        for _ in range(12 if is_full else 2):
            time.sleep(dice.uniform(1.0, 4.0) if is_full else 1.0)
            name = dice.choice(["first", "second"])
            relays.kill(name)
            relays.start(name)
            kills += 1
            with modes.reading():
                lags.append(relay.lag_seconds())
                db.session.rollback()
    settle()

    places = dict(read("SELECT id, position FROM events"))
    assert [fact for fact in load.committed if places.get(fact[0]) is None] == []
    assert len(places) == len(load.committed) + len(tickets)
    assert sorted(places.values()) == list(range(1, len(places) + 1))
    assert disordered() == 0
    assert audit.verify(outside_head=relay.head()).good
    figures(
        events=len(places), relay_kills=kills, lost=0, doubled=0, gaps=0, disordered=0,
        lag_after_a_kill=f"at most {max(lags):.1f} s",
    )  # fmt: skip


def test_twin_cursor_over_ids_loses_some(tickets, writers, database, is_full, figures):
    if database == "sqlite":
        pytest.skip("SQLite has one writer: ids appear in their order")
    seen, last = set(), 0

    with writers(note_on(tickets)) as load:
        end = time.monotonic() + (20 if is_full else 4)
        while time.monotonic() < end:
            for (key,) in read(f"SELECT id FROM events WHERE id > {last} ORDER BY id"):
                seen.add(key)
                last = key
    seen |= {key for (key,) in read(f"SELECT id FROM events WHERE id > {last}")}

    lost = [fact for fact in load.committed if fact[0] not in seen]
    assert len(lost) > 0
    figures(events=len(load.committed), lost=f"{len(lost)} ({len(lost) / len(load.committed):.1%})")


def test_twin_event_before_the_row_lock_disorders_some(tickets, writers, database, is_full, figures, monkeypatch):
    if database == "sqlite":
        pytest.skip("SQLite has one writer: nobody comes between")
    monkeypatch.setattr(relay, "in_order", lambda events: events)
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE events DISABLE TRIGGER USER"))

    load = relayed(writers(event_first(tickets[0])), seconds=20 if is_full else 4)

    wrong = disordered()
    assert wrong > 0
    figures(events=len(load.committed), disordered=f"{wrong} ({wrong / len(load.committed):.1%})")


def test_relay_mends_the_order_by_versions_even_then(tickets, writers, database, is_full, figures):
    if database == "sqlite":
        pytest.skip("SQLite has one writer: nobody comes between")
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE events DISABLE TRIGGER USER"))

    load = relayed(writers(event_first(tickets[0])), seconds=20 if is_full else 3)

    assert disordered() == 0
    assert len(load.committed) > 0
    figures(events=len(load.committed), disordered=0)


def relayed(load: Writers, *, seconds: float) -> Writers:
    """Lets the writers write while a relay of this process seals in batches."""
    with load:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            relay.relay_batch()
            db.session.commit()
            time.sleep(0.05)
    return load


def event_first(number: str) -> Callable:
    """The use case turned round: the event first, the lock on the row after it, on one busy ticket."""
    insert = text(
        "INSERT INTO events (verb, aggregate, version, actor, at, body, detail_hash) "
        "SELECT 'repair.noted', 'repair:' || id, :version, 'system', '2026-11-24T10:00:00+00:00', '{}', '' "
        "FROM repairs WHERE number = :number RETURNING id"
    )
    bump = text("UPDATE repairs SET version = version + 1 WHERE number = :number RETURNING version")
    settle_version = text("UPDATE events SET version = :version WHERE id = :id")

    def job(dice: random.Random):
        key = db.session.scalar(insert, {"number": number, "version": -dice.randrange(1, 2**31)})
        time.sleep(dice.uniform(0, 0.005))
        version = db.session.scalar(bump, {"number": number})
        db.session.execute(settle_version, {"id": key, "version": version})
        time.sleep(dice.uniform(0, 0.005))
        db.session.commit()
        return key

    return job
