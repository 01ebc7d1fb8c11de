"""The life of a PayPal order: created, approved by the payer, captured or authorised."""

import re

from shop.simulator.paypal_checks import check_unit
from shop.simulator.paypal_errors import PayPalError
from shop.simulator.paypal_payments import authorise, take
from shop.simulator.store import Transaction, new_code
from shop.simulator.webhooks import emit_paypal, timestamp

OPEN = ("CREATED", "PAYER_ACTION_REQUIRED")
PAYER = {
    "email_address": "payer@example.com",
    "payer_id": "QYR5Z8XDVJNXQ",
    "name": {"given_name": "Test", "surname": "Payer"},
    "address": {"country_code": "GB"},
}
_KEPT = ("reference_id", "amount", "description", "custom_id", "invoice_id", "soft_descriptor", "items", "shipping")
_PATCHABLE = ("amount", "description", "custom_id", "invoice_id", "soft_descriptor", "shipping", "items")
_PATCH_PATH = re.compile(r"/purchase_units/@reference_id=='([^']+)'(?:/([a-z_]+))?")


def create(tx: Transaction, body: dict) -> dict:
    order_id, now = new_code(), timestamp(tx.clock)
    units = [
        {"reference_id": "default"} | {key: unit[key] for key in _KEPT if key in unit}
        for unit in body["purchase_units"]
    ]
    for unit in units:
        unit["payee"] = {"email_address": "shop@example.com", "merchant_id": "C7CYMKZDG8D6E"}
    source = (body.get("payment_source") or {}).get("paypal")
    context = (source or {}).get("experience_context") or body.get("application_context") or {}
    order = {
        "id": order_id,
        "intent": body["intent"],
        "status": "CREATED" if source is None else "PAYER_ACTION_REQUIRED",
        "purchase_units": units,
        "create_time": now,
        "_return_url": context.get("return_url"),
        "_cancel_url": context.get("cancel_url"),
        "_brand": context.get("brand_name"),
        "_locale": context.get("locale"),
    }
    if source is not None:
        order["payment_source"] = {"paypal": {}}
    order["links"] = _links(tx, order, "payer-action" if source is not None else "approve")
    tx.later(tx.settings.order_seconds, "order_ends", order_id)
    return tx.add("paypal_order", order)


def end(tx: Transaction, order: dict) -> None:
    """No payer agreed in time: PayPal knows no such order any more."""
    if order["status"] in OPEN:
        tx.remove(order["id"])


def approve(tx: Transaction, order: dict, *, funding: str) -> dict:
    """The payer says yes. Harmless when the order is approved already."""
    if order["status"] in (*OPEN, "APPROVED"):
        order["_funding"] = funding
    if order["status"] not in OPEN:
        return tx.save(order)
    order |= {"status": "APPROVED", "payer": PAYER, "update_time": timestamp(tx.clock)}
    wallet = {"email_address": PAYER["email_address"], "account_id": PAYER["payer_id"], "account_status": "VERIFIED"}
    order["payment_source"] = {"paypal": wallet | {"name": PAYER["name"], "address": PAYER["address"]}}
    order["links"] = _links(tx, order, "approve")
    tx.save(order)
    tx.later(tx.settings.approval_seconds, "approval_lapses", order["id"])
    _tell(tx, order, "CHECKOUT.ORDER.APPROVED", "An order has been approved by buyer")
    return order


def lapse(tx: Transaction, order: dict) -> None:
    """Nobody took the money that the payer agreed to: the payer gets it back."""
    if order["status"] == "APPROVED":
        order |= {"status": "VOIDED", "update_time": timestamp(tx.clock)}
        tx.save(order)
        _tell(tx, order, "CHECKOUT.PAYMENT-APPROVAL.REVERSED", "A payment has been reversed after approval.")


def capture(tx: Transaction, order: dict) -> dict:
    if order["status"] == "COMPLETED":
        raise PayPalError("ORDER_ALREADY_CAPTURED")
    if order["intent"] != "CAPTURE":
        raise PayPalError("ACTION_DOES_NOT_MATCH_INTENT")
    _require_approved(order)
    for unit in order["purchase_units"]:
        amount = {name: unit["amount"][name] for name in ("currency_code", "value")}
        unit["payments"] = {"captures": [_named(take(tx, order, unit, amount), "paypal_capture")]}
    return _finish(tx, order)


