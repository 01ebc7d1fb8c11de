"""An amount that is held, taken later or let go."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from shop.extensions import db
from shop.models.actor import CUSTOMER, SYSTEM
from shop.models.base import utc_now
from shop.models.document import Document
from shop.models.errors import Invalid, NotAllowed
from shop.models.event import Delivery, DeliveryState, Event
from shop.models.payment import Payment, PaymentState, Purpose
from shop.models.workflow import State
from shop.services import booking_payments, counter, documents, drawers, ledger, ledger_check, repairs, undo
from shop.services.payments import attempts, charges, held, refunds, webhooks
from shop.services.payments.reconcile import HELD_OPEN_FOR, reconcile
from tests.cards import Wallet, approve

DAY = 86_400


def ask(repair, amount, person) -> Payment:
    payment = held.ask_to_hold(repairs.lock_repair(repair.number), amount, actor=person.actor)
    db.session.commit()
    return payment


@pytest.fixture
def hold(till, iphone, front_desk):
    """`hold(amount)`: asked for by staff and agreed to by the customer, with a card."""

    def agree(amount: int = 20_000, method: str = "pm_card_visa") -> Payment:
        ask(iphone, amount, front_desk)
        opened = till.start(iphone, purpose="hold")
        attempts.confirm_payment(opened.payment.id, method=method)
        db.session.commit()
        return till.settle(opened.payment)

    return agree


@pytest.fixture
def take(till, front_desk):
    """`take(payment, amount)` as the console does: on record first, then asked for."""

    def does(payment: Payment, amount: int | None = None) -> Payment:
        held.request_take(payment.id, amount, actor=front_desk.actor)
        db.session.commit()
        taken = attempts.capture_payment(payment.id, amount=amount)
        db.session.commit()
        return taken

    return does


def test_what_is_held_is_not_paid_and_in_no_book(till, hold, iphone, verbs):
    payment = hold(15_000)

    assert (payment.state, payment.captured, payment.fault) == (PaymentState.AUTHORISED, 0, "")
    assert timedelta(days=6, hours=23) < payment.holds_until - utc_now() <= timedelta(days=7, seconds=60)
    assert verbs() == ["payment.hold_asked", "payment.held"]
    assert ledger.balances() == {}
    assert till.balance("stripe") == 0
    assert ledger.repair_balance(iphone).owed == 20_000


def test_card_that_asks_the_bank_is_held_after_its_answer(till, hold):
    asked = hold(method="pm_card_authenticationRequired")
    before = asked.state

    till.control("/authenticate", intent=asked.provider_ref)

    assert before == PaymentState.ACTION_NEEDED
    assert till.settle(asked).state == PaymentState.AUTHORISED


def test_declined_card_is_tried_again_on_the_same_attempt(till, hold, iphone):
    failed = hold(method="pm_card_chargeDeclined")
    was = failed.state

    opened = till.start(iphone, purpose="hold")

    assert (was, opened.payment.id) == (PaymentState.FAILED, failed.id)


def test_a_part_is_taken_and_the_rest_let_go(till, hold, take, iphone, verbs):
    payment = take(hold(), 12_000)

    assert (payment.state, payment.captured, payment.amount, payment.fault) == (PaymentState.PAID, 12_000, 20_000, "")
    assert till.books("stripe") == till.balance("stripe") == 12_000 - payment.fee
    assert ledger.repair_balance(iphone).owed == 8_000
    assert verbs()[-2:] == ["payment.take_asked", "payment.settled"]
    assert ledger_check.verify() == []


@pytest.mark.parametrize("amount", [12_000, 5_000, 100])
def test_what_stripe_lets_go_of_is_no_refund_of_ours(till, hold, take, iphone, manager, amount):
    """Its list of refunds holds the rest of a partial capture, too."""
    payment = take(hold(), amount)
    before = (payment.refunded, list(payment.refunds), ledger.repair_balance(iphone).owed)

    refund = refunds.request_refund(payment.id, amount, "Not mended", actor=manager.actor)
    db.session.commit()
    refunds.send_refund(refund.id)
    db.session.commit()

    assert before == (0, [], 20_000 - amount)
    assert (refund.state, payment.refunded, len(payment.refunds)) == ("settled", amount, 1)
    assert till.books("stripe") == till.balance("stripe") == -payment.fee
    assert reconcile("stripe", datetime.now(UTC).date()).found == 0


def test_what_a_kept_card_is_being_charged_is_neither_held_nor_taken(till, hold, iphone, front_desk):
    Wallet(till).keep(iphone)
    approval = approve(iphone)
    charges.start_charge(repairs.lock_repair(iphone.number), approval, after=0, actor=CUSTOMER)
    db.session.commit()

    with pytest.raises(Invalid, match="Hold at least"):
        ask(iphone, 24_900, front_desk)
    db.session.rollback()
    payment = hold(20_000)
    iphone.total -= 4_000
    db.session.commit()

    assert held.takeable(payment) == 16_000


def test_a_hold_is_asked_for_no_more_once_the_repair_is_closed_or_costs_less(till, iphone, front_desk, manager):
    ask(iphone, 15_000, front_desk)
    asked = booking_payments.asked_now(iphone)
    iphone.total = 9_000
    db.session.commit()

    assert asked == ("hold", 15_000)
    assert booking_payments.asked_now(iphone) == ("balance", 9_000)


def test_a_hold_that_nobody_agreed_to_is_given_up_in_the_end(till, iphone, front_desk):
    ask(iphone, 15_000, front_desk)
    opened = till.start(iphone, purpose="hold")
    today = datetime.now(UTC).date()
    reconcile("stripe", today)
    kept = opened.payment.state
    opened.payment.created_at = utc_now() - HELD_OPEN_FOR - timedelta(minutes=1)
    db.session.commit()

    reconcile("stripe", today)

    assert (kept, till.settle(opened.payment).state) == (PaymentState.CREATED, PaymentState.CANCELLED)
    assert booking_payments.asked_now(iphone) == ("balance", 20_000)


def test_what_was_taken_has_its_receipt_and_the_rest_its_invoice(till, hold, take, iphone):
    taken = take(hold(), 12_000)
    till.work()

    receipt = db.session.scalars(select(Document)).one()
    invoice = documents.issue_invoice(repairs.lock_repair(iphone.number), actor=SYSTEM)
    db.session.commit()

    assert (receipt.kind, receipt.payment_id, receipt.gross) == ("receipt", taken.id, 12_000)
    assert "Taken from the held amount" in receipt.content
    assert "Taken from the held amount" in invoice.content
    dead = select(Delivery.error).where(Delivery.state == DeliveryState.DEAD)
    assert db.session.scalars(dead).all() == []


@pytest.fixture
def cancel(till, iphone, manager):
    """`cancel()`: staff cancel the repair; returns what runs a minute later, and what undoes it."""

    def moves():
        moved = repairs.move(repairs.lock_repair(iphone.number), "cancelled", actor=manager.actor)
        offer = undo.undoable([moved.step], actor=manager.actor)
        db.session.commit()
        till.work()

        def a_minute_later() -> None:
            db.session.execute(update(Delivery).where(Delivery.state == DeliveryState.WAITING).values(due_at=utc_now()))
            db.session.commit()
            till.work()

        return a_minute_later, offer.token

    return moves


def test_a_cancelled_repair_holds_nothing_once_it_cannot_be_undone(till, hold, cancel):
    payment = hold()
    a_minute_later, _token = cancel()
    before = till.settle(payment).state

    a_minute_later()

    assert (before, till.settle(payment).state) == (PaymentState.AUTHORISED, PaymentState.CANCELLED)
    assert ledger_check.verify() == []


def test_nothing_is_let_go_where_the_cancelling_was_undone(till, hold, cancel, manager):
    payment = hold()
    a_minute_later, token = cancel()
    undo.undo(token, actor=manager.actor)
    db.session.commit()

    a_minute_later()

    assert till.settle(payment).state == PaymentState.AUTHORISED


def test_all_of_it_pays_the_repair(till, hold, take, iphone):
    take(hold(), 20_000)

    assert ledger.repair_balance(iphone).owed == 0
    assert till.books("stripe") == till.balance("stripe")


@pytest.mark.parametrize("again", [12_000, 5_000])
def test_taking_twice_takes_once_whatever_is_asked_the_second_time(till, hold, take, front_desk, again):
    payment = take(hold(), 12_000)

    second = attempts.capture_payment(payment.id, amount=again)
    db.session.commit()

    assert second.captured == 12_000
    assert till.books("stripe") == till.balance("stripe") == 12_000 - payment.fee
    with pytest.raises(Invalid, match="Nothing is held any more"):
        held.request_take(payment.id, again, actor=front_desk.actor)


@pytest.mark.parametrize("amount", [0, -1, 15_001])
def test_more_than_is_held_or_nothing_is_refused(till, hold, front_desk, amount):
    payment = hold(15_000)

    with pytest.raises(Invalid, match="Take at least a penny"):
        held.request_take(payment.id, amount, actor=front_desk.actor)
    db.session.rollback()
    with pytest.raises(Invalid, match="Take at least a penny"):
        attempts.capture_payment(payment.id, amount=amount)
    db.session.rollback()
    assert till.settle(payment).state == PaymentState.AUTHORISED


def test_more_than_is_owed_meanwhile_is_refused(till, hold, iphone, front_desk):
    payment = hold()
    iphone.total = 9_000
    db.session.commit()

    with pytest.raises(Invalid, match="Take at least a penny"):
        held.request_take(payment.id, 9_001, actor=front_desk.actor)

    assert held.takeable(payment) == 9_000


@pytest.mark.parametrize("amount", [0, -5, 20_001, 10**12])
def test_only_what_is_owed_can_be_held(till, iphone, front_desk, amount):
    with pytest.raises(Invalid, match="at most what is owed"):
        held.ask_to_hold(repairs.lock_repair(iphone.number), amount, actor=front_desk.actor)


def test_nobody_without_the_right_holds_takes_or_lets_go(till, hold, iphone, technician):
    payment = hold()

    for act in (held.request_take, held.request_release):
        with pytest.raises(NotAllowed):
            act(payment.id, actor=technician.actor)
    with pytest.raises(NotAllowed):
        held.ask_to_hold(repairs.lock_repair(iphone.number), 1_000, actor=technician.actor)


def test_asked_twice_is_one_and_another_amount_takes_its_place(till, iphone, front_desk):
    first, again = ask(iphone, 9_000, front_desk), ask(iphone, 9_000, front_desk)
    opened = till.start(iphone, purpose="hold")

    other = ask(iphone, 7_000, front_desk)
    till.work()

    db.session.rollback()
    assert first.id == again.id == opened.payment.id
    assert db.session.get(Payment, first.id, populate_existing=True).state == PaymentState.CANCELLED
    assert attempts.amount_due(iphone, Purpose.HOLD) == other.amount == 7_000


def test_a_second_hold_waits_until_the_first_is_decided(till, hold, iphone, front_desk):
    hold(5_000)

    with pytest.raises(Invalid, match="held already"):
        held.ask_to_hold(repairs.lock_repair(iphone.number), 1_000, actor=front_desk.actor)


def test_customers_cannot_begin_what_nobody_asked_for(till, iphone, front_desk):
    with pytest.raises(Invalid, match="nothing to pay"):
        attempts.start_payment(attempts.lock_by_token(iphone.tracking_token), "stripe", "hold", actor=CUSTOMER)
    db.session.rollback()
    ask(iphone, 9_000, front_desk)
    with pytest.raises(Invalid, match="Only a card"):
        attempts.start_payment(attempts.lock_by_token(iphone.tracking_token), "paypal", "hold", actor=CUSTOMER)


def test_the_customer_is_asked_for_the_hold_and_then_for_the_rest_alone(till, hold, iphone, front_desk):
    ask(iphone, 15_000, front_desk)
    before = booking_payments.asked_now(iphone)

    hold(15_000)

    assert before == (Purpose.HOLD, 15_000)
    assert booking_payments.asked_now(iphone) == (Purpose.BALANCE, 5_000)


def test_paying_the_rest_keeps_what_is_held(till, hold, iphone, take):
    payment = hold(15_000)

    till.pay(iphone, purpose="balance")
    till.work()

    db.session.rollback()
    assert db.session.get(Payment, payment.id, populate_existing=True).state == PaymentState.AUTHORISED
    take(payment, 15_000)
    assert ledger.repair_balance(iphone).owed == 0


def test_cash_for_all_of_it_lets_the_hold_go(till, hold, iphone, settle_at_counter):
    payment = hold(15_000)

    settle_at_counter(iphone, 20_000)
    till.work()

    db.session.rollback()
    assert db.session.get(Payment, payment.id, populate_existing=True).state == PaymentState.CANCELLED


@pytest.fixture
def settle_at_counter(front_desk):
    def take(repair, amount: int) -> None:
        drawers.open_drawer(repair.location, currency="GBP", float_amount=0, minimum_float=0, actor=front_desk.actor)
        counter.take(
            repairs.lock_repair(repair.number), amount, provider="terminal", tendered=None, slip="1234",
            actor=front_desk.actor,
        )  # fmt: skip
        db.session.commit()

    return take


def test_let_go_at_the_provider_too(till, hold, front_desk, verbs):
    payment = hold()

    held.request_release(payment.id, actor=front_desk.actor)
    db.session.commit()
    attempts.cancel_payment(payment.id)
    db.session.commit()

    assert (payment.state, payment.captured) == (PaymentState.CANCELLED, 0)
    assert verbs()[-2:] == ["payment.release_asked", "payment.cancelled"]
    with pytest.raises(Invalid, match="is decided"):
        held.request_release(payment.id, actor=front_desk.actor)


def test_who_takes_and_lets_go_stands_in_the_log(till, hold, take, iphone, front_desk, session):
    take(hold(), 5_000)
    held.request_release(ask(iphone, 1_000, front_desk).id, actor=front_desk.actor)
    session.commit()

    acts = ("payment.take_asked", "payment.release_asked")
    actors = session.scalars(select(Event.actor).where(Event.verb.in_(acts))).all()
    assert actors == [front_desk.actor.reference] * 2


def test_expired_at_the_bank_is_cancelled_with_that_reason_by_the_webhook(till, hold, simulator, verbs):
    payment = hold()
    till.control("/advance-time", seconds=7 * DAY + 1)
    simulator.listener.wait_for_kind("payment_intent.canceled")
    for event in simulator.listener.received:
        webhooks.take("stripe", event.headers, event.body)
        db.session.commit()
    till.work()

    db.session.rollback()
    gone = db.session.get(Payment, payment.id, populate_existing=True)
    assert (gone.state, gone.failure_code, gone.captured) == (PaymentState.CANCELLED, "expired", 0)
    assert verbs()[-1] == "payment.cancelled"
    assert ledger.balances() == {}


def test_the_night_finds_an_old_hold_that_expired(till, hold, session):
    payment = hold()
    payment.created_at = utc_now() - timedelta(days=20)
    session.commit()
    till.control("/advance-time", seconds=7 * DAY + 1)

    reconcile("stripe", datetime.now(UTC).date())

    session.rollback()
    assert session.get(Payment, payment.id, populate_existing=True).failure_code == "expired"


def test_taking_what_has_expired_takes_nothing(till, hold, take):
    payment = hold()
    till.control("/advance-time", seconds=7 * DAY + 1)

    ended = take(payment, 5_000)

    assert (ended.state, ended.captured, ended.failure_code) == (PaymentState.CANCELLED, 0, "expired")


def test_the_night_leaves_a_hold_open_for_its_customer_for_a_week(till, iphone, front_desk, session):
    payment = ask(iphone, 9_000, front_desk)
    states = []
    for age in (timedelta(days=2), HELD_OPEN_FOR + timedelta(hours=1)):
        session.get(Payment, payment.id).created_at = utc_now() - age
        session.commit()
        reconcile("stripe", datetime.now(UTC).date())
        session.rollback()
        states.append(session.get(Payment, payment.id, populate_existing=True).state)

    assert states == [PaymentState.CREATED, PaymentState.CANCELLED]


def test_cancelled_repair_holds_nothing_new(till, iphone, owner, front_desk):
    repairs.move(repairs.lock_repair(iphone.number), State.CANCELLED, actor=owner.actor)
    db.session.commit()

    with pytest.raises(Invalid, match="at most what is owed"):
        held.ask_to_hold(repairs.lock_repair(iphone.number), 1_000, actor=front_desk.actor)
