"""Stripe, through its own SDK. Everything that is peculiar to it stands here."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import stripe
from flask_babel import gettext as _

from shop.models.ledger import Kind
from shop.models.payment import DisputeState, PaymentState, Provider, RefundState
from shop.services.payments.gateway import (
    Declined,
    DisputeSnapshot,
    Fee,
    Line,
    Movement,
    Order,
    ProviderDown,
    ProviderRefused,
    RefundSnapshot,
    Snapshot,
)
from shop.services.payments.wire import TIMEOUT, WireSession, require_no_lock

# Requests and answers have the shape of this version, whatever the account's default is.
API_VERSION = "2023-08-16"
NETWORK_RETRIES = 2
# How long Stripe holds an online card payment where its charge does not say.
HELD_FOR = timedelta(days=7)
# Its own names for letting go of what nobody took in time.
_EXPIRED = ("automatic", "expired")
_STATES = {
    "requires_payment_method": PaymentState.CREATED,
    "requires_confirmation": PaymentState.CREATED,
    "requires_action": PaymentState.ACTION_NEEDED,
    "processing": PaymentState.PROCESSING,
    "requires_capture": PaymentState.AUTHORISED,
    "succeeded": PaymentState.PAID,
    "canceled": PaymentState.CANCELLED,
}
_REFUND_STATES = {
    "succeeded": RefundState.SETTLED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}
_DISPUTE_STATES = {
    "under_review": DisputeState.ANSWERED,
    "warning_under_review": DisputeState.ANSWERED,
    "won": DisputeState.WON,
    "warning_closed": DisputeState.WON,
    "prevented": DisputeState.WON,
    "lost": DisputeState.LOST,
}
_KINDS = {
    "charge": Kind.PAYMENT,
    "payment": Kind.PAYMENT,
    "refund": Kind.REFUND,
    "payment_refund": Kind.REFUND,
    "refund_failure": Kind.REFUND_FAILED,
    "payment_failure_refund": Kind.REFUND_FAILED,
    "adjustment": Kind.DISPUTE,
    "payout": Kind.PAYOUT,
}
_EXPANDED = {"expand": ["latest_charge.balance_transaction"]}
# Asked for again, these may go well.
_PASSING = (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError)


class StripeGateway:
    provider = Provider.STRIPE

    def __init__(self, *, secret_key: str, base: str):
        self.client: Any = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": base},
            max_network_retries=NETWORK_RETRIES,
            http_client=stripe.RequestsClient(timeout=TIMEOUT, session=WireSession(Provider.STRIPE)),
        )

    def check(self) -> None:
        with _translated():
            self.client.v1.balance_transactions.list({"limit": 1})

    def create(self, order: Order) -> Snapshot:
        params: dict[str, Any] = {
            "amount": order.amount,
            "currency": order.currency.lower(),
            "automatic_payment_methods": {"enabled": True},
            "capture_method": "manual" if order.captures_later else "automatic",
            "description": order.description,
            "metadata": {"payment": order.key, "repair": order.reference},
        }
        if order.email:
            params["receipt_email"] = order.email
        with _translated():
            return self._snapshot(
                self.client.v1.payment_intents.create(params, {"idempotency_key": order.idempotency_key})
            )

    def read(self, ref: str, *, disputed: bool = False) -> Snapshot:
        with _translated():
            intent = self.client.v1.payment_intents.retrieve(ref, _EXPANDED)
            charge = _charge(intent)
            refunds: tuple = ()
            disputes: tuple = ()
            if charge and charge.captured:
                refunds = tuple(self.client.v1.refunds.list({"payment_intent": ref, "limit": 100}).auto_paging_iter())
            if charge and "disputed" in charge and charge.disputed:
                disputes = tuple(self.client.v1.disputes.list({"payment_intent": ref}).auto_paging_iter())
            return self._snapshot(intent, refunds, disputes)

    def confirm(self, ref: str, *, idempotency_key: str, method: str, return_url: str) -> Snapshot:
        params = {"payment_method": method, "return_url": return_url}
        with _settled_before(), _translated():
            self.client.v1.payment_intents.confirm(ref, params, {"idempotency_key": idempotency_key})
        return self.read(ref)

    def capture(self, ref: str, *, idempotency_key: str, amount: int | None = None) -> Snapshot:
        params = {} if amount is None else {"amount_to_capture": amount}
        with _settled_before(), _translated():
            self.client.v1.payment_intents.capture(ref, params, {"idempotency_key": idempotency_key})
        return self.read(ref)

    def cancel(self, ref: str, *, idempotency_key: str) -> Snapshot:
        params = {"cancellation_reason": "abandoned"}
        with _settled_before(), _translated():
            self.client.v1.payment_intents.cancel(ref, params, {"idempotency_key": idempotency_key})
        return self.read(ref)

    def refund(self, snapshot_ref: str, charge_ref: str, *, amount: int, currency: str, key: str) -> RefundSnapshot:
        params = {
            "payment_intent": snapshot_ref,
            "amount": amount,
            "reason": "requested_by_customer",
            "metadata": {"refund": key},
        }
        with _translated():
            return _refund(self.client.v1.refunds.create(params, {"idempotency_key": f"refund-{key}"}))

    def list_day(self, day: date) -> Iterator[Line]:
        begins = datetime.combine(day, time(), UTC)
        params = {
            "created": {"gte": int(begins.timestamp()), "lt": int((begins + timedelta(days=1)).timestamp())},
            "limit": 100,
            "expand": ["data.source"],
        }
        with _translated():
            for entry in self.client.v1.balance_transactions.list(params).auto_paging_iter():
                yield _line(entry)

    def _snapshot(self, intent, refunds: tuple = (), disputes: tuple = ()) -> Snapshot:
        charge = _charge(intent)
        error = intent.last_payment_error
        state = _STATES.get(intent.status, PaymentState.PROCESSING)
        if state == PaymentState.CREATED and error:
            state = PaymentState.FAILED
        action = intent.next_action
        return Snapshot(
            ref=intent.id,
            key=_metadata(intent, "payment"),
            state=state,
            amount=intent.amount,
            currency=intent.currency.upper(),
            captured=intent.amount_received if state == PaymentState.PAID else 0,
            charge_ref=charge.id if charge else "",
            method=_method(charge),
            failure_code=_failure_code(intent, state),
            livemode=intent.livemode,
            holds_until=_holds_until(charge) if state == PaymentState.AUTHORISED else None,
            fees=(*_fees(charge), *_dispute_fees(disputes)),
            refunds=tuple(map(_refund, refunds)),
            disputes=tuple(map(_dispute, disputes)),
            client_secret=intent.client_secret or "",
            next_url=action.redirect_to_url.url if action and action.type == "redirect_to_url" else "",
        )


@contextmanager
def _settled_before():
    """Inside, it may turn out to be taken or given up before: what it is now is then the answer."""
    try:
        yield
    except ProviderRefused as error:
        if error.reason != "payment_intent_unexpected_state":
            raise


@contextmanager
def _translated():
    """Stripe's errors as ours, with its own words kept for the log alone."""
    require_no_lock()
    try:
        yield
    except stripe.CardError as error:
        body: Any = error.json_body or {}
        reason = body.get("error", {}).get("decline_code") or error.code or "card_declined"
        raise Declined(
            _("The bank declined this card. Use another one, or ask the bank."), reason=reason[:60]
        ) from error
    except _PASSING as error:
        raise _down() from error
    except stripe.StripeError as error:
        raise ProviderRefused(
            _("Stripe refused this: %(why)s", why=error.code or type(error).__name__),
            reason=(error.code or type(error).__name__)[:60],
        ) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # An answer that is no answer of Stripe's: a proxy's page, or half of one.
        raise _down() from error


