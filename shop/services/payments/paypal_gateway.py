"""PayPal's Orders v2 and Payments v2, over plain HTTP. Everything that is peculiar to it stands here."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import requests
from flask_babel import gettext as _

from shop.models.ledger import Kind
from shop.models.money import minor_digits
from shop.models.payment import DisputeState, PaymentState, Provider, RefundState
from shop.services.payments.breaker import CircuitOpen
from shop.services.payments.gateway import (
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
from shop.services.payments.wire import WireSession

TRIES = 3
# Tokens live for hours; one that is about to end is not begun with.
_TOKEN_SPARE = 60.0
# One asks for it and the others wait, but not one after the other for a PayPal that does not answer.
_TOKEN_WAIT = 5.0
# Where PayPal takes no decimals, though the currency has some.
_WHOLE = frozenset({"HUF", "JPY", "TWD"})
_LOCALES = {"en": "en-GB", "pt_BR": "pt-BR"}
_DECLINES = frozenset(
    {
        "INSTRUMENT_DECLINED",
        "PAYER_CANNOT_PAY",
        "PAYER_ACCOUNT_RESTRICTED",
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
        "TRANSACTION_REFUSED",
        "COMPLIANCE_VIOLATION",
        "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
    }
)
# Of the transaction search.
_KINDS = {
    "T1106": Kind.REFUND,
    "T1107": Kind.REFUND,
    "T1110": Kind.DISPUTE,
    "T1111": Kind.DISPUTE_WON,
    "T0400": Kind.PAYOUT,
    "T0403": Kind.PAYOUT,
}
_RUNNING = frozenset({"ORDER_COMPLETION_IN_PROGRESS", "PREVIOUS_REQUEST_IN_PROGRESS"})
_ORDER_STATES = {
    "CREATED": PaymentState.ACTION_NEEDED,
    "SAVED": PaymentState.ACTION_NEEDED,
    "PAYER_ACTION_REQUIRED": PaymentState.ACTION_NEEDED,
    "APPROVED": PaymentState.AUTHORISED,
    "VOIDED": PaymentState.CANCELLED,
}
_CAPTURE_STATES = {
    "COMPLETED": PaymentState.PAID,
    "PARTIALLY_REFUNDED": PaymentState.PAID,
    "REFUNDED": PaymentState.PAID,
    "DECLINED": PaymentState.FAILED,
    "FAILED": PaymentState.FAILED,
}
_REFUND_STATES = {
    "COMPLETED": RefundState.SETTLED,
    "FAILED": RefundState.FAILED,
    "CANCELLED": RefundState.FAILED,
}
_MISSING = ("INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND")
_UNDECIDED = (PaymentState.CREATED, PaymentState.ACTION_NEEDED, PaymentState.AUTHORISED)


class PayPalGateway:
    provider = Provider.PAYPAL

    def __init__(self, *, client_id: str, client_secret: str, base: str, livemode: bool):
        self.base, self.livemode = base, livemode
        self.session = WireSession(Provider.PAYPAL)
        self._credentials = client_id, client_secret
        self._token, self._token_ends = "", 0.0
        self._lock = threading.Lock()

    def check(self) -> None:
        self._token_ends = 0.0
        try:
            self._access_token()
        except requests.RequestException:
            raise _down() from None

    def create(self, order: Order) -> Snapshot:
        amount = {"currency_code": order.currency, "value": value_of(order.amount, order.currency)}
        unit = {
            "reference_id": "default",
            "custom_id": order.key,
            # Unique for each attempt: PayPal takes none twice.
            "invoice_id": f"{order.reference}-{order.key[:12]}",
            "description": order.description[:127],
            "amount": amount,
        }
        context = {
            "locale": _LOCALES.get(order.locale, "en-GB"),
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
            "landing_page": "NO_PREFERENCE",
            "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
            "return_url": order.return_url,
            "cancel_url": order.cancel_url,
        }
        body = {
            "intent": "CAPTURE",
            "purchase_units": [unit],
            "payment_source": {"paypal": {"experience_context": context}},
        }
        return self._snapshot(self._call("POST", "/v2/checkout/orders", body, key=order.idempotency_key))

    def read(self, ref: str, *, disputed: bool = False) -> Snapshot:
        with _known():
            return self._snapshot(self._call("GET", f"/v2/checkout/orders/{ref}"), disputed=disputed)

    def confirm(self, ref: str, *, idempotency_key: str, method: str, return_url: str) -> Snapshot:
        raise ProviderRefused(_("PayPal asks its customers itself."), reason="not_supported")

    def capture(self, ref: str, *, idempotency_key: str, amount: int | None = None) -> Snapshot:
        try:
            with _known():
                self._call("POST", f"/v2/checkout/orders/{ref}/capture", {}, key=idempotency_key)
        except ProviderRefused as error:
            if error.reason != "ORDER_ALREADY_CAPTURED":
                raise
        return self.read(ref)

    def cancel(self, ref: str, *, idempotency_key: str) -> Snapshot:
        """An order cannot be given up there: it is never captured, and ends by itself after some hours."""
        snapshot = self.read(ref)
        return replace(snapshot, state=PaymentState.CANCELLED) if snapshot.state in _UNDECIDED else snapshot

    def refund(self, snapshot_ref: str, charge_ref: str, *, amount: int, currency: str, key: str) -> RefundSnapshot:
        body = {"amount": {"currency_code": currency, "value": value_of(amount, currency)}, "custom_id": key}
        return _refund(self._call("POST", f"/v2/payments/captures/{charge_ref}/refund", body, key=f"refund-{key}"))

    def list_day(self, day: date) -> Iterator[Line]:
        ends = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        query: dict[str, Any] = {
            "start_date": f"{day.isoformat()}T00:00:00Z",
            "end_date": (ends - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "fields": "all",
            "page_size": 100,
        }
        pages, page = 1, 1
        while page <= pages:
            answer = self._call("GET", "/v1/reporting/transactions", params=query | {"page": page})
            with _sensible():
                lines, pages = answer["transaction_details"], answer["total_pages"]
                yield from [_line(line["transaction_info"]) for line in lines]
            page += 1

    def _snapshot(self, order: dict, *, disputed: bool = False) -> Snapshot:
        with _sensible():
            unit = order["purchase_units"][0]
            payments = unit.get("payments") or {}
            captures = payments.get("captures") or []
            capture = next((each for each in captures if each["status"] not in ("DECLINED", "FAILED")), None)
            capture = capture or (captures[-1] if captures else None)
            refunds = payments.get("refunds") or []
            money = unit["amount"] if "amount" in unit or capture is None else capture["amount"]
            state = _state(order, capture)
            disputes = self._disputes(capture["id"]) if capture and (disputed or _looks_disputed(capture)) else ()
            return Snapshot(
                ref=order["id"],
                key=unit.get("custom_id") or (capture or {}).get("custom_id") or "",
                state=state,
                amount=amount_of(money),
                currency=money["currency_code"],
                captured=amount_of(capture["amount"]) if capture and state == PaymentState.PAID else 0,
                charge_ref=capture["id"] if capture else "",
                method="paypal",
                failure_code=_reason(capture) if state == PaymentState.FAILED else "",
                livemode=self.livemode,
                fees=(*_fees(capture), *_returned_fees(refunds)),
                refunds=tuple(map(_refund, refunds)),
                disputes=disputes,
                next_url=next(
                    (link["href"] for link in order.get("links", []) if link["rel"] in ("payer-action", "approve")), ""
                ),
            )

    def _disputes(self, capture_id: str) -> tuple[DisputeSnapshot, ...]:
        found = self._call("GET", "/v1/customer/disputes", params={"disputed_transaction_id": capture_id})
        details = [
            self._call("GET", f"/v1/customer/disputes/{each['dispute_id']}") for each in found.get("items") or []
        ]
        return tuple(_dispute(each) for each in details if _is_about(each, capture_id))

    def _call(self, method: str, path: str, body: dict | None = None, *, key: str = "", params=None) -> dict:
        """The answer's JSON. What failed in passing is asked for again under the same key."""
        for left in reversed(range(TRIES)):
            try:
                response = self._send(method, path, body, key, params)
                if not _is_passing(response):
                    return _answer(response)
            except requests.RequestException as error:
                if not left or isinstance(error, CircuitOpen):
                    raise _down() from None
            if left:
                time.sleep(0.25 * 2 ** (TRIES - 1 - left) * random.uniform(0.5, 1.0))
        raise _down()

    def _send(self, method: str, path: str, body: dict | None, key: str, params) -> requests.Response:
        response = self._with_token(method, path, body, key, params)
        if response.status_code == 401:
            self._token_ends = 0.0
            response = self._with_token(method, path, body, key, params)
        return response

    def _with_token(self, method: str, path: str, body: dict | None, key: str, params) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._access_token()}", "Content-Type": "application/json"}
        if key:
            headers["PayPal-Request-Id"] = key
        if method == "POST":
            headers["Prefer"] = "return=representation"
        return self.session.request(method, f"{self.base}{path}", json=body, headers=headers, params=params)

    def _access_token(self) -> str:
        if not self._lock.acquire(timeout=_TOKEN_WAIT):
            raise _down()
        try:
            if time.monotonic() < self._token_ends:
                return self._token
            response = self.session.request(
                "POST",
                f"{self.base}/v1/oauth2/token",
                data="grant_type=client_credentials",
                headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                auth=self._credentials,
            )
            if response.status_code in (400, 401, 403):
                raise ProviderRefused(_("PayPal does not know our keys."), reason="invalid_client")
            try:
                answer = response.json()
                self._token = answer["access_token"]
                self._token_ends = time.monotonic() + float(answer["expires_in"]) - _TOKEN_SPARE
            except (ValueError, KeyError, TypeError):
                raise _down() from None
            return self._token
        finally:
            self._lock.release()


