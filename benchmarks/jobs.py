"""Relay and deliveries against the bare loop: claim one row with SKIP LOCKED, mark it done, commit.

Ours does more for each: the event gets its place and its seal, its delivery is written, claimed with a lease
that is counted, loaded with its event, run, and finished by the attempt that holds it.
"""

import json
import statistics
import time
from dataclasses import dataclass, field

from benchmarks.environment import VERB, Database, commit_events, shop_environment

SUBSCRIBER = "bench"
_TABLE = """
    CREATE TABLE IF NOT EXISTS bench_jobs (id bigserial PRIMARY KEY, body text, state text NOT NULL DEFAULT 'waiting');
    CREATE INDEX IF NOT EXISTS bench_jobs_waiting ON bench_jobs (id) WHERE state = 'waiting';
    TRUNCATE bench_jobs
"""
_CLAIM = "SELECT id, body FROM bench_jobs WHERE state = 'waiting' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1"
_DONE = "UPDATE bench_jobs SET state = 'done' WHERE id = %s"


@dataclass
class JobsResult:
    """Per second, in each round."""

    relay: list[float] = field(default_factory=list)
    deliveries: list[float] = field(default_factory=list)
    both: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    def median(self, name: str) -> float:
        return statistics.median(getattr(self, name))


def measure(database: Database, *, rounds: int, count: int) -> JobsResult:
    import os

    os.environ.update(shop_environment(database))
    from shop import create_app
    from shop.services import deliveries, subscriptions

    result, done = JobsResult(), []
    deliveries.HANDLERS[SUBSCRIBER] = done.append
    before = subscriptions.SUBSCRIPTIONS[VERB]
    subscriptions.SUBSCRIPTIONS[VERB] = (SUBSCRIBER,)
    try:
        with create_app().app_context():
            for _ in range(rounds):
                result.bare.append(_bare(database, count))
                _ours(database, count, result)
                if len(done) != count:
                    raise SystemExit(f"{len(done)} of {count} deliveries ran.")
                done.clear()
    finally:
        subscriptions.SUBSCRIPTIONS[VERB] = before
    return result


def _bare(database: Database, count: int) -> float:
    with database.connect(prepare_threshold=0) as connection:
        for statement in _TABLE.split(";"):
            connection.execute(statement)
        connection.execute("INSERT INTO bench_jobs (body) SELECT '{}' FROM generate_series(1, %s)", [count])
        begun = time.perf_counter()
        for _ in range(count):
            with connection.transaction():
                key, body = connection.execute(_CLAIM).fetchone()
                json.loads(body)
                connection.execute(_DONE, [key])
        return count / (time.perf_counter() - begun)


def _ours(database: Database, count: int, result: JobsResult) -> None:
    from shop.extensions import db
    from shop.services import deliveries, relay

    with database.connect() as connection:
        commit_events(connection, count)
    begun = time.perf_counter()
    while relay.relay_batch():
        db.session.commit()
    db.session.commit()
    sealed = time.perf_counter()
    while deliveries.drain(SUBSCRIBER):
        pass
    ended = time.perf_counter()
    result.relay.append(count / (sealed - begun))
    result.deliveries.append(count / (ended - sealed))
    result.both.append(count / (ended - begun))
