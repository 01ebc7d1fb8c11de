"""Payments at Stripe's addresses: PaymentIntents, charges, refunds, disputes, balance transactions."""

import hmac

from shop.simulator import stripe_disputes, stripe_objects, stripe_payments, stripe_refunds
from shop.simulator.runtime import is_home
from shop.simulator.store import Transaction
from shop.simulator.stripe_errors import invalid, missing, refused
from shop.simulator.stripe_forms import Params
from shop.simulator.stripe_http import Call, endpoint
from shop.simulator.stripe_lists import list_of
from shop.simulator.stripe_methods import find_customer, method_for
from shop.simulator.stripe_values import checked_amount, checked_currency
from shop.simulator.webhooks import emit_stripe

_TEXTS = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix", "transfer_group")
_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


@endpoint("POST", "/payment_intents", "payment_intents.create")
def create_intent(tx: Transaction, call: Call) -> dict:
    params = call.params
    amount = params.required("amount") and params.integer("amount")
    currency = checked_currency(params.required("currency"))
    fields = {"amount": checked_amount(amount, currency), "currency": currency, "metadata": params.metadata()}
    fields |= _settable(tx, params) | _method_types(params)
    fields["capture_method"] = params.choice(
        "capture_method", "automatic", "automatic_async", "manual", default="automatic"
    )
    fields["confirmation_method"] = params.choice("confirmation_method", "automatic", "manual", default="automatic")
    intent = tx.add("payment_intent", stripe_objects.payment_intent(tx, **fields))
    emit_stripe(tx, "payment_intent.created", intent)
    if params.flag("confirm"):
        return _confirm(tx, call, intent)
    for name in ("off_session", "return_url", "error_on_requires_action"):
        if params.get(name):
            raise invalid(f"The parameter `{name}` cannot be passed unless `confirm` is true.", param=name)
    _take_method(tx, call, intent)
    return tx.save(intent)


@endpoint("GET", "/payment_intents", "payment_intents.list")
def list_intents(tx: Transaction, call: Call) -> dict:
    return list_of(tx, "payment_intent", call.params, "/v1/payment_intents", "customer")


@endpoint("GET", "/payment_intents/<id>", "payment_intents.retrieve", browser=True)
def retrieve_intent(tx: Transaction, call: Call) -> dict:
    return _intent(tx, call)


@endpoint("POST", "/payment_intents/<id>", "payment_intents.update")
def update_intent(tx: Transaction, call: Call) -> dict:
    intent, params = _intent(tx, call), call.params
    if set(params) - {"metadata", "description", "receipt_email", "expand", "transfer_group"}:
        stripe_payments.require_status(intent, *stripe_payments.CONFIRMABLE, done="updated")
    changes = _settable(tx, params) | {"metadata": params.metadata(intent["metadata"])}
    currency = checked_currency(params.text("currency", intent["currency"]) or "")
    if "amount" in params or "currency" in params:
        amount = params.integer("amount") if "amount" in params else intent["amount"]
        changes |= {"amount": checked_amount(amount, currency), "currency": currency}
    intent |= changes
    _take_method(tx, call, intent)
    return tx.save(intent)


@endpoint("POST", "/payment_intents/<id>/confirm", "payment_intents.confirm", browser=True)
def confirm_intent(tx: Transaction, call: Call) -> dict:
    return _confirm(tx, call, _intent(tx, call))


@endpoint("POST", "/payment_intents/<id>/capture", "payment_intents.capture")
def capture_intent(tx: Transaction, call: Call) -> dict:
    intent = _intent(tx, call)
    intent["metadata"] = call.params.metadata(intent["metadata"])
    return stripe_payments.capture(tx, intent, call.params.integer("amount_to_capture"))


@endpoint("POST", "/payment_intents/<id>/cancel", "payment_intents.cancel")
def cancel_intent(tx: Transaction, call: Call) -> dict:
    reason = call.params.choice("cancellation_reason", *_REASONS, "abandoned")
    return stripe_payments.cancel(tx, _intent(tx, call), reason)


