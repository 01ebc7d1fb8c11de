"""A worker that sleeps past its lease changes nothing when it wakes: another has finished for it.

A real process is stopped by SIGSTOP inside its handler. Twin: with a last write by id alone it goes backwards.
"""

import os
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import text

from shop import database as modes
from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.services import deliveries, leases, relay, repairs
from shop.services.events import record
from tests import handlers
from tests.faults.processes import ROOT

LEASE = 0.6


@pytest.fixture
def sleeper(app):
    """`sleeper(guard)`: a worker whose mail handler says which delivery it has, and fails when told to go on."""
    started = []

    def start(guard: str) -> subprocess.Popen:
        settings = app.config["SETTINGS"]
        environment = {
            **os.environ,
            "DATABASE_URL": settings.DATABASE_URL,
            "SECRET_KEY": settings.SECRET_KEY,
            "SHOP_DATA": str(settings.SHOP_DATA),
            "LOG_LEVEL": "ERROR",
            "GUARD": guard,
        }
        command = [sys.executable, "-m", "tests.faults.sleeper", str(LEASE)]
        started.append(
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        )
        assert started[-1].stdout.readline() == "ready\n"
        return started[-1]

    yield start
    for process in started:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.fixture
def second_worker(monkeypatch):
    """The mail handler of this process, and the ids of the deliveries that it was given."""
    given = []

    def handler(delivery):
        given.append(delivery.id)
        handlers.write(delivery)

    monkeypatch.setitem(deliveries.HANDLERS, "mail", handler)
    monkeypatch.setattr(leases, "LEASE", LEASE)
    return given


def overtake(process: subprocess.Popen, repair) -> tuple[int, tuple, tuple]:
    """One round: the delivery that the sleeper had, its row after the second worker, its row after the sleeper woke."""
    record("repair.moved", repairs.lock_repair(repair.number), actor=SYSTEM)
    relay.relay_batch()
    db.session.commit()
    key = int(process.stdout.readline())
    process.send_signal(signal.SIGSTOP)
    end = time.monotonic() + 10
    while not deliveries.drain("mail") and time.monotonic() < end:
        time.sleep(0.05)
    finished = row(key)
    process.send_signal(signal.SIGCONT)
    process.stdin.write("go on\n")
    process.stdin.flush()
    assert process.stdout.readline() == "awake\n"
    return key, finished, row(key)


def row(key: int) -> tuple:
    query = text("SELECT state, attempt, error, finished_at FROM deliveries WHERE id = :key")
    with modes.reading():
        values = tuple(db.session.execute(query, {"key": key}).one())
        db.session.rollback()
    return values


def first_delivery_done(repair) -> None:
    relay.relay_batch()
    db.session.execute(text("UPDATE deliveries SET state = 'done'"))
    db.session.commit()


def test_sleeper_changes_nothing(cracked_iphone, sleeper, second_worker, is_full, figures):
    first_delivery_done(cracked_iphone)
    process = sleeper("on")
    rounds = 20 if is_full else 2

    outcomes = [overtake(process, cracked_iphone) for _ in range(rounds)]

    assert [finished[:2] for _, finished, _ in outcomes] == [("done", 2)] * rounds
    assert [after for _, _, after in outcomes] == [finished for _, finished, _ in outcomes]
    assert second_worker == [key for key, _, _ in outcomes]
    figures(rounds=rounds, finished_by_the_second=rounds, late_writes_that_changed_a_row=0)


def test_twin_last_write_by_id_alone_goes_backwards(cracked_iphone, sleeper, second_worker, is_full, figures):
    first_delivery_done(cracked_iphone)
    process = sleeper("off")
    rounds = 10 if is_full else 1
    backwards = 0

    for _ in range(rounds):
        key, finished, after = overtake(process, cracked_iphone)
        backwards += (finished[0], after[0]) == ("done", "waiting")
        db.session.execute(text("UPDATE deliveries SET state = 'done' WHERE id = :key"), {"key": key})
        db.session.commit()

    assert backwards == rounds
    figures(rounds=rounds, set_back_to_waiting=backwards)
