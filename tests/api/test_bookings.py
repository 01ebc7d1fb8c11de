import threading

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.booking import Booking, IdempotencyKey, Slot
from shop.models.customer import Customer
from shop.models.event import Event
from shop.models.repair import Repair
from tests import bookings

SLOT = "2026-11-26T10:30:00Z"


def stored() -> int:
    db.session.rollback()
    tables = (Repair, Booking, Customer, Slot, Event, IdempotencyKey)
    return sum(db.session.scalar(select(func.count()).select_from(table)) for table in tables)


def test_a_booking_is_on_disk_when_201_arrives(client_program, frozen, session):
    answer = client_program.book(bookings.body(slot_start=SLOT))

    session.rollback()
    repair = session.scalars(select(Repair)).one()
    booking = session.scalars(select(Booking)).one()
    assert answer.status_code == 201
    assert answer.json == {
        "number": repair.number,
        "status": "expected",
        "total": repair.total,
        "currency": "GBP",
        "tracking_url": f"http://127.0.0.1:8000/track/{repair.tracking_token}",
        "due_now": 0,
        "held_until": None,
        "pay_url": f"http://127.0.0.1:8000/track/{repair.tracking_token}/pay",
    }
    assert (booking.source, booking.slot.taken) == ("api", 1)
    assert session.scalars(select(Event.verb)).all() == ["repair.booked"]


def test_an_urgent_booking_waits_for_its_deposit(client_program, frozen, session):
    answer = client_program.book(bookings.body(slot_start=SLOT, urgency="express"))

    session.rollback()
    repair, booking = session.scalars(select(Repair)).one(), session.scalars(select(Booking)).one()
    assert answer.status_code == 201
    assert (answer.json["status"], answer.json["due_now"]) == ("expected", round(repair.total * 0.25))
    assert answer.json["held_until"] == "2026-11-24T10:30:00Z"
    assert (repair.waiting_on, booking.due_now, booking.slot.taken) == ("customer", answer.json["due_now"], 1)
    assert session.scalars(select(Event.verb).order_by(Event.id)).all() == ["repair.booked", "repair.payment_awaited"]


@pytest.mark.parametrize(
    ("urgency", "pay", "share"),
    [("standard", "later", 0), ("standard", "full", 1), ("express", "deposit", 0.25), ("same_day", "full", 1)],
)
def test_a_booking_is_paid_as_was_chosen(client_program, frozen, urgency, pay, share):
    answer = client_program.book(bookings.body(urgency=urgency, pay=pay))

    assert answer.status_code == 201
    assert answer.json["due_now"] == round(answer.json["total"] * share)
    assert (answer.json["held_until"] is None) == (not share)


@pytest.mark.parametrize(
    ("urgency", "pay"),
    [("express", "later"), ("standard", "deposit"), ("standard", "cash"), ("standard", ""), ("standard", 1)],
)
def test_a_way_to_pay_that_is_not_offered_is_refused_by_name(client_program, frozen, urgency, pay):
    answer = client_program.book(bookings.body(urgency=urgency, pay=pay))

    assert (answer.status_code, [fault["field"] for fault in answer.json["errors"]]) == (422, ["pay"])
    assert stored() == 0


def test_what_a_program_books_can_be_paid_by_the_program(client_program, session, till):
    booked = client_program.book(bookings.body(urgency="express")).json
    token = booked["tracking_url"].rpartition("/")[2]
    begun = client_program.post(
        "/payments/stripe/payment-intent", {"booking": token, "purpose": "deposit"}, Idempotency_Key="pay"
    )
    done = client_program.post(
        "/payments/stripe/confirm",
        {"booking": token, "payment": begun.json["payment"], "payment_method": "pm_card_visa"},
    )

    session.rollback()
    assert (begun.json["amount"], done.json["state"]) == (booked["due_now"], "paid")
    assert session.scalars(select(Booking)).one().confirmed_at is not None


