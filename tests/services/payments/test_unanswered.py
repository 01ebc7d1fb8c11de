"""A charge of a kept card whose answer never came: money is taken once, and nobody is asked for it twice."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.base import utc_now
from shop.models.errors import ProviderDown, ProviderRefused
from shop.models.payment import Payment, PaymentState
from shop.models.workflow import State
from shop.services import approvals, booking_payments, counter, drawers, ledger, ledger_check, repairs
from shop.services.payments import attempts, charges
from shop.services.payments.reconcile import reconcile
from shop.services.payments.stripe_gateway import StripeGateway
from tests import factories
from tests.cards import Wallet, approve, charge

AMOUNT = 4_900
HONEST = StripeGateway.charge


@pytest.fixture
def wallet(till) -> Wallet:
    return Wallet(till)


@pytest.fixture
def begun(wallet, iphone) -> Payment:
    """A charge that is on record, and of which Stripe was not asked."""
    wallet.keep(iphone)
    approval = approve(iphone)
    payment = charges.start_charge(
        repairs.lock_repair(iphone.number), approvals.get_approval(iphone, approval.id), after=0, actor=CUSTOMER
    )
    db.session.commit()
    return payment


def swallow_answer(monkeypatch, error: Exception) -> None:
    """Stripe takes the money, and what comes back is `error`."""

    def charged(self, order, **names):
        HONEST(self, order, **names)
        raise error

    monkeypatch.setattr(StripeGateway, "charge", charged)


@pytest.fixture
def lost(begun, monkeypatch) -> Payment:
    """Taken there, and we do not know."""
    swallow_answer(monkeypatch, ProviderDown("away"))
    with pytest.raises(ProviderDown):
        charges.charge_payment(begun.id)
    db.session.rollback()
    monkeypatch.setattr(StripeGateway, "charge", HONEST)
    assert (begun.state, begun.provider_ref) == (PaymentState.CREATED, None)
    return begun


def taken(wallet) -> list[int]:
    """By Stripe's own list."""
    return [one["amount_captured"] for one in wallet.there("charges") if one["paid"]]


def ended(payment: Payment) -> tuple[str, str]:
    db.session.commit()
    return payment.state, payment.failure_code


def test_nobody_is_asked_for_what_a_card_is_being_charged(begun, iphone):
    assert ledger.repair_balance(iphone).owed == 24_900
    assert booking_payments.asked_now(iphone) == ("balance", 20_000)


def test_what_was_paid_meanwhile_is_not_charged_as_well(begun, wallet, iphone, front_desk):
    drawers.open_drawer(factories.location(), currency="GBP", float_amount=0, minimum_float=0, actor=front_desk.actor)
    counter.take(repairs.lock_repair(iphone.number), 24_900, provider="cash", actor=front_desk.actor)
    db.session.commit()

    charges.charge_payment(begun.id)

    assert ended(begun) == (PaymentState.FAILED, "never_sent")
    assert (taken(wallet), ledger.repair_balance(iphone).owed) == ([], 0)


def test_a_cancelled_repair_charges_nobody(begun, wallet, iphone, manager):
    repairs.move(repairs.lock_repair(iphone.number), State.CANCELLED, actor=manager.actor)
    db.session.commit()

    charges.charge_payment(begun.id)

    assert ended(begun) == (PaymentState.FAILED, "never_sent")
    assert taken(wallet) == []


def test_what_is_given_up_is_looked_for_first(lost, wallet, till):
    attempts.cancel_payment(lost.id)

    assert ended(lost) == (PaymentState.PAID, "")
    assert (taken(wallet), till.books("stripe"), ledger_check.verify()) == ([AMOUNT], till.balance("stripe"), [])


def test_nothing_is_given_up_while_stripe_is_silent(lost, monkeypatch):
    def away(_self, _key, **_names):
        raise ProviderDown("away")

    monkeypatch.setattr(StripeGateway, "find_charge", away)

    with pytest.raises(ProviderDown):
        attempts.cancel_payment(lost.id)
    db.session.rollback()
    assert lost.state == PaymentState.CREATED


def test_a_charge_that_was_never_sent_is_given_up_and_another_begun(begun, wallet, iphone):
    attempts.cancel_payment(begun.id)
    given_up = ended(begun)
    approval = approvals.of_repair(iphone)[0]

    again = charge(iphone, approval, after=begun.id)

    assert given_up == (PaymentState.CANCELLED, "")
    assert (again.state, taken(wallet)) == (PaymentState.PAID, [AMOUNT])


def test_what_was_given_up_while_its_answer_was_on_the_way_is_found_and_not_sent_again(lost, wallet):
    lost.state = PaymentState.CANCELLED
    lost.version += 1
    db.session.commit()

    charges.charge_payment(lost.id)

    assert ended(lost) == (PaymentState.PAID, "")
    assert taken(wallet) == [AMOUNT]


def test_what_was_given_up_and_never_sent_is_not_sent_later(begun, wallet):
    attempts.cancel_payment(begun.id)
    db.session.commit()

    charges.charge_payment(begun.id)

    assert ended(begun) == (PaymentState.CANCELLED, "")
    assert taken(wallet) == []


def test_a_refusal_after_the_money_moved_is_no_failure(begun, wallet, monkeypatch):
    swallow_answer(monkeypatch, ProviderRefused("Stripe refused this", reason="api_key_expired"))

    charges.charge_payment(begun.id)

    assert ended(begun) == (PaymentState.PAID, "")
    assert taken(wallet) == [AMOUNT]


def test_where_nothing_can_be_asked_it_stays_unknown(begun, wallet, monkeypatch):
    refusal = ProviderRefused("Stripe refused this", reason="api_key_expired")
    swallow_answer(monkeypatch, refusal)

    def refused(_self, _key, **_names):
        raise refusal

    monkeypatch.setattr(StripeGateway, "find_charge", refused)

    with pytest.raises(ProviderDown):
        charges.charge_payment(begun.id)
    assert ended(begun) == (PaymentState.CREATED, "")


def test_the_nightly_comparison_finds_it(lost, till, wallet):
    reconcile("stripe", datetime.now(UTC).date())

    assert ended(lost) == (PaymentState.PAID, "")
    assert till.books("stripe") == till.balance("stripe")


def test_what_the_job_gave_up_on_goes_on_by_the_hour(begun, wallet):
    early = charges.go_on_with_unanswered()
    db.session.execute(update(Payment).values(created_at=utc_now() - timedelta(minutes=20)))
    db.session.commit()

    decided = [charges.go_on_with_unanswered() for _ in range(2)]

    assert (early, decided) == (0, [1, 0])
    assert (ended(begun), taken(wallet)) == ((PaymentState.PAID, ""), [AMOUNT])


def test_one_that_stays_silent_keeps_no_other_waiting(begun, monkeypatch):
    def away(_self, _order, **_names):
        raise ProviderDown("away")

    monkeypatch.setattr(StripeGateway, "charge", away)
    db.session.execute(update(Payment).values(created_at=utc_now() - timedelta(minutes=20)))
    db.session.commit()

    assert charges.go_on_with_unanswered() == 0
    assert ended(begun) == (PaymentState.CREATED, "")


def test_staff_who_ask_again_go_on_with_it(begun, wallet, browser_of, manager):
    browser_of(manager).post(f"/admin/payments/{begun.id}/ask")

    assert (ended(begun), taken(wallet)) == ((PaymentState.PAID, ""), [AMOUNT])
