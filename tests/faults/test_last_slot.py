"""40 clients, 2 places: exactly 2 win. With the guard off more win, so the race is real."""

import os
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select, update

from shop import database as database_modes
from shop.extensions import db
from shop.models.base import utc_now
from shop.models.booking import Booking, Slot
from shop.models.errors import SlotFull
from shop.services import slots
from tests import bookings, factories

pytestmark = pytest.mark.faults

CLIENTS, PLACES = 40, 2
ROUNDS = 20 if os.environ.get("FAULTS") == "full" else 1
WINDOW_SECONDS = 0.05


@contextmanager
def slow_writes_to_slots():
    """Holds every client in the window between looking at a slot and taking it."""

    def wait(_connection, _cursor, statement, *_):
        if statement.startswith("UPDATE slots"):
            time.sleep(WINDOW_SECONDS)

    event.listen(db.engine, "before_cursor_execute", wait)
    try:
        yield
    finally:
        event.remove(db.engine, "before_cursor_execute", wait)


def race(app, starts_at) -> list:
    """Answers to CLIENTS bookings of one slot, sent at the same moment."""
    body = bookings.body(slot_start=starts_at.isoformat())
    db.session.remove()
    answers, start = [], threading.Barrier(CLIENTS)

    def book(number: int) -> None:
        client = app.test_client()
        start.wait(timeout=30)
        answers.append(
            client.post("/api/v1/bookings", json=body, headers={"Idempotency-Key": f"{starts_at:%m%d%H%M}-{number}"})
        )

    threads = [threading.Thread(target=book, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers


def next_slots(count: int) -> list:
    now = utc_now()
    found = slots.list_slots(factories.location(), "in_store", start=now, end=now + timedelta(days=14))
    return [view.start for view in found[1 : count + 1]]


def naive_take(location, service_type, *, starts_at):
    """Looks, thinks, then writes: what the conditional update is there to prevent."""
    db.session.rollback()
    with database_modes.reading():
        seen = db.session.execute(select(Slot.id, Slot.taken, Slot.capacity).where(Slot.starts_at == starts_at)).one()
        db.session.rollback()
    time.sleep(WINDOW_SECONDS)
    if seen.taken >= seen.capacity:
        raise SlotFull("full")
    db.session.execute(update(Slot).where(Slot.id == seen.id).values(taken=seen.taken + 1))
    return db.session.get_one(Slot, seen.id)


def test_two_places_go_to_exactly_two_of_forty_clients(app, session):
    for starts_at in next_slots(ROUNDS):
        slot_id = bookings.slot_with(PLACES, starts_at=starts_at).id

        with slow_writes_to_slots():
            answers = race(app, starts_at)

        assert Counter(answer.status_code for answer in answers) == {201: PLACES, 409: CLIENTS - PLACES}
        assert {answer.json["code"] for answer in answers if answer.status_code == 409} == {"slot_full"}
        assert len({answer.json["number"] for answer in answers if answer.status_code == 201}) == PLACES
        assert session.get_one(Slot, slot_id).taken == PLACES
        assert session.scalar(select(func.count()).where(Booking.slot_id == slot_id)) == PLACES


def test_without_the_guard_more_places_are_sold_than_there_are(app, session, monkeypatch):
    (starts_at,) = next_slots(1)
    slot_id = bookings.slot_with(PLACES, starts_at=starts_at).id
    monkeypatch.setattr(slots, "take", naive_take)

    race(app, starts_at)

    assert session.scalar(select(func.count()).where(Booking.slot_id == slot_id)) > PLACES