def authorize(tx: Transaction, order: dict) -> dict:
    if order["intent"] != "AUTHORIZE":
        raise PayPalError("ACTION_DOES_NOT_MATCH_INTENT")
    if order["status"] == "COMPLETED":
        raise PayPalError("ORDER_ALREADY_AUTHORIZED")
    _require_approved(order)
    for unit in order["purchase_units"]:
        unit["payments"] = {"authorizations": [_named(authorise(tx, order, unit), "paypal_authorization")]}
    return _finish(tx, order)


def patch(tx: Transaction, order: dict, operations: list) -> None:
    """JSON Patch, as far as PayPal allows it: the parts of a purchase unit, before the money moves."""
    if order["status"] == "COMPLETED":
        raise PayPalError("ORDER_ALREADY_COMPLETED")
    for at, operation in enumerate(operations):
        _patch_one(order, operation, at)
    tx.save(order | {"update_time": timestamp(tx.clock)})


def current(tx: Transaction, order: dict) -> dict:
    """The order with its payments as they are now."""
    units = []
    for unit in order["purchase_units"]:
        payments = unit.get("payments")
        units.append(unit | {"payments": _payments(tx, payments)} if payments else unit)
    return order | {"purchase_units": units}


def _payments(tx: Transaction, payments: dict) -> dict:
    found = {kind: [tx.get(item["id"]) for item in items] for kind, items in payments.items()}
    captures = found.get("captures", [])
    for authorisation in found.get("authorizations", []):
        captures += tx.select("paypal_capture", _order=authorisation["_order"])
    refunds = [refund for item in captures for refund in tx.select("paypal_refund", _capture=item["id"])]
    return found | ({"captures": captures} if captures else {}) | ({"refunds": refunds} if refunds else {})


def _named(made: dict, kind: str) -> dict:
    return {"id": made["id"], "kind": kind}


def _finish(tx: Transaction, order: dict) -> dict:
    order |= {"status": "COMPLETED", "update_time": timestamp(tx.clock)}
    order["links"] = _links(tx, order)
    tx.save(order)
    _tell(tx, order, "CHECKOUT.ORDER.COMPLETED", "Checkout Order Completed")
    return order


def _require_approved(order: dict) -> None:
    if order["status"] != "APPROVED":
        raise PayPalError("ORDER_NOT_APPROVED")
    if order.get("_funding") == "declined":
        raise PayPalError("INSTRUMENT_DECLINED")


def _patch_one(order: dict, operation: dict, at: int) -> None:
    if not isinstance(operation, dict):
        raise PayPalError("INVALID_PARAMETER_SYNTAX", field=f"/{at}")
    match = _PATCH_PATH.fullmatch(str(operation.get("path")))
    if match is None:
        raise PayPalError("INVALID_JSON_POINTER_FORMAT", field=f"/{at}/path", value=str(operation.get("path")))
    reference, name = match.groups()
    unit = next((unit for unit in order["purchase_units"] if unit["reference_id"] == reference), None)
    if unit is None:
        raise PayPalError("REFERENCE_ID_NOT_FOUND", field=f"/{at}/path")
    if name not in _PATCHABLE:
        raise PayPalError("FIELD_NOT_PATCHABLE", field=f"/{at}/path")
    if operation.get("op") == "remove" and name != "amount":
        unit.pop(name, None)
    elif operation.get("op") in ("add", "replace"):
        unit[name] = operation.get("value")
    else:
        raise PayPalError("INVALID_PARAMETER_VALUE", field=f"/{at}/op")
    check_unit(unit, f"/{at}/value")


def _links(tx: Transaction, order: dict, payer: str = "") -> list[dict]:
    here = f"{tx.origin.api_url}/v2/checkout/orders/{order['id']}"
    links = [{"href": here, "rel": "self", "method": "GET"}]
    if payer:
        page = f"{tx.origin.browser_url}/checkoutnow?token={order['id']}"
        links.append({"href": page, "rel": payer, "method": "GET"})
    if order["status"] in ("CREATED", "APPROVED"):
        verb = "capture" if order["intent"] == "CAPTURE" else "authorize"
        links.append({"href": here, "rel": "update", "method": "PATCH"})
        links.append({"href": f"{here}/{verb}", "rel": verb, "method": "POST"})
    return links


def _tell(tx: Transaction, order: dict, kind: str, summary: str) -> None:
    emit_paypal(tx, kind, current(tx, order), resource_type="checkout-order", summary=summary, about={order["id"]})
