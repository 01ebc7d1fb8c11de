"""Money that comes when its booking has ended: it finds its place again or goes back, once."""

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.booking import Booking
from shop.models.errors import Invalid
from shop.models.event import Delivery, Event
from shop.models.payment import Payment, PaymentState, Refund
from shop.models.repair import Repair
from shop.services import (
    appointments,
    booking_payments,
    deliveries,
    ledger,
    ledger_check,
    merges,
    payment_work,
    repairs,
    slots,
)
from shop.services.booking_payments import NOT_WANTED, TOO_LATE
from shop.services.payments import attempts
from shop.services.subscriptions import PAYMENTS, PLACES
from tests import factories
from tests.waiting import (
    agree,
    book,
    booking_of,
    end_the_hold,
    free_time,
    history,
    late_payment,
    mails,
    places_taken,
    work,
)


@pytest.fixture
def held(app):
    """An express repair whose place is kept until its deposit comes."""
    return book()


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


def state_of_things() -> tuple:
    db.session.rollback()
    return (
        [(row.status, row.waiting_on, row.version) for row in db.session.scalars(select(Repair).order_by(Repair.id))],
        [(row.slot_id, row.held_until, row.confirmed_at) for row in db.session.scalars(select(Booking))],
        [(row.state, row.captured, row.refunded, row.fault) for row in db.session.scalars(select(Payment))],
        [(row.state, row.amount) for row in db.session.scalars(select(Refund))],
        ledger.balances(), mails(), places_taken(),
    )  # fmt: skip


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


def test_books_stay_whole_through_all_of_it(held, till):
    late_payment(till, held)
    work()

    assert ledger_check.verify() == []