def _down() -> ProviderDown:
    return ProviderDown(_("Stripe does not answer. Nothing is lost: try again in a moment."))


def _charge(intent):
    """The charge in full; None while there is none, or where only its id was asked for."""
    charge = intent.latest_charge
    return None if charge is None or isinstance(charge, str) else charge


def _metadata(thing, name: str) -> str:
    metadata = thing.metadata
    return str(metadata[name]) if metadata and name in metadata else ""


def _method(charge) -> str:
    details = charge.payment_method_details if charge else None
    if not details:
        return ""
    if details.type == "card" and details.card:
        return f"{details.card.brand} {details.card.last4}"
    return str(details.type)[:40]


def _failure_code(intent, state: PaymentState) -> str:
    error = intent.last_payment_error
    if state == PaymentState.FAILED and error:
        return ((error.decline_code if "decline_code" in error else None) or error.code or "declined")[:60]
    if state == PaymentState.CANCELLED and intent.cancellation_reason in _EXPIRED:
        return "expired"
    return ""


def _holds_until(charge) -> datetime | None:
    """By the card's own charge, else as long as Stripe says that it holds."""
    if charge is None:
        return None
    details = charge.payment_method_details
    card = details.card if details and details.type == "card" else None
    if card and "capture_before" in card and card.capture_before:
        return datetime.fromtimestamp(card.capture_before, UTC)
    return datetime.fromtimestamp(charge.created, UTC) + HELD_FOR