class _sensible:
    """Inside, an answer is read; one that lacks what it must have is no answer."""

    def __enter__(self):
        return self

    def __exit__(self, _kind, error, _trace):
        if isinstance(error, KeyError | TypeError | ValueError | IndexError | InvalidOperation | AttributeError):
            raise _down() from error
        return False


def value_of(amount: int, currency: str) -> str:
    """Minor units as PayPal writes them: `12.50`. Raises ProviderRefused for pennies that it does not take."""
    value = Decimal(amount).scaleb(-minor_digits(currency))
    if currency in _WHOLE and value != value.to_integral_value():
        raise ProviderRefused(_("PayPal takes whole amounts only in this currency."), reason="DECIMALS_NOT_SUPPORTED")
    digits = 0 if currency in _WHOLE else minor_digits(currency)
    return f"{value:.{digits}f}"


def amount_of(money: dict) -> int:
    """The other way round. Raises ValueError for parts of a minor unit."""
    amount = Decimal(money["value"]).scaleb(minor_digits(money["currency_code"]))
    if amount != amount.to_integral_value():
        raise ValueError(f"{money['value']} {money['currency_code']} has parts of a minor unit")
    return int(amount)


@contextmanager
def _known():
    """Inside, nothing but an order is named: what is missing is that. One that nobody agreed to ends after hours."""
    try:
        yield
    except ProviderRefused as error:
        if error.reason in _MISSING:
            raise ProviderForgot(_("PayPal does not know this payment any more."), reason=error.reason) from error
        raise


