"""Customers, their cards, and payments without them."""

import pytest
import stripe

from tests.contract.providers import assert_object_valid
from tests.simulator.test_stripe_payments import PAID


@pytest.fixture
def ana(client):
    return client.v1.customers.create({"name": "Ana", "email": "ana@example.com", "metadata": {"customer": "1"}})


def set_up(client, ana, card="pm_card_visa"):
    intent = {"customer": ana.id, "payment_method": card, "confirm": True, "return_url": "https://shop.example/"}
    return client.v1.setup_intents.create(intent)


def charge_later(client, ana, method):
    intent = {"customer": ana.id, "payment_method": method, "off_session": True}
    return client.v1.payment_intents.create(PAID | intent)


def test_a_customer_is_kept_changed_and_deleted(client, ana):
    changed = client.v1.customers.update(ana.id, {"phone": "+44 20", "metadata": {"customer": "", "b": "2"}})
    client.v1.customers.delete(ana.id)

    assert (changed.name, changed.phone, changed.to_dict()["metadata"]) == ("Ana", "+44 20", {"b": "2"})
    assert client.v1.customers.retrieve(ana.id).deleted is True
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.create(PAID | {"customer": ana.id})
    assert refusal.value.code == "resource_missing"


def test_a_card_that_was_set_up_is_charged_later(client, ana):
    setup = set_up(client, ana)

    paid = charge_later(client, ana, setup.payment_method)

    assert_object_valid("stripe", "setup_intent", setup.to_dict())
    assert (setup.status, paid.status) == ("succeeded", "succeeded")
    assert [method.id for method in client.v1.customers.payment_methods.list(ana.id).data] == [setup.payment_method]


def test_a_bank_that_has_agreed_once_does_not_ask_again(client, ana, simulator):
    setup = set_up(client, ana, "pm_card_authenticationRequiredOnSetup")
    simulator.control("/authenticate", {"intent": setup.id})
    agreed = client.v1.setup_intents.retrieve(setup.id)

    paid = charge_later(client, ana, agreed.payment_method)

    assert (setup.status, agreed.status, paid.status) == ("requires_action", "succeeded", "succeeded")


def test_a_bank_that_always_asks_declines_what_comes_later(client, ana, simulator):
    setup = set_up(client, ana, "pm_card_authenticationRequired")
    simulator.control("/authenticate", {"intent": setup.id})
    method = client.v1.setup_intents.retrieve(setup.id).payment_method

    with pytest.raises(stripe.CardError) as refusal:
        charge_later(client, ana, method)

    assert refusal.value.code == "authentication_required"


def test_a_payment_can_keep_its_card_for_later(client, ana):
    first = client.v1.payment_intents.create(PAID | {"customer": ana.id, "setup_future_usage": "off_session"})

    assert charge_later(client, ana, first.payment_method).status == "succeeded"


def test_a_card_of_another_customer_is_refused(client, ana):
    setup = set_up(client, ana)

    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create(PAID | {"payment_method": setup.payment_method})


def test_a_bad_card_is_not_kept(client, ana):
    with pytest.raises(stripe.CardError):
        client.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": ana.id})

    attached = client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": ana.id})
    assert_object_valid("stripe", "payment_method", attached.to_dict())
    with pytest.raises(stripe.CardError):
        charge_later(client, ana, attached.id)


def test_a_setup_that_the_bank_refuses_asks_for_another_card(client, ana, simulator):
    setup = set_up(client, ana, "pm_card_authenticationRequired")

    simulator.control("/authenticate", {"intent": setup.id, "succeeded": False})

    failed = client.v1.setup_intents.retrieve(setup.id)
    assert (failed.status, failed.last_setup_error.code) == (
        "requires_payment_method",
        "setup_intent_authentication_failure",
    )


def test_balance_transactions_are_as_described(client):
    client.v1.payment_intents.create(PAID)

    for entry in client.v1.balance_transactions.list().data:
        assert_object_valid("stripe", "balance_transaction", entry.to_dict())
