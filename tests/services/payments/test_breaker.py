"""A provider that does not answer is not asked for a while, and nothing is taken for known by that."""

import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import requests
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.payment import PaymentState, ProviderCall
from shop.services import redis_client
from shop.services.payments import breaker, stripe_gateway
from shop.services.payments.breaker import MISSES, PAUSE, CircuitOpen, enter, is_silent, note_answer, note_silence
from shop.services.payments.gateway import Order, ProviderDown, ProviderRefused, gateway_of
from shop.services.payments.settle import settle

OTHER_PROCESS = """
import sys
from types import SimpleNamespace
from flask import Flask
from shop.services.payments import breaker

app = Flask("other")
app.config["SETTINGS"] = SimpleNamespace(is_embedded=False, REDIS_URL=sys.argv[1], REDIS_PREFIX="breakers")
with app.app_context():
    for step in sys.argv[2:]:
        getattr(breaker, step)("stripe")
"""


@pytest.fixture
def clock(app, monkeypatch):
    """`clock.now` is what the breakers of this process take for the time."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setitem(app.extensions, "shop_breakers", breaker.Memory(lambda: clock.now))
    with app.app_context():
        yield clock


def fall_silent(provider: str = "stripe", times: int = MISSES) -> None:
    for _ in range(times):
        note_silence(provider)


def order(number: int) -> Order:
    return Order(
        key=f"key-{number}", idempotency_key=f"payment-key-{number}-create", amount=500, currency="GBP",
        reference="RT-1", description="Repair", return_url="https://shop.example", cancel_url="https://shop.example",
    )  # fmt: skip


def calls() -> int:
    db.session.rollback()
    found = db.session.scalar(select(func.count()).select_from(ProviderCall))
    db.session.rollback()
    return found


def test_only_misses_in_a_row_open_it_and_only_for_their_provider(clock):
    fall_silent(times=MISSES - 1)
    enter("stripe")
    note_answer("stripe")
    fall_silent(times=MISSES - 1)
    enter("stripe")
    note_silence("stripe")

    with pytest.raises(CircuitOpen):
        enter("stripe")
    assert (is_silent("stripe"), is_silent("paypal")) == (True, False)
    enter("paypal")


def test_after_the_pause_one_at_a_time_tries_and_its_answer_closes_it(clock):
    fall_silent()
    clock.now = PAUSE - 0.1
    with pytest.raises(CircuitOpen):
        enter("stripe")
    clock.now = PAUSE
    enter("stripe")
    with pytest.raises(CircuitOpen):
        enter("stripe")

    note_answer("stripe")

    for _ in range(3):
        enter("stripe")


def test_one_that_tries_in_vain_opens_it_for_another_pause(clock):
    fall_silent()
    clock.now = PAUSE
    enter("stripe")
    note_silence("stripe")

    clock.now = 2 * PAUSE - 0.1
    with pytest.raises(CircuitOpen):
        enter("stripe")
    clock.now = 2 * PAUSE
    enter("stripe")


def test_one_that_dies_while_it_tries_shuts_nobody_out_for_long(clock):
    fall_silent()
    clock.now = PAUSE
    enter("stripe")

    clock.now = PAUSE + 41
    enter("stripe")


def test_what_was_unanswered_stays_unknown_and_is_found_under_its_key(clock, till, iphone, simulator, monkeypatch):
    monkeypatch.setattr(stripe_gateway, "NETWORK_RETRIES", 0)
    payment = till.start(iphone).payment
    before = payment.state, payment.provider_ref, payment.failure_code, payment.version
    db.session.rollback()
    till.control("", faults={"stripe": {"hang_up_after": MISSES}})
    for number in range(MISSES):
        with pytest.raises(ProviderDown):
            gateway_of("stripe").create(order(number))
    sent, began = calls(), time.monotonic()

    with pytest.raises(ProviderDown, match="Nothing is lost"):
        settle(payment.id)
    took = time.monotonic() - began
    db.session.rollback()

    assert (payment.state, payment.provider_ref, payment.failure_code, payment.version) == before
    assert (calls(), took < 1.0) == (sent, True)
    clock.now = PAUSE
    again = [gateway_of("stripe").create(order(number)).ref for number in range(MISSES)]
    made = simulator.stripe(simulator.key).v1.payment_intents.list({"limit": 100})
    assert sorted([*again, before[1]]) == sorted(each.id for each in made.data)


def test_answers_never_open_it_whatever_they_say(clock, till, monkeypatch):
    monkeypatch.setattr(stripe_gateway, "NETWORK_RETRIES", 0)
    till.control("", faults={"stripe": {"fail_before": MISSES + 1}})
    for number in range(MISSES + 1):
        with pytest.raises(ProviderDown):
            gateway_of("stripe").create(order(number))
    for _ in range(MISSES + 1):
        with pytest.raises(ProviderRefused):
            gateway_of("stripe").read("pi_unknown")

    assert gateway_of("stripe").create(order(99)).state == PaymentState.CREATED


def test_paypal_is_not_tried_again_by_who_is_turned_away(app, clock, simulator, monkeypatch):
    monkeypatch.setattr(app.config["SETTINGS"], "PAYPAL_API_BASE", "http://127.0.0.1:9")
    monkeypatch.setitem(app.extensions, "shop_gateways", {})
    for _ in range(2):
        with pytest.raises(ProviderDown):
            gateway_of("paypal").read("ORDER")
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits for a provider that is not asked"))

    with pytest.raises(ProviderDown, match="Nothing is lost"):
        gateway_of("paypal").read("ORDER")
    assert calls() == MISSES


@pytest.mark.redis
def test_processes_share_it_through_redis(app, redis_url, monkeypatch):
    settings, client = app.config["SETTINGS"], redis_client._client(redis_url)
    monkeypatch.setattr(settings, "REDIS_URL", redis_url)
    monkeypatch.setattr(settings, "REDIS_PREFIX", "breakers")
    client.delete(*(f"breakers:breaker:stripe:{name}" for name in ("misses", "open", "probe")))

    def elsewhere(*steps: str) -> None:
        subprocess.run([sys.executable, "-c", OTHER_PROCESS, redis_url, *steps], check=True, timeout=60)

    with app.app_context():
        elsewhere(*["note_silence"] * MISSES)
        assert is_silent("stripe")
        with pytest.raises(CircuitOpen):
            enter("stripe")
        assert PAUSE - 30 < client.pttl("breakers:breaker:stripe:open") / 1000 <= PAUSE
        client.delete("breakers:breaker:stripe:open")
        elsewhere("enter")
        with pytest.raises(CircuitOpen):
            enter("stripe")
        elsewhere("note_answer")
        enter("stripe")
        enter("stripe")


def test_without_its_redis_a_process_has_its_own(app, clock, monkeypatch):
    monkeypatch.setattr(app.config["SETTINGS"], "REDIS_URL", "redis://127.0.0.1:9/0")
    fall_silent()

    with pytest.raises(CircuitOpen):
        enter("stripe")
    assert issubclass(CircuitOpen, requests.RequestException)
