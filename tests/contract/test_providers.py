"""The checks against the published descriptions find what they should."""

import pytest

from shop.simulator.stripe_parameters import ALLOWED
from tests.contract.providers import assert_answer_valid, assert_object_valid, assert_request_valid, parameters_of

ORDER = {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "GBP", "value": "12.50"}}]}
# Stripe has added these since the description was published.
SINCE_THEN = {
    "amount_details", "confirmation_token", "customer_account", "excluded_payment_method_types", "hooks",
    "payment_details", "payment_method_configuration",
}  # fmt: skip
CALLS = {
    "payment_intents.create": ("POST", "/v1/payment_intents"),
    "payment_intents.list": ("GET", "/v1/payment_intents"),
    "payment_intents.retrieve": ("GET", "/v1/payment_intents/{intent}"),
    "payment_intents.update": ("POST", "/v1/payment_intents/{intent}"),
    "payment_intents.confirm": ("POST", "/v1/payment_intents/{intent}/confirm"),
    "payment_intents.capture": ("POST", "/v1/payment_intents/{intent}/capture"),
    "payment_intents.cancel": ("POST", "/v1/payment_intents/{intent}/cancel"),
    "refunds.create": ("POST", "/v1/refunds"),
    "refunds.list": ("GET", "/v1/refunds"),
    "refunds.update": ("POST", "/v1/refunds/{refund}"),
    "charges.list": ("GET", "/v1/charges"),
    "charges.update": ("POST", "/v1/charges/{charge}"),
    "customers.create": ("POST", "/v1/customers"),
    "customers.update": ("POST", "/v1/customers/{customer}"),
    "customers.list": ("GET", "/v1/customers"),
    "customers.payment_methods": ("GET", "/v1/customers/{customer}/payment_methods"),
    "disputes.list": ("GET", "/v1/disputes"),
    "disputes.update": ("POST", "/v1/disputes/{dispute}"),
    "events.list": ("GET", "/v1/events"),
    "webhook_endpoints.create": ("POST", "/v1/webhook_endpoints"),
    "webhook_endpoints.update": ("POST", "/v1/webhook_endpoints/{webhook_endpoint}"),
    "webhook_endpoints.list": ("GET", "/v1/webhook_endpoints"),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_simulator_takes_the_parameters_that_stripe_describes(call):
    method, template = CALLS[call]

    assert ALLOWED[call] - SINCE_THEN == parameters_of("stripe", method, template)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/payment_intents", {"amount": 5000, "currency": "gbp", "metadata": {"payment": "1"}}),
        ("POST", "/v1/payment_intents", {"amount": "5000", "currency": "gbp", "confirm": "true"}),
        ("POST", "/v1/refunds", {"payment_intent": "pi_1", "amount": "100", "reason": "duplicate"}),
        ("POST", "/v1/payment_intents/pi_1/cancel", {}),
    ],
)
def test_requests_as_described_pass(method, path, body):
    assert_request_valid("stripe", method, path, body)


@pytest.mark.parametrize(
    ("provider", "method", "path", "body"),
    [
        ("stripe", "POST", "/v1/payment_intents", {"amount": 5000}),
        ("stripe", "POST", "/v1/payment_intents", {"amount": "12.50", "currency": "gbp"}),
        ("stripe", "POST", "/v1/payment_intents", {"amount": 5000, "currency": "gbp", "foo": "1"}),
        ("stripe", "POST", "/v1/refunds", {"payment_intent": "pi_1", "reason": "because"}),
        ("stripe", "POST", "/v1/no_such_call", {}),
        ("paypal", "POST", "/v2/checkout/orders", {"purchase_units": ORDER["purchase_units"]}),
        ("paypal", "POST", "/v2/checkout/orders", ORDER | {"purchase_units": []}),
        (
            "paypal", "POST", "/v2/checkout/orders",
            ORDER | {"purchase_units": [{"amount": {"currency_code": "GBP", "value": 12.5}}]},
        ),
    ],
)  # fmt: skip
def test_requests_that_are_not_as_described_fail(provider, method, path, body):
    with pytest.raises(AssertionError):
        assert_request_valid(provider, method, path, body)


def test_answers_that_are_not_as_described_fail():
    refund = {"id": "re_1", "object": "refund", "amount": 100, "created": 1, "currency": "gbp", "charge": None}
    assert_answer_valid("stripe", "GET", "/v1/refunds/re_1", 200, refund)
    assert_request_valid("paypal", "POST", "/v2/checkout/orders", ORDER)

    with pytest.raises(AssertionError, match="amount"):
        assert_answer_valid("stripe", "GET", "/v1/refunds/re_1", 200, refund | {"amount": "100"})
    with pytest.raises(AssertionError, match="currency"):
        assert_answer_valid("stripe", "GET", "/v1/refunds/re_1", 200, {k: refund[k] for k in refund if k != "currency"})
    with pytest.raises(AssertionError, match="error"):
        assert_answer_valid("stripe", "GET", "/v1/refunds/re_1", 404, {"message": "no"})
    with pytest.raises(AssertionError):
        assert_object_valid("stripe", "balance_transaction", {"id": "txn_1"})