def test_where_nothing_is_paid_online_there_is_no_address_to_pay_at(client_program, app, monkeypatch):
    for name in ("STRIPE_SECRET_KEY", "PAYPAL_CLIENT_ID"):
        monkeypatch.setattr(app.config["SETTINGS"], name, "")

    answer = client_program.book(bookings.body(urgency="express")).json

    assert (answer["due_now"], answer["held_until"], answer["pay_url"]) == (0, None, None)


def test_a_booking_costs_what_the_price_said(client_program, frozen):
    body = bookings.body(urgency="same_day")
    facts = {name: body[name] for name in ("device_id", "repair_type_ids", "service_type", "urgency")}

    price = client_program.post("/pricing/calculate", facts).json
    booked = client_program.book(body).json

    assert (booked["total"], booked["currency"]) == (price["total"], price["currency"])


def test_a_pickup_is_booked_with_its_address(client_program, frozen):
    where = {
        "service_type": "pickup",
        "slot_start": "2026-11-26T11:00:00Z",
        "address": "3 Brick Lane",
        "postcode": "E1 6PU",
    }

    assert client_program.book(bookings.body(**where)).status_code == 201


def test_the_same_key_and_body_is_the_same_booking(client_program, frozen, session):
    body = bookings.body(slot_start=SLOT)
    first = client_program.book(body)
    relaid = dict(reversed((body | {"slot_start": "2026-11-26T11:30:00+01:00"}).items()))

    again = client_program.book(relaid)

    assert (again.status_code, again.data) == (201, first.data)
    session.rollback()
    assert session.query(Repair).count() == 1
    assert session.scalars(select(Slot.taken)).one() == 1


def test_the_same_key_with_another_body_is_refused(client_program, frozen, session):
    client_program.book(bookings.body())

    answer = client_program.book(bookings.body(problem="Another one"))

    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_mismatch")
    session.rollback()
    assert session.query(Repair).count() == 1


def test_a_refused_booking_leaves_its_key_free(client_program, frozen):
    assert client_program.book(bookings.body(device_id=999_999)).status_code == 422

    assert client_program.book(bookings.body()).status_code == 201


def test_twins_at_the_same_moment_are_one_booking(client_program, app, session):
    body, answers, start = bookings.body(), [], threading.Barrier(6)
    session.remove()

    def send():
        client = type(client_program)(app)
        start.wait(timeout=10)
        answers.append(client.book(body))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.data for answer in answers}) == 1
    assert session.query(Repair).count() == 1


def test_a_full_slot_is_a_conflict_with_a_code(client_program, frozen, session):
    bookings.slot_with(1)
    client_program.book(bookings.body(slot_start=SLOT), key="first")

    answer = client_program.book(bookings.body(slot_start=SLOT), key="second")

    assert (answer.status_code, answer.json["code"]) == (409, "slot_full")
    assert answer.content_type == "application/problem+json"
    session.rollback()
    assert session.query(Repair).count() == 1


def test_a_booking_does_not_betray_that_the_address_is_known(client_program, frozen):
    client_program.book(bookings.body(), key="first")
    known = client_program.book(bookings.body(), key="second")
    other = bookings.body()["customer"] | {"name": "Nobody We Know", "email": "new@example.com"}
    unknown = client_program.book(bookings.body(customer=other), key="third")

    assert known.status_code == unknown.status_code == 201
    assert set(known.json) == set(unknown.json)


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "ключ", "a b", "a\tb"])
def test_a_booking_needs_a_usable_key(client_program, key):
    answer = client_program.book(bookings.body(), key=key.encode().decode("latin-1"))

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json["errors"]] == ["Idempotency-Key"]
    assert stored() == 0


def test_a_booking_without_a_key_is_refused(client_program):
    answer = client_program.post("/bookings", bookings.body())

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json["errors"]] == ["Idempotency-Key"]


