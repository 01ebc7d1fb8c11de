"""Check-in: a walk-in becomes a received repair with few words, a customer on file is found again."""

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.customer import Customer
from shop.models.event import Delivery, Event
from shop.models.repair import Repair
from shop.services import check_ins
from shop.services.relay import relay_batch
from tests import factories
from tests.bookings import iphone
from tests.statements import statements_of

HTMX = {"HX-Request": "true"}


@pytest.fixture
def desk(front_desk, browser_of):
    return browser_of(front_desk)


def form(**changes) -> dict:
    return {
        "phone": "07700 900418", "name": "Hannah Whitcombe", "email": "", "device": "iphone 14 pro",
        "problem": "No sound", "place": "Shelf 4", "urgency": "express", "device_id": str(iphone().id), **changes,
    }  # fmt: skip


def test_check_in_writes_a_received_repair_with_number_place_and_promise(app, frozen, desk):
    answer = desk.post("/admin/check-in/", data=form())

    repair = db.session.scalars(select(Repair)).one()
    event = db.session.scalars(select(Event).where(Event.aggregate == f"repair:{repair.id}")).one()
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/admin/repairs/{repair.number}")
    assert (repair.status, repair.place, repair.priority, repair.received_at) == ("received", "Shelf 4", 2, frozen)
    assert (repair.customer.phone, repair.device.label) == ("+447700900418", "iPhone 14 Pro")
    assert repair.due_at > frozen
    assert (event.verb, event.version, "Hannah" in event.body) == ("repair.checked_in", 1, False)
    relay_batch()
    assert db.session.scalar(select(func.count()).select_from(Delivery)) == 0


def test_a_customer_on_file_is_found_by_phone_e_mail_or_name(app, desk, cracked_iphone):
    hannah = cracked_iphone.customer
    hannah.phone = "+447700900418"
    db.session.commit()

    for typed in ({"phone": "07700900418"}, {"email": hannah.email.upper()}, {"name": "whitcombe"}):
        piece = desk.get("/admin/check-in/known", query_string=typed, headers=HTMX).text
        assert f'name="customer_id" value="{hannah.id}"' in piece
        assert "<html" not in piece


def test_check_in_for_a_customer_on_file_makes_no_second_one(app, desk, cracked_iphone):
    known = cracked_iphone.customer.id

    desk.post("/admin/check-in/", data=form(customer_id=str(known), name="", phone=""))

    assert db.session.scalars(select(Repair.customer_id)).all() == [known, known]
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 1


def test_one_telephone_may_belong_to_two_people(app, desk, cracked_iphone):
    cracked_iphone.customer.phone = "+447700900418"
    db.session.commit()
    asked, checked = {"phone": "07700 900418"}, f'value="{cracked_iphone.customer.id}" checked'

    alone = desk.get("/admin/check-in/known", query_string=asked, headers=HTMX).text
    hannah = desk.get("/admin/check-in/known", query_string={**asked, "name": "hannah w"}, headers=HTMX).text
    peter = desk.get("/admin/check-in/known", query_string={**asked, "name": "Peter"}, headers=HTMX).text

    assert (checked in alone, checked in hannah, checked in peter) == (True, True, False)


def test_a_choice_from_the_list_of_other_words_does_not_hold(app, desk):
    desk.post("/admin/check-in/", data=form(device="iphone 14 pro max", seen_device="iphone 14 pro"))

    repair = db.session.scalars(select(Repair)).one()
    assert (repair.device.label, repair.device.model_id) == ("iphone 14 pro max", None)


def test_devices_are_found_however_they_are_typed(app, desk):
    piece = desk.get("/admin/check-in/known", query_string={"device": "ipone 14 pro"}, headers=HTMX).text

    assert f'name="device_id" value="{iphone().id}"' in piece


def test_a_device_that_nobody_lists_is_taken_as_typed(app, desk):
    desk.post("/admin/check-in/", data=form(device="Grandfather's radio", device_id="typed"))

    repair = db.session.scalars(select(Repair)).one()
    assert (repair.device.label, repair.device.model_id) == ("Grandfather's radio", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"phone": ""}, {"phone": "12"}, {"phone": "", "email": "@"}, {"name": ""}, {"device": "", "device_id": ""},
        {"problem": " "}, {"problem": "nul\x01"}, {"place": "x" * 41}, {"urgency": "yesterday"},
        {"customer_id": "999999"}, {"device": "", "device_id": "999999"},
    ],
)  # fmt: skip
def test_check_in_that_lacks_something_is_refused_with_what_was_typed(app, desk, changes):
    answer = desk.post("/admin/check-in/", data=form(**changes))

    assert (answer.status_code, "Not saved yet" in answer.text) == (422, True)
    assert db.session.scalar(select(func.count()).select_from(Repair)) == 0


def test_search_costs_the_same_statements_for_one_customer_and_many(app):
    for number in range(2):
        factories.repair(customer=factories.customer(f"Whitcombe {number}", email=f"w{number}@example.com"))
    few = len(statements_of(lambda: check_ins.find_known(name="whitcombe")))
    for number in range(2, 6):
        factories.repair(customer=factories.customer(f"Whitcombe {number}", email=f"w{number}@example.com"))

    assert len(statements_of(lambda: check_ins.find_known(name="whitcombe"))) == few


def test_readers_check_nothing_in(app, browser_of, read_only):
    assert browser_of(read_only).get("/admin/check-in/").status_code == 404
