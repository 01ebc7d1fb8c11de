import json
import threading

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.event import Event
from shop.models.payment import Payment, PaymentState, ProviderEvent
from shop.models.refused_webhook import Refusal, RefusedWebhook
from tests.api.test_problems import assert_problem
from tests.services.payments.test_webhooks import event_of

BEGIN = {"stripe": "/payments/stripe/payment-intent", "paypal": "/payments/paypal/create-order"}
FINISH = {"stripe": "/payments/stripe/confirm", "paypal": "/payments/paypal/capture-order"}
UNKNOWN = "A" * 22
PROVIDERS = pytest.mark.parametrize("provider", ["stripe", "paypal"])


@pytest.fixture
def begin(client_program, till, iphone):
    """`begin(provider, **changes)`: the answer to a request to pay for the iPhone."""

    def send(provider: str = "stripe", *, key: str = "one", **changes):
        body = {name: value for name, value in ({"booking": iphone.tracking_token} | changes).items() if value != ""}
        answer = client_program.post(BEGIN[provider], body, Idempotency_Key=key)
        db.session.rollback()
        return answer

    return send


@pytest.fixture
def finish(client_program, iphone):
    def send(provider: str, payment: str, **more):
        body = {"booking": iphone.tracking_token, "payment": payment, **more}
        answer = client_program.post(FINISH[provider], body)
        db.session.rollback()
        return answer

    return send


def payments() -> list[Payment]:
    return list(db.session.scalars(select(Payment).order_by(Payment.id)))


def test_stripe_is_paid_from_beginning_to_end(begin, finish, app, verbs):
    begun = begin(purpose="deposit")
    done = finish("stripe", begun.json["payment"], payment_method="pm_card_visa")

    payment = payments()[0]
    assert begun.status_code == done.status_code == 200
    assert begun.json == {
        "payment": payment.key, "state": "created", "amount": 5_000, "currency": "GBP", "failure_code": "",
        "test": True, "payment_intent": payment.provider_ref, "client_secret": begun.json["client_secret"],
        "publishable_key": app.config["SETTINGS"].STRIPE_PUBLISHABLE_KEY,
    }  # fmt: skip
    assert begun.json["client_secret"].startswith(f"{payment.provider_ref}_secret_")
    assert (done.json["state"], payment.state) == ("paid", PaymentState.PAID)
    assert verbs() == ["payment.settled"]


def test_paypal_is_paid_from_beginning_to_end(begin, finish, till, app):
    begun = begin("paypal")
    early = finish("paypal", begun.json["payment"])
    till.control("/approve", order=begun.json["order_id"])
    done = finish("paypal", begun.json["payment"])

    assert begun.json["approve_url"].endswith(f"/checkoutnow?token={begun.json['order_id']}")
    assert begun.json["client_id"] == app.config["SETTINGS"].PAYPAL_CLIENT_ID
    assert [answer.json["state"] for answer in (begun, early, done)] == ["action_needed", "action_needed", "paid"]
    assert finish("paypal", begun.json["payment"]).json == done.json
    assert till.books("paypal") == till.balance("paypal")


def test_a_declined_card_is_an_answer_and_another_card_pays(begin, finish):
    key = begin().json["payment"]

    declined = finish("stripe", key, payment_method="pm_card_visa_chargeDeclined")
    paid = finish("stripe", key, payment_method="pm_card_visa")

    assert (declined.status_code, declined.json["state"]) == (200, "failed")
    assert declined.json["failure_code"] == "generic_decline"
    assert (paid.json["state"], paid.json["failure_code"]) == ("paid", "")


@PROVIDERS
def test_the_same_key_and_body_is_the_same_attempt(begin, provider):
    first, second = begin(provider), begin(provider)

    assert first.json == second.json
    assert len(payments()) == 1


def test_the_same_key_with_another_body_is_refused(begin):
    begin()

    assert_problem(begin(purpose="deposit"), 422, "idempotency_mismatch")


@PROVIDERS
@pytest.mark.parametrize("amount", [1, 19_999, 20_001, 10**12])
def test_another_amount_is_refused_and_audited(begin, provider, amount, session):
    answer = begin(provider, amount=amount)

    assert_problem(answer, 422, "invalid")
    assert [fault["field"] for fault in answer.json["errors"]] == ["amount"]
    assert payments() == []
    event = session.scalars(select(Event).where(Event.verb == "payment.amount_refused")).one()
    assert json.loads(event.body) == {"named": amount, "amount": 20_000, "currency": "GBP", "provider": provider}
    assert begin(provider, amount=20_000).status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 10**12 + 1}, "amount"),
        ({"amount": 200.0}, "amount"),
        ({"amount": "20000"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": None}, "amount"),
        ({"currency": "EUR"}, "currency"),
        ({"currency": "gbp"}, "currency"),
        ({"purpose": "tip"}, "purpose"),
        ({"booking": "short"}, "booking"),
        ({"booking": ""}, "booking"),
        ({"state": "paid"}, "state"),
    ],
)
def test_a_request_that_cannot_be_used_names_the_field_and_writes_nothing(begin, changes, field):
    answer = begin(**changes)

    assert_problem(answer, 422, "invalid")
    assert [fault["field"] for fault in answer.json["errors"]] == [field]
    assert payments() == []