@endpoint("POST", "/refunds", "refunds.create")
def create_refund(tx: Transaction, call: Call) -> dict:
    params = call.params
    intent_id, charge_id = params.text("payment_intent"), params.text("charge")
    if (intent_id is None) == (charge_id is None):
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    amount = params.integer("amount")
    if amount is not None and amount < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    charge = stripe_refunds.charge_to_refund(tx, intent_id=intent_id, charge_id=charge_id)
    reason = params.choice("reason", *_REASONS)
    return stripe_refunds.create(tx, charge, amount, reason=reason, metadata=params.metadata())


@endpoint("GET", "/refunds", "refunds.list")
def list_refunds(tx: Transaction, call: Call) -> dict:
    return list_of(tx, "refund", call.params, "/v1/refunds", "charge", "payment_intent")


@endpoint("GET", "/refunds/<id>")
def retrieve_refund(tx: Transaction, call: Call) -> dict:
    return get(tx, "refund", call)


@endpoint("POST", "/refunds/<id>", "refunds.update")
def update_refund(tx: Transaction, call: Call) -> dict:
    refund = get(tx, "refund", call)
    refund["metadata"] = call.params.metadata(refund["metadata"])
    emit_stripe(tx, "refund.updated", refund)
    return tx.save(refund)


@endpoint("POST", "/refunds/<id>/cancel")
def cancel_refund(tx: Transaction, call: Call) -> dict:
    return stripe_refunds.cancel(tx, get(tx, "refund", call))


@endpoint("GET", "/charges", "charges.list")
def list_charges(tx: Transaction, call: Call) -> dict:
    return list_of(tx, "charge", call.params, "/v1/charges", "customer", "payment_intent")


@endpoint("GET", "/charges/<id>")
def retrieve_charge(tx: Transaction, call: Call) -> dict:
    return get(tx, "charge", call)


@endpoint("POST", "/charges/<id>", "charges.update")
def update_charge(tx: Transaction, call: Call) -> dict:
    charge, params = get(tx, "charge", call), call.params
    charge |= {name: params.text(name) for name in ("description", "receipt_email") if name in params}
    charge["metadata"] = params.metadata(charge["metadata"])
    emit_stripe(tx, "charge.updated", charge)
    return tx.save(charge)


@endpoint("GET", "/balance_transactions", "balance_transactions.list")
def list_balance_transactions(tx: Transaction, call: Call) -> dict:
    url = "/v1/balance_transactions"
    return list_of(tx, "balance_transaction", call.params, url, "currency", "source", "type")


@endpoint("GET", "/balance_transactions/<id>")
def retrieve_balance_transaction(tx: Transaction, call: Call) -> dict:
    return get(tx, "balance_transaction", call)


@endpoint("GET", "/disputes", "disputes.list")
def list_disputes(tx: Transaction, call: Call) -> dict:
    return list_of(tx, "dispute", call.params, "/v1/disputes", "charge", "payment_intent")


@endpoint("GET", "/disputes/<id>")
def retrieve_dispute(tx: Transaction, call: Call) -> dict:
    return get(tx, "dispute", call)


@endpoint("POST", "/disputes/<id>", "disputes.update")
def update_dispute(tx: Transaction, call: Call) -> dict:
    dispute, params = get(tx, "dispute", call), call.params
    evidence = params.hash("evidence")
    unknown = next((name for name in evidence if name not in stripe_objects.EVIDENCE), None)
    if unknown:
        name = f"evidence[{unknown}]"
        raise invalid(f"Received unknown parameter: {name}", param=name, code="parameter_unknown")
    submit = params.flag("submit") if "submit" in params else bool(evidence)
    metadata = params.metadata(dispute["metadata"])
    return stripe_disputes.update(tx, dispute, evidence=evidence, metadata=metadata, submit=submit)


@endpoint("POST", "/disputes/<id>/close")
def close_dispute(tx: Transaction, call: Call) -> dict:
    return stripe_disputes.close(tx, get(tx, "dispute", call), won=False)


def get(tx: Transaction, kind: str, call: Call) -> dict:
    found = tx.find(call.ids["id"], kind)
    if found is None:
        raise missing(kind, call.ids["id"])
    return found


