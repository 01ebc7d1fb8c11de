import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.booking import Booking, Slot
from shop.models.customer import Customer, Device
from shop.models.errors import Invalid, SlotFull
from shop.models.event import Delivery, Event
from shop.models.repair import Repair
from shop.services import pricing
from shop.services.bookings import create_booking, tracking_path
from shop.services.relay import relay_batch
from tests import factories
from tests.bookings import THURSDAY_1030, iphone, repair_type, request, slot_with

PICKUP = {
    "service_type": "pickup",
    "slot_start": THURSDAY_1030.replace(hour=11, minute=0),
    "address": "3 Brick Lane",
    "postcode": "e16pu",
}


def book(asked=None, **options) -> Repair:
    return create_booking(asked or request(), actor=CUSTOMER, source="wizard", **options)


def refused_fields(asked, **options) -> set[str]:
    """The fields that a booking is refused for; fails if it leaves anything behind."""
    with pytest.raises(Invalid) as refusal:
        book(asked, **options)
    for table in (Repair, Booking, Customer, Device, Slot, Event):
        assert db.session.scalar(select(func.count()).select_from(table)) == 0
    return set(refusal.value.fields)


def quote_for(asked, **changes):
    facts = {
        "device_id": asked.device_id,
        "repair_type_ids": asked.repair_type_ids,
        "service_type": asked.service_type,
        "urgency": asked.urgency,
        "currency": asked.currency,
    }
    facts |= changes
    chosen = {name: facts[name] for name in ("device_id", "repair_type_ids")}
    return pricing.make_quote(pricing.calculate(**facts), **chosen)


def test_create_booking_writes_the_repair_with_its_price_slot_and_due_date(app, frozen, session):
    kinds = (repair_type("phone-battery").id, repair_type().id)

    repair = book(request(repair_type_ids=kinds, slot_start=THURSDAY_1030, urgency="express"))
    session.commit()

    price = pricing.calculate(
        device_id=iphone().id, repair_type_ids=kinds, service_type="in_store", urgency="express", currency="GBP",
        demand=lambda: None,
    )  # fmt: skip
    booking = session.scalars(select(Booking)).one()
    assert (repair.total, repair.currency) == (price.total.amount, "GBP")
    assert [(line.label, line.amount) for line in repair.lines] == [
        (line.label, line.amount.amount) for line in price.lines
    ]
    assert {line.repair_type_id for line in repair.lines} >= set(kinds)
    assert (repair.status, repair.version, repair.priority) == ("expected", 2, 2)
    assert (repair.waiting_on, booking.due_now) == ("customer", round(repair.total * 0.25))
    assert booking.held_until == frozen + timedelta(minutes=30)
    assert repair.due_at == THURSDAY_1030 + timedelta(days=1)
    assert repair.work == "Screen, original display + Phone battery"
    assert (booking.repair_id, booking.source, booking.slot.taken) == (repair.id, "wizard", 1)
    assert booking.slot.starts_at == THURSDAY_1030


def test_create_booking_makes_the_repair_findable_and_its_link_unguessable(app, frozen):
    first, second = book(), book()

    assert (
        first.search_text
        == (
            f"{first.number} hannah whitcombe +447700900418 hannah@example.com "
            "iphone 14 pro cracked screen, touch dead along the top"
        ).lower()
    )
    assert first.number != second.number
    assert tracking_path(first) == f"/track/{first.tracking_token}"
    assert len(first.tracking_token) >= 22
    assert first.tracking_token != second.tracking_token


def test_create_booking_records_one_event_that_names_nobody_and_owes_the_mail(app, frozen, session):
    repair = book(request(slot_start=THURSDAY_1030))
    session.commit()
    relay_batch()
    session.commit()

    fact = session.scalars(select(Event)).one()
    sealed, detail = json.loads(fact.body), json.loads(fact.detail.body)
    assert (fact.verb, fact.aggregate, fact.actor) == ("repair.booked", f"repair:{repair.id}", "customer")
    assert (sealed["total"], sealed["slot"], sealed["status"]) == (repair.total, THURSDAY_1030.isoformat(), "expected")
    assert "hannah" not in fact.body.lower()
    assert "7700" not in fact.body
    assert detail["customer"] == "Hannah Whitcombe"
    assert session.scalars(select(Delivery.subscriber)).all() == ["mail"]


