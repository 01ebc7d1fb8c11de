"""Refunds and disputes, and what they leave of the balance."""

import pytest
import stripe

from tests.simulator.test_stripe_payments import PAID


@pytest.fixture
def paid(client):
    return client.v1.payment_intents.create(PAID)


def paid_with(client, token):
    return client.v1.payment_intents.create(PAID | {"payment_method": token})


def test_parts_are_given_back_until_nothing_is_left(client, paid, listener):
    first = client.v1.refunds.create({"payment_intent": paid.id, "amount": 2000, "reason": "requested_by_customer"})
    rest = client.v1.refunds.create({"payment_intent": paid.id})

    charge = client.v1.charges.retrieve(paid.latest_charge)
    assert (first.status, first.amount, rest.amount) == ("succeeded", 2000, 3000)
    assert (charge.amount_refunded, charge.refunded) == (5000, True)
    assert [item.id for item in client.v1.refunds.list({"payment_intent": paid.id}).data] == [rest.id, first.id]
    assert listener.wait_for_kind("charge.refunded").event["data"]["object"]["object"] == "charge"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"payment_intent": paid.id})
    assert refusal.value.code == "charge_already_refunded"


def test_no_more_is_given_back_than_was_paid(client, paid, simulator):
    client.v1.refunds.create({"payment_intent": paid.id, "amount": 4000})

    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        client.v1.refunds.create({"charge": paid.latest_charge, "amount": 1001})

    assert simulator.balance()["stripe"]["payments"][paid.id] == {
        "currency": "gbp",
        "gross": 1000,
        "fee": 95,
        "net": 905,
    }


def test_an_unpaid_intent_has_nothing_to_give_back(client):
    intent = client.v1.payment_intents.create({"amount": 5000, "currency": "gbp"})

    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        client.v1.refunds.create({"payment_intent": intent.id})


def test_a_refund_may_be_pending_at_first(client, simulator, listener):
    intent = paid_with(client, "pm_card_pendingRefund")
    refund = client.v1.refunds.create({"payment_intent": intent.id})

    simulator.advance(60)

    assert refund.status == "pending"
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    assert listener.wait_for_kind("refund.updated").event["data"]["object"]["status"] == "succeeded"


def test_a_pending_refund_can_be_cancelled(client, simulator):
    intent = paid_with(client, "pm_card_pendingRefund")
    refund = client.v1.refunds.create({"payment_intent": intent.id})

    cancelled = client.v1.refunds.cancel(refund.id)

    assert cancelled.status == "canceled"
    assert simulator.balance()["stripe"]["currencies"] == {"gbp": 4905}


def test_a_refund_may_fail_later_and_the_money_comes_back(client, simulator, listener):
    intent = paid_with(client, "pm_card_refundFail")
    refund = client.v1.refunds.create({"payment_intent": intent.id})

    simulator.advance(60)

    failed = client.v1.refunds.retrieve(refund.id)
    assert (refund.status, failed.status, failed.failure_reason) == ("succeeded", "failed", "expired_or_canceled_card")
    assert client.v1.charges.retrieve(intent.latest_charge).amount_refunded == 0
    assert simulator.balance()["stripe"]["currencies"] == {"gbp": 4905}
    assert {"refund.failed", "charge.refund.updated"} <= {
        listener.wait_for_kind(kind).kind for kind in ("refund.failed", "charge.refund.updated")
    }


def test_a_disputed_charge_loses_its_money_and_cannot_be_refunded(client, simulator, listener):
    intent = paid_with(client, "pm_card_createDispute")

    dispute = client.v1.disputes.list({"payment_intent": intent.id}).data[0]
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 5000)
    assert dispute.evidence_details.due_by > dispute.created
    assert simulator.balance()["stripe"]["currencies"] == {"gbp": 4905 - 5000 - 2000}
    listener.wait_for_kind("charge.dispute.funds_withdrawn")
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert refusal.value.code == "charge_disputed"


@pytest.mark.parametrize(
    ("text", "status", "left"), [("winning_evidence", "won", 2905), ("losing_evidence", "lost", -2095)]
)
def test_the_evidence_decides(client, simulator, text, status, left):
    intent = paid_with(client, "pm_card_createDispute")
    dispute = client.v1.disputes.list({"charge": intent.latest_charge}).data[0]

    client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}, "submit": True})

    assert client.v1.disputes.retrieve(dispute.id).status == status
    assert simulator.balance()["stripe"]["currencies"] == {"gbp": left}


def test_giving_in_loses(client, listener):
    intent = paid_with(client, "pm_card_createDispute")
    dispute = client.v1.disputes.list({"charge": intent.latest_charge}).data[0]

    closed = client.v1.disputes.close(dispute.id)

    assert closed.status == "lost"
    assert listener.wait_for_kind("charge.dispute.closed").event["data"]["object"]["status"] == "lost"


def test_the_balance_is_the_sum_of_its_entries(client, paid, simulator):
    client.v1.refunds.create({"payment_intent": paid.id, "amount": 1500})
    entries = list(client.v1.balance_transactions.list({"currency": "gbp"}).auto_paging_iter())

    assert sum(entry.net for entry in entries) == simulator.balance()["stripe"]["currencies"]["gbp"] == 3405
    assert [entry.type for entry in entries] == ["refund", "charge"]
    assert client.v1.balance_transactions.retrieve(entries[1].id).source == paid.latest_charge


def test_an_authorisation_is_cancelled_rather_than_refunded(client, listener):
    held = client.v1.payment_intents.create(PAID | {"capture_method": "manual"})
    with pytest.raises(stripe.InvalidRequestError, match="You must cancel the PaymentIntent"):
        client.v1.refunds.create({"payment_intent": held.id})

    client.v1.payment_intents.cancel(held.id)

    told = listener.wait_for_kind("charge.refunded").event["data"]["object"]
    assert (told["captured"], told["amount_refunded"], told["amount_captured"]) == (False, 5000, 0)
    assert client.v1.refunds.list({"payment_intent": held.id}).data == []
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        client.v1.refunds.create({"charge": held.latest_charge})
