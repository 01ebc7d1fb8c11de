"""The conversation with the providers is forgotten in time, but not where something is still awaited."""

import json
import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.payment import Dispute, Payment, ProviderCall, ProviderEvent, Refund
from shop.models.refused_webhook import RefusedWebhook
from shop.services import housekeeping
from shop.services.housekeeping import Forgotten
from shop.services.payments import webhooks
from shop.simulator.signatures import stripe_signature

MONTHS = 31 * 18


@pytest.fixture
def payment(cracked_iphone, session):
    row = Payment(
        repair_id=cracked_iphone.id, provider="stripe", purpose="full", amount=20_000, captured=20_000, currency="GBP",
        state="paid", actor="customer",
    )  # fmt: skip
    session.add(row)
    session.commit()
    return row


def keep(payment: Payment | None, *, days: float, event: str = "done", number: int = 0) -> None:
    """A call and an event about the payment, so many days old."""
    payment_id, at = payment.id if payment else None, utc_now() - timedelta(days=days)
    db.session.add_all([
        ProviderCall(payment_id=payment_id, provider="stripe", method="GET", path="/v1", status=200, at=at),
        ProviderEvent(payment_id=payment_id, provider="stripe", event_id=f"evt_{days}_{event}_{number}", body=b"{}",
                      state=event, received_at=at),
    ])  # fmt: skip
    db.session.commit()


def left() -> tuple[int, int]:
    """Calls and events, without those of today."""
    events = select(func.count()).select_from(ProviderEvent).where(ProviderEvent.event_id.startswith("evt_"))
    return db.session.scalar(select(func.count()).select_from(ProviderCall)), db.session.scalar(events)


def forget_old(**options) -> Forgotten:
    """After an event of today: the last one always stays."""
    event_id = f"today_{time.monotonic_ns()}"
    db.session.add(ProviderEvent(provider="stripe", event_id=event_id, body=b"{}", state="done"))
    db.session.commit()
    return housekeeping.forget_old(**options)


def refused(at, *, place: int = 1, reason: str = "forged") -> RefusedWebhook:
    return RefusedWebhook(provider="stripe", hour=at, place=place, reason=reason, received_at=at, size=0)


def test_what_is_older_than_the_months_of_the_setting_is_forgotten(app, payment, monkeypatch):
    for one in (payment, None):
        keep(one, days=MONTHS + 0.1, number=bool(one))
        keep(one, days=MONTHS - 0.1, number=bool(one))

    assert forget_old() == Forgotten(provider_calls=2, provider_events=2)
    assert left() == (2, 2)
    monkeypatch.setattr(app.config["SETTINGS"], "PAYMENT_LOG_MONTHS", 3)
    assert forget_old() == Forgotten(provider_calls=2, provider_events=2)


@pytest.mark.parametrize("state", ["created", "action_needed", "processing", "authorised"])
def test_what_an_undecided_payment_needs_is_kept(payment, state):
    payment.state = state
    keep(payment, days=2 * MONTHS)

    assert (forget_old().total, left()) == (0, (1, 1))


@pytest.mark.parametrize(("state", "kept"), [("requested", 1), ("accepted", 1), ("settled", 0), ("failed", 0)])
def test_what_a_refund_needs_that_has_not_arrived_is_kept(payment, session, state, kept):
    session.add(Refund(payment_id=payment.id, amount=100, state=state, actor="system"))
    keep(payment, days=2 * MONTHS)
    forget_old()

    assert left() == (kept, kept)


@pytest.mark.parametrize(("state", "kept"), [("open", 1), ("answered", 1), ("won", 0), ("lost", 0)])
def test_what_an_open_dispute_needs_is_kept(payment, session, state, kept):
    session.add(Dispute(payment_id=payment.id, provider_ref="dp_1", amount=100, currency="GBP", state=state))
    keep(payment, days=2 * MONTHS)
    forget_old()

    assert left() == (kept, kept)


@pytest.mark.parametrize(("state", "kept"), [("waiting", 1), ("failed", 1), ("unknown", 0), ("done", 0)])
def test_an_event_that_somebody_must_look_at_is_kept(payment, state, kept):
    keep(payment, days=2 * MONTHS, event=state)
    forget_old()

    assert left() == (0, kept)


def test_refused_messages_are_forgotten_likewise_and_all_in_small_batches(payment, session, monkeypatch):
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    for number in range(5):
        session.add(refused(utc_now() - timedelta(days=MONTHS + 1), place=number + 1))
        keep(payment, days=MONTHS + 1, number=number)
    session.add(refused(utc_now(), reason="stale"))
    session.commit()

    assert forget_old() == Forgotten(provider_calls=5, provider_events=5, refused_webhooks=5)
    assert session.scalars(select(RefusedWebhook.reason)).all() == ["stale"]


def test_a_webhook_after_all_others_were_forgotten_does_not_take_the_life_of_another(app, session):
    def hear(name: str) -> None:
        body = json.dumps({"id": name, "type": "payment_intent.created", "livemode": False}).encode()
        signature = stripe_signature(app.config["SETTINGS"].STRIPE_WEBHOOK_SECRET, body, int(time.time()))
        webhooks.take("stripe", {"Stripe-Signature": signature}, body)
        session.commit()

    hear("evt_1")
    hear("evt_2")
    session.execute(update(ProviderEvent).values(state="done", received_at=utc_now() - timedelta(days=1_200)))
    session.commit()
    housekeeping.forget_old()
    session.commit()

    hear("evt_3")

    assert set(session.scalars(select(ProviderEvent.event_id))) == {"evt_2", "evt_3"}
