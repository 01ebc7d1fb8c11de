"""An attempt that its provider does not know any more is over, and stands in nobody's way."""

from datetime import UTC, datetime

import pytest

from shop.extensions import db
from shop.models.errors import Invalid, ProviderForgot
from shop.models.payment import Payment, PaymentState
from shop.services import ledger_check, repairs
from shop.services.payments import attempts, held
from shop.services.payments.reconcile import reconcile
from shop.services.payments.settle import FORGOTTEN
from tests.payments import Till

FOUR_HOURS = 4 * 3600


def forget(till: Till, *refs: str) -> None:
    """As if they were under other keys."""
    with till.simulator.app.extensions["simulator"].store.write() as tx:
        for ref in refs:
            tx.remove(ref)


def ended(payment: Payment) -> tuple[str, str]:
    db.session.commit()
    return payment.state, payment.failure_code


@pytest.fixture
def lapsed(till, iphone) -> Payment:
    """A window of PayPal that was closed; the order has ended there."""
    payment = till.start(iphone, "paypal").payment
    till.control("/advance-time", seconds=FOUR_HOURS)
    return payment


def test_who_comes_back_to_it_begins_a_new_one(till, iphone, lapsed):
    with pytest.raises(Invalid, match="not finished in time"):
        attempts.open_payment(lapsed.id)
    db.session.rollback()

    again = till.pay(iphone, "paypal")

    assert ended(lapsed) == (PaymentState.CANCELLED, FORGOTTEN)
    assert (again.id != lapsed.id, again.state) == (True, PaymentState.PAID)


def test_staff_can_give_it_up(till, lapsed):
    attempts.cancel_payment(lapsed.id)

    assert ended(lapsed) == (PaymentState.CANCELLED, FORGOTTEN)


def test_asked_about_it_ends_by_itself_and_once(till, lapsed, verbs):
    for _twice in range(2):
        till.settle(lapsed)

    assert ended(lapsed) == (PaymentState.CANCELLED, FORGOTTEN)
    assert verbs() == ["payment.cancelled"]


def test_an_order_that_was_agreed_to_is_not_forgotten(till, iphone):
    opened = till.start(iphone, "paypal")
    till.control("/approve", order=opened.snapshot.ref)
    till.control("/advance-time", seconds=60)

    assert till.settle(opened.payment).state == PaymentState.PAID


def test_a_hold_under_other_keys_makes_room_for_another(till, iphone, front_desk):
    held.ask_to_hold(repairs.lock_repair(iphone.number), 15_000, actor=front_desk.actor)
    db.session.commit()
    opened = till.start(iphone, purpose="hold")
    attempts.confirm_payment(opened.payment.id, method="pm_card_visa")
    db.session.commit()
    was = opened.payment.state
    forget(till, opened.payment.provider_ref)

    till.settle(opened.payment)

    assert (was, *ended(opened.payment)) == (PaymentState.AUTHORISED, PaymentState.CANCELLED, FORGOTTEN)
    assert held.find_open(iphone) is None


def test_what_was_paid_stays_paid(till, iphone):
    payment = till.pay(iphone)
    forget(till, payment.provider_ref)

    with pytest.raises(ProviderForgot):
        till.settle(payment)
    db.session.rollback()
    assert payment.state == PaymentState.PAID


def test_one_that_is_refused_stops_no_comparison(till, iphone):
    """The first is not told any more, the second was paid and not heard of, the third has lapsed."""
    iphone.total = 40_000
    db.session.commit()
    first = till.pay(iphone, purpose="deposit")
    with till.simulator.app.extensions["simulator"].store.write() as tx:
        entries = [entry["id"] for entry in tx.select("balance_transaction")]
    forget(till, first.provider_ref, *entries)
    second = till.start(iphone, purpose="full")
    intents = till.simulator.stripe(till.simulator.key).v1.payment_intents
    intents.confirm(second.snapshot.ref, {"payment_method": "pm_card_visa", "return_url": "http://127.0.0.1:8000/"})

    row = reconcile("stripe", datetime.now(UTC).date())

    assert ended(second.payment)[0] == PaymentState.PAID
    assert f"Payment {first.id}: stripe does not tell what became of it (resource_missing)." in row.differences
    assert ledger_check.verify() == []
