"""Bookings that wait for their payment: kept, paid for, given up, and paid for too late."""

from datetime import timedelta

from sqlalchemy import select, update

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.base import utc_now
from shop.models.booking import Booking, Slot
from shop.models.event import Delivery, Event
from shop.models.outbox import OutboxMessage
from shop.models.payment import Payment
from shop.models.repair import Repair
from shop.services import bookings, deliveries, drawers, relay, slots
from shop.services.subscriptions import PAYMENTS, PLACES
from tests import factories
from tests.bookings import request


def free_time(place: int = 10):
    """A time of the calendar that is far enough to be changed by the customer."""
    now = utc_now()
    return slots.list_slots(factories.location(), "in_store", start=now, end=now + timedelta(days=7))[place].start


def book(*, urgency: str = "express", pay: str | None = None, place: int = 10, **changes) -> Repair:
    asked = request(slot_start=free_time(place), urgency=urgency, **changes)
    repair = bookings.create_booking(asked, actor=CUSTOMER, source="wizard", pay=pay)
    db.session.commit()
    return repair


def booking_of(repair: Repair) -> Booking:
    db.session.rollback()
    return db.session.scalars(select(Booking).where(Booking.repair_id == repair.id)).one()


def work() -> None:
    """As the background does, until nothing is left to do."""
    for _round in range(3):
        relay.relay_batch()
        db.session.commit()
        for subscriber in (PAYMENTS, PLACES, "mail"):
            deliveries.drain(subscriber)


def end_the_hold(repair: Repair) -> None:
    """As if half an hour had passed."""
    relay.relay_batch()
    db.session.commit()
    now = utc_now()
    db.session.execute(update(Booking).where(Booking.repair_id == repair.id).values(held_until=now))
    db.session.execute(update(Delivery).where(Delivery.subscriber == PLACES).values(due_at=now - timedelta(seconds=1)))
    db.session.commit()
    work()
    db.session.refresh(repair)


def agree(till, opened) -> None:
    """The customer pays at the provider, and nobody tells us."""
    if opened.payment.provider == "paypal":
        till.control("/approve", order=opened.snapshot.ref)
    else:
        intents = till.simulator.stripe(till.simulator.key).v1.payment_intents
        intents.confirm(opened.snapshot.ref, {"payment_method": "pm_card_visa", "return_url": "http://127.0.0.1:8000/"})


def late_payment(till, repair: Repair) -> Payment:
    """The customer pays in a window that was open all the time, and the provider could not be told to close it."""
    opened = till.start(repair, "stripe", "deposit")
    db.session.execute(update(Payment).values(provider_ref=None))
    db.session.commit()
    end_the_hold(repair)
    assert repair.status == "cancelled"
    agree(till, opened)
    return till.settle(db.session.get(Payment, opened.payment.id), ref=opened.snapshot.ref)


def mails() -> list[str]:
    return list(db.session.scalars(select(OutboxMessage.template).order_by(OutboxMessage.template)))


def history(repair: Repair) -> list[str]:
    query = select(Event.verb).where(Event.aggregate == f"repair:{repair.id}").order_by(Event.version)
    return list(db.session.scalars(query))


def places_taken() -> int:
    return sum(db.session.scalars(select(Slot.taken)))


def open_till(person) -> None:
    drawers.open_drawer(
        factories.location(), currency="GBP", float_amount=5_000, minimum_float=2_000, actor=person.actor
    )