@PROVIDERS
def test_what_does_not_exist_is_not_found(begin, finish, client_program, provider):
    other = {"stripe": "paypal", "paypal": "stripe"}[provider]
    key = begin(provider).json["payment"]

    assert_problem(begin(provider, booking=UNKNOWN, key="two"), 404, "not_found")
    assert_problem(finish(provider, "0" * 32), 404, "not_found")
    assert_problem(finish(other, key), 404, "not_found")
    elsewhere = client_program.post(FINISH[provider], {"booking": UNKNOWN, "payment": key})
    assert_problem(elsewhere, 404, "not_found")


def test_a_provider_that_is_away_is_said_and_the_same_request_goes_on_later(begin, app, monkeypatch):
    base = app.config["SETTINGS"].STRIPE_API_BASE
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", "http://127.0.0.1:9")
    away = begin()
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", base)
    app.extensions["shop_gateways"].clear()

    again = begin()

    assert_problem(away, 503, "provider_down")
    assert away.headers["Retry-After"]
    assert (again.status_code, again.json["payment"]) == (200, payments()[0].key)


def test_many_requests_at_once_are_one_attempt_and_one_charge(app, client_program, begin, finish, till, iphone):
    token, answers, start = iphone.tracking_token, [], threading.Barrier(8)
    db.session.remove()

    def customer(number: int):
        client = type(client_program)(app)
        start.wait(timeout=20)
        begun = client.post(BEGIN["stripe"], {"booking": token}, Idempotency_Key=f"key-{number % 4}")
        if begun.status_code == 422:
            # Who comes late finds it paid.
            answers.append(begun.json["errors"][0]["message"])
            return
        body = {"booking": token, "payment": begun.json["payment"], "payment_method": "pm_card_visa"}
        answers.append(client.post(FINISH["stripe"], body).json["state"])

    threads = [threading.Thread(target=customer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(answers) == 8
    assert set(answers) <= {"paid", "There is nothing to pay."}
    assert [payment.captured for payment in payments()] == [20_000]
    assert till.books("stripe") == till.balance("stripe")


def test_a_signed_webhook_is_on_disk_when_200_arrives(client_program, app, session):
    headers, body = event_of(app)

    answers = [client_program.http.post("/api/v1/payments/stripe/webhooks", data=body, headers=headers)
               for _ in range(3)]  # fmt: skip

    session.rollback()
    assert [(answer.status_code, answer.json) for answer in answers] == [(200, {"received": True})] * 3
    assert [row.body for row in session.scalars(select(ProviderEvent))] == [body]


def test_webhooks_of_both_providers_come_in_by_http(client_program, till, iphone, simulator, session):
    for provider, kind in (("stripe", "payment_intent.created"), ("paypal", "CHECKOUT.ORDER.APPROVED")):
        opened = till.start(iphone, provider)
        if provider == "paypal":
            till.control("/approve", order=opened.snapshot.ref)
        received = simulator.listener.wait_for_kind(kind)
        answer = client_program.http.post(
            f"/api/v1/payments/{provider}/webhooks", data=received.body, headers=received.headers
        )
        assert answer.status_code == 200

    session.rollback()
    assert session.scalars(select(ProviderEvent.provider).order_by(ProviderEvent.id)).all() == ["stripe", "paypal"]


@PROVIDERS
@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b'{"id": "evt_1", "type": "x"}'])
def test_a_webhook_that_nobody_signed_is_refused_and_leaves_nothing(client_program, session, provider, body):
    answer = client_program.http.post(f"/api/v1/payments/{provider}/webhooks", data=body)

    assert_problem(answer, 400, "webhook_refused")
    assert session.scalar(select(func.count()).select_from(ProviderEvent)) == 0
    assert session.scalar(select(func.count()).select_from(Event)) == 0
    row = session.scalars(select(RefusedWebhook)).one()
    assert (row.provider, row.reason, row.times, row.size) == (provider, Refusal.UNSIGNED, 1, len(body))
    assert row.source == "127.0.0.0/24"


def test_a_webhook_of_megabytes_is_refused_before_it_is_read(client_program):
    answer = client_program.http.post("/api/v1/payments/stripe/webhooks", data=b"x" * 5_000_000)

    assert_problem(answer, 413, "too_large")
