"""Orders and payments at PayPal's addresses."""

from datetime import datetime

from flask import request

from shop.simulator import paypal_orders, paypal_payments
from shop.simulator.amounts import money
from shop.simulator.paypal_checks import check_order, check_payment
from shop.simulator.paypal_errors import PayPalError
from shop.simulator.paypal_http import Call, Reply, endpoint, wants_representation
from shop.simulator.store import Transaction
from shop.simulator.webhooks import timestamp

MOST_DAYS, MOST_PAGE = 31, 500
_MINIMAL_CAPTURE = ("id", "status", "payment_source", "payer", "purchase_units", "links")


def _order_body(tx: Transaction, order_id: str) -> dict:
    order = paypal_orders.current(tx, tx.get(order_id))
    if wants_representation():
        return order
    if order["status"] == "COMPLETED":
        units = [{key: unit[key] for key in ("reference_id", "payments")} for unit in order["purchase_units"]]
        return {key: order[key] for key in _MINIMAL_CAPTURE if key in order} | {"purchase_units": units}
    return {key: order[key] for key in ("id", "status", "links")}


def _payment_body(tx: Transaction, payment_id: str) -> dict:
    payment = tx.get(payment_id)
    return payment if wants_representation() else {key: payment[key] for key in ("id", "status", "links")}


@endpoint("POST", "/v2/checkout/orders", again=_order_body)
def create_order(tx: Transaction, call: Call) -> Reply:
    check_order(call.body)
    for unit in call.body["purchase_units"]:
        paypal_payments.require_fresh_invoice(tx, unit.get("invoice_id"))
    order = paypal_orders.create(tx, call.body)
    return Reply(201, _order_body(tx, order["id"]), order["id"])


@endpoint("GET", "/v2/checkout/orders/<id>")
def get_order(tx: Transaction, call: Call) -> Reply:
    return Reply(200, paypal_orders.current(tx, _find(tx, call, "paypal_order")))


@endpoint("PATCH", "/v2/checkout/orders/<id>", takes=list)
def patch_order(tx: Transaction, call: Call) -> Reply:
    paypal_orders.patch(tx, _find(tx, call, "paypal_order"), call.body)
    return Reply(204, None)


@endpoint("POST", "/v2/checkout/orders/<id>/capture", again=_order_body)
def capture_order(tx: Transaction, call: Call) -> Reply:
    order = paypal_orders.capture(tx, _find(tx, call, "paypal_order"))
    return Reply(201, _order_body(tx, order["id"]), order["id"])


@endpoint("POST", "/v2/checkout/orders/<id>/authorize", again=_order_body)
def authorize_order(tx: Transaction, call: Call) -> Reply:
    order = paypal_orders.authorize(tx, _find(tx, call, "paypal_order"))
    return Reply(201, _order_body(tx, order["id"]), order["id"])


@endpoint("GET", "/v2/payments/captures/<id>")
def get_capture(tx: Transaction, call: Call) -> Reply:
    return Reply(200, _find(tx, call, "paypal_capture"))


@endpoint("POST", "/v2/payments/captures/<id>/refund", again=_payment_body)
def refund_capture(tx: Transaction, call: Call) -> Reply:
    capture = _find(tx, call, "paypal_capture")
    check_payment(call.body)
    refund = paypal_payments.refund(tx, capture, call.body)
    return Reply(201, _payment_body(tx, refund["id"]), refund["id"])


@endpoint("GET", "/v2/payments/refunds/<id>")
def get_refund(tx: Transaction, call: Call) -> Reply:
    return Reply(200, _find(tx, call, "paypal_refund"))


@endpoint("GET", "/v2/payments/authorizations/<id>")
def get_authorization(tx: Transaction, call: Call) -> Reply:
    return Reply(200, _find(tx, call, "paypal_authorization"))


@endpoint("POST", "/v2/payments/authorizations/<id>/capture", again=_payment_body)
def capture_authorization(tx: Transaction, call: Call) -> Reply:
    authorisation = _find(tx, call, "paypal_authorization")
    check_payment(call.body)
    made = paypal_payments.capture_authorisation(tx, authorisation, call.body)
    return Reply(201, _payment_body(tx, made["id"]), made["id"])


@endpoint("POST", "/v2/payments/authorizations/<id>/void")
def void_authorization(tx: Transaction, call: Call) -> Reply:
    voided = paypal_payments.void(tx, _find(tx, call, "paypal_authorization"))
    return Reply(200, voided) if wants_representation() else Reply(204, None)


@endpoint("GET", "/v1/reporting/transactions")
def list_transactions(tx: Transaction, call: Call) -> Reply:
    """At most 31 days at once."""
    start, end = _moment("start_date"), _moment("end_date")
    if not 0 <= end - start <= MOST_DAYS * 86_400:
        raise PayPalError("INVALID_PARAMETER_VALUE", field="end_date")
    size, page = _number("page_size", 100, MOST_PAGE), _number("page", 1, 10_000)
    found = tx.select("paypal_entry", at__gte=start, at__lte=end)[::-1]
    wanted = request.args.get("transaction_id")
    found = [entry for entry in found if wanted in (None, entry["transaction_id"])]
    shown = found[(page - 1) * size : page * size]
    body = {
        "transaction_details": [{"transaction_info": _transaction_info(entry)} for entry in shown],
        "account_number": "C7CYMKZDG8D6E",
        "start_date": timestamp(start),
        "end_date": timestamp(end),
        "last_refreshed_datetime": timestamp(tx.clock),
        "page": page,
        "total_items": len(found),
        "total_pages": max(1, -(-len(found) // size)),
        "links": [{"href": request.url, "rel": "self", "method": "GET"}],
    }
    return Reply(200, body)


def _transaction_info(entry: dict) -> dict:
    moment = timestamp(entry["at"])
    info = {
        "paypal_account_id": "QYR5Z8XDVJNXQ",
        "transaction_id": entry["transaction_id"],
        "transaction_event_code": entry["code"],
        "transaction_initiation_date": moment,
        "transaction_updated_date": moment,
        "transaction_amount": money(entry["gross"], entry["currency"]),
        "fee_amount": money(-entry["fee"], entry["currency"]),
        "transaction_status": "S",
        "invoice_id": entry["invoice_id"],
        "custom_field": entry["custom_id"],
    }
    if entry["reference"]:
        info |= {"paypal_reference_id": entry["reference"], "paypal_reference_id_type": "TXN"}
    elif entry["order"]:
        info |= {"paypal_reference_id": entry["order"], "paypal_reference_id_type": "ODR"}
    return {key: value for key, value in info.items() if value is not None}


def _find(tx: Transaction, call: Call, kind: str) -> dict:
    found = tx.find(call.ids["id"], kind)
    if found is None:
        raise PayPalError("INVALID_RESOURCE_ID", field="id", value=call.ids["id"])
    return found


def _moment(name: str) -> float:
    try:
        moment = datetime.fromisoformat(request.args[name])
    except (KeyError, ValueError):
        raise PayPalError("INVALID_PARAMETER_SYNTAX", field=name) from None
    if moment.tzinfo is None:
        raise PayPalError("INVALID_PARAMETER_SYNTAX", field=name)
    return moment.timestamp()


def _number(name: str, default: int, most: int) -> int:
    text = request.args.get(name, str(default))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise PayPalError("INVALID_PARAMETER_VALUE", field=name, value=text)
    return int(text)
