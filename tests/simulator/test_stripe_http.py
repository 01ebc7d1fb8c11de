"""Keys, idempotency and headers."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import stripe

from shop.simulator.answers import digest_of
from tests.simulator.test_stripe_payments import GBP_50, PAID
from tests.simulators import KEYS, running_simulator


def test_the_same_key_is_answered_from_memory(client):
    first = client.v1.payment_intents.create(PAID, {"idempotency_key": "payment-1-create"})
    again = client.v1.payment_intents.create(PAID, {"idempotency_key": "payment-1-create"})

    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert len(client.v1.payment_intents.list().data) == 1


def test_a_decline_is_answered_from_memory_too(client):
    declined = PAID | {"payment_method": "pm_card_chargeDeclined"}

    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.create(declined, {"idempotency_key": "payment-1-create"})

    assert len(client.v1.charges.list().data) == 1


def test_the_same_key_for_another_request_is_refused(client):
    client.v1.payment_intents.create(PAID, {"idempotency_key": "payment-1-create"})

    with pytest.raises(stripe.IdempotencyError) as refusal:
        client.v1.payment_intents.create(PAID | {"amount": 6000}, {"idempotency_key": "payment-1-create"})

    assert refusal.value.http_status == 400


def test_a_request_that_was_never_begun_leaves_its_key_free(client):
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create(PAID | {"amount": 1}, {"idempotency_key": "payment-1-create"})

    paid = client.v1.payment_intents.create(PAID, {"idempotency_key": "payment-1-create"})

    assert paid.status == "succeeded"


def test_a_twin_of_a_running_request_is_told_to_wait(client, simulator):
    simulator.control("", {"faults": {"stripe": {"slow": 0.5}}})

    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(create_with_key, simulator, "one") for _ in range(2)]
        statuses = sorted(attempt.result().status_code for attempt in tries)

    assert statuses == [200, 409]


def test_fifty_at_once_with_one_key_make_one_payment(client, simulator):
    with ThreadPoolExecutor(50) as pool:
        answers = [attempt.result() for attempt in [pool.submit(create_with_key, simulator, "one") for _ in range(50)]]

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 200}) == 1
    assert len(client.v1.payment_intents.list().data) == 1
    assert simulator.balance()["stripe"]["currencies"] == {"gbp": 4905}


def test_an_answer_that_was_lost_is_found_again_with_its_key(client, simulator):
    simulator.control("", {"faults": {"stripe": {"fail_after": 1}}})

    with pytest.raises(stripe.APIError):
        client.v1.payment_intents.create(PAID, {"idempotency_key": "payment-1-create"})
    found = client.v1.payment_intents.create(PAID, {"idempotency_key": "payment-1-create"})

    assert found.status == "succeeded"
    assert len(client.v1.payment_intents.list().data) == 1


@pytest.mark.parametrize("key", ["sk_test_wrong", "sk_live_simulator"])
def test_a_wrong_key_is_refused(simulator, key):
    with pytest.raises(stripe.AuthenticationError) as refusal:
        simulator.stripe(key).v1.payment_intents.list()

    assert refusal.value.http_status == 401
    assert key not in str(refusal.value)


def test_basic_authentication_works_as_well(simulator):
    answer = requests.get(f"{simulator.url}/v1/charges", auth=(KEYS["stripe_secret_key"], ""), timeout=10)

    assert (answer.status_code, answer.json()["data"]) == (200, [])


def test_a_browser_reads_and_confirms_its_own_intent_and_nothing_else(client, browser):
    intent = client.v1.payment_intents.create(GBP_50)
    secret = {"client_secret": intent.client_secret}

    seen = browser.v1.payment_intents.retrieve(intent.id, secret)
    paid = browser.v1.payment_intents.confirm(intent.id, secret | {"payment_method": "pm_card_visa"})

    assert (seen.status, paid.status) == ("requires_payment_method", "succeeded")
    assert not hasattr(paid, "latest_charge")
    with pytest.raises(stripe.InvalidRequestError):
        browser.v1.payment_intents.retrieve(intent.id, {"client_secret": "guessed"})
    with pytest.raises(stripe.PermissionError) as refusal:
        browser.v1.refunds.create({"payment_intent": intent.id})
    assert refusal.value.error.code == "secret_key_required"


def test_card_numbers_are_taken_from_browsers_only(client, browser):
    intent = client.v1.payment_intents.create(GBP_50)
    card = {"number": "4242 4242 4242 4242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    data = {"payment_method_data": {"type": "card", "card": card}}

    with pytest.raises(stripe.CardError, match="generally unsafe"):
        client.v1.payment_intents.confirm(intent.id, data | {"return_url": "https://s.example/"})
    paid = browser.v1.payment_intents.confirm(intent.id, data | {"client_secret": intent.client_secret})

    assert paid.status == "succeeded"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"exp_year": 2020}, "invalid_expiry_year"),
        ({"exp_month": 13}, "invalid_expiry_month"),
        ({"cvc": "12"}, "invalid_cvc"),
    ],
)
def test_a_mistyped_card_is_told_so(client, browser, change, code):
    intent = client.v1.payment_intents.create(GBP_50)
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"} | change
    data = {"payment_method_data": {"type": "card", "card": card}, "client_secret": intent.client_secret}

    with pytest.raises(stripe.CardError) as refusal:
        browser.v1.payment_intents.confirm(intent.id, data)

    assert refusal.value.code == code


def test_only_references_are_expanded(client):
    intent = client.v1.payment_intents.create(PAID | {"expand": ["latest_charge", "payment_method"]})
    listed = client.v1.payment_intents.list({"expand": ["data.latest_charge.balance_transaction"]})

    assert (intent.latest_charge.object, intent.payment_method.object) == ("charge", "payment_method")
    assert listed.data[0].latest_charge.balance_transaction.net == 4905
    for path in ("id", "amount", "nothing", "latest_charge.amount"):
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            client.v1.payment_intents.retrieve(intent.id, {"expand": [path]})


def test_answers_carry_a_request_id_and_the_version_that_was_asked_for(client):
    intent = client.v1.payment_intents.create(GBP_50, {"stripe_version": "2023-08-16"})

    headers = intent.last_response.headers
    assert headers["Request-Id"].startswith("req_")
    assert headers["Stripe-Version"] == "2023-08-16"


def test_it_works_below_a_prefix(tmp_path):
    with running_simulator(tmp_path, prefix="/simulator") as simulator:
        intent = simulator.stripe().v1.payment_intents.create(
            PAID | {"payment_method": "pm_card_authenticationRequired"}
        )

        assert intent.next_action.redirect_to_url.url.startswith(f"{simulator.url}/challenge/")
        assert simulator.url.endswith("/simulator")


def create_with_key(simulator, key):
    return requests.post(
        f"{simulator.url}/v1/payment_intents",
        data={"amount": 5000, "currency": "gbp", "payment_method": "pm_card_visa", "confirm": "true",
              "return_url": "https://shop.example/"},
        headers={"Authorization": f"Bearer {KEYS['stripe_secret_key']}", "Idempotency-Key": key},
        timeout=30,
    )  # fmt: skip


def test_a_connection_that_breaks_after_the_work_loses_nothing(client, simulator):
    simulator.control("", {"faults": {"stripe": {"hang_up_after": 1}}})

    with pytest.raises(stripe.APIConnectionError):
        client.v1.payment_intents.create(PAID, {"idempotency_key": "payment-1-create"})
    found = client.v1.payment_intents.create(PAID, {"idempotency_key": "payment-1-create"})

    assert found.status == "succeeded"
    assert len(client.v1.payment_intents.list().data) == 1


def test_a_failure_before_the_work_leaves_the_key_free(client, simulator):
    simulator.control("", {"faults": {"stripe": {"fail_before": 1}}})

    with pytest.raises(stripe.APIError) as refusal:
        client.v1.payment_intents.create(PAID, {"idempotency_key": "payment-1-create"})
    paid = client.v1.payment_intents.create(PAID, {"idempotency_key": "payment-1-create"})

    assert (refusal.value.http_status, paid.status) == (500, "succeeded")
    assert "Idempotent-Replayed" not in paid.last_response.headers


def test_a_key_is_forgotten_after_a_day(client, simulator):
    first = client.v1.payment_intents.create(PAID, {"idempotency_key": "payment-1-create"})
    simulator.advance(86_401)

    second = client.v1.payment_intents.create(PAID, {"idempotency_key": "payment-1-create"})

    assert second.id != first.id


def test_a_key_whose_request_died_is_free_again(client, simulator):
    with simulator.app.extensions["simulator"].store.write() as tx:
        row = ("stripe", "payment-1-create", digest_of("POST", "/v1/payment_intents", {}), tx.clock)
        tx.connection.execute("INSERT INTO answers (provider, key, digest, at) VALUES (?, ?, ?, ?)", row)
    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.create(PAID, {"idempotency_key": "payment-1-create"})

    with simulator.app.extensions["simulator"].store.write() as tx:
        fields = {"amount": "5000", "currency": "gbp"}
        same = digest_of("POST", "/v1/payment_intents", fields)
        tx.connection.execute("UPDATE answers SET digest = ?, at = ?", (same, tx.clock - 20))
    made = client.v1.payment_intents.create(fields, {"idempotency_key": "payment-1-create"})

    assert made.status == "requires_payment_method"