@pytest.mark.parametrize("service_type", ["in_store", "postal"])
def test_create_booking_without_a_slot_is_any_time_in_opening_hours(app, frozen, session, service_type):
    book(request(service_type=service_type))

    assert session.scalars(select(Booking)).one().slot is None
    assert session.query(Slot).count() == 0


def test_create_booking_for_pickup_keeps_where_to_collect(app, frozen, session):
    book(request(**PICKUP))

    booking = session.scalars(select(Booking)).one()
    assert (booking.address, booking.postcode) == ("3 Brick Lane", "E1 6PU")
    assert booking.slot.service_type == "pickup"


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"slot_start": None}, {"slot_start"}),
        ({"address": " "}, {"address"}),
        ({"postcode": ""}, {"postcode"}),
        ({"postcode": "SW1A 1AA"}, {"postcode"}),
        ({"postcode": "x" * 200}, {"postcode"}),
        ({"slot_start": THURSDAY_1030}, {"slot_start"}),
    ],
)
def test_create_booking_for_pickup_needs_slot_address_and_our_area(app, frozen, changes, fields):
    assert refused_fields(request(**{**PICKUP, **changes})) == fields


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"device_id": 999_999}, "device_id"),
        ({"device_id": 2**63}, "device_id"),
        ({"repair_type_ids": ()}, "repair_type_ids"),
        ({"repair_type_ids": (999_999,)}, "repair_type_ids"),
        ({"service_type": "drone"}, "service_type"),
        ({"urgency": "yesterday"}, "urgency"),
        ({"currency": "XXX"}, "currency"),
        ({"problem": "x" * 5_001}, "problem"),
        ({"problem": "nul\x00"}, "problem"),
        ({"slot_start": datetime(1900, 1, 1, tzinfo=UTC)}, "slot_start"),
        ({"slot_start": datetime(9999, 12, 31, tzinfo=UTC)}, "slot_start"),
        ({"slot_start": THURSDAY_1030.replace(tzinfo=None)}, "slot_start"),
        ({"slot_start": THURSDAY_1030, "service_type": "postal"}, "slot_start"),
    ],
)
def test_create_booking_names_the_field_that_cannot_be_used(app, frozen, changes, field):
    assert refused_fields(request(**changes)) == {field}


def test_create_booking_names_every_wrong_field_at_once(app, frozen):
    asked = request(device_id=0, urgency="", slot_start=THURSDAY_1030 + timedelta(seconds=1), customer={"email": "@"})

    assert refused_fields(asked) == {"device_id", "urgency", "slot_start", "customer.email"}


def test_create_booking_refuses_a_full_slot(app, frozen, session):
    slot_with(1)
    book(request(slot_start=THURSDAY_1030))
    session.commit()

    with pytest.raises(SlotFull):
        book(request(slot_start=THURSDAY_1030, customer={"name": "Peter Whitcombe"}))
    session.rollback()

    assert session.query(Repair).count() == 1
    assert session.query(Customer).count() == 1


def test_create_booking_knows_a_customer_again_without_touching_the_data_on_file(app, frozen, session):
    hannah = factories.customer("Hannah Whitcombe", phone="+442079460418", locale="pt_BR")

    repair = book(request(customer={"name": "HANNAH whitcombe", "phone": "07700 900999"}))

    fact = session.scalars(select(Event)).one()
    assert repair.customer is hannah
    assert (hannah.name, hannah.phone, hannah.locale) == ("Hannah Whitcombe", "+442079460418", "pt_BR")
    assert json.loads(fact.detail.body)["phone"] == "+447700900999"


def test_create_booking_honours_a_quote_whatever_the_rules_became(app, frozen, session, monkeypatch):
    asked = request()
    quote = quote_for(asked)
    promised = quote.total
    monkeypatch.setattr(pricing, "calculate", lambda **_: pytest.fail("the price was promised"))

    repair = book(asked, quote=quote)

    assert (repair.total, repair.quote_id) == (promised, quote.id)
    assert sum(line.amount for line in repair.lines) == promised


def test_create_booking_refuses_an_expired_quote(app, frozen, session):
    asked = request()
    quote = quote_for(asked)
    quote.expires_at = frozen

    assert refused_fields(asked, quote=quote) == {"quote"}


@pytest.mark.parametrize("change", [{"urgency": "express"}, {"service_type": "postal"}, {"currency": "EUR"}])
def test_create_booking_refuses_a_quote_made_for_something_else(app, frozen, change):
    asked = request()

    assert refused_fields(replace(asked, **change), quote=quote_for(asked)) == {"quote"}
