"""Customers move or cancel their own appointment by the private link, until two hours before."""

from datetime import timedelta

import pytest
import time_machine
from icalendar import Calendar
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.booking import Slot
from shop.models.event import Event
from shop.models.outbox import OutboxMessage
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import appointments, deliveries, relay, repairs
from shop.services.bookings import create_booking
from tests.bookings import THURSDAY_1030, request

ELEVEN = THURSDAY_1030 + timedelta(minutes=30)


@pytest.fixture
def booked(app, frozen) -> Repair:
    repair = create_booking(request(slot_start=THURSDAY_1030), actor=CUSTOMER, source="wizard")
    db.session.commit()
    return repair


def path(repair: Repair, end: str = "appointment") -> str:
    return f"/track/{repair.tracking_token}/{end}"


def form(starts_at=ELEVEN, seen=THURSDAY_1030) -> dict:
    return {"slot_start": starts_at.isoformat(), "seen": seen.isoformat()}


def taken() -> dict:
    db.session.rollback()
    return {slot.starts_at: slot.taken for slot in db.session.scalars(select(Slot)) if slot.taken}


def test_page_offers_times_and_a_way_out_and_names_nobody(booked, stranger):
    page = stranger.get(path(booked)).text

    assert "Thu 26 Nov, 10:30" in page
    assert f'value="{ELEVEN.isoformat()}"' in page
    assert "Cancel the booking" in page
    assert "Whitcombe" not in page


def test_moving_takes_the_new_time_and_confirms_it_by_mail(booked, stranger):
    answer = stranger.post(path(booked), data=form())
    calendar = Calendar.from_ical(stranger.get(path(booked, "calendar.ics")).data)
    relay.relay_batch()
    db.session.commit()
    deliveries.drain("mail")

    [event] = calendar.walk("VEVENT")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/track/{booked.tracking_token}")
    assert taken() == {ELEVEN: 1}
    assert (event["DTSTART"].dt, event["SEQUENCE"], str(event["UID"])) == (ELEVEN, 1, f"{booked.number}@revivatech")
    sent = db.session.scalars(select(OutboxMessage.template).order_by(OutboxMessage.id)).all()
    assert sent[-1] == "appointment_moved"
    assert db.session.scalars(select(Event.actor).where(Event.verb == "repair.rebooked")).one() == "customer"


def test_cancelling_frees_the_time(booked, stranger):
    answer = stranger.post(path(booked, "cancel"))

    db.session.refresh(booked)
    assert (answer.status_code, booked.status, taken()) == (303, "cancelled", {})


@pytest.mark.parametrize("end", ["appointment", "cancel"])
def test_too_late_is_refused_with_the_telephone(booked, stranger, end):
    with time_machine.travel(THURSDAY_1030 - timedelta(minutes=90), tick=False):
        page = stranger.get(path(booked)).text
        answer = stranger.post(path(booked, end), data=form())

    assert ("020 7946 0418" in page, "Cancel the booking" in page, answer.status_code) == (True, False, 422)
    assert taken() == {THURSDAY_1030: 1}


def test_after_a_miss_another_time_can_be_chosen(booked, stranger, front_desk):
    with time_machine.travel(ELEVEN, tick=False):
        appointments.miss(repairs.lock_repair(booked.number), actor=front_desk.actor)
        db.session.commit()
        answer = stranger.post(path(booked), data=form(ELEVEN + timedelta(days=1)))

    assert (answer.status_code, appointments.find_booking(booked).missed_at) == (303, None)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"slot_start": "soon"}, 422),
        ({"slot_start": "2026-11-29T10:30:00+00:00"}, 422),
        ({"seen": "2026-11-26T09:00:00+00:00"}, 409),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_moves(booked, stranger, changes, status):
    answer = stranger.post(path(booked), data={**form(), **changes})

    assert (answer.status_code, taken()) == (status, {THURSDAY_1030: 1})


def test_what_is_here_cannot_be_moved_or_cancelled(booked, stranger, front_desk):
    repairs.move(repairs.lock_repair(booked.number), State.RECEIVED, actor=front_desk.actor)
    db.session.commit()

    assert [stranger.post(path(booked, end), data=form()).status_code for end in ("appointment", "cancel")] == [
        422,
        422,
    ]
    assert "with us already" in stranger.get(path(booked)).text


@pytest.mark.parametrize("end", ["appointment", "cancel"])
def test_unknown_link_is_not_found(booked, stranger, end):
    assert stranger.post(f"/track/nobody-knows-this/{end}", data=form()).status_code == 404
