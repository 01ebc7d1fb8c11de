"""Customers, their cards, and SetupIntents, which make a card ready for later."""

import hmac

from shop.simulator import stripe_objects
from shop.simulator.cards import message_of
from shop.simulator.store import Transaction, shown
from shop.simulator.stripe_api import get
from shop.simulator.stripe_errors import error_body, invalid, missing, refused
from shop.simulator.stripe_forms import Params
from shop.simulator.stripe_http import Call, endpoint
from shop.simulator.stripe_lists import list_of
from shop.simulator.stripe_methods import attach, find_customer, find_method, method_for, method_from_form
from shop.simulator.stripe_payments import FAILED_AUTHENTICATION, Declined, card_of
from shop.simulator.webhooks import emit_stripe

_TEXTS = ("name", "email", "phone", "description")
_SETTABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


@endpoint("POST", "/customers", "customers.create")
def create_customer(tx: Transaction, call: Call) -> dict:
    customer = stripe_objects.customer(tx)
    customer |= _customer_fields(customer, call.params)
    tx.add("customer", customer)
    if "payment_method" in call.params:
        attach(tx, find_method(tx, call.params.required("payment_method")), customer["id"])
    emit_stripe(tx, "customer.created", customer)
    return customer


@endpoint("GET", "/customers", "customers.list")
def list_customers(tx: Transaction, call: Call) -> dict:
    return list_of(tx, "customer", call.params, "/v1/customers", "email")


@endpoint("GET", "/customers/<id>")
def retrieve_customer(tx: Transaction, call: Call) -> dict:
    deleted = tx.find(call.ids["id"], "deleted_customer")
    return deleted or get(tx, "customer", call)


@endpoint("POST", "/customers/<id>", "customers.update")
def update_customer(tx: Transaction, call: Call) -> dict:
    customer = get(tx, "customer", call)
    customer |= _customer_fields(customer, call.params)
    emit_stripe(tx, "customer.updated", customer)
    return tx.save(customer)


@endpoint("DELETE", "/customers/<id>")
def delete_customer(tx: Transaction, call: Call) -> dict:
    customer = get(tx, "customer", call)
    emit_stripe(tx, "customer.deleted", customer)
    tx.remove(customer["id"])
    for method in tx.select("payment_method", customer=customer["id"]):
        tx.remove(method["id"])
    return tx.add("deleted_customer", {"id": customer["id"], "object": "customer", "deleted": True})


@endpoint("GET", "/customers/<id>/payment_methods", "customers.payment_methods")
def list_methods_of_customer(tx: Transaction, call: Call) -> dict:
    customer = find_customer(tx, call.ids["id"])
    url = f"/v1/customers/{customer['id']}/payment_methods"
    return list_of(tx, "payment_method", call.params, url, "type", customer=customer["id"])


@endpoint("POST", "/payment_methods", "payment_methods.create", browser=True)
def create_method(tx: Transaction, call: Call) -> dict:
    return method_from_form(tx, call.params, from_browser=call.from_browser)


@endpoint("GET", "/payment_methods", "payment_methods.list")
def list_methods(tx: Transaction, call: Call) -> dict:
    return list_of(tx, "payment_method", call.params, "/v1/payment_methods", "customer", "type")


@endpoint("GET", "/payment_methods/<id>")
def retrieve_method(tx: Transaction, call: Call) -> dict:
    method = tx.find(call.ids["id"], "payment_method")
    if method is None:
        raise missing("PaymentMethod", call.ids["id"], "payment_method")
    return method


@endpoint("POST", "/payment_methods/<id>/attach", "payment_methods.attach")
def attach_method(tx: Transaction, call: Call) -> dict:
    method = attach(tx, find_method(tx, call.ids["id"]), call.params.required("customer"))
    emit_stripe(tx, "payment_method.attached", method)
    return method


@endpoint("POST", "/payment_methods/<id>/detach")
def detach_method(tx: Transaction, call: Call) -> dict:
    method = retrieve_method(tx, call)
    if method["customer"] is None:
        raise refused("The payment method you provided is not attached to a customer so detachment is impossible.")
    emit_stripe(tx, "payment_method.detached", method | {"customer": None})
    return tx.save(method | {"customer": None, "_detached": True})


@endpoint("POST", "/setup_intents", "setup_intents.create")
def create_setup(tx: Transaction, call: Call) -> dict:
    params = call.params
    automatic = params.hash("automatic_payment_methods")
    fields: dict = {"metadata": params.metadata(), "description": params.text("description")}
    if "customer" in params:
        fields["customer"] = find_customer(tx, params.required("customer"))["id"]
    fields["usage"] = params.choice("usage", "off_session", "on_session", default="off_session")
    if automatic or not params.items_of("payment_method_types"):
        fields["automatic_payment_methods"] = {
            "allow_redirects": automatic.choice("allow_redirects", "always", "never", default="always"),
            "enabled": automatic.flag("enabled") if automatic else True,
        }
    intent = tx.add("setup_intent", stripe_objects.setup_intent(tx, **fields))
    emit_stripe(tx, "setup_intent.created", intent)
    return _confirm(tx, call, intent) if params.flag("confirm") else tx.save(_with_method(tx, call, intent))


@endpoint("GET", "/setup_intents/<id>", "setup_intents.retrieve", browser=True)
def retrieve_setup(tx: Transaction, call: Call) -> dict:
    return _setup(tx, call)


