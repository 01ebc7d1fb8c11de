"""PaymentIntents through Stripe's own SDK."""

import pytest
import stripe

GBP_50 = {"amount": 5000, "currency": "gbp"}
PAID = GBP_50 | {"payment_method": "pm_card_visa", "confirm": True, "return_url": "https://shop.example/return"}


def declined(client, token):
    with pytest.raises(stripe.CardError) as refusal:
        client.v1.payment_intents.create(PAID | {"payment_method": token})
    return refusal.value


def test_a_new_intent_asks_for_a_method(client, listener):
    intent = client.v1.payment_intents.create(GBP_50 | {"metadata": {"payment": "7"}, "receipt_email": "a@example.com"})

    assert (intent.status, intent.amount, intent.currency) == ("requires_payment_method", 5000, "gbp")
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    assert intent.automatic_payment_methods.enabled is True
    assert intent.to_dict()["metadata"] == {"payment": "7"}
    assert [item.kind for item in listener.wait_for(1)] == ["payment_intent.created"]


def test_a_good_card_pays_at_once_and_leaves_a_fee(client, listener):
    intent = client.v1.payment_intents.create(PAID | {"expand": ["latest_charge.balance_transaction"]})

    entry = intent.latest_charge.balance_transaction
    assert (intent.status, intent.amount_received) == ("succeeded", 5000)
    assert (entry.amount, entry.fee, entry.net) == (5000, 95, 4905)
    listener.wait_for(3)
    assert sorted(listener.kinds) == ["charge.succeeded", "payment_intent.created", "payment_intent.succeeded"]


@pytest.mark.parametrize(
    ("token", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ],
)
def test_a_bad_card_is_declined_and_the_intent_asks_for_another(client, token, code, decline_code):
    refusal = declined(client, token)

    left = refusal.error.payment_intent
    assert (refusal.http_status, refusal.code, refusal.error.decline_code) == (402, code, decline_code)
    assert (left.status, left.last_payment_error.code) == ("requires_payment_method", code)
    assert client.v1.charges.retrieve(refusal.error.charge).status == "failed"


def test_a_declined_intent_is_paid_with_another_card(client):
    intent = declined(client, "pm_card_chargeDeclined").error.payment_intent

    paid = client.v1.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_visa", "return_url": "https://shop.example/"}
    )

    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


def test_manual_capture_takes_a_part_and_releases_the_rest(client):
    intent = client.v1.payment_intents.create(PAID | {"capture_method": "manual"})

    captured = client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 2000})

    charge = client.v1.charges.retrieve(captured.latest_charge)
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 5000)
    assert (captured.status, captured.amount_received, captured.amount_capturable) == ("succeeded", 2000, 0)
    assert (charge.amount, charge.amount_captured, charge.amount_refunded) == (5000, 2000, 3000)
    released = client.v1.refunds.list({"payment_intent": intent.id}).data
    assert [(one.amount, one.status, one.balance_transaction) for one in released] == [(3000, "succeeded", None)]
    assert client.v1.refunds.create({"payment_intent": intent.id}).amount == 2000


def test_no_more_is_captured_than_was_authorised(client):
    intent = client.v1.payment_intents.create(PAID | {"capture_method": "manual"})

    with pytest.raises(stripe.InvalidRequestError, match="amount_to_capture"):
        client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 5001})

    assert client.v1.payment_intents.retrieve(intent.id).status == "requires_capture"


def test_an_authorisation_expires(client, simulator, listener):
    intent = client.v1.payment_intents.create(PAID | {"capture_method": "manual"})

    simulator.advance(7 * 86_400 + 1)

    expired = client.v1.payment_intents.retrieve(intent.id)
    assert (expired.status, expired.cancellation_reason) == ("canceled", "automatic")
    assert listener.wait_for_kind("payment_intent.canceled").event["data"]["object"]["id"] == intent.id
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.capture(intent.id)
    assert refusal.value.code == "payment_intent_unexpected_state"


