"""A kept card pays once for approved work: whoever dies where, and however many ask at once."""

import threading

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.payment import Payment, PaymentState
from shop.services import approvals, ledger, repairs
from shop.services.payments import charges
from shop.services.payments.stripe_gateway import StripeGateway
from tests.cards import Wallet, approve
from tests.faults.test_payments import POINTS, Mortal, assert_settled

AMOUNT = 4_900


@pytest.fixture
def wallet(till) -> Wallet:
    return Wallet(till)


def begin(repair, approval) -> int:
    payment = charges.start_charge(
        repairs.lock_repair(repair.number), approvals.get_approval(repair, approval.id), after=0, actor=CUSTOMER
    )
    db.session.commit()
    return payment.id


def taken(wallet) -> list[int]:
    """By Stripe's own list."""
    return [charge["amount_captured"] for charge in wallet.there("charges") if charge["paid"]]


@POINTS
def test_who_dies_around_a_charge_takes_it_once(wallet, till, iphone, point):
    wallet.keep(iphone)
    payment_id = begin(iphone, approve(iphone))

    Mortal(till, point, "stripe").does(lambda: charges.charge_payment(payment_id))
    till.work()

    assert taken(wallet) == [AMOUNT]
    assert db.session.get(Payment, payment_id).state == PaymentState.PAID
    assert_settled(till, "stripe")


def test_the_twin_that_takes_a_new_key_for_each_try_takes_it_twice(wallet, till, iphone, monkeypatch):
    honest, keys = StripeGateway.charge, iter("abcdef")

    def forgetful(self, order, **names):
        object.__setattr__(order, "idempotency_key", next(keys))
        return honest(self, order, **names)

    monkeypatch.setattr(StripeGateway, "charge", forgetful)
    wallet.keep(iphone)
    payment_id = begin(iphone, approve(iphone))

    Mortal(till, "after_answer_before_commit", "stripe").does(lambda: charges.charge_payment(payment_id))

    assert taken(wallet) == [AMOUNT, AMOUNT]


def test_ten_at_once_are_one_charge(app, wallet, till, iphone):
    wallet.keep(iphone)
    approval = approve(iphone)
    where = f"/track/{iphone.tracking_token}/offers/{approval.id}"
    db.session.remove()
    statuses = []

    def press() -> None:
        answer = app.test_client().post(where, data={"name": "Hannah", "answer": "approve", "charge": "1"})
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=press) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    till.work()

    assert statuses == [303] * 10
    assert taken(wallet) == [AMOUNT]
    assert db.session.scalar(select(func.count()).select_from(Payment)) == 1
    assert ledger.repair_balance(db.session.merge(iphone)).paid == AMOUNT