def person(**changes) -> dict:
    return {"customer": {"name": "Ana", "email": "ana@example.com", "phone": "07700 900418", "locale": "en"} | changes}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"device_id": 2**63}, "device_id"),
        ({"repair_type_ids": [2**31]}, "repair_type_ids.0"),
        ({"service_type": "pickup", "slot_start": SLOT, "address": "x", "postcode": "E1 6PU"}, "slot_start"),
        ({"slot_start": "1900-01-01T10:30:00Z"}, "slot_start"),
        ({"slot_start": "9999-12-31T10:30:00Z"}, "slot_start"),
        ({"slot_start": "9999-12-31T23:59:59-14:00"}, "slot_start"),
        ({"slot_start": "2026-11-26T10:31:00Z"}, "slot_start"),
        ({"slot_start": ["2026"]}, "slot_start"),
        ({"slot_start": ""}, "slot_start"),
        ({"problem": ""}, "problem"),
        ({"problem": "  \n "}, "problem"),
        ({"problem": "x" * 5_001}, "problem"),
        ({"problem": "nul \x00"}, "problem"),
        ({"problem": "\ud800"}, "problem"),
        ({"problem": {"text": "x"}}, "problem"),
        ({"customer": []}, "customer"),
        ({"customer": "Ana"}, "customer"),
        (person(name=""), "customer.name"),
        (person(name="x" * 121), "customer.name"),
        (person(name="Ana\u0000"), "customer.name"),
        (person(name="Ana\u202e"), "customer.name"),
        (person(name=7), "customer.name"),
        (person(email="ana@"), "customer.email"),
        (person(email="a" * 400 + "@example.com"), "customer.email"),
        (person(email="ana@example.com\r\nBcc: all@example.com"), "customer.email"),
        (person(phone="+"), "customer.phone"),
        (person(phone=447700900418), "customer.phone"),
        (person(locale="klingon"), "customer.locale"),
        (person(role="owner"), "customer.role"),
        ({"total": 1}, "total"),
        ({"status": "collected"}, "status"),
        ({"address": "x" * 501}, "address"),
    ],
)
def test_a_booking_names_the_field_it_cannot_use_and_stores_nothing(client_program, frozen, changes, field):
    answer = client_program.book(bookings.body(**changes))

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json["errors"]] == [field]
    assert stored() == 0


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"device_id": "x", **person(email="ana@", phone="+")}, {"device_id", "customer.email", "customer.phone"}),
        ({"problem": "", "device_id": 999_999}, {"problem", "device_id"}),
        (person(name="", email="ana@"), {"customer.name", "customer.email"}),
        ({"customer": {"email": "ana@"}}, {"customer.name", "customer.phone", "customer.email"}),
        ({"urgency": "now", "customer": None}, {"urgency", "customer"}),
        ({"device_id": 999_999, **person(email="ana@")}, {"device_id", "customer.email"}),
    ],
)
def test_a_fault_of_one_kind_hides_none_of_another(client_program, frozen, changes, fields):
    answer = client_program.book(bookings.body(**changes))

    assert answer.status_code == 422
    assert sorted(fault["field"] for fault in answer.json["errors"]) == sorted(fields)
    assert stored() == 0


def test_a_body_that_is_no_object_is_refused(client_program):
    answer = client_program.book([])

    assert (answer.status_code, answer.json["code"]) == (422, "invalid")


def test_a_booking_names_every_missing_field(client_program):
    answer = client_program.book({})

    assert {fault["field"] for fault in answer.json["errors"]} == {
        "device_id", "repair_type_ids", "service_type", "urgency", "problem", "customer",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "Robert'); DROP TABLE repairs;--", "{{ 7*7 }}", "محمد 😀", "%s %(x)s", "=1+1"],
)
def test_a_booking_keeps_odd_names_as_they_are(client_program, frozen, session, name):
    answer = client_program.book(bookings.body(**person(name=name), problem="😀" * 5_000))

    assert answer.status_code == 201
    assert session.scalars(select(Customer.name)).one() == name