@endpoint("POST", "/setup_intents/<id>/confirm", "setup_intents.confirm", browser=True)
def confirm_setup(tx: Transaction, call: Call) -> dict:
    return _confirm(tx, call, _setup(tx, call))


@endpoint("POST", "/setup_intents/<id>/cancel", "setup_intents.cancel")
def cancel_setup(tx: Transaction, call: Call) -> dict:
    intent = _setup(tx, call)
    _require_settable(intent, "cancel")
    reason = call.params.choice("cancellation_reason", "abandoned", "duplicate", "requested_by_customer")
    intent |= {"status": "canceled", "cancellation_reason": reason, "next_action": None}
    emit_stripe(tx, "setup_intent.canceled", intent)
    return tx.save(intent)


def authenticate(tx: Transaction, intent: dict, *, succeeded: bool) -> dict:
    """The customer has answered the bank. Harmless when the intent asks for nothing any more."""
    if intent["status"] != "requires_action":
        return intent
    method = tx.get(intent["payment_method"])
    if succeeded:
        return _succeed(tx, intent, method)
    error = error_body(FAILED_AUTHENTICATION, code="setup_intent_authentication_failure")["error"]
    return _fail(tx, intent, error | {"payment_method": shown(method)})


def _customer_fields(customer: dict, params: Params) -> dict:
    fields: dict = {name: params.text(name, most=512) for name in _TEXTS if name in params}
    if "address" in params:
        fields["address"] = stripe_objects.NO_ADDRESS | params.hash("address") if params["address"] else None
    if "shipping" in params:
        fields["shipping"] = stripe_objects.NO_SHIPPING | params.hash("shipping")
    if "preferred_locales" in params:
        fields["preferred_locales"] = params.items_of("preferred_locales")
    if "email" in fields and fields["email"] and "@" not in fields["email"]:
        raise invalid(f"Invalid email address: {fields['email']}", param="email", code="email_invalid")
    return fields | {"metadata": params.metadata(customer["metadata"])}


def _setup(tx: Transaction, call: Call) -> dict:
    intent = tx.find(call.ids["id"], "setup_intent")
    if intent is None:
        raise missing("setupintent", call.ids["id"], "intent")
    secret = call.params.text("client_secret")
    if (call.from_browser or secret) and not hmac.compare_digest(
        (secret or "").encode(), intent["client_secret"].encode()
    ):
        raise invalid("The client_secret provided does not match any associated SetupIntent.", param="client_secret")
    return intent


def _require_settable(intent: dict, verb: str) -> None:
    if intent["status"] not in _SETTABLE:
        message = f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}."
        raise refused(message, code="setup_intent_unexpected_state", setup_intent=shown(intent))


def _with_method(tx: Transaction, call: Call, intent: dict) -> dict:
    method = method_for(tx, call)
    if method is not None:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    return intent


def _confirm(tx: Transaction, call: Call, intent: dict) -> dict:
    _require_settable(intent, "confirm")
    _with_method(tx, call, intent)
    method = tx.find(intent["payment_method"] or "", "payment_method")
    if method is None:
        message = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise refused(message, code="setup_intent_unexpected_state")
    by_script = call.params.flag("use_stripe_sdk")
    return confirm(tx, intent, method=method, return_url=call.params.text("return_url"), by_script=by_script)


def confirm(tx: Transaction, intent: dict, *, method: dict, return_url: str | None, by_script: bool = False) -> dict:
    """Makes the card ready, or asks its bank. Raises Declined, after which the intent asks for another card."""
    _require_settable(intent, "confirm")
    intent |= {"payment_method": method["id"], "last_setup_error": None}
    card = card_of(method)
    if card.authenticate != "never":
        return _ask_bank(tx, intent, return_url, by_script=by_script)
    if card.decline is not None and not card.attaches:
        _decline(tx, intent, method, card.decline)
    return _succeed(tx, intent, method)


def _ask_bank(tx: Transaction, intent: dict, return_url: str | None, *, by_script: bool) -> dict:
    page = f"{tx.origin.browser_url}/challenge/{intent['id']}?client_secret={intent['client_secret']}"
    action: dict = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": page}}
    if return_url and not by_script:
        action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": page}}
    intent |= {"status": "requires_action", "next_action": action, "_return_url": return_url}
    tx.save(intent)
    emit_stripe(tx, "setup_intent.requires_action", intent)
    return intent


def _succeed(tx: Transaction, intent: dict, method: dict) -> dict:
    intent |= {"status": "succeeded", "next_action": None, "last_setup_error": None}
    tx.save(intent)
    tx.save(method | {"_set_up": True, "customer": intent["customer"] or method["customer"]})
    emit_stripe(tx, "setup_intent.succeeded", intent)
    return intent


def _decline(tx: Transaction, intent: dict, method: dict, decline: tuple[str, str]) -> None:
    code, decline_code = decline
    fields = {"code": code, "decline_code": decline_code, "payment_method": shown(method)}
    body = error_body(message_of(decline_code), type="card_error", **fields)
    _fail(tx, intent, body["error"])
    body["error"] = body["error"] | {"setup_intent": shown(intent)}
    raise Declined(body)


def _fail(tx: Transaction, intent: dict, error: dict) -> dict:
    intent |= {"status": "requires_payment_method", "payment_method": None, "next_action": None}
    intent["last_setup_error"] = error
    tx.save(intent)
    emit_stripe(tx, "setup_intent.setup_failed", intent)
    return intent
