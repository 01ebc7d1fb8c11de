"""The life of a PaymentIntent: confirmed, authenticated, charged, captured, cancelled, expired."""

from shop.simulator import stripe_objects as objects
from shop.simulator.amounts import fee_of
from shop.simulator.cards import Card, card_of_number, message_of
from shop.simulator.store import Transaction, shown
from shop.simulator.stripe_disputes import open_dispute
from shop.simulator.stripe_errors import error_body, invalid, refused
from shop.simulator.webhooks import emit_stripe

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELLABLE = (*CONFIRMABLE, "requires_capture", "processing")
FAILED_AUTHENTICATION = (
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod "
    "to attempt to fulfill this PaymentIntent again."
)


class Declined(Exception):
    """What was done stays done, and the answer is this 402."""

    def __init__(self, body: dict):
        super().__init__(body["error"]["message"])
        self.body = body


def confirm(
    tx: Transaction, intent: dict, *, method: dict, off_session: bool, return_url: str | None, by_script: bool = False
) -> dict:
    """Pays with `method`. Raises Declined, after which the intent asks for another method.

    `by_script`: stripe.js asks, and shows the bank's question itself.
    """
    require_status(intent, *CONFIRMABLE, done="confirmed")
    _require_usable(method, intent)
    card = card_of(method)
    intent |= {"payment_method": method["id"], "last_payment_error": None, "next_action": None}
    intent["_return_url"] = return_url
    if not _asks_bank(card, method):
        return _charge(tx, intent, method, card)
    if off_session:
        return _decline(tx, intent, method, card, ("authentication_required", "authentication_required"))
    return _ask_bank(tx, intent, None if by_script else return_url)


def authenticate(tx: Transaction, intent: dict, *, succeeded: bool) -> dict:
    """The customer has answered the bank. Harmless when the intent asks for nothing any more."""
    if intent["status"] != "requires_action":
        return intent
    method = tx.get(intent["payment_method"])
    intent["next_action"] = None
    if not succeeded:
        error = error_body(FAILED_AUTHENTICATION, code="payment_intent_authentication_failure")["error"]
        return _ask_for_another(tx, intent, error | {"payment_method": shown(method)})
    if intent["setup_future_usage"]:
        tx.save(method | {"_set_up": True})
    return _charge(tx, intent, method, card_of(method))


def capture(tx: Transaction, intent: dict, amount: int | None) -> dict:
    """All of it if `amount` is None; what is left over is released, as a refund that moves no money of the account."""
    require_status(intent, "requires_capture", done="captured")
    wanted = intent["amount_capturable"] if amount is None else amount
    if wanted < 1 or wanted > intent["amount_capturable"]:
        raise refused(
            f"The amount_to_capture ({wanted}) must be between 1 and {intent['amount_capturable']}.",
            param="amount_to_capture",
            code="amount_too_large" if wanted > 0 else "parameter_invalid_integer",
        )
    charge = tx.get(intent["latest_charge"])
    _take(tx, charge, wanted)
    if rest := charge["amount"] - wanted:
        tx.add("refund", objects.refund(tx, charge, amount=rest, metadata={}))
        tx.save(charge | {"amount_refunded": rest})
        charge = tx.get(charge["id"])
    intent |= {"amount_capturable": 0, "amount_received": wanted, "status": "succeeded"}
    tx.save(intent)
    emit_stripe(tx, "charge.captured", charge)
    emit_stripe(tx, "payment_intent.succeeded", intent)
    _dispute_if_the_card_does(tx, charge)
    return intent


def cancel(tx: Transaction, intent: dict, reason: str | None) -> dict:
    require_status(intent, *CANCELLABLE, done="canceled")
    released = intent["status"] == "requires_capture"
    intent |= {"amount_capturable": 0, "canceled_at": tx.now, "cancellation_reason": reason, "next_action": None}
    intent["status"] = "canceled"
    tx.save(intent)
    if released:
        _release(tx, tx.get(intent["latest_charge"]), expired=reason == "automatic")
    emit_stripe(tx, "payment_intent.canceled", intent)
    return intent


def expire(tx: Transaction, intent: dict) -> None:
    """An authorisation that nobody captured in time."""
    if intent["status"] == "requires_capture":
        cancel(tx, intent, "automatic")


def require_status(intent: dict, *allowed: str, done: str) -> None:
    """`done` is what was asked for, as a participle: captured."""
    if intent["status"] not in allowed:
        raise refused(
            f"This PaymentIntent could not be {done} because it has a status of {intent['status']}. "
            f"Only a PaymentIntent with one of the following statuses may be {done}: {', '.join(allowed)}.",
            code="payment_intent_unexpected_state",
            payment_intent=shown(intent),
        )


def card_of(method: dict) -> Card:
    card = card_of_number(method["_number"])
    if card is None:
        raise LookupError(method["id"])
    return card


