"""What is refused is on record, in bounded number, and nothing else changes."""

import json
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.errors import WebhookRefused
from shop.models.event import Event
from shop.models.ledger import LedgerEntry
from shop.models.payment import Payment, PaymentState, ProviderEvent
from shop.models.refused_webhook import ROWS_AN_HOUR, Refusal, RefusedWebhook
from shop.services.payments import refusals, webhooks
from shop.services.payments.refusals import count_lately, network_of, note_refused
from tests.services.payments.test_signatures import signed

BODY = {"id": "evt_1", "type": "payment_intent.succeeded", "livemode": False}
OTHER_ACCOUNT = "whsec_of_another_account"


def refused(app, *, secret: str = "", at: float = 0.0, body: bytes = b"", **facts) -> RefusedWebhook:
    """The row of a webhook of Stripe's after it was refused."""
    body = body or json.dumps(BODY | facts).encode()
    secret = secret or app.config["SETTINGS"].STRIPE_WEBHOOK_SECRET
    header = signed(body, secret=secret, at=time.time() + at)
    with pytest.raises(WebhookRefused):
        webhooks.take("stripe", {"Stripe-Signature": header}, body, source="203.0.113.77")
    db.session.rollback()
    return db.session.scalars(select(RefusedWebhook)).one()


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


def rows() -> list[RefusedWebhook]:
    db.session.rollback()
    return list(db.session.scalars(select(RefusedWebhook).order_by(RefusedWebhook.place)))


@pytest.mark.parametrize(
    ("made", "reason", "claimed"),
    [
        ({"secret": OTHER_ACCOUNT}, Refusal.FORGED, "evt_1"),
        ({"at": -301}, Refusal.STALE, "evt_1"),
        ({"at": 301}, Refusal.STALE, "evt_1"),
        ({"livemode": True}, Refusal.OTHER_MODE, "evt_1"),
        ({"body": b'{"id": '}, Refusal.UNREADABLE, ""),
        ({"body": b"[" * 100_000}, Refusal.UNREADABLE, ""),
        ({"id": "evt_\0\ud800<b>" + "x" * 200}, Refusal.UNREADABLE, "evt_<b>" + "x" * 113),
    ],
)
def test_what_is_refused_is_on_record_and_nothing_else_changes(app, till, iphone, made, reason, claimed):
    payment = till.start(iphone).payment
    made = made | ({} if "body" in made else {"data": {"object": {"id": payment.provider_ref}}})
    before = payment.version, db.session.scalar(select(func.max(Event.id)))
    db.session.rollback()

    row = refused(app, **made)
    till.work()

    assert (row.provider, row.reason, row.times, row.claimed_id) == ("stripe", reason, 1, claimed)
    assert (row.source, row.received_at > utc_now() - timedelta(minutes=1)) == ("203.0.113.0/24", True)
    assert (count(ProviderEvent), count(LedgerEntry)) == (0, 0)
    assert (payment.version, db.session.scalar(select(func.max(Event.id)))) == before
    assert db.session.get_one(Payment, payment.id).state == PaymentState.CREATED


def test_what_an_account_tells_that_is_connected_to_ours_is_kept_and_changes_nothing(app, till, iphone):
    payment = till.start(iphone).payment
    body = json.dumps(BODY | {"account": "acct_9", "data": {"object": {"id": payment.provider_ref}}}).encode()
    header = signed(body, secret=app.config["SETTINGS"].STRIPE_WEBHOOK_SECRET, at=time.time())

    webhooks.take("stripe", {"Stripe-Signature": header}, body)
    db.session.commit()
    till.work()

    assert [(one.state, one.payment_id) for one in db.session.scalars(select(ProviderEvent))] == [("unknown", None)]
    assert (rows(), payment.state) == ([], PaymentState.CREATED)


def test_a_message_of_paypals_that_nobody_signed_is_on_record(app):
    body = b'{"id": "WH-1", "event_type": "PAYMENT.CAPTURE.COMPLETED"}'

    with pytest.raises(WebhookRefused):
        webhooks.take("paypal", {}, body)

    row = rows()[0]
    assert (row.provider, row.reason, row.size) == ("paypal", Refusal.UNSIGNED, len(body))
    assert (row.claimed_id, row.claimed_kind, row.source) == ("WH-1", "PAYMENT.CAPTURE.COMPLETED", "")


def test_a_flood_of_two_thousand_leaves_few_rows_and_the_right_count(app, monkeypatch):
    hour = utc_now().replace(minute=10)
    monkeypatch.setattr(refusals, "utc_now", lambda: hour)

    def send():
        with app.app_context():
            for _ in range(500):
                note_refused("stripe", Refusal.FORGED, b"{}")

    senders = [threading.Thread(target=send) for _ in range(4)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    note_refused("paypal", Refusal.FORGED, b"{}")
    monkeypatch.setattr(refusals, "utc_now", lambda: hour + timedelta(hours=1))
    note_refused("stripe", Refusal.FORGED, b"{}")

    flood = [row for row in rows() if row.provider == "stripe" and row.received_at == hour]
    assert [row.place for row in flood] == list(range(1, ROWS_AN_HOUR + 1))
    assert sum(row.times for row in flood) == 2_000
    assert len(rows()) == ROWS_AN_HOUR + 2


def test_only_the_last_day_counts_as_lately(app, monkeypatch):
    now = utc_now()
    monkeypatch.setattr(refusals, "utc_now", lambda: now - timedelta(hours=25))
    note_refused("stripe", Refusal.FORGED, b"")
    monkeypatch.setattr(refusals, "utc_now", lambda: now)
    note_refused("stripe", Refusal.STALE, b"")

    assert count_lately() == 1


@pytest.mark.parametrize(
    ("address", "network"),
    [("203.0.113.77", "203.0.113.0/24"), ("2001:db8:1:2::9", "2001:db8:1::/48"), ("::ffff:203.0.113.77",
     "203.0.113.0/24"), ("fe80::1%eth0", "fe80::/48"), ("", ""), (None, ""), ("unix:", "")],
)  # fmt: skip
def test_an_address_is_kept_as_its_network(address, network):
    assert network_of(address) == network