def test_cancelling_works_until_the_money_is_there(client):
    waiting = client.v1.payment_intents.create(GBP_50)
    paid = client.v1.payment_intents.create(PAID)

    cancelled = client.v1.payment_intents.cancel(waiting.id, {"cancellation_reason": "abandoned"})

    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.cancel(paid.id)
    assert refusal.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize("succeeded", [True, False])
def test_three_d_secure_waits_for_the_bank(client, simulator, succeeded):
    intent = client.v1.payment_intents.create(PAID | {"payment_method": "pm_card_authenticationRequired"})
    asked = intent.next_action.redirect_to_url

    simulator.control("/authenticate", {"intent": intent.id, "succeeded": succeeded})

    after = client.v1.payment_intents.retrieve(intent.id)
    assert (intent.status, asked.return_url) == ("requires_action", "https://shop.example/return")
    assert asked.url.startswith(f"{simulator.url}/challenge/{intent.id}?")
    assert after.status == ("succeeded" if succeeded else "requires_payment_method")
    assert (after.last_payment_error is None) == succeeded


def test_off_session_a_bank_that_must_ask_is_a_decline(client):
    intent = PAID | {"payment_method": "pm_card_authenticationRequired", "off_session": True}

    with pytest.raises(stripe.CardError) as refusal:
        client.v1.payment_intents.create(intent)

    assert refusal.value.code == "authentication_required"
    assert refusal.value.error.payment_intent.status == "requires_payment_method"


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"amount": 29}, "amount_too_small", "amount"),
        ({"amount": -5}, "parameter_invalid_integer", "amount"),
        ({"amount": "12.50"}, "parameter_invalid_integer", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"foo": "1"}, "parameter_unknown", "foo"),
        ({"automatic_payment_methods": {"enabeld": "true"}}, "parameter_unknown", "automatic_payment_methods[enabeld]"),
        ({"currency": "xyz"}, None, "currency"),
        ({"customer": "cus_nobody"}, "resource_missing", "customer"),
        ({"return_url": ""}, None, "return_url"),
    ],
)
def test_what_stripe_refuses_is_refused(client, change, code, param):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.create(PAID | change)

    assert (refusal.value.code, refusal.value.param) == (code, param)
    assert client.v1.payment_intents.list().data == []


def test_yen_have_no_decimals_and_dinars_end_in_zero(client):
    yen = client.v1.payment_intents.create(PAID | {"amount": 120, "currency": "jpy"})

    assert yen.amount_received == 120
    with pytest.raises(stripe.InvalidRequestError, match="multiples of 10"):
        client.v1.payment_intents.create(PAID | {"amount": 1234, "currency": "kwd"})


def test_lists_are_paged_newest_first(client):
    ids = [client.v1.payment_intents.create(GBP_50).id for _ in range(5)]

    first = client.v1.payment_intents.list({"limit": 2})
    second = client.v1.payment_intents.list({"limit": 2, "starting_after": first.data[-1].id})
    back = client.v1.payment_intents.list({"limit": 2, "ending_before": second.data[0].id})

    assert [item.id for item in first.data] == ids[:2:-1]
    assert ([item.id for item in second.data], second.has_more) == ([ids[2], ids[1]], True)
    assert [item.id for item in back.data] == [item.id for item in first.data]
    assert [item.id for item in client.v1.payment_intents.list({"limit": 2}).auto_paging_iter()] == ids[::-1]


def test_an_amount_can_be_changed_until_it_is_paid(client):
    intent = client.v1.payment_intents.create(GBP_50)
    changed = client.v1.payment_intents.update(intent.id, {"amount": 6000, "metadata": {"a": "1"}})
    client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa", "return_url": "https://s.example/"})

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.update(intent.id, {"amount": 7000})

    assert (changed.amount, changed.metadata["a"]) == (6000, "1")
    assert refusal.value.code == "payment_intent_unexpected_state"


def test_a_charge_can_be_described(client, listener):
    intent = client.v1.payment_intents.create(PAID)

    charge = client.v1.charges.update(intent.latest_charge, {"description": "Screen", "metadata": {"a": "1"}})

    assert (charge.description, charge.to_dict()["metadata"]) == ("Screen", {"a": "1"})
    assert listener.wait_for_kind("charge.updated").event["data"]["object"]["description"] == "Screen"
