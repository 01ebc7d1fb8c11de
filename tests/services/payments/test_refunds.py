from datetime import timedelta

import pytest
from sqlalchemy import select, update

from shop.extensions import db
from shop.models.errors import Invalid, NotAllowed, NotFound, ProviderDown
from shop.models.event import EventDetail
from shop.models.payment import Payment, Refund, RefundState
from shop.services import ledger, ledger_check
from shop.services.payments import refunds

WHY = "The screen was scratched again"


def ask(payment: Payment, amount: int, person, reason: str = WHY) -> int:
    refund = refunds.request_refund(payment.id, amount, reason, actor=person.actor)
    db.session.commit()
    return refund.id


def send(refund_id: int) -> Refund:
    refund = refunds.send_refund(refund_id)
    db.session.commit()
    return refund


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_money_goes_back_in_parts_and_the_books_follow(till, iphone, manager, verbs, provider):
    payment = till.pay(iphone, provider)
    first = send(ask(payment, 5_000, manager))
    second = send(ask(payment, 15_000, manager))

    assert (first.state, second.state) == (RefundState.SETTLED, RefundState.SETTLED)
    assert payment.refunded == 20_000
    assert refunds.refundable(payment) == 0
    assert till.books(provider) == till.balance(provider) == -payment.fee
    assert ledger.repair_balance(iphone).owed == 20_000
    assert verbs() == [
        "payment.settled", "payment.refund_requested", "payment.refunded", "payment.refund_requested",
        "payment.refunded",
    ]  # fmt: skip
    assert ledger_check.verify() == []


def test_the_job_sends_what_was_asked_for(till, iphone, manager):
    payment = till.pay(iphone)
    refund_id = ask(payment, 5_000, manager)

    till.work()

    assert db.session.get(Refund, refund_id).state == RefundState.SETTLED


def test_sending_twice_gives_back_once(till, iphone, manager):
    payment = till.pay(iphone)
    refund_id = ask(payment, 5_000, manager)

    for _ in range(3):
        send(refund_id)
    till.work()

    assert till.books("stripe") == till.balance("stripe") == 15_000 - payment.fee


def test_a_refund_that_was_made_and_not_heard_of_is_not_made_again(till, iphone, manager, simulator):
    """We died between the provider's yes and our commit, and come back when the provider has forgotten the key."""
    payment = till.pay(iphone)
    refund_id = ask(payment, 5_000, manager)
    refund = db.session.get(Refund, refund_id)
    params = {"payment_intent": payment.provider_ref, "amount": 5_000, "metadata": {"refund": refund.key}}
    simulator.stripe(simulator.key).v1.refunds.create(params)
    db.session.execute(update(Refund).values(created_at=refund.created_at - timedelta(days=2)))
    db.session.commit()

    sent = send(refund_id)

    assert sent.state == RefundState.SETTLED
    assert till.books("stripe") == till.balance("stripe") == 15_000 - payment.fee


def test_a_refund_on_its_way_is_accepted_and_then_settled(till, iphone, manager, verbs):
    payment = till.pay(iphone, method="pm_card_pendingRefund")
    refund = send(ask(payment, 5_000, manager))
    accepted = refund.state, payment.refunded, till.books("stripe") == till.balance("stripe")

    till.control("/advance-time", seconds=10)
    till.settle(payment)

    assert accepted == (RefundState.ACCEPTED, 5_000, True)
    assert refund.state == RefundState.SETTLED
    assert verbs()[-3:] == ["payment.refund_requested", "payment.refunded", "payment.refund_settled"]
    assert ledger_check.verify() == []


def test_a_refund_that_comes_back_is_failed_and_the_money_is_ours_again(till, iphone, manager, verbs):
    payment = till.pay(iphone, method="pm_card_refundFail")
    refund = send(ask(payment, 5_000, manager))

    till.control("/advance-time", seconds=10)
    till.settle(payment)

    assert (refund.state, refund.failure_code) == (RefundState.FAILED, "expired_or_canceled_card")
    assert payment.refunded == 0
    assert refunds.refundable(payment) == 20_000
    assert till.books("stripe") == till.balance("stripe")
    assert ledger.repair_balance(iphone).owed == 0
    assert verbs()[-1] == "payment.refund_failed"
    assert ledger_check.verify() == []


def test_what_the_provider_refuses_is_a_failed_refund(till, iphone, manager, simulator, verbs):
    payment = till.pay(iphone)
    refund_id = ask(payment, 15_000, manager)
    simulator.stripe(simulator.key).v1.refunds.create({"payment_intent": payment.provider_ref, "amount": 10_000})

    refund = send(refund_id)

    assert (refund.state, bool(refund.failure_code)) == (RefundState.FAILED, True)
    assert verbs()[-1] == "payment.refund_failed"
    till.settle(payment)
    assert payment.refunded == 10_000


def test_a_provider_that_is_away_leaves_the_refund_requested(till, iphone, manager, monkeypatch, app):
    payment = till.pay(iphone)
    refund_id = ask(payment, 5_000, manager)
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", "http://127.0.0.1:9")
    app.extensions["shop_gateways"].clear()

    with pytest.raises(ProviderDown):
        refunds.send_refund(refund_id)

    db.session.rollback()
    assert db.session.get(Refund, refund_id).state == RefundState.REQUESTED


@pytest.mark.parametrize(
    ("amount", "reason", "field"),
    [(0, WHY, "amount"), (-1, WHY, "amount"), (20_001, WHY, "amount"), (5, "", "reason"), (5, " \x00", "reason"),
     (5, "x" * 201, "reason")],
)  # fmt: skip
def test_a_refund_that_cannot_be_is_refused_and_names_why(till, iphone, manager, session, amount, reason, field):
    payment = till.pay(iphone)

    with pytest.raises(Invalid) as refused:
        refunds.request_refund(payment.id, amount, reason, actor=manager.actor)

    assert set(refused.value.fields) == {field}
    session.rollback()
    assert session.scalars(select(Refund)).all() == []


def test_two_refunds_together_cannot_be_more_than_was_taken(till, iphone, manager):
    payment = till.pay(iphone)
    ask(payment, 15_000, manager)

    with pytest.raises(Invalid):
        ask(payment, 5_001, manager)


def test_what_a_bank_argues_about_is_not_given_back_too(till, iphone, manager):
    payment = till.pay(iphone)
    till.control("/dispute", payment=payment.charge_ref)
    till.settle(payment)

    with pytest.raises(Invalid):
        ask(payment, 1, manager)


def test_a_refund_needs_the_right_a_payment_and_money(till, iphone, technician, manager):
    payment = till.start(iphone).payment

    with pytest.raises(NotAllowed):
        ask(payment, 1, technician)
    with pytest.raises(NotFound):
        refunds.request_refund(payment.id + 1, 1, WHY, actor=manager.actor)
    with pytest.raises(Invalid) as refused:
        ask(payment, 1, manager)
    assert set(refused.value.fields) == {"payment"}


def test_the_reason_stands_beside_the_log_and_can_be_erased(till, iphone, manager, session):
    ask(till.pay(iphone), 5_000, manager)

    assert WHY in session.scalars(select(EventDetail.body)).all()[-1]
