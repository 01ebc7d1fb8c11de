"""Approved work is charged once to the kept card, at most what is owed, whatever the bank and the network do."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotAllowed, ProviderDown
from shop.models.outbox import OutboxMessage
from shop.models.payment import Payment, PaymentState, Purpose
from shop.services import approvals, deliveries, ledger_check, repairs
from shop.services.payments import attempts, cards, charges
from shop.services.subscriptions import MAIL
from tests.cards import ASKS_EACH_TIME, THREE_D_SECURE, Wallet, approve, charge


@pytest.fixture
def wallet(till) -> Wallet:
    return Wallet(till)


def taken(wallet) -> int:
    """By Stripe's own account."""
    return sum(charge["amount_captured"] for charge in wallet.there("charges") if charge["paid"])


@pytest.mark.parametrize("method", ["pm_card_visa", THREE_D_SECURE])
def test_a_kept_card_pays_for_approved_work_without_its_owner(wallet, iphone, verbs, method):
    card, approval = wallet.keep(iphone, method), approve(iphone)

    payment = charge(iphone, approval)

    assert (payment.state, payment.purpose, payment.captured) == (PaymentState.PAID, Purpose.APPROVED, 4_900)
    assert payment.actor == CUSTOMER.reference
    assert taken(wallet) == 4_900
    assert verbs()[:2] == ["payment.charge_asked", "payment.settled"]
    sent = wallet.stripe.v1.payment_intents.retrieve(payment.provider_ref)
    assert (sent.customer, sent.payment_method) == (card.customer_ref, card.method_ref)
    assert ledger_check.verify() == []


def test_no_more_is_taken_than_is_owed(wallet, iphone, till):
    wallet.keep(iphone)
    approval = approve(iphone)
    attempt = till.pay(iphone)
    iphone.total += 1_000
    db.session.commit()

    assert attempt.captured == 24_900
    assert charge(iphone, approval).captured == 1_000


def test_where_nothing_is_owed_nothing_is_taken(wallet, iphone, till):
    wallet.keep(iphone)
    approval = approve(iphone)
    till.pay(iphone)

    with pytest.raises(Invalid, match="Nothing is owed"):
        charge(iphone, approval)


def test_without_a_card_or_a_yes_nothing_is_charged(wallet, iphone, manager):
    approval = approve(iphone)
    with pytest.raises(Invalid, match="No card is kept"):
        charge(iphone, approval)
    db.session.rollback()

    wallet.keep(iphone)
    offer = approvals.offer_work(repairs.lock_repair(iphone.number), "More", 100, actor=manager.actor)
    db.session.commit()
    with pytest.raises(Invalid, match="not approved"):
        charge(iphone, offer)


def test_two_charges_together_take_no_more_than_is_owed(wallet, iphone, till):
    wallet.keep(iphone)
    first, second = approve(iphone), approve(iphone)
    till.pay(iphone)
    iphone.total += 6_000
    db.session.commit()
    begun = [
        charges.start_charge(repairs.lock_repair(iphone.number), approvals.get_approval(iphone, one.id), after=0,
                             actor=CUSTOMER).amount
        for one in (first, second)
    ]  # fmt: skip

    assert begun == [4_900, 1_100]


def test_one_approval_that_is_paid_leaves_the_charge_for_another(wallet, iphone, till):
    wallet.keep(iphone)
    first, second = approve(iphone), approve(iphone)
    begun = charges.start_charge(
        repairs.lock_repair(iphone.number), approvals.get_approval(iphone, second.id), after=0, actor=CUSTOMER
    )
    db.session.commit()
    charge(iphone, first)
    till.work()

    db.session.refresh(begun)
    assert begun.state == PaymentState.PAID
    assert taken(wallet) == 9_800


@pytest.mark.parametrize("was_taken", [True, False])
def test_a_charge_of_yesterday_is_looked_for_and_not_sent_again(wallet, iphone, till, time_machine, was_taken):
    wallet.keep(iphone)
    approval = approve(iphone)
    payment = charges.start_charge(
        repairs.lock_repair(iphone.number), approvals.get_approval(iphone, approval.id), after=0, actor=CUSTOMER
    )
    payment_id = payment.id
    db.session.commit()
    if was_taken:
        till.control("", faults={"stripe": {"fail_after": 50}})
        with pytest.raises(ProviderDown):
            charges.charge_payment(payment_id)
        db.session.rollback()
        till.control("", faults={"stripe": {"fail_after": 0}})
    time_machine.move_to(utc_now() + timedelta(hours=25))

    payment = charges.charge_payment(payment_id)
    db.session.commit()

    assert payment.state == (PaymentState.PAID if was_taken else PaymentState.FAILED)
    assert payment.failure_code == ("" if was_taken else "never_sent")
    assert taken(wallet) == (4_900 if was_taken else 0)


