"""What we send is what Stripe and PayPal describe, and what we read is what they answer."""

import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.payment import ProviderCall
from shop.services import repairs, tracking
from shop.services.payments import attempts, cards, held, refunds, wire
from shop.services.payments.reconcile import reconcile
from shop.simulator.stripe_forms import parse_form
from tests.cards import ASKS_EACH_TIME, THREE_D_SECURE, Wallet, approve, charge
from tests.contract.providers import (
    assert_answer_valid,
    assert_object_valid,
    assert_request_valid,
    is_described,
    parameters_of,
)


@pytest.fixture
def conversation(till, iphone, manager, monkeypatch):
    """`conversation(provider)`: every call of a payment's whole life, with what was said on both sides."""
    monkeypatch.setattr(wire, "LONGEST_BODY", 10**7)

    def lead(provider: str) -> list[ProviderCall]:
        first = till.start(iphone, provider, "deposit").payment
        attempts.cancel_payment(first.id)
        db.session.commit()
        if provider == "stripe":
            till.pay(iphone, method="pm_card_chargeDeclined")
            hold_and_take(till, iphone, manager)
        payment = till.pay(iphone, provider)
        refund = refunds.request_refund(payment.id, 5_000, "Scratched", actor=manager.actor)
        db.session.commit()
        refunds.send_refund(refund.id)
        db.session.commit()
        till.control("/dispute", payment=payment.charge_ref)
        till.settle(payment, disputed=True)
        if provider == "stripe":
            _keep_cards(Wallet(till), iphone)
            _charge_cards(Wallet(till), iphone)
        reconcile(provider, datetime.now(UTC).date())
        return list(db.session.scalars(select(ProviderCall).where(ProviderCall.provider == provider)))

    return lead


def hold_and_take(till, repair, person) -> None:
    """20 pounds are held, and 10 of them taken."""
    payment_id = held.ask_to_hold(repairs.lock_repair(repair.number), 2_000, actor=person.actor).id
    db.session.commit()
    till.pay(repair, purpose="hold")
    attempts.capture_payment(payment_id, amount=1_000)
    db.session.commit()


@pytest.mark.parametrize(("provider", "least"), [("stripe", 13), ("paypal", 3)])
def test_every_call_and_answer_is_as_published(conversation, provider, least):
    seen = set()

    for call in conversation(provider):
        path, query = urlsplit(call.path).path, urlsplit(call.path).query
        if not is_described(provider, call.method, path):
            _assert_card_valid(path, json.loads(call.response))
            continue
        seen.add((call.method, "/".join(path.split("/")[:4]), call.status))
        if call.method == "GET":
            named = {name.partition("[")[0] for name, _ in parse_qsl(query)}
            assert named <= {name.partition("[")[0] for name in parameters_of(provider, "GET", path)}, call.path
        else:
            assert_request_valid(provider, call.method, path, _body(call))
        assert_answer_valid(provider, call.method, path, call.status, _folded(json.loads(call.response)))

    assert len(seen) >= least, seen


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_each_change_is_asked_for_under_a_key_of_our_own(conversation, provider):
    for call in conversation(provider):
        is_change = call.method == "POST" and call.path != "/v1/oauth2/token"
        assert bool(call.idempotency_key) == is_change, (call.method, call.path)
        assert call.idempotency_key.partition("-")[0] in ("", "payment", "refund", "card")


def _assert_card_valid(path: str, answer: dict) -> None:
    """The published excerpt describes what is kept of cards, and not the calls about it."""
    if path.startswith(("/v1/setup_intents", "/v1/payment_methods")):
        assert_object_valid("stripe", answer["object"], _folded(answer))


def _keep_cards(wallet: Wallet, repair) -> None:
    """One is kept and let go of, one is given up before it was entered."""
    for card in (wallet.keep(repair, THREE_D_SECURE), wallet.open(repair).card):
        cards.remove_card(tracking.lock_tracked(repair.tracking_token), card.id, actor=CUSTOMER)
        db.session.commit()
        cards.forget_card(card.id)
        db.session.commit()


def _charge_cards(wallet: Wallet, repair) -> None:
    """One pays for approved work, one has a bank that wants its owner."""
    for method in ("pm_card_visa", ASKS_EACH_TIME):
        wallet.keep(repair, method)
        charge(repair, approve(repair))


def _folded(answer: dict) -> dict:
    """The published description knows expanded fields by their id alone: what stands there is held against its own."""
    for name, schema in (
        ("latest_charge", "charge"),
        ("balance_transaction", "balance_transaction"),
        ("payment_method", "payment_method"),
    ):
        if isinstance(answer.get(name), dict):
            inner = _folded(answer[name])
            assert_object_valid("stripe", schema, inner)
            answer |= {name: inner["id"]}
    return answer


def _body(call: ProviderCall) -> dict:
    if call.provider == "paypal":
        return json.loads(call.request)
    return parse_form(parse_qsl(call.request, keep_blank_values=True))
