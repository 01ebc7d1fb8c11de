"""A simulator for each test, and clients of both companies whose every exchange is held against the descriptions."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest
import stripe

from shop.simulator.stripe_forms import parse_form
from tests.contract.providers import assert_answer_valid, assert_request_valid, is_described
from tests.simulators import KEYS, PayPalClient, running_simulator

UNDESCRIBED = {
    "stripe": ("/balance_transactions", "/payment_methods", "/setup_intents", "/disputes/"),
    "paypal": ("/v1/oauth2", "/v1/reporting", "/v1/customer/disputes"),
}


@pytest.fixture
def simulator(tmp_path):
    with running_simulator(tmp_path) as running:
        yield running


@pytest.fixture
def listener(simulator):
    return simulator.listener


@pytest.fixture
def client(simulator):
    """Stripe's own SDK; every answer is checked against the description, every accepted request too."""
    return simulator.stripe(http_client=CheckedClient(), max_network_retries=0)


@pytest.fixture
def browser(simulator):
    """What a page may do: the publishable key. Its card forms are not part of the description."""
    client = CheckedClient()
    client.checks_requests = False
    return simulator.stripe(KEYS["stripe_publishable_key"], http_client=client, max_network_retries=0)


@pytest.fixture
def paypal(simulator):
    return CheckedPayPal(simulator)


class CheckedClient(stripe.RequestsClient):
    checks_requests = True

    def request(self, method, url, headers, post_data=None, **more):
        body, status, answered = super().request(method, url, headers, post_data, **more)
        parts = urlsplit(url)
        if is_described("stripe", method, parts.path):
            if status == 200 and method == "post" and self.checks_requests:
                sent = parse_form(parse_qsl(post_data or "", keep_blank_values=True))
                assert_request_valid("stripe", method, parts.path, sent)
            if "expand" not in (post_data or parts.query):
                assert_answer_valid("stripe", method, parts.path, status, json.loads(body))
        else:
            assert any(part in parts.path for part in UNDESCRIBED["stripe"]), f"not described: {url}"
        return body, status, answered


class CheckedPayPal(PayPalClient):
    def call(self, method, path, body=None, **headers):
        answer = super().call(method, path, body, **headers)
        plain = path.partition("?")[0]
        if is_described("paypal", method, plain):
            if answer.ok and method in ("POST", "PATCH") and body:
                assert_request_valid("paypal", method, plain, body)
            assert_answer_valid("paypal", method, plain, answer.status_code, answer.json() if answer.content else None)
        else:
            assert any(part in path for part in UNDESCRIBED["paypal"]), f"not described: {path}"
        return answer
