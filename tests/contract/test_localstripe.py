"""The Stripe path against a server that nobody here wrote: a smoke run, for what it can."""

import os

import pytest

from shop.models.payment import PaymentState, RefundState
from shop.services.payments.gateway import Order
from shop.services.payments.stripe_gateway import StripeGateway
from tests.contract.localstripe import PROGRAM, running_localstripe

pytestmark = pytest.mark.skipif(
    not PROGRAM and not os.environ.get("CI"), reason="localstripe is not installed (LOCALSTRIPE names its program)"
)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    with running_localstripe(tmp_path_factory.mktemp("localstripe")) as address:
        yield address


@pytest.fixture
def gateway(app, base):
    return StripeGateway(secret_key="sk_test_smoke", base=base)


def order(**changes) -> Order:
    facts = {
        "key": "a1", "idempotency_key": "payment-a1-create", "amount": 4_725, "currency": "GBP",
        "reference": "RT-10042", "description": "RevivaTech RT-10042", "return_url": "http://127.0.0.1/back",
        "cancel_url": "http://127.0.0.1/back",
    }  # fmt: skip
    return Order(**{**facts, **changes})


def confirm(gateway, ref: str):
    return gateway.confirm(
        ref, idempotency_key=f"confirm-{ref}", method="pm_card_visa", return_url="http://127.0.0.1/back"
    )


def test_attempt_is_opened_confirmed_and_read(gateway):
    opened = gateway.create(order())

    paid = confirm(gateway, opened.ref)

    assert (opened.state, opened.amount, opened.currency) == (PaymentState.CREATED, 4_725, "GBP")
    assert opened.client_secret
    assert (paid.ref, paid.state, paid.captured, paid.key) == (opened.ref, PaymentState.PAID, 4_725, "a1")


def test_part_is_given_back_and_found_again(gateway):
    paid = confirm(gateway, gateway.create(order(key="a2")).ref)

    refund = gateway.refund(paid.ref, paid.charge_ref, amount=1_000, currency="GBP", key="r1")

    assert (refund.amount, refund.state) == (1_000, RefundState.SETTLED)


def test_attempt_that_nobody_pays_is_given_up(gateway):
    opened = gateway.create(order(key="a3"))

    given_up = gateway.cancel(opened.ref, idempotency_key="cancel-a3")

    assert given_up.state == PaymentState.CANCELLED


def test_authorised_payment_is_taken_later(gateway):
    opened = gateway.create(order(key="a4", captures_later=True))
    held = confirm(gateway, opened.ref)

    taken = gateway.capture(opened.ref, idempotency_key="capture-a4")

    assert (held.state, taken.state, taken.captured) == (PaymentState.AUTHORISED, PaymentState.PAID, 4_725)