def _is_passing(response: requests.Response) -> bool:
    if response.status_code >= 500 or response.status_code in (408, 409, 425, 429):
        return True
    return response.status_code == 422 and _issue(response) in _RUNNING


def _answer(response: requests.Response) -> dict:
    if 200 <= response.status_code < 300:
        try:
            answer = response.json()
        except ValueError:
            raise _down() from None
        if not isinstance(answer, dict):
            raise _down()
        return answer
    issue = _issue(response)
    if issue in _DECLINES:
        raise Declined(_("PayPal could not take the money. Choose another way to pay there."), reason=issue)
    raise ProviderRefused(_("PayPal refused this: %(why)s", why=issue), reason=issue)


def _issue(response: requests.Response) -> str:
    """Only `issue` is stable; without one the name, without that the status."""
    try:
        body = response.json()
        details = body.get("details") or [{}]
        return str(details[0].get("issue") or body.get("name") or body.get("error") or response.status_code)[:60]
    except (ValueError, AttributeError, KeyError, IndexError, TypeError):
        return str(response.status_code)


def _down() -> ProviderDown:
    return ProviderDown(_("PayPal does not answer. Nothing is lost: try again in a moment."))


def _state(order: dict, capture: dict | None) -> PaymentState:
    """That of the capture, if there is one: an order can be completed and its money pending."""
    if capture is not None:
        return _CAPTURE_STATES.get(capture["status"], PaymentState.PROCESSING)
    return _ORDER_STATES.get(order["status"], PaymentState.PROCESSING)


