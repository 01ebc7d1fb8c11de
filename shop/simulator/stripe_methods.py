"""The cards that requests name: by token, by id, or by number from the simulator's own payment form."""

from datetime import UTC, datetime

from shop.simulator import stripe_objects
from shop.simulator.cards import Card, card_of_number, card_of_token, is_plausible, message_of
from shop.simulator.store import Transaction
from shop.simulator.stripe_errors import StripeError, invalid, missing, refused
from shop.simulator.stripe_forms import Params
from shop.simulator.stripe_http import Call

_RAW_NUMBERS = (
    "Sending credit card numbers directly to the Stripe API is generally unsafe. Use test tokens like pm_card_visa, "
    "or the Payment Element."
)
_TOKEN_YEARS = 4


def find_customer(tx: Transaction, customer_id: str) -> dict:
    customer = tx.find(customer_id, "customer")
    if customer is None or customer.get("deleted"):
        raise missing("customer", customer_id, "customer")
    return customer


def method_for(tx: Transaction, call: Call) -> dict | None:
    """The payment method that this request names, made if it is a token or a form; None if it names none."""
    name, data = call.params.text("payment_method"), call.params.hash("payment_method_data")
    if name and data:
        raise invalid("You may only specify one of these parameters: payment_method, payment_method_data.")
    if data:
        return method_from_form(tx, data, from_browser=call.from_browser)
    return find_method(tx, name) if name else None


def find_method(tx: Transaction, name: str, param: str = "payment_method") -> dict:
    """A token like pm_card_visa becomes a method of its own each time."""
    card = card_of_token(name)
    if card is not None:
        year = datetime.fromtimestamp(tx.now, UTC).year + _TOKEN_YEARS
        return tx.add("payment_method", stripe_objects.payment_method(tx, card, month=12, year=year))
    method = tx.find(name, "payment_method")
    if method is None:
        raise missing("PaymentMethod", name, param)
    return method


def method_from_form(tx: Transaction, data: Params, *, from_browser: bool) -> dict:
    """Raises card errors for what a cardholder mistypes. Servers may not send numbers, only tokens."""
    if data.required("type") != "card":
        raise invalid("Only cards are simulated.", param="payment_method_data[type]")
    fields = data.hash("card")
    token = fields.text("token")
    if token:
        return find_method(tx, token.replace("tok_", "pm_card_", 1))
    if not from_browser:
        raise StripeError(402, _RAW_NUMBERS, stored=False)
    card, (month, year) = _card(fields), _expiry(tx, fields)
    details = {key: value for key, value in data.hash("billing_details").items() if key in ("name", "email", "phone")}
    body = stripe_objects.payment_method(tx, card, month=month, year=year, details=details)
    return tx.add("payment_method", body)


def attach(tx: Transaction, method: dict, customer_id: str) -> dict:
    """Refused for the cards whose bank refuses it."""
    customer = find_customer(tx, customer_id)
    card = card_of_number(method["_number"])
    if card is not None and not card.attaches and card.decline is not None:
        code, decline_code = card.decline
        raise StripeError(402, message_of(decline_code), type="card_error", code=code, decline_code=decline_code)
    if method["customer"] not in (None, customer["id"]):
        raise refused("The payment method you provided has already been attached to a customer.")
    return tx.save(method | {"customer": customer["id"]})


def _card(fields: Params) -> Card:
    number = "".join(filter(str.isdigit, fields.text("number") or ""))
    card = card_of_number(number) if is_plausible(number) else None
    if card is None:
        raise _mistyped("Your card number is incorrect.", "incorrect_number", "number")
    cvc = fields.text("cvc") or ""
    if not (cvc.isdigit() and len(cvc) == (4 if card.brand == "amex" else 3)):
        raise _mistyped("Your card's security code is invalid.", "invalid_cvc", "cvc")
    return card


def _expiry(tx: Transaction, fields: Params) -> tuple[int, int]:
    month, year = fields.integer("exp_month") or 0, fields.integer("exp_year") or 0
    year += 2000 if year < 100 else 0
    today = datetime.fromtimestamp(tx.now, UTC)
    if not 1 <= month <= 12:
        raise _mistyped("Your card's expiration month is invalid.", "invalid_expiry_month", "exp_month")
    if (year, month) < (today.year, today.month) or year > today.year + 50:
        raise _mistyped("Your card's expiration year is invalid.", "invalid_expiry_year", "exp_year")
    return month, year


def _mistyped(message: str, code: str, param: str) -> StripeError:
    return StripeError(402, message, stored=False, type="card_error", code=code, param=param)