def _intent(tx: Transaction, call: Call) -> dict:
    intent = get(tx, "payment_intent", call)
    secret = call.params.text("client_secret")
    if (call.from_browser or secret) and not hmac.compare_digest(
        (secret or "").encode(), intent["client_secret"].encode()
    ):
        message = "The client_secret provided does not match any associated PaymentIntent."
        raise invalid(message, param="client_secret", code="payment_intent_invalid_parameter")
    return intent


def _confirm(tx: Transaction, call: Call, intent: dict) -> dict:
    params = call.params
    if call.from_browser and intent["confirmation_method"] == "manual":
        raise refused("This PaymentIntent's confirmation_method is manual: confirm it with your secret key.")
    stripe_payments.require_status(intent, *stripe_payments.CONFIRMABLE, done="confirmed")
    if "payment_method_types" in params:
        intent |= _method_types(params)
    intent |= _settable(tx, params)
    return_url, off_session = params.text("return_url"), params.text("off_session") not in (None, "false")
    _require_return_url(intent, call, return_url)
    method = _take_method(tx, call, intent)
    if method is None:
        raise refused(
            "You cannot confirm this PaymentIntent because it's missing a payment method. Update it with a payment "
            "method and then confirm it again, or confirm it again directly with a payment method.",
            code="payment_intent_unexpected_state",
        )
    ends_if_asked = params.flag("error_on_requires_action")
    return stripe_payments.confirm(
        tx,
        intent,
        method=method,
        off_session=off_session or ends_if_asked,
        return_url=return_url,
        by_script=params.flag("use_stripe_sdk"),
    )


def _require_return_url(intent: dict, call: Call, return_url: str | None) -> None:
    if return_url and not _may_return_to(return_url, call):
        raise invalid("Not a valid URL", param="return_url", code="url_invalid")
    automatic = intent["automatic_payment_methods"] or {}
    redirects = automatic.get("enabled") and automatic.get("allow_redirects") != "never"
    if redirects and not return_url and not call.from_browser and not call.params.flag("use_stripe_sdk"):
        raise invalid(
            "This PaymentIntent is configured to accept payment methods that might redirect your customer off of your "
            "page: you must provide a `return_url`, or set automatic_payment_methods[allow_redirects] to never.",
            param="return_url",
        )


def _may_return_to(url: str, call: Call) -> bool:
    return is_home(url) if call.from_browser else url.startswith(("https://", "http://"))


def _take_method(tx: Transaction, call: Call, intent: dict) -> dict | None:
    """The method that this request names, or the one that the intent has."""
    method = method_for(tx, call)
    if method is None:
        return tx.find(intent["payment_method"] or "", "payment_method")
    intent["payment_method"] = method["id"]
    if intent["status"] == "requires_payment_method":
        intent["status"] = "requires_confirmation"
    return method


def _settable(tx: Transaction, params: Params) -> dict:
    fields: dict = {name: params.text(name) for name in _TEXTS if name in params}
    if "customer" in params:
        fields["customer"] = find_customer(tx, params.required("customer"))["id"]
    if "setup_future_usage" in params:
        fields["setup_future_usage"] = params.choice("setup_future_usage", "on_session", "off_session")
    if "shipping" in params:
        fields["shipping"] = stripe_objects.NO_SHIPPING | params.hash("shipping")
    suffix = fields.get("statement_descriptor_suffix")
    if suffix and len(suffix) > 22:
        raise invalid(
            "The statement descriptor suffix must be at most 22 characters.", param="statement_descriptor_suffix"
        )
    return fields


def _method_types(params: Params) -> dict:
    """Automatic payment methods are on unless the request names types."""
    automatic, types = params.hash("automatic_payment_methods"), params.items_of("payment_method_types")
    if automatic.flag("enabled") and types:
        raise invalid("You may only specify one of these parameters: automatic_payment_methods, payment_method_types.")
    if types:
        return {"payment_method_types": types, "automatic_payment_methods": None}
    if automatic and not automatic.flag("enabled"):
        return {"payment_method_types": ["card"], "automatic_payment_methods": None}
    redirects = automatic.choice("allow_redirects", "always", "never", default="always")
    return {"automatic_payment_methods": {"allow_redirects": redirects, "enabled": True}}