def _reason(capture: dict | None) -> str:
    return str(((capture or {}).get("status_details") or {}).get("reason") or "DECLINED")[:60]


def _fees(capture: dict | None) -> Iterator[Fee]:
    fee = ((capture or {}).get("seller_receivable_breakdown") or {}).get("paypal_fee")
    if capture and fee and amount_of(fee):
        yield Fee(ref=capture["id"], amount=amount_of(fee))


def _returned_fees(refunds: list[dict]) -> Iterator[Fee]:
    for refund in refunds:
        fee = (refund.get("seller_payable_breakdown") or {}).get("paypal_fee")
        if refund["status"] == "COMPLETED" and fee and amount_of(fee):
            yield Fee(ref=refund["id"], amount=-amount_of(fee))


def _refund(refund: dict) -> RefundSnapshot:
    with _sensible():
        return RefundSnapshot(
            ref=refund["id"],
            amount=amount_of(refund["amount"]),
            # A pending one has not left our balance yet.
            state=_REFUND_STATES.get(refund["status"], RefundState.REQUESTED),
            has_moved=refund["status"] == "COMPLETED",
            key=refund.get("custom_id") or "",
            failure_code=str((refund.get("status_details") or {}).get("reason") or "")[:60],
        )


def _looks_disputed(capture: dict) -> bool:
    return (capture.get("status_details") or {}).get("reason") in ("BUYER_COMPLAINT", "CHARGEBACK")


def _is_about(dispute: dict, capture_id: str) -> bool:
    transactions = dispute.get("disputed_transactions") or []
    return any(each.get("seller_transaction_id") == capture_id for each in transactions)


def _dispute(dispute: dict) -> DisputeSnapshot:
    with _sensible():
        amount = amount_of(dispute["dispute_amount"])
        state = _dispute_state(dispute)
        taken = Movement(ref=f"{dispute['dispute_id']}-held", amount=-amount)
        back = Movement(ref=f"{dispute['dispute_id']}-released", amount=amount)
        due = dispute.get("seller_response_due_date")
        return DisputeSnapshot(
            ref=dispute["dispute_id"],
            amount=amount,
            currency=dispute["dispute_amount"]["currency_code"],
            reason=str(dispute.get("reason") or "")[:60],
            state=state,
            due_by=_moment(due) if due else None,
            opened_at=_moment(dispute["create_time"]),
            movements=(taken, back) if state == DisputeState.WON else (taken,),
        )


def _dispute_state(dispute: dict) -> DisputeState:
    if dispute["status"] == "RESOLVED":
        outcome = (dispute.get("dispute_outcome") or {}).get("outcome_code", "")
        lost = outcome in ("RESOLVED_BUYER_FAVOUR", "RESOLVED_WITH_PAYOUT")
        return DisputeState.LOST if lost else DisputeState.WON
    return DisputeState.ANSWERED if dispute["status"] == "UNDER_REVIEW" else DisputeState.OPEN


def _line(info: dict) -> Line:
    code, ref = info["transaction_event_code"], info["transaction_id"]
    kind = Kind.PAYMENT if code.startswith("T00") else _KINDS.get(code)
    ends = {Kind.PAYMENT: f"charge:{ref}", Kind.REFUND: f"refund:{ref}", Kind.PAYOUT: f"payout:{ref}"}
    is_order = info.get("paypal_reference_id_type") == "ODR"
    above = info.get("paypal_reference_id") or ""
    fee = info.get("fee_amount")
    return Line(
        ref=ref,
        kind=kind,
        posted_as=ends.get(kind, "") if kind else "",
        amount=amount_of(info["transaction_amount"]),
        fee=-amount_of(fee) if fee else 0,
        fee_ref=ref,
        currency=info["transaction_amount"]["currency_code"],
        at=_moment(info["transaction_initiation_date"]),
        attempt_ref=above if is_order else "",
        charge_ref=ref if kind == Kind.PAYMENT else "" if is_order else above,
        key=(info.get("custom_field") or "") if kind == Kind.PAYMENT else "",
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
