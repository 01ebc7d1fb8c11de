"""Two transactions that wait for each other: PostgreSQL undoes one, and whoever sent it does not notice.

The rival is a connection of its own. It holds a row that the request comes to second, and asks for the one that the
request holds already; it is patient, so that the request is the one that is undone.
"""

import html
import re
import sqlite3
import threading
import time
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from shop import again
from shop import database as modes
from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.booking import Booking, Slot
from shop.models.event import Event
from shop.services.bookings import create_booking
from tests.bookings import THURSDAY_1030, body, request, slot_with

ELEVEN = THURSDAY_1030 + timedelta(minutes=30)
HTMX = {"HX-Request": "true"}
KEY = "k" * 22


@pytest.fixture
def booked(app, frozen, database):
    if database != "postgresql":
        pytest.skip("SQLite has one writer: nobody waits in a ring")
    repair = create_booking(request(slot_start=THURSDAY_1030), actor=CUSTOMER, source="wizard")
    db.session.commit()
    slot_with(3, starts_at=ELEVEN)
    return repair


@pytest.fixture
def runs(monkeypatch):
    """How often a view was begun again."""
    begun, forget = [], again._forget
    monkeypatch.setattr(again, "_forget", lambda flashes: (begun.append(1), forget(flashes)))
    return begun


@contextmanager
def rival(then: str, **values):
    """Holds the place at eleven until somebody waits for it, then asks for what that one holds."""
    slot_id = db.session.scalars(select(Slot.id).where(Slot.starts_at == ELEVEN)).one()
    db.session.commit()
    holds = threading.Event()

    def cross() -> None:
        with engine.connect() as connection:
            connection.execute(text("SET LOCAL deadlock_timeout = '30s'"))
            connection.execute(text("SELECT id FROM slots WHERE id = :id FOR UPDATE"), {"id": slot_id})
            holds.set()
            _until_somebody_waits(engine)
            connection.execute(text(then), values)
            connection.rollback()

    engine = db.engine
    thread = threading.Thread(target=cross)
    thread.start()
    assert holds.wait(timeout=10)
    yield
    thread.join(timeout=60)
    assert not thread.is_alive()


def _until_somebody_waits(engine) -> None:
    here = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(1000):
        with engine.connect() as connection:
            if connection.execute(text(here)).scalar_one():
                return
        time.sleep(0.005)
    raise AssertionError("nobody came to wait")


def moving(repair, **values) -> dict:
    form = {"slot_start": ELEVEN.isoformat(), "seen": THURSDAY_1030.isoformat(), "send": "none", "request_key": KEY}
    return {"path": f"/admin/calendar/{repair.number}/move", "data": {**form, **values}}


def rebooked() -> int:
    db.session.rollback()
    return db.session.query(Event).filter(Event.verb == "repair.rebooked").count()


def taken() -> dict:
    return dict(db.session.execute(select(Slot.starts_at, Slot.taken)).all())


def test_request_that_loses_a_deadlock_is_done_again_and_acts_once(booked, front_desk, browser_of, runs):
    desk = browser_of(front_desk)

    with rival("SELECT id FROM repairs WHERE id = :id FOR UPDATE", id=booked.id):
        answer = desk.post(**moving(booked), headers=HTMX)

    assert (answer.status_code, len(runs), rebooked()) == (204, 1, 1)
    assert taken() == {THURSDAY_1030: 0, ELEVEN: 1}
    again_sent = desk.post(**moving(booked), headers=HTMX)
    assert (again_sent.headers["HX-Trigger"], rebooked()) == (answer.headers["HX-Trigger"], 1)


def test_request_that_loses_each_time_gets_a_page_that_sends_the_same_once(booked, front_desk, browser_of, monkeypatch):
    desk = browser_of(front_desk)
    monkeypatch.setattr(again, "TIMES", 1)

    with rival("SELECT id FROM repairs WHERE id = :id FOR UPDATE", id=booked.id):
        answer = desk.post(**moving(booked, back='/admin/calendar/?view=week&day="x"'))

    assert (answer.status_code, answer.headers["Retry-After"], rebooked()) == (503, "2", 0)
    assert "Nothing was saved. What you typed is still here" in answer.text
    way = html.unescape(re.search(r'<form method="post" action="(/admin/calendar/[^"]+)"', answer.text)[1])
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.text)
    kept = {name: html.unescape(value) for name, value in fields if name != "csrf_token"}
    assert kept == moving(booked, back='/admin/calendar/?view=week&day="x"')["data"]
    answers = [desk.post(way, data=kept) for _ in range(2)]
    assert ([one.status_code for one in answers], rebooked()) == ([303, 303], 1)


def test_api_that_loses_each_time_says_when_to_send_the_same_again(booked, stranger, monkeypatch):
    monkeypatch.setattr(again, "TIMES", 1)
    sent = {"json": body(slot_start=ELEVEN.isoformat()), "headers": {"Idempotency-Key": "a" * 20}}

    with rival("SELECT id FROM locations FOR UPDATE"):
        answer = stranger.post("/api/v1/bookings", **sent)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert (answer.content_type, answer.json["code"]) == ("application/problem+json", "busy")
    numbers = {stranger.post("/api/v1/bookings", **sent).json["number"] for _ in range(2)}
    assert len(numbers) == 1
    assert db.session.query(Booking).count() == 2


def test_what_was_committed_on_the_way_is_never_done_again(booked, front_desk, browser_of, monkeypatch, runs):
    """A view that commits and then loses has acted: it says so and does not act twice."""
    from shop.admin import appointment_forms

    acted = appointment_forms.acted

    def lose(*arguments, **values):
        with rival("SELECT id FROM repairs WHERE id = :id FOR UPDATE", id=booked.id):
            db.session.execute(text("SELECT id FROM repairs WHERE id = :id FOR UPDATE"), {"id": booked.id})
            db.session.execute(text("SELECT id FROM slots WHERE starts_at = :at FOR UPDATE"), {"at": ELEVEN})
        return acted(*arguments, **values)

    monkeypatch.setattr(appointment_forms, "acted", lose)

    answer = browser_of(front_desk).post(**moving(booked), headers=HTMX)

    assert (answer.status_code, runs, rebooked()) == (503, [], 1)


def test_sqlite_that_is_busy_for_too_long_says_so(app, database, cracked_iphone, technician, browser_of, monkeypatch):
    if database != "sqlite":
        pytest.skip("PostgreSQL lets many write")
    bench, way = browser_of(technician), f"/admin/repairs/{cracked_iphone.number}/notes"
    db.session.remove()
    monkeypatch.setattr(modes, "BUSY_SECONDS", 0.05)
    db.engine.dispose()

    with closing(sqlite3.connect(app.config["SETTINGS"].SHOP_DATA / "shop.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = bench.post(way, data={"body": "Called, no answer", "request_key": KEY})
        other.rollback()

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert 'name="body" value="Called, no answer"' in answer.text
    assert bench.post(way, data={"body": "Called, no answer", "request_key": KEY}).status_code == 303
    monkeypatch.undo()
    db.session.remove()
    db.engine.dispose()
