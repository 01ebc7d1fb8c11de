import json
import random
import time

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.errors import NotAllowed, NotFound, WebhookRefused
from shop.models.event import Delivery, Event
from shop.models.payment import EventState, Payment, PaymentState, ProviderEvent
from shop.services import ledger, ledger_check, relay
from shop.services.payments import attempts, refunds, webhooks
from tests.services.payments.test_signatures import signed


def take(received, provider: str = "stripe") -> bool:
    is_new = webhooks.take(provider, received.headers, received.body)
    db.session.commit()
    return is_new


def stored() -> list[ProviderEvent]:
    return list(db.session.scalars(select(ProviderEvent).order_by(ProviderEvent.id)))


def event_of(app, **facts) -> tuple[dict, bytes]:
    """Headers and body of an event that Stripe could have sent."""
    body = json.dumps({"id": "evt_1", "type": "payment_intent.succeeded", "livemode": False, "data": {}} | facts)
    secret = app.config["SETTINGS"].STRIPE_WEBHOOK_SECRET
    return {"Stripe-Signature": signed(body.encode(), secret=secret, at=time.time())}, body.encode()


@pytest.mark.parametrize(("provider", "kind"), [("stripe", "payment_intent.succeeded"),
                                               ("paypal", "PAYMENT.CAPTURE.COMPLETED")])  # fmt: skip
def test_what_a_provider_tells_is_kept_to_the_byte_and_worked_on_by_a_job(till, iphone, simulator, provider, kind):
    payment = till.pay(iphone, provider)
    received = simulator.listener.wait_for_kind(kind)

    assert take(received, provider)
    row = stored()[-1]
    kept = row.body, row.kind, row.state
    till.work()

    assert kept == (received.body, kind, EventState.WAITING)
    assert (row.state, row.payment_id, row.error) == (EventState.DONE, payment.id, "")
    assert row.handled_at is not None


def test_a_payment_is_settled_by_the_webhook_alone(till, iphone, simulator, verbs):
    payment = till.start(iphone).payment
    params = {"payment_method": "pm_card_visa", "return_url": "https://shop.example"}
    simulator.stripe(simulator.key).v1.payment_intents.confirm(payment.provider_ref, params)

    take(simulator.listener.wait_for_kind("payment_intent.succeeded"))
    till.work()

    assert payment.state == PaymentState.PAID
    assert verbs() == ["payment.settled"]


def test_a_paypal_customer_who_closed_the_window_has_paid_all_the_same(till, iphone, simulator):
    opened = till.start(iphone, "paypal")
    till.control("/approve", order=opened.snapshot.ref)

    take(simulator.listener.wait_for_kind("CHECKOUT.ORDER.APPROVED"), "paypal")
    till.work()

    assert opened.payment.state == PaymentState.PAID


def test_the_same_event_is_kept_once(till, iphone, simulator, session):
    till.pay(iphone)
    received = simulator.listener.wait_for_kind("payment_intent.succeeded")

    assert [take(received) for _ in range(3)] == [True, False, False]
    assert len(stored()) == 1
    assert session.scalar(select(func.count()).where(Event.verb == "provider_event.received")) == 1


def test_any_order_and_number_ends_where_the_provider_is(till, iphone, manager, simulator):
    payment = till.pay(iphone)
    refund = refunds.request_refund(payment.id, 5_000, "Scratched", actor=manager.actor)
    db.session.commit()
    refunds.send_refund(refund.id)
    db.session.commit()
    made = till.control("/dispute", payment=payment.charge_ref)
    till.control("/close-dispute", dispute=made["id"], won=True)
    simulator.listener.wait_for_kind("charge.dispute.closed")
    events = [each for each in simulator.listener.received for _ in range(3)]
    random.Random(7).shuffle(events)

    for each in events:
        take(each)
    till.work()

    assert {row.state for row in stored()} == {EventState.DONE}
    assert till.books("stripe") == till.balance("stripe")
    assert (payment.state, payment.refunded, payment.disputes[0].state) == (PaymentState.PAID, 5_000, "won")
    assert ledger_check.verify() == []


def test_what_concerns_no_payment_of_ours_is_kept_as_unknown(till, simulator):
    client = simulator.stripe(simulator.key)
    client.v1.payment_intents.create({"amount": 500, "currency": "gbp"})

    take(simulator.listener.wait_for_kind("payment_intent.created"))
    till.work()

    assert [(row.state, row.payment_id) for row in stored()] == [(EventState.UNKNOWN, None)]
    assert ledger.balances() == {}


def test_an_attempt_whose_name_we_never_wrote_down_is_found_by_our_key(till, iphone, simulator, session):
    """We died after the provider had opened it and before our commit, and the customer paid."""
    payment = attempts.start_payment(attempts.lock_by_token(iphone.tracking_token), "stripe", "full", actor=CUSTOMER)
    session.commit()
    opened = attempts.open_payment(payment.id).snapshot
    session.rollback()
    params = {"payment_method": "pm_card_visa", "return_url": "https://shop.example"}
    simulator.stripe(simulator.key).v1.payment_intents.confirm(opened.ref, params)

    take(simulator.listener.wait_for_kind("payment_intent.succeeded"))
    till.work()

    assert (payment.provider_ref, payment.state) == (opened.ref, PaymentState.PAID)