def _require_usable(method: dict, intent: dict) -> None:
    owner = method["customer"]
    if method.get("_detached"):
        raise invalid("The provided PaymentMethod was detached from a Customer. It may not be used again.")
    if owner and owner != intent["customer"]:
        raise invalid(
            f"The provided PaymentMethod {method['id']} belongs to a Customer. You must pass its `customer` here.",
            param="payment_method",
        )
    if "card" not in intent["payment_method_types"]:
        raise invalid("The PaymentMethod's type is not allowed for this PaymentIntent.", param="payment_method")


def _asks_bank(card: Card, method: dict) -> bool:
    return card.authenticate == "always" or (card.authenticate == "until_set_up" and not method.get("_set_up"))


def _ask_bank(tx: Transaction, intent: dict, return_url: str | None) -> dict:
    page = f"{tx.origin.browser_url}/challenge/{intent['id']}?client_secret={intent['client_secret']}"
    if return_url:
        action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": page}}
    else:
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": page}}
    intent |= {"status": "requires_action", "next_action": action}
    tx.save(intent)
    emit_stripe(tx, "payment_intent.requires_action", intent)
    return intent


def _charge(tx: Transaction, intent: dict, method: dict, card: Card) -> dict:
    if card.decline is not None:
        return _decline(tx, intent, method, card, card.decline)
    charge = objects.charge(tx, intent, method, card)
    charge |= {"outcome": objects.outcome(None), "paid": True, "status": "succeeded"}
    charge["receipt_url"] = f"{tx.origin.browser_url}/receipts/{charge['id']}"
    tx.add("charge", charge)
    intent |= {"latest_charge": charge["id"], "next_action": None}
    _keep_method(tx, intent, method)
    if intent["capture_method"] == "manual":
        return _authorise(tx, intent, charge)
    _take(tx, charge, charge["amount"])
    intent |= {"amount_received": intent["amount"], "status": "succeeded"}
    tx.save(intent)
    emit_stripe(tx, "charge.succeeded", charge)
    emit_stripe(tx, "payment_intent.succeeded", intent)
    _dispute_if_the_card_does(tx, charge)
    return intent


def _authorise(tx: Transaction, intent: dict, charge: dict) -> dict:
    intent |= {"amount_capturable": intent["amount"], "status": "requires_capture"}
    tx.save(intent)
    tx.later(tx.settings.authorisation_seconds, "authorisation_expires", intent["id"])
    emit_stripe(tx, "charge.succeeded", charge)
    emit_stripe(tx, "payment_intent.amount_capturable_updated", intent)
    return intent


def _take(tx: Transaction, charge: dict, amount: int) -> None:
    fee = fee_of(amount, basis_points=tx.settings.stripe_fee_bp, fixed=tx.settings.stripe_fee_fixed)
    entry = objects.balance_transaction(tx, charge, type="charge", amount=amount, fee=fee)
    charge |= {"amount_captured": amount, "captured": True, "balance_transaction": entry["id"]}
    tx.save(charge)


def _release(tx: Transaction, charge: dict, *, expired: bool) -> None:
    charge |= {"amount_refunded": charge["amount"], "refunded": True}
    tx.save(charge)
    emit_stripe(tx, "charge.expired" if expired else "charge.refunded", charge)


def _decline(tx: Transaction, intent: dict, method: dict, card: Card, decline: tuple[str, str]) -> dict:
    code, decline_code = decline
    charge = objects.charge(tx, intent, method, card)
    message = message_of(decline_code)
    charge |= {"status": "failed", "failure_code": code, "failure_message": message}
    charge["outcome"] = objects.outcome(decline_code)
    tx.add("charge", charge)
    intent["latest_charge"] = charge["id"]
    emit_stripe(tx, "charge.failed", charge)
    fields = {"code": code, "decline_code": decline_code, "charge": charge["id"], "payment_method": shown(method)}
    body = error_body(message, type="card_error", **fields)
    _ask_for_another(tx, intent, body["error"])
    body["error"] = body["error"] | {"payment_intent": shown(intent)}
    raise Declined(body)


def _ask_for_another(tx: Transaction, intent: dict, error: dict) -> dict:
    intent |= {"status": "requires_payment_method", "payment_method": None, "last_payment_error": error}
    tx.save(intent)
    emit_stripe(tx, "payment_intent.payment_failed", intent)
    return intent


def _keep_method(tx: Transaction, intent: dict, method: dict) -> None:
    if intent["setup_future_usage"] and intent["customer"]:
        tx.save(method | {"customer": intent["customer"]})


def _dispute_if_the_card_does(tx: Transaction, charge: dict) -> None:
    card = card_of(tx.get(charge["payment_method"]))
    if card.dispute:
        open_dispute(tx, charge, card.dispute)