def test_staff_need_the_right(wallet, iphone, technician):
    wallet.keep(iphone)
    approval = approve(iphone)

    with pytest.raises(NotAllowed):
        charges.start_charge(repairs.lock_repair(iphone.number), approval, after=0, actor=technician.actor)


def test_a_bank_that_wants_its_customer_takes_nothing_and_they_are_written_to(wallet, iphone, till, verbs):
    wallet.keep(iphone, ASKS_EACH_TIME)
    approval = approve(iphone)

    payment = charge(iphone, approval)
    till.work()
    deliveries.drain(MAIL)

    assert (payment.state, payment.failure_code) == (PaymentState.FAILED, "authentication_required")
    assert verbs() == ["payment.charge_asked", "payment.failed", "payment.customer_needed"]
    mail = db.session.scalars(select(OutboxMessage).where(OutboxMessage.template == "payment_needed")).one()
    assert f"/track/{iphone.tracking_token}/pay" in mail.text
    assert "£249.00 is still to pay" in mail.text
    assert taken(wallet) == 0


def test_the_mail_speaks_the_customers_language_and_the_link_pays(wallet, iphone, till):
    iphone.customer.locale = "pt_BR"
    db.session.commit()
    wallet.keep(iphone, ASKS_EACH_TIME)
    charge(iphone, approve(iphone))
    till.work()
    deliveries.drain(MAIL)
    paid = till.pay(iphone)
    till.work()

    mail = db.session.scalars(select(OutboxMessage).where(OutboxMessage.template == "payment_needed")).one()
    assert mail.locale == "pt_BR"
    assert 'lang="pt-BR"' in mail.html
    states = dict(db.session.execute(select(Payment.purpose, Payment.state)).all())
    assert states == {Purpose.FULL: PaymentState.PAID, Purpose.APPROVED: PaymentState.CANCELLED}
    assert paid.captured == taken(wallet) == 24_900


def test_a_refused_card_says_why_and_staff_may_try_again(wallet, iphone):
    wallet.keep(iphone, "pm_card_chargeCustomerFail")
    approval = approve(iphone)
    failed = charge(iphone, approval)
    wallet.keep(iphone)

    seen_before = charge(iphone, approval)
    again = charge(iphone, approval, after=failed.id)
    late = charge(iphone, approval, after=failed.id)

    assert (failed.state, failed.failure_code) == (PaymentState.FAILED, "generic_decline")
    assert seen_before.id == failed.id
    assert (again.state, late.id) == (PaymentState.PAID, again.id)
    assert taken(wallet) == 4_900


def test_a_card_that_stripe_let_go_of_fails_with_its_reason(wallet, iphone):
    card, approval = wallet.keep(iphone), approve(iphone)
    wallet.stripe.v1.payment_methods.detach(card.method_ref)

    payment = charge(iphone, approval)

    assert payment.state == PaymentState.FAILED
    assert payment.failure_code
    assert taken(wallet) == 0


def test_a_removed_card_is_not_charged(wallet, iphone):
    card, approval = wallet.keep(iphone), approve(iphone)
    cards.remove_card(repairs.lock_repair(iphone.number), card.id, actor=CUSTOMER)
    db.session.commit()

    with pytest.raises(Invalid, match="No card is kept"):
        charge(iphone, approval)


def test_a_charge_that_nobody_went_on_with_is_made_by_the_job(wallet, iphone, till):
    wallet.keep(iphone)
    approval = approve(iphone)
    charges.start_charge(repairs.lock_repair(iphone.number), approval, after=0, actor=CUSTOMER)
    db.session.commit()

    till.work()

    assert db.session.scalar(select(Payment.state)) == PaymentState.PAID
    assert taken(wallet) == 4_900


@pytest.mark.parametrize("faults", [{"fail_before": 50}, {"fail_after": 50}])
def test_a_stripe_that_does_not_answer_is_asked_again_and_takes_it_once(wallet, iphone, till, faults):
    wallet.keep(iphone)
    approval = approve(iphone)
    payment = charges.start_charge(repairs.lock_repair(iphone.number), approval, after=0, actor=CUSTOMER)
    db.session.commit()
    payment_id = payment.id
    till.control("", faults={"stripe": faults})
    with pytest.raises(ProviderDown):
        charges.charge_payment(payment_id)
    db.session.rollback()
    till.control("", faults={"stripe": dict.fromkeys(faults, 0)})

    till.work()

    assert db.session.get(Payment, payment_id).state == PaymentState.PAID
    assert taken(wallet) == 4_900


def test_an_attempt_of_the_customer_is_not_taken_for_a_charge(wallet, iphone, till):
    wallet.keep(iphone)
    opened = till.start(iphone)
    payment = charge(iphone, approve(iphone))

    assert opened.payment.id != payment.id
    assert attempts.amount_due(iphone, Purpose.FULL) == 20_000