def test_while_the_provider_is_away_the_webhook_waits_and_says_why(till, iphone, simulator, app, monkeypatch):
    payment = till.pay(iphone)
    take(simulator.listener.wait_for_kind("payment_intent.succeeded"))
    base = app.config["SETTINGS"].STRIPE_API_BASE
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", "http://127.0.0.1:9")
    app.extensions["shop_gateways"].clear()
    till.work()
    row = stored()[-1]
    failed = row.state, row.error.partition(":")[0]
    owed = select(Delivery.state).join(Event, Event.id == Delivery.event_id)
    waiting = db.session.scalars(owed.where(Event.verb == "provider_event.received")).all()

    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", base)
    app.extensions["shop_gateways"].clear()
    webhooks.handle(row.id)
    db.session.commit()

    assert failed == (EventState.FAILED, "ProviderDown")
    assert waiting == ["waiting"]
    assert (row.state, row.error, row.payment_id) == (EventState.DONE, "", payment.id)


def test_a_webhook_is_worked_on_again_when_a_person_asks(till, simulator, manager, technician):
    simulator.stripe(simulator.key).v1.payment_intents.create({"amount": 500, "currency": "gbp"})
    take(simulator.listener.wait_for_kind("payment_intent.created"))
    till.work()
    row = stored()[-1]

    webhooks.replay(row.id, actor=manager.actor)
    db.session.commit()
    replayed = row.state
    till.work()

    assert (replayed, row.state) == (EventState.WAITING, EventState.UNKNOWN)
    with pytest.raises(NotFound):
        webhooks.replay(row.id + 1, actor=manager.actor)
    with pytest.raises(NotAllowed):
        webhooks.replay(row.id, actor=technician.actor)


@pytest.mark.parametrize(
    "facts",
    [{"livemode": True}, {"id": None}, {"id": ""}, {"id": "x" * 121}, {"id": 7}, {"type": None}, {"type": ""}],
)
def test_an_event_that_is_none_is_refused_though_it_is_signed(app, facts):
    headers, body = event_of(app, **facts)

    with pytest.raises(WebhookRefused):
        webhooks.take("stripe", headers, body)
    assert stored() == []


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 5_000])
def test_a_body_that_is_no_object_is_refused_though_it_is_signed(app, body):
    secret = app.config["SETTINGS"].STRIPE_WEBHOOK_SECRET
    headers = {"Stripe-Signature": signed(body, secret=secret, at=time.time())}

    with pytest.raises(WebhookRefused):
        webhooks.take("stripe", headers, body)


@pytest.mark.parametrize(
    "data",
    [{}, {"object": None}, {"object": []}, {"object": {"id": 7, "object": "payment_intent", "metadata": []}}, None, 7],
)
def test_an_event_about_nothing_is_kept_as_unknown(app, data):
    headers, body = event_of(app, data=data)
    webhooks.take("stripe", headers, body)
    db.session.commit()

    assert webhooks.handle(stored()[0].id) == EventState.UNKNOWN


def test_an_event_of_another_account_changes_nothing(till, iphone, app):
    payment = till.start(iphone).payment
    about = {"object": {"object": "payment_intent", "id": payment.provider_ref}}
    headers, body = event_of(app, account="acct_other", data=about)
    webhooks.take("stripe", headers, body)
    db.session.commit()

    assert webhooks.handle(stored()[0].id) == EventState.UNKNOWN


def test_headers_that_are_kept_carry_no_cookies_and_no_keys(app):
    headers, body = event_of(app)
    webhooks.take("stripe", headers | {"Cookie": "a=b", "Authorization": "Bearer x"}, body)

    assert set(json.loads(stored()[0].headers)) == {"Stripe-Signature"}


def test_a_lie_in_a_signed_body_changes_nothing(till, iphone, app):
    """Whatever the message says of amounts and states, the provider is asked."""
    payment = till.start(iphone).payment
    lie = {"object": "payment_intent", "id": payment.provider_ref, "status": "succeeded", "amount_received": 20_000}
    headers, body = event_of(app, data={"object": lie})
    webhooks.take("stripe", headers, body)
    db.session.commit()

    webhooks.handle(stored()[0].id)
    db.session.commit()

    assert db.session.get(Payment, payment.id).state == PaymentState.CREATED
    assert ledger.balances() == {}


def test_relay_seals_what_was_told(till, iphone, simulator, session):
    till.pay(iphone)
    take(simulator.listener.wait_for_kind("payment_intent.succeeded"))
    relay.relay_batch()
    session.commit()

    event = session.scalars(select(Event).where(Event.verb == "provider_event.received")).one()
    assert (event.aggregate, event.position is not None) == (f"provider_event:{stored()[-1].id}", True)
