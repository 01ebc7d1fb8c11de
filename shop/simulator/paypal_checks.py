"""What PayPal refuses in an order, in the order in which it looks."""

import re

from shop.simulator.amounts import NO_DECIMALS, SUPPORTED, WRITTEN, digits_of, minor, minor_of
from shop.simulator.paypal_errors import PayPalError

LONGEST = {"description": 127, "custom_id": 127, "invoice_id": 127, "reference_id": 256}
MOST_UNITS, MOST_MINOR = 10, 99_999_999_999_999_999
_ADDED = ("item_total", "tax_total", "shipping", "handling", "insurance")
_TAKEN = ("shipping_discount", "discount")


def check_order(body: dict) -> None:
    if "intent" not in body:
        raise PayPalError("MISSING_REQUIRED_PARAMETER", field="/intent")
    if body["intent"] not in ("CAPTURE", "AUTHORIZE"):
        raise PayPalError("INVALID_PARAMETER_VALUE", field="/intent", value=str(body["intent"]))
    units = body.get("purchase_units")
    if not isinstance(units, list):
        raise PayPalError("MISSING_REQUIRED_PARAMETER", field="/purchase_units")
    if not units:
        raise PayPalError("INVALID_ARRAY_MIN_ITEMS", field="/purchase_units")
    if len(units) > MOST_UNITS:
        raise PayPalError("INVALID_ARRAY_MAX_ITEMS", field="/purchase_units")
    for at, unit in enumerate(units):
        check_unit(unit, f"/purchase_units/{at}")
    _check_references(units)
    _check_context(body)


def check_payment(body: dict) -> None:
    """Of a refund, or of the capture of an authorisation."""
    _check_texts(body, {"invoice_id": 127, "custom_id": 127, "note_to_payer": 255}, "")
    if not isinstance(body.get("final_capture", False), bool):
        raise PayPalError("INVALID_PARAMETER_SYNTAX", field="/final_capture")
    if body.get("amount") is not None:
        check_amount(body["amount"], "/amount", orders=False)


def check_unit(unit, path: str) -> None:
    if not isinstance(unit, dict):
        raise PayPalError("INVALID_PARAMETER_SYNTAX", field=path)
    _check_texts(unit, LONGEST, path)
    check_amount(unit.get("amount"), f"{path}/amount")
    _check_breakdown(unit, path)


def check_amount(amount, path: str, *, zero: bool = False, orders: bool = True) -> None:
    """A currency that PayPal takes and a decimal string with as many places as it has. `orders`: their names for it."""
    if not isinstance(amount, dict):
        raise PayPalError("MISSING_REQUIRED_PARAMETER", field=path)
    for name in ("currency_code", "value"):
        if name not in amount:
            raise PayPalError("MISSING_REQUIRED_PARAMETER", field=f"{path}/{name}")
    currency, value = amount["currency_code"], amount["value"]
    if not isinstance(currency, str):
        raise PayPalError("INVALID_PARAMETER_SYNTAX", field=f"{path}/currency_code")
    if not isinstance(value, str) or len(value) > 32 or not WRITTEN.fullmatch(value):
        raise PayPalError("INVALID_PARAMETER_SYNTAX", field=f"{path}/value", value=str(value))
    if currency not in SUPPORTED:
        raise PayPalError("INVALID_CURRENCY_CODE", field=f"{path}/currency_code", value=str(currency))
    if len(value.partition(".")[2]) > digits_of(currency):
        issue = "DECIMALS_NOT_SUPPORTED" if currency in NO_DECIMALS and not orders else "DECIMAL_PRECISION"
        raise PayPalError(issue, field=f"{path}/value", value=value)
    if minor(value, currency) < 0 and zero:
        raise PayPalError("CANNOT_BE_NEGATIVE", field=f"{path}/value", value=value)
    if minor(value, currency) <= 0 and not zero:
        raise PayPalError("CANNOT_BE_ZERO_OR_NEGATIVE", field=f"{path}/value", value=value)
    # A refund or a part capture that is too large is more than what there was, and is told so.
    if orders and minor(value, currency) > MOST_MINOR:
        raise PayPalError("MAX_VALUE_EXCEEDED", field=f"{path}/value", value=value)


def _check_texts(body: dict, longest: dict[str, int], path: str) -> None:
    for name, most in longest.items():
        text = body.get(name, "given")
        if not isinstance(text, str):
            raise PayPalError("INVALID_PARAMETER_SYNTAX", field=f"{path}/{name}")
        if not 1 <= len(text) <= most:
            raise PayPalError("INVALID_STRING_LENGTH", field=f"{path}/{name}")


def _check_context(body: dict) -> None:
    """Where the payer comes from and goes back to: objects all the way down, and addresses that are text."""
    source = _object(body, "payment_source", "")
    wallet = _object(source, "paypal", "/payment_source")
    for context in (
        _object(wallet, "experience_context", "/payment_source/paypal"),
        _object(body, "application_context", ""),
    ):
        for name in ("return_url", "cancel_url", "brand_name", "locale"):
            if not isinstance(context.get(name, ""), str):
                raise PayPalError("INVALID_PARAMETER_SYNTAX", field=f"/application_context/{name}")


def _object(body: dict, name: str, path: str) -> dict:
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise PayPalError("INVALID_PARAMETER_SYNTAX", field=f"{path}/{name}")
    return value


def _check_references(units: list[dict]) -> None:
    if len(units) == 1:
        return
    names = [unit.get("reference_id") for unit in units]
    if None in names:
        raise PayPalError("REFERENCE_ID_REQUIRED", field="/purchase_units")
    if len(set(names)) < len(names):
        raise PayPalError("DUPLICATE_REFERENCE_ID", field="/purchase_units")


def _check_breakdown(unit: dict, path: str) -> None:
    breakdown, items = _object(unit["amount"], "breakdown", f"{path}/amount"), unit.get("items", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise PayPalError("INVALID_PARAMETER_SYNTAX", field=f"{path}/items")
    for name, amount in breakdown.items():
        check_amount(amount, f"{path}/amount/breakdown/{name}", zero=True)
    for at, item in enumerate(items):
        check_amount(item.get("unit_amount"), f"{path}/items/{at}/unit_amount", zero=True)
        if not re.fullmatch("[0-9]{1,10}", str(item.get("quantity"))):
            raise PayPalError("INVALID_PARAMETER_SYNTAX", field=f"{path}/items/{at}/quantity")
    if items and "item_total" not in breakdown:
        raise PayPalError("ITEM_TOTAL_REQUIRED", field=f"{path}/amount/breakdown/item_total")
    total = sum(minor_of(item["unit_amount"]) * int(item["quantity"]) for item in items)
    if items and total != minor_of(breakdown["item_total"]):
        raise PayPalError("ITEM_TOTAL_MISMATCH", field=f"{path}/amount/breakdown/item_total/value")
    added = sum(minor_of(breakdown[name]) for name in _ADDED if name in breakdown)
    taken = sum(minor_of(breakdown[name]) for name in _TAKEN if name in breakdown)
    if breakdown and added - taken != minor_of(unit["amount"]):
        raise PayPalError("AMOUNT_MISMATCH", field=f"{path}/amount/value", value=unit["amount"]["value"])
