"""Stripe, through its own SDK. Everything that is peculiar to it stands here."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import stripe
from flask_babel import gettext as _

from shop.models.ledger import Kind
from shop.models.payment import DisputeState, PaymentState, Provider, RefundState
from shop.models.stored_card import CANCELLED, CardState
from shop.services.payments.gateway import (
    CardSnapshot,
    Declined,
    DisputeSnapshot,
    Fee,
    Line,
    Movement,
    Order,
    ProviderDown,
    ProviderForgot,
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
# Said of what is taken, given up or let go of already.
_SETTLED_BEFORE = frozenset({"payment_intent_unexpected_state", "setup_intent_unexpected_state"})
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
        with _known(), _translated():
            intent = self.client.v1.payment_intents.retrieve(ref, _EXPANDED)
            charge = _charge(intent)
            refunds: tuple = ()
            disputes: tuple = ()
            if charge and charge.captured:
                listed = self.client.v1.refunds.list({"payment_intent": ref, "limit": 100}).auto_paging_iter()
                refunds = _without_release(intent, tuple(listed))
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
        with _settled_before(), _known(), _translated():
            self.client.v1.payment_intents.capture(ref, params, {"idempotency_key": idempotency_key})
        return self.read(ref)

    def cancel(self, ref: str, *, idempotency_key: str) -> Snapshot:
        params = {"cancellation_reason": "abandoned"}
        with _settled_before(), _known(), _translated():
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

    def open_setup(self, *, card: str, customer_key: str, setup_key: str, reference: str) -> CardSnapshot:
        known = {"metadata": {"card": card, "repair": reference}}
        with _translated():
            customer = self.client.v1.customers.create(known, {"idempotency_key": customer_key})
            params = {**known, "customer": customer.id, "usage": "off_session", "payment_method_types": ["card"]}
            return _card(self.client.v1.setup_intents.create(params, {"idempotency_key": setup_key}))

    def read_setup(self, ref: str) -> CardSnapshot:
        with _translated():
            return _card(self.client.v1.setup_intents.retrieve(ref, {"expand": ["payment_method"]}))

    def forget(self, ref: str, *, cancel_key: str, detach_key: str) -> CardSnapshot:
        known = self.read_setup(ref)
        if known.state in (CardState.PENDING, CardState.FAILED) and known.failure_code != CANCELLED:
            with _settled_before(), _translated():
                self.client.v1.setup_intents.cancel(ref, {}, {"idempotency_key": cancel_key})
            known = self.read_setup(ref)
        if known.state != CardState.READY:
            return known
        with _translated():
            self.client.v1.payment_methods.detach(known.method_ref, {}, {"idempotency_key": detach_key})
        return self.read_setup(ref)

    def charge(self, order: Order, *, customer_ref: str, method_ref: str) -> Snapshot:
        params = {
            "amount": order.amount,
            "currency": order.currency.lower(),
            "customer": customer_ref,
            "payment_method": method_ref,
            "payment_method_types": ["card"],
            "off_session": True,
            "confirm": True,
            "description": order.description,
            "metadata": {"payment": order.key, "repair": order.reference},
        }
        try:
            with _translated():
                intent = self.client.v1.payment_intents.create(params, {"idempotency_key": order.idempotency_key})
        except Declined as error:
            ref = _declined_ref(error)
            if not ref:
                raise
            return self.read(ref)
        return self.read(intent.id)

    def find_charge(self, key: str, *, customer_ref: str) -> Snapshot | None:
        with _translated():
            intents = self.client.v1.payment_intents.list({"customer": customer_ref, "limit": 100}).auto_paging_iter()
            found = next((intent for intent in intents if _metadata(intent, "payment") == key), None)
        return self.read(found.id) if found else None

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
        if error.reason not in _SETTLED_BEFORE:
            raise


@contextmanager
def _known():
    """Inside, nothing but an attempt is named: what is missing is that."""
    try:
        yield
    except ProviderRefused as error:
        if error.reason == "resource_missing":
            raise ProviderForgot(_("Stripe does not know this payment any more."), reason=error.reason) from error
        raise


def _without_release(intent, refunds: tuple) -> tuple:
    """Where a part was captured, Stripe lists what it let go of as a refund, too: no money of ours goes back by it."""
    rest = intent.amount - intent.amount_received
    released = [
        refund.id for refund in refunds
        if refund.amount == rest and not refund.balance_transaction and not _metadata(refund, "refund")
    ]  # fmt: skip
    # The newest stands first: the oldest was made with the capture.
    return tuple(refund for refund in refunds if not released or refund.id != released[-1])


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


def _declined_ref(error: Declined) -> str:
    """The attempt that the bank refused; there is none where the card was refused before one was made."""
    body: Any = getattr(error.__cause__, "json_body", None) or {}
    return str((body.get("error", {}).get("payment_intent") or {}).get("id") or "")


def _card(intent) -> CardSnapshot:
    """What is in the place for a card; `payment_method` is its id alone where the answer was not asked to unfold it."""
    method = None if isinstance(intent.payment_method, str) else intent.payment_method
    error = intent.last_setup_error
    state, code = CardState.PENDING, ""
    if intent.status == "succeeded":
        state = CardState.READY if method is None or method.customer else CardState.REMOVED
    elif intent.status == "canceled":
        state, code = CardState.FAILED, CANCELLED
    elif error and intent.status == "requires_payment_method":
        state, code = CardState.FAILED, _refusal(error)
    card = method.card if method else None
    return CardSnapshot(
        ref=intent.id,
        key=_metadata(intent, "card"),
        state=state,
        customer_ref=intent.customer or "",
        method_ref=method.id if method else "",
        brand=str(card.brand)[:20] if card else "",
        last4=card.last4 if card else "",
        expires_month=card.exp_month if card else None,
        expires_year=card.exp_year if card else None,
        failure_code=code,
        client_secret=intent.client_secret or "",
    )


def _refusal(error) -> str:
    return ((error.decline_code if "decline_code" in error else None) or error.code or "declined")[:60]


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
        return _refusal(error)
    reason = intent.cancellation_reason if "cancellation_reason" in intent else None
    if state == PaymentState.CANCELLED and reason in _EXPIRED:
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