def _fees(charge) -> Iterator[Fee]:
    entry = charge.balance_transaction if charge else None
    if entry is not None and not isinstance(entry, str) and entry.fee:
        yield Fee(ref=entry.id, amount=entry.fee)


def _dispute_fees(disputes: tuple) -> Iterator[Fee]:
    for dispute in disputes:
        for entry in dispute.balance_transactions:
            if entry.fee:
                yield Fee(ref=entry.id, amount=entry.fee)


def _refund(refund) -> RefundSnapshot:
    state = _REFUND_STATES.get(refund.status)
    if state is None:
        state = RefundState.ACCEPTED if refund.balance_transaction else RefundState.REQUESTED
    failure = refund.failure_reason if "failure_reason" in refund else None
    return RefundSnapshot(
        ref=refund.id,
        amount=refund.amount,
        state=state,
        has_moved=bool(refund.balance_transaction),
        key=_metadata(refund, "refund"),
        failure_code=(failure or "")[:60],
    )


def _dispute(dispute) -> DisputeSnapshot:
    due_by = dispute.evidence_details.due_by if dispute.evidence_details else None
    return DisputeSnapshot(
        ref=dispute.id,
        amount=dispute.amount,
        currency=dispute.currency.upper(),
        reason=dispute.reason[:60],
        state=_DISPUTE_STATES.get(dispute.status, DisputeState.OPEN),
        due_by=datetime.fromtimestamp(due_by, UTC) if due_by else None,
        opened_at=datetime.fromtimestamp(dispute.created, UTC),
        movements=tuple(
            Movement(ref=entry.id, amount=entry.amount) for entry in dispute.balance_transactions if entry.amount
        ),
    )


def _line(entry) -> Line:
    source, kind = entry.source, _KINDS.get(entry.type)
    if kind == Kind.DISPUTE and entry.amount > 0:
        kind = Kind.DISPUTE_WON
    name = entry.id if source is None or isinstance(source, str) else source.id
    ends = {
        Kind.PAYMENT: f"charge:{name}",
        Kind.REFUND: f"refund:{name}",
        Kind.REFUND_FAILED: f"refund:{name}:failed",
        Kind.DISPUTE: f"dispute:{entry.id}",
        Kind.DISPUTE_WON: f"dispute:{entry.id}",
        Kind.PAYOUT: f"payout:{name}",
    }
    return Line(
        ref=name,
        kind=kind,
        posted_as=ends[kind] if kind else "",
        amount=entry.amount,
        fee=entry.fee,
        fee_ref=entry.id,
        currency=entry.currency.upper(),
        at=datetime.fromtimestamp(entry.created, UTC),
        attempt_ref=_text(source, "payment_intent"),
        charge_ref=name if kind == Kind.PAYMENT else _text(source, "charge"),
        key=_metadata(source, "payment") if kind == Kind.PAYMENT and not isinstance(source, str) else "",
    )


def _text(thing, name: str) -> str:
    value = None if thing is None or isinstance(thing, str) or name not in thing else thing[name]
    return value if isinstance(value, str) else ""
