"""How long the conversation with the providers is kept. What it came to stands in payments and ledger for ever."""

from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import ColumnElement, func, or_, select

from shop.models.payment import (
    UNDECIDED,
    Dispute,
    DisputeState,
    EventState,
    Payment,
    ProviderCall,
    ProviderEvent,
    Refund,
    RefundState,
)
from shop.models.refused_webhook import RefusedWebhook

_NEEDED_BY_NOBODY = (EventState.DONE, EventState.UNKNOWN)


def rules(now: datetime) -> list[tuple[str, type, ColumnElement[bool]]]:
    """Of each table, what may be forgotten.

    The id of an event makes a second delivery one with the first. The months of the setting outlast by far what
    providers send again: Stripe and PayPal try for three days, and by hand an event can be sent for thirty.
    """
    since = now - timedelta(days=31 * current_app.config["SETTINGS"].PAYMENT_LOG_MONTHS)
    is_handled = ProviderEvent.state.in_(_NEEDED_BY_NOBODY) & _is_settled(ProviderEvent.payment_id)
    # SQLite would give the id of a deleted last row away again, and the log knows it already.
    is_last = ProviderEvent.id == select(func.max(ProviderEvent.id)).scalar_subquery()
    return [
        ("provider_calls", ProviderCall, (ProviderCall.at < since) & _is_settled(ProviderCall.payment_id)),
        ("provider_events", ProviderEvent, (ProviderEvent.received_at < since) & is_handled & ~is_last),
        ("refused_webhooks", RefusedWebhook, RefusedWebhook.received_at < since),
    ]


def _is_settled(payment_id) -> ColumnElement[bool]:
    """About no payment, or one on which nothing is awaited."""
    undecided = select(Payment.id).where(Payment.state.in_(UNDECIDED))
    unsettled = select(Refund.payment_id).where(Refund.state.in_((RefundState.REQUESTED, RefundState.ACCEPTED)))
    argued = select(Dispute.payment_id).where(Dispute.state.in_((DisputeState.OPEN, DisputeState.ANSWERED)))
    is_awaited = or_(payment_id.in_(undecided), payment_id.in_(unsettled), payment_id.in_(argued))
    return payment_id.is_(None) | ~is_awaited
