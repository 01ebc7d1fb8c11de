"""The health page: the figures behind it, and that it tells trouble from calm."""

from types import SimpleNamespace

import pytest
from redis import RedisError
from sqlalchemy import select, text

from shop.extensions import db, socketio
from shop.models.event import Delivery, DeliveryState, Event
from shop.models.refused_webhook import Refusal
from shop.services import health_report, redis_client, relay
from shop.services.payments import breaker, refusals
from shop.services.payments.refusals import note_refused


@pytest.fixture
def dead(cracked_iphone):
    fact = db.session.scalars(select(Event)).first()
    row = Delivery(
        event_id=fact.id, subscriber="mail", ordering_key=fact.aggregate, state=DeliveryState.DEAD, error="mailbox full"
    )
    db.session.add(row)
    db.session.commit()
    return row


def test_page_says_that_all_is_well(manager, browser_of):
    page = browser_of(manager).get("/admin/health/").text

    assert page.count('aria-label="Good"') == 5
    assert 'aria-label="Trouble"' not in page
    assert "0 events wait" in page


def test_page_warns_of_many_refused_webhooks_and_not_of_few(manager, browser_of):
    browser = browser_of(manager)
    for _ in range(refusals.MANY - 1):
        note_refused("stripe", Refusal.FORGED, b"")
    few = browser.get("/admin/health/").text
    db.session.rollback()
    note_refused("stripe", Refusal.FORGED, b"")
    many = browser.get("/admin/health/").text

    assert "refused since yesterday" not in few
    assert "10 refused since yesterday" in many
    assert "/admin/payments/webhooks?state=refused" in many


def test_page_names_a_provider_that_does_not_answer(manager, browser_of):
    for _ in range(breaker.MISSES):
        breaker.note_silence("paypal")
    page = browser_of(manager).get("/admin/health/").text

    assert "<b>PayPal</b>" in page
    assert "It is asked again by itself" in page
    assert "<b>Stripe</b>" not in page


def test_dead_delivery_is_trouble_with_its_reason_and_a_button(dead, manager, browser_of):
    page = browser_of(manager).get("/admin/health/").text

    assert page.count('aria-label="Trouble"') == 1
    assert "mailbox full" in page
    assert f"/admin/outbox/deliveries/{dead.id}/resend" in page


def test_resend_from_here_comes_back_here(dead, manager, browser_of):
    answer = browser_of(manager).post(f"/admin/outbox/deliveries/{dead.id}/resend?next=/admin/health/")

    assert answer.location == "/admin/health/"


def test_report_counts_what_waits(dead, app):
    report = health_report.report()

    assert (report.relay.position, report.relay.waiting) == (0, 1)
    assert report.deliveries == {"mail": {"dead": 1}}
    assert (report.dead, report.redis_ms) == (1, None)


def test_relay_that_is_behind_is_trouble(cracked_iphone, manager, browser_of, monkeypatch):
    monkeypatch.setattr(relay, "lag_seconds", lambda: 31.0)

    page = browser_of(manager).get("/admin/health/").text

    assert page.count('aria-label="Trouble"') == 1
    assert "the oldest for 31.0 s" in page


def test_redis_that_does_not_answer_is_said(app, monkeypatch):
    def silent():
        raise RedisError

    monkeypatch.setattr(redis_client, "ping", silent)

    assert health_report._redis_ms() == -1.0


def test_redis_that_drops_jobs_is_a_warning_and_no_trouble(app, manager, browser_of, monkeypatch):
    browser = browser_of(manager)
    monkeypatch.setattr(app.config["SETTINGS"], "REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(redis_client, "ping", lambda: None)
    monkeypatch.setattr(redis_client, "evicting_policy", lambda: "allkeys-lru")

    page = browser.get("/admin/health/").text

    assert (page.count('aria-label="Warning"'), page.count('aria-label="Trouble"')) == (1, 0)
    assert "<b>allkeys-lru</b>" in page


def test_sealed_events_move_the_position(cracked_iphone, app):
    relay.relay_batch()
    db.session.commit()

    assert health_report.report().relay == health_report.RelayState(1, 0, 0.0)
    assert db.session.scalar(text("SELECT count(*) FROM events")) == 1


def test_screens_that_were_closed_are_not_counted(app, monkeypatch):
    screens = {"a": SimpleNamespace(closed=False), "b": SimpleNamespace(closed=True)}
    monkeypatch.setattr(socketio.server.eio, "sockets", screens)

    assert health_report._sockets() == 1
