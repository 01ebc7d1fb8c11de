import threading
from contextlib import suppress

import pytest
import requests
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.errors import Invalid, NotFound, ProviderDown, ProviderRefused
from shop.models.event import Event
from shop.models.payment import Payment, PaymentState
from shop.models.workflow import State
from shop.services.payments import attempts, paypal_gateway
from shop.services.payments.attempts import AmountRefused


def count(table) -> int:
    return db.session.scalar(select(func.count()).select_from(table))


def intents(simulator) -> list:
    return list(simulator.stripe(simulator.key).v1.payment_intents.list({"limit": 100}).auto_paging_iter())


@pytest.mark.parametrize(
    ("purpose", "percent", "due"),
    [("full", 25, 20_000), ("balance", 25, 20_000), ("deposit", 25, 5_000), ("deposit", 33, 6_600),
     ("deposit", 100, 20_000), ("deposit", 0, 0)],
)  # fmt: skip
def test_what_is_due_is_our_own_figure(iphone, app, monkeypatch, purpose, percent, due):
    monkeypatch.setattr(app.config["SETTINGS"], "DEPOSIT_PERCENT", percent)

    assert attempts.amount_due(iphone, purpose) == due


def test_after_the_deposit_the_rest_is_due_and_no_second_deposit(till, iphone):
    till.pay(iphone, purpose="deposit")

    assert attempts.amount_due(iphone, "balance") == 15_000
    assert attempts.amount_due(iphone, "deposit") == 0


def test_an_attempt_is_on_disk_before_the_provider_hears_of_it(till, iphone, app, monkeypatch):
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", "http://127.0.0.1:9")

    with pytest.raises(ProviderDown):
        till.start(iphone)

    db.session.rollback()
    payment = db.session.scalars(select(Payment)).one()
    assert (payment.state, payment.provider_ref, payment.amount) == (PaymentState.CREATED, None, 20_000)


def test_a_crash_after_the_provider_said_yes_meets_the_same_object_again(till, iphone, simulator):
    payment = attempts.start_payment(attempts.lock_by_token(iphone.tracking_token), "stripe", "full", actor=CUSTOMER)
    db.session.commit()
    first = attempts.open_payment(payment.id).snapshot
    db.session.rollback()

    second = attempts.open_payment(payment.id).snapshot
    db.session.commit()

    assert first.ref == second.ref
    assert len(intents(simulator)) == 1
    assert db.session.get(Payment, payment.id).provider_ref == first.ref


def test_an_open_attempt_is_gone_on_with_and_not_doubled(till, iphone, simulator):
    first, second = till.start(iphone), till.start(iphone)

    assert first.payment.id == second.payment.id
    assert first.snapshot.client_secret == second.snapshot.client_secret != ""
    assert len(intents(simulator)) == 1


