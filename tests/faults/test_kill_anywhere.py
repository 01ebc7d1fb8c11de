"""Killed anywhere, the shop loses nothing that it has acknowledged.

Real servers, real clients with a journal, SIGKILL at random moments. The checker reads only the journal and
the database.
"""

import time
from collections import Counter

import pytest
from sqlalchemy import text

from shop import database
from shop.extensions import db
from shop.services import audit, relay
from tests import bookings
from tests.faults.processes import Clients, Processes
from tests.ports import port

PORT = port(0)
SETTLE_SECONDS = 60


@pytest.fixture
def processes(app, database, request):
    """Embedded on SQLite; with Redis and a worker on PostgreSQL."""
    redis_url = request.getfixturevalue("redis_url") if database == "postgresql" else ""
    started = []

    def start(*, guard: str = "on") -> Processes:
        started.append(Processes(app.config["SETTINGS"], port=PORT, redis_url=redis_url, guard=guard))
        for name in started[-1].commands:
            started[-1].start(name)
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def clients(browser_of, technician, dice):
    """`clients()`: four of them, signed in as one technician."""
    cookie = browser_of(technician).get_cookie("session")
    body = bookings.body(service_type="postal", slot_start=None)
    db.session.rollback()
    return lambda: Clients(PORT, cookie=f"session={cookie.value}", booking=body, seed=dice.randrange(2**32))


def read(sql: str) -> list:
    with database.reading():
        rows = db.session.execute(text(sql)).all()
        db.session.rollback()
    return rows


def test_killed_anywhere_nothing_is_lost(processes, clients, dice, is_full, figures):
    shop, kills, recoveries = processes(), Counter(), []

    with clients() as journal:
        for _ in range(20 if is_full else 3):
            time.sleep(dice.uniform(0.2, 2.0))
            name = dice.choice(sorted(shop.commands))
            kills[name] += 1
            shop.kill(name)
            began = time.monotonic()
            shop.start(name)
            recoveries.append(time.monotonic() - began)
        time.sleep(0.5)
    settled = settle()

    assert settled, read("SELECT state, count(*) FROM deliveries GROUP BY state")
    assert lost_bookings(journal) == []
    assert lost_moves(journal) == []
    assert half_done() == []
    assert positions_are_gapless()
    assert audit.verify(outside_head=relay.head()).good
    assert missing_mails() == []
    assert set(journal.answers) <= {0, 201, 303}
    assert len(journal.booked) > 5
    figures(
        kills=dict(kills), acknowledged_bookings=len(journal.booked), acknowledged_moves=len(journal.moves),
        cut_connections=journal.answers.get(0, 0), lost=0, half_done=0, mails_missing=0, mails_doubled=0,
        slowest_restart=f"{max(recoveries):.1f} s",
    )  # fmt: skip


def test_twin_delivering_directly_after_the_commit_loses_some(processes, clients, dice, is_full, figures, database):
    if database == "postgresql":
        pytest.skip("the twin is the same on both")
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE direct_mails (event_id INTEGER)"))
    shop = processes(guard="off")

    with clients() as journal:
        for _ in range(6 if is_full else 2):
            time.sleep(dice.uniform(1.0, 2.0))
            shop.kill("web")
            shop.start("web")
    time.sleep(1)

    never_sent = read("SELECT id FROM events WHERE id NOT IN (SELECT event_id FROM direct_mails)")
    assert len(never_sent) > 0
    figures(acknowledged=len(journal.booked) + len(journal.moves), mails_lost=len(never_sent))


def settle() -> bool:
    """Waits until every event has its place and every delivery is done."""
    end = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end:
        waiting = read("SELECT count(*) FROM events WHERE position IS NULL")[0][0]
        if not waiting and not read("SELECT id FROM deliveries WHERE state <> 'done' LIMIT 1"):
            return True
        time.sleep(0.2)
    return False


def lost_bookings(journal: Clients) -> list[str]:
    stored = {number for (number,) in read("SELECT number FROM repairs")}
    return [number for number in journal.booked if number not in stored]


def lost_moves(journal: Clients) -> list:
    stored = Counter(
        tuple(row)
        for row in read(
            "SELECT r.number, e.verb FROM events e JOIN repairs r ON e.aggregate = 'repair:' || r.id "
            "WHERE e.verb = 'repair.moved'"
        )
    )
    acknowledged = Counter((number, "repair.moved") for number, _ in journal.moves)
    return list((acknowledged - stored).elements())


def half_done() -> list:
    """Rows without their event, events without their rows, and a repair booked twice for one key."""
    return read(
        "SELECT r.number FROM repairs r WHERE r.version <> "
        "(SELECT count(*) FROM events e WHERE e.aggregate = 'repair:' || r.id) "
        "UNION ALL SELECT e.aggregate FROM events e WHERE e.aggregate LIKE 'repair:%' AND NOT EXISTS "
        "(SELECT 1 FROM repairs r WHERE e.aggregate = 'repair:' || r.id) "
        "UNION ALL SELECT r.number FROM repairs r WHERE 1 <> "
        "(SELECT count(*) FROM bookings b WHERE b.repair_id = r.id) "
        "UNION ALL SELECT 'keys' WHERE (SELECT count(*) FROM idempotency_keys) <> (SELECT count(*) FROM repairs)"
    )


def positions_are_gapless() -> bool:
    [(number, lowest, highest)] = read("SELECT count(*), min(position), max(position) FROM events")
    return (lowest, highest) == (1, number)


def missing_mails() -> list:
    return read(
        "SELECT e.id FROM events e WHERE e.verb IN ('repair.booked', 'repair.moved') AND 1 <> "
        "(SELECT count(*) FROM deliveries d JOIN outbox_messages m ON m.delivery_id = d.id WHERE d.event_id = e.id)"
    )
