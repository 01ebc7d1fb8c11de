"""Bookings that a payment confirms: kept, confirmed, given up, and money that came too late."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.base import utc_now
from shop.models.booking import Booking, Slot
from shop.models.errors import Invalid
from shop.models.event import Delivery, Event
from shop.models.outbox import OutboxMessage
from shop.models.payment import Payment, PaymentState, Refund
from shop.models.repair import Repair
from shop.services import (
    appointments,
    booking_payments,
    bookings,
    counter,
    deliveries,
    drawers,
    ledger,
    ledger_check,
    merges,
    payment_work,
    relay,
    repairs,
    slots,
)
from shop.services.booking_payments import NOT_WANTED, TOO_LATE, TOO_LITTLE
from shop.services.payments import attempts
from shop.services.subscriptions import PAYMENTS, PLACES
from tests import factories
from tests.bookings import request
from tests.cards import Wallet, approve, charge

HALF_AN_HOUR = timedelta(minutes=30)


def free_time(place: int = 10):
    """A time of the calendar that is far enough to be changed by the customer."""
    now = utc_now()
    return slots.list_slots(factories.location(), "in_store", start=now, end=now + timedelta(days=7))[place].start


def book(*, urgency: str = "express", pay: str | None = None, place: int = 10, **changes) -> Repair:
    asked = request(slot_start=free_time(place), urgency=urgency, **changes)
    repair = bookings.create_booking(asked, actor=CUSTOMER, source="wizard", pay=pay)
    db.session.commit()
    return repair


@pytest.fixture
def held(app):
    """An express repair whose place is kept until its deposit comes."""
    return book()


def booking_of(repair: Repair) -> Booking:
    db.session.rollback()
    return db.session.scalars(select(Booking).where(Booking.repair_id == repair.id)).one()


def deposit_of(repair: Repair) -> int:
    return booking_of(repair).due_now


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


def mails() -> list[str]:
    return list(db.session.scalars(select(OutboxMessage.template).order_by(OutboxMessage.template)))


def history(repair: Repair) -> list[str]:
    query = select(Event.verb).where(Event.aggregate == f"repair:{repair.id}").order_by(Event.version)
    return list(db.session.scalars(query))


def places_taken() -> int:
    return sum(db.session.scalars(select(Slot.taken)))


def run_all_handlers_again() -> None:
    """What a process that dies between its work and its note of it leaves behind."""
    loaded = db.session.execute(
        select(Delivery.id, Delivery.subscriber, Event).join(Event, Event.id == Delivery.event_id)
        .where(Delivery.subscriber.in_((PAYMENTS, PLACES))).order_by(Delivery.id)
    ).all()  # fmt: skip
    owed = [
        (subscriber, deliveries.Owed(key, subscriber, 1, 5, "", deliveries.Fact(
            event.id, event.verb, event.aggregate, event.version, event.actor, event.at, event.body, "")))
        for key, subscriber, event in loaded
    ]  # fmt: skip
    db.session.rollback()
    for subscriber, delivery in owed:
        handler = payment_work.deliver if subscriber == PAYMENTS else payment_work.give_up_place
        handler(delivery)
        db.session.commit()


def open_till(person) -> None:
    drawers.open_drawer(
        factories.location(), currency="GBP", float_amount=5_000, minimum_float=2_000, actor=person.actor
    )


def state_of_things() -> tuple:
    db.session.rollback()
    return (
        [(row.status, row.waiting_on, row.version) for row in db.session.scalars(select(Repair).order_by(Repair.id))],
        [(row.slot_id, row.held_until, row.confirmed_at) for row in db.session.scalars(select(Booking))],
        [(row.state, row.captured, row.refunded, row.fault) for row in db.session.scalars(select(Payment))],
        [(row.state, row.amount) for row in db.session.scalars(select(Refund))],
        ledger.balances(), mails(), places_taken(),
    )  # fmt: skip


def test_a_booking_with_a_deposit_keeps_its_place_and_tells_nobody_yet(held):
    work()

    booking = booking_of(held)
    assert (held.status, held.waiting_on, booking.confirmed_at) == ("expected", "customer", None)
    assert booking.due_now == round(held.total * 0.25)
    assert timedelta(minutes=29) < booking.held_until - utc_now() <= HALF_AN_HOUR
    assert (booking.slot.taken, mails()) == (1, [])
    assert history(held) == ["repair.booked", "repair.payment_awaited"]


def test_the_place_is_given_up_no_sooner_than_was_said(held):
    relay.relay_batch()
    db.session.commit()

    due_at, state = db.session.execute(
        select(Delivery.due_at, Delivery.state).where(Delivery.subscriber == PLACES)
    ).one()  # fmt: skip
    assert due_at == booking_of(held).held_until
    assert state == "waiting"
    assert deliveries.drain(PLACES) == 0


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_the_payment_confirms_and_each_mail_is_written_once(held, till, provider):
    till.pay(held, provider, "deposit")
    work()

    booking = booking_of(held)
    assert (held.status, held.waiting_on, booking.held_until) == ("expected", "customer", None)
    assert booking.confirmed_at is not None
    assert mails() == ["booking_confirmation", "receipt"]
    assert history(held)[:4] == [
        "repair.booked", "repair.payment_awaited", "payment.settled", "repair.confirmed",
    ]  # fmt: skip
    assert booking_payments.is_new(held.id)
    assert booking_payments.asked_now(held) == ("balance", held.total - booking.due_now)


def test_a_standard_booking_that_is_paid_at_once_is_confirmed_by_all_of_it(app, till):
    repair = book(urgency="standard", pay="full")
    assert booking_payments.asked_now(repair) == ("full", repair.total)

    till.pay(repair)
    work()

    assert booking_of(repair).confirmed_at is not None
    assert ledger.repair_balance(repair).owed == 0
    assert mails() == ["booking_confirmation", "receipt"]


def test_a_booking_that_is_paid_later_is_confirmed_at_once(app):
    repair = book(urgency="standard", pay="later")
    work()

    assert (repair.waiting_on, booking_of(repair).held_until) == ("customer", None)
    assert mails() == ["booking_confirmation"]


@pytest.mark.parametrize(("urgency", "pay"), [("express", "later"), ("same_day", "later"), ("standard", "deposit"),
                                              ("standard", "nonsense"), ("express", "")])  # fmt: skip
def test_a_way_to_pay_that_is_not_offered_is_refused(app, urgency, pay):
    with pytest.raises(Invalid) as refused:
        book(urgency=urgency, pay=pay)

    db.session.rollback()
    assert set(refused.value.fields) == {"pay"}
    assert (db.session.scalars(select(Repair)).all(), places_taken()) == ([], 0)


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_a_place_that_nobody_pays_for_is_free_again(held, till, provider):
    opened = till.start(held, provider, "deposit")

    end_the_hold(held)

    assert (held.status, booking_of(held).slot_id, places_taken()) == ("cancelled", None, 0)
    assert db.session.get(Payment, opened.payment.id).state == PaymentState.CANCELLED
    assert mails() == []
    moved = json.loads(db.session.scalars(select(Event.body).where(Event.verb == "repair.moved")).one())
    assert (moved["to"], moved["reason"]) == ("cancelled", "unpaid")
    if provider == "stripe":
        intents = till.simulator.stripe(till.simulator.key).v1.payment_intents
        assert intents.retrieve(opened.snapshot.ref).status == "canceled"


def test_a_declined_card_is_no_payment_and_is_given_up_too(held, till):
    till.pay(held, purpose="deposit", method="pm_card_chargeDeclined")

    end_the_hold(held)

    assert held.status == "cancelled"
    assert [payment.state for payment in db.session.scalars(select(Payment))] == ["cancelled"]
    assert ledger.repair_balance(held).paid == 0


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_what_was_paid_in_the_last_moment_and_not_heard_of_confirms(held, till, provider):
    agree(till, till.start(held, provider, "deposit"))

    end_the_hold(held)

    assert (held.status, held.waiting_on) == ("expected", "customer")
    assert (places_taken(), mails()) == (1, ["booking_confirmation", "receipt"])
    assert till.books(provider) == till.balance(provider)


def test_of_two_ways_agreed_to_in_the_last_moment_one_is_taken(held, till):
    agree(till, till.start(held, "stripe", "deposit"))
    second = till.start(held, "paypal", "deposit")
    agree(till, second)

    end_the_hold(held)

    assert held.status == "expected"
    assert ledger.repair_balance(held).paid == deposit_of(held)
    assert db.session.get(Payment, second.payment.id).state == PaymentState.CANCELLED


def test_a_provider_that_is_down_at_the_end_keeps_the_place_until_it_answers(held, till, app, monkeypatch):
    agree(till, till.start(held, "stripe", "deposit"))
    with monkeypatch.context() as down:
        down.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", "http://127.0.0.1:9")
        down.setitem(app.extensions, "shop_gateways", {})
        end_the_hold(held)
    assert (held.status, places_taken()) == ("expected", 1)

    db.session.execute(update(Delivery).where(Delivery.subscriber == PLACES).values(due_at=utc_now()))
    db.session.commit()
    work()

    assert (held.status, held.waiting_on) == ("expected", "customer")


def late_payment(till, repair: Repair) -> Payment:
    """The customer pays in a window that was open all the time, and the provider could not be told to close it."""
    opened = till.start(repair, "stripe", "deposit")
    db.session.execute(update(Payment).values(provider_ref=None))
    db.session.commit()
    end_the_hold(repair)
    assert repair.status == "cancelled"
    agree(till, opened)
    return till.settle(db.session.get(Payment, opened.payment.id), ref=opened.snapshot.ref)


def test_money_after_the_end_finds_its_place_again_where_it_is_free(held, till):
    payment = late_payment(till, held)
    assert payment.fault == "late"

    work()

    db.session.refresh(held)
    assert (held.status, held.waiting_on, payment.fault) == ("expected", "customer", "")
    assert booking_of(held).slot.starts_at == free_time()
    assert (places_taken(), mails()) == (1, ["booking_confirmation", "receipt"])
    assert history(held)[-2:] == ["repair.reseated", "repair.confirmed"]


def test_money_after_the_end_goes_back_where_the_time_is_taken(held, till):
    payment = late_payment(till, held)
    taken = free_time()
    for _place in range(slots.find_slot(factories.location(), "in_store", taken).remaining):
        slots.take(factories.location(), "in_store", starts_at=taken)
    db.session.commit()

    work()

    db.session.refresh(held)
    refund = db.session.scalars(select(Refund)).one()
    assert (held.status, refund.state, refund.amount, refund.reason) == (
        "cancelled", "settled", payment.captured, TOO_LATE,
    )  # fmt: skip
    assert ledger.repair_balance(held).owed == 0
    assert "booking_confirmation" not in mails()
    assert [verb for verb in history(held) if verb.startswith("payment.")] == [
        "payment.cancelled", "payment.settled", "payment.late", "payment.refund_requested", "payment.refunded",
        "payment.refund_told",
    ]  # fmt: skip
    assert (payment.fault, till.books("stripe"), ledger_check.verify()) == ("", till.balance("stripe"), [])


def test_late_money_goes_back_to_the_time_that_was_chosen_last(held, till):
    appointments.rebook_by_customer(repairs.lock_repair(held.number), free_time(14), seen=None)
    db.session.commit()

    late_payment(till, held)
    work()

    assert booking_of(held).slot.starts_at == free_time(14)


def test_every_job_run_twice_changes_nothing(held, till):
    late_payment(till, held)
    work()
    before = state_of_things()

    run_all_handlers_again()

    assert state_of_things() == before


def test_a_refund_that_is_on_its_way_is_not_also_a_place(held, till):
    payment = late_payment(till, held)
    appointment = free_time()
    left = slots.find_slot(factories.location(), "in_store", appointment).remaining
    others = [slots.take(factories.location(), "in_store", starts_at=appointment) for _place in range(left)]
    db.session.commit()
    first = booking_payments.rescue(payment.id)
    db.session.commit()
    slots.release(others[0])
    db.session.commit()

    again = booking_payments.rescue(payment.id)
    db.session.commit()

    assert (first, again) == ("refunded", "nothing")
    assert db.session.scalars(select(Refund.amount)).all() == [payment.captured]


def cancel(repair: Repair, _person) -> None:
    appointments.cancel_by_customer(repairs.lock_repair(repair.number))


def cancel_at_the_desk(repair: Repair, person) -> None:
    repairs.move(repairs.lock_repair(repair.number), "cancelled", actor=person.actor)


def merge(repair: Repair, person) -> None:
    other = book(urgency="standard", place=20)
    duplicate, stays = repairs.lock_pair(repair.number, other.number)
    merges.merge(duplicate, stays, actor=person.actor)


@pytest.mark.parametrize("end", [cancel, cancel_at_the_desk, merge])
def test_money_for_a_booking_that_somebody_has_ended_goes_back(held, till, manager, end):
    opened = till.start(held, "stripe", "deposit")
    end(held, manager)
    db.session.commit()
    agree(till, opened)
    till.settle(opened.payment)

    work()

    db.session.refresh(held)
    refund = db.session.scalars(select(Refund)).one()
    assert (held.status, refund.state, refund.reason) == ("cancelled", "settled", NOT_WANTED)
    assert "repair.reseated" not in history(held)


@pytest.mark.parametrize("end", [cancel, cancel_at_the_desk, merge])
def test_what_is_open_for_a_booking_that_somebody_has_ended_is_given_up_with_the_hold(held, till, manager, end):
    opened = till.start(held, "stripe", "deposit")
    end(held, manager)
    db.session.commit()
    version = held.version

    end_the_hold(held)

    assert db.session.get(Payment, opened.payment.id).state == PaymentState.CANCELLED
    assert (held.status, held.version) == ("cancelled", version + 1)
    with pytest.raises(Invalid, match="cancelled"):
        attempts.start_payment(attempts.lock_by_token(held.tracking_token), "stripe", "deposit", actor=CUSTOMER)


def test_a_device_that_is_handed_over_unpaid_stays_and_owes_all(held, front_desk):
    repairs.move(repairs.lock_repair(held.number), "received", actor=front_desk.actor)
    db.session.commit()

    end_the_hold(held)

    assert (held.status, held.waiting_on) == ("received", "us")
    assert booking_payments.asked_now(held) == ("balance", held.total)


@pytest.mark.parametrize(("provider", "given"), [("cash", 10_000), ("terminal", None)])
def test_the_deposit_can_be_paid_at_the_counter(held, front_desk, provider, given):
    open_till(front_desk)
    db.session.commit()
    due = deposit_of(held)

    counter.take(
        repairs.lock_repair(held.number), due, provider=provider, actor=front_desk.actor, tendered=given
    )  # fmt: skip
    db.session.commit()
    work()

    assert booking_of(held).confirmed_at is not None
    assert (held.waiting_on, mails()) == ("customer", ["booking_confirmation", "receipt"])


def test_less_than_the_deposit_confirms_nothing_and_the_rest_is_asked_for(held, front_desk):
    open_till(front_desk)
    db.session.commit()
    due = deposit_of(held)

    counter.take(repairs.lock_repair(held.number), 1_000, provider="cash", actor=front_desk.actor)
    db.session.commit()

    assert booking_of(held).confirmed_at is None
    assert booking_payments.asked_now(held) == ("deposit", due - 1_000)


def test_less_than_the_deposit_goes_back_when_the_place_is_given_up(held, till):
    """A kept card has paid for extra work, and the deposit never came."""
    Wallet(till).keep(held)
    paid = charge(held, approve(held))

    end_the_hold(held)

    db.session.refresh(paid)
    refund = db.session.scalars(select(Refund)).one()
    assert (held.status, refund.state, refund.amount, refund.reason) == (
        "cancelled", "settled", paid.captured, TOO_LITTLE,
    )  # fmt: skip
    assert (ledger.repair_balance(held).owed, paid.fault) == (0, "")
    assert mails().count("receipt") == 1


def test_cash_for_less_than_the_deposit_is_shown_to_people_when_the_place_is_given_up(held, front_desk):
    open_till(front_desk)
    counter.take(repairs.lock_repair(held.number), 1_000, provider="cash", actor=front_desk.actor)
    db.session.commit()

    end_the_hold(held)

    payment = db.session.scalars(select(Payment)).one()
    assert (held.status, payment.fault) == ("cancelled", "overpaid")
    assert db.session.scalars(select(Refund)).all() == []
    assert history(held)[-1] == "payment.overpaid"


def test_books_stay_whole_through_all_of_it(held, till):
    late_payment(till, held)
    work()

    assert ledger_check.verify() == []


def test_a_booking_whose_price_was_lowered_is_confirmed_by_all_that_is_owed(app, till, session):
    repair = book(urgency="standard", pay="full")
    repair.total -= 1_000
    session.commit()

    till.pay(repair)
    end_the_hold(repair)

    assert (repair.status, ledger.repair_balance(repair).owed) == ("expected", 0)
    assert booking_of(repair).confirmed_at is not None


def test_what_is_open_online_is_given_up_when_it_is_paid_at_the_counter(held, till, front_desk):
    opened = till.start(held, purpose="deposit")
    location = factories.location()
    drawers.open_drawer(location, currency="GBP", float_amount=0, minimum_float=0, actor=front_desk.actor)
    counter.take(repairs.lock_repair(held.number), held.total, provider="cash", actor=front_desk.actor)
    db.session.commit()
    work()

    db.session.refresh(opened.payment)
    assert opened.payment.state == "cancelled"