def test_many_who_pay_at_the_same_moment_charge_once(till, iphone, app, simulator):
    token, results, start = iphone.tracking_token, [], threading.Barrier(12)
    db.session.remove()

    def customer():
        with app.app_context():
            start.wait(timeout=20)
            try:
                payment = attempts.start_payment(attempts.lock_by_token(token), "stripe", "full", actor=CUSTOMER)
            except Invalid:
                # Who comes late finds it paid.
                results.append("nothing to pay")
                return
            db.session.commit()
            attempts.open_payment(payment.id)
            db.session.commit()
            paid = attempts.confirm_payment(payment.id, method="pm_card_visa")
            db.session.commit()
            results.append((paid.id, paid.state))

    threads = [threading.Thread(target=customer) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(results) == 12
    assert len(set(results) - {"nothing to pay"}) == 1
    assert [intent.amount_received for intent in intents(simulator)] == [20_000]
    assert till.books("stripe") == till.balance("stripe")


def test_another_amount_is_refused_and_goes_on_record(till, iphone):
    with pytest.raises(AmountRefused) as refused:
        till.start(iphone, amount=1)
    db.session.rollback()
    attempts.note_refused_amount(iphone.tracking_token, refused.value, actor=CUSTOMER)
    db.session.commit()

    assert list(refused.value.fields) == ["amount"]
    assert "£200.00" in refused.value.fields["amount"]
    assert count(Payment) == 0
    body = db.session.scalars(select(Event.body).where(Event.verb == "payment.amount_refused")).one()
    assert '"named":1' in body


def test_our_own_amount_may_be_named(till, iphone):
    assert till.start(iphone, amount=20_000).payment.amount == 20_000


def test_nothing_is_paid_twice_or_for_a_cancelled_booking(till, iphone, session):
    till.pay(iphone)

    with pytest.raises(Invalid, match="nothing to pay"):
        till.start(iphone)
    session.rollback()
    iphone.status = State.CANCELLED
    session.commit()
    with pytest.raises(Invalid, match="cancelled"):
        till.start(iphone)


@pytest.mark.parametrize("provider", ["cash", "bitcoin"])
def test_only_what_is_offered_can_be_paid_with(till, iphone, provider):
    with pytest.raises(Invalid) as refused:
        till.start(iphone, provider)

    assert list(refused.value.fields) == ["provider"]


def test_an_attempt_is_given_up_there_too(till, iphone, verbs):
    payment = till.start(iphone).payment

    assert attempts.cancel_payment(payment.id).state == PaymentState.CANCELLED
    db.session.commit()
    assert till.settle(payment).state == PaymentState.CANCELLED
    assert verbs() == ["payment.cancelled"]
    assert till.start(iphone).payment.id != payment.id


def test_a_paypal_order_that_was_given_up_stays_so_though_it_is_approved_later(till, iphone):
    opened = till.start(iphone, "paypal")
    attempts.cancel_payment(opened.payment.id)
    db.session.commit()

    till.control("/approve", order=opened.snapshot.ref)

    assert till.settle(opened.payment).state == PaymentState.CANCELLED
    assert till.balance("paypal") == 0


def test_giving_up_what_was_paid_meanwhile_finds_it_paid(till, iphone, simulator):
    payment = till.start(iphone).payment
    params = {"payment_method": "pm_card_visa", "return_url": "https://shop.example"}
    simulator.stripe(simulator.key).v1.payment_intents.confirm(payment.provider_ref, params)

    assert attempts.cancel_payment(payment.id).state == PaymentState.PAID


def test_an_attempt_that_no_provider_knows_of_is_given_up_here(till, iphone):
    payment = attempts.start_payment(attempts.lock_by_token(iphone.tracking_token), "stripe", "full", actor=CUSTOMER)
    db.session.commit()

    assert attempts.cancel_payment(payment.id).state == PaymentState.CANCELLED


def test_an_attempt_is_found_by_its_key_and_only_behind_its_own_link(till, iphone):
    payment = till.start(iphone).payment

    assert attempts.find_payment(iphone.tracking_token, payment.key).id == payment.id
    with pytest.raises(NotFound):
        attempts.find_payment("another-private-link", payment.key)


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_a_currency_without_minor_units_is_paid_in_whole_ones(till, iphone, session, provider):
    iphone.currency, iphone.total = "JPY", 12_345
    session.commit()

    payment = till.pay(iphone, provider)

    assert (payment.state, payment.captured, payment.currency) == (PaymentState.PAID, 12_345, "JPY")


def test_confirming_what_was_paid_before_finds_it_paid(till, iphone, simulator):
    """We died after the provider's yes, and the customer tries another card."""
    payment = till.start(iphone).payment
    params = {"payment_method": "pm_card_visa", "return_url": "https://shop.example"}
    simulator.stripe(simulator.key).v1.payment_intents.confirm(payment.provider_ref, params)

    confirmed = attempts.confirm_payment(payment.id, method="pm_card_mastercard")

    assert (confirmed.state, confirmed.method) == (PaymentState.PAID, "visa 4242")


def test_what_stripe_says_of_our_key_is_not_told_to_the_customer(iphone, simulator, app, monkeypatch):
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_SECRET_KEY", "sk_test_revoked_4242")
    payment = attempts.start_payment(attempts.lock_by_token(iphone.tracking_token), "stripe", "full", actor=CUSTOMER)
    db.session.commit()

    with pytest.raises(ProviderRefused) as caught:
        attempts.open_payment(payment.id)

    assert "key" not in caught.value.message.lower()


def test_an_attempt_that_was_given_up_is_not_opened_at_the_provider(iphone, simulator):
    payment = attempts.start_payment(attempts.lock_by_token(iphone.tracking_token), "stripe", "full", actor=CUSTOMER)
    db.session.commit()
    attempts.cancel_payment(payment.id)
    db.session.commit()

    with pytest.raises(Invalid):
        attempts.open_payment(payment.id)

    assert intents(simulator) == []


def test_a_paypal_that_hangs_holds_nobody_up_who_waits_for_its_token(app, monkeypatch):
    monkeypatch.setattr(paypal_gateway, "_TOKEN_WAIT", 0.1)
    gateway = paypal_gateway.PayPalGateway(client_id="A", client_secret="E", base="http://127.0.0.1:9", livemode=False)
    asked, hangs = threading.Event(), threading.Event()

    def hang(*_args, **_options):
        asked.set()
        hangs.wait(20)
        raise requests.ConnectTimeout

    monkeypatch.setattr(paypal_gateway, "TRIES", 1)
    monkeypatch.setattr(gateway.session, "request", hang)
    first = threading.Thread(target=lambda: suppress_down(app, gateway))
    first.start()
    asked.wait(20)

    with pytest.raises(ProviderDown):
        gateway.read("5O190127TN364715T")

    assert first.is_alive()
    hangs.set()
    first.join(20)


def suppress_down(app, gateway) -> None:
    with app.app_context(), suppress(ProviderDown):
        gateway.read("5O190127TN364715T")
