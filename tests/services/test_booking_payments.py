"""Bookings that a payment confirms: kept, confirmed, given up, and paid for at the counter."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.errors import Invalid
from shop.models.event import Delivery, Event
from shop.models.payment import Payment, PaymentState, Refund
from shop.models.repair import Repair
from shop.services import (
    booking_payments,
    counter,
    deliveries,
    drawers,
    ledger,
    relay,
    repairs,
)
from shop.services.booking_payments import TOO_LITTLE
from shop.services.subscriptions import PLACES
from tests import factories
from tests.cards import Wallet, approve, charge
from tests.waiting import (
    agree,
    book,
    booking_of,
    end_the_hold,
    history,
    mails,
    open_till,
    places_taken,
    work,
)

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
def held(app):
    """An express repair whose place is kept until its deposit comes."""
    return book()


def deposit_of(repair: Repair) -> int:
    return booking_of(repair).due_now


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
