"""Money at PayPal: captures, authorisations, refunds, and the entries of the account that they leave."""

from shop.simulator.amounts import fee_of, minor_of, money
from shop.simulator.paypal_errors import PayPalError
from shop.simulator.store import Transaction, new_code
from shop.simulator.webhooks import emit_paypal, timestamp

DAY = 86_400
AUTHORISED_DAYS = 29
PAYMENT, REFUND, HOLD, RELEASE = "T0006", "T1107", "T1110", "T1111"
PROTECTION = {"status": "ELIGIBLE", "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"]}


def take(tx: Transaction, order: dict, unit: dict, amount: dict, *, authorisation: dict | None = None) -> dict:
    """A capture of `amount`; pending when the payer pays by eCheck."""
    require_fresh_invoice(tx, unit.get("invoice_id"))
    now = timestamp(tx.clock)
    related = {"order_id": order["id"]} | ({"authorization_id": authorisation["id"]} if authorisation else {})
    body = {
        "id": new_code(),
        "amount": amount,
        "final_capture": True,
        "seller_protection": PROTECTION,
        "disbursement_mode": "INSTANT",
        "status": "COMPLETED",
        "supplementary_data": {"related_ids": related},
        "create_time": now,
        "update_time": now,
        "_refunded": 0,
        "_order": order["id"],
    } | {name: unit[name] for name in ("custom_id", "invoice_id") if name in unit}
    body["links"] = _links(tx, f"captures/{body['id']}", ("refund", "POST"), up=f"/v2/checkout/orders/{order['id']}")
    tx.add("paypal_capture", body)
    funding = order.get("_funding", "balance")
    if funding.startswith("echeck"):
        return _wait_for_echeck(tx, body, bounces=funding == "echeck_bounces")
    return _complete(tx, body)


def clear(tx: Transaction, capture: dict) -> None:
    if capture["status"] == "PENDING":
        del capture["status_details"]
        _complete(tx, capture)


def deny(tx: Transaction, capture: dict) -> None:
    if capture["status"] == "PENDING":
        capture |= {"status": "DECLINED", "update_time": timestamp(tx.clock)}
        _tell(tx, tx.save(capture), "PAYMENT.CAPTURE.DENIED", "Payment denied")


def refund(tx: Transaction, capture: dict, body: dict) -> dict:
    """All that is left, or `body["amount"]` of it. The fee stays with PayPal."""
    currency = capture["amount"]["currency_code"]
    left = minor_of(capture["amount"]) - capture["_refunded"]
    wanted = left if body.get("amount") is None else minor_of(body["amount"])
    _require_refundable(capture, body, wanted, left)
    require_fresh_invoice(tx, body.get("invoice_id"), kind="paypal_refund")
    capture["_refunded"] += wanted
    whole = wanted == left
    capture |= {"status": "REFUNDED" if whole else "PARTIALLY_REFUNDED", "update_time": timestamp(tx.clock)}
    tx.save(capture)
    names = ("custom_id", "invoice_id", "note_to_payer")
    inherited = {name: capture[name] for name in ("custom_id", "invoice_id") if name in capture}
    made = {
        "id": new_code(),
        "amount": money(wanted, currency),
        "status": "COMPLETED",
        "seller_payable_breakdown": {
            "gross_amount": money(wanted, currency),
            "paypal_fee": money(0, currency),
            "net_amount": money(wanted, currency),
            "total_refunded_amount": money(capture["_refunded"], currency),
        },
        "create_time": timestamp(tx.clock),
        "update_time": timestamp(tx.clock),
        "_capture": capture["id"],
        "_order": capture["_order"],
    } | inherited | {name: body[name] for name in names if body.get(name)}  # fmt: skip
    made["links"] = _links(tx, f"refunds/{made['id']}", up=f"/v2/payments/captures/{capture['id']}")
    tx.add("paypal_refund", made)
    enter(tx, made, code=REFUND, gross=-wanted, currency=currency, reference=capture["id"])
    about = {made["id"], capture["id"], capture["_order"]}
    emit_paypal(
        tx, "PAYMENT.CAPTURE.REFUNDED", made, resource_type="refund", about=about,
        summary=f"A {made['amount']['value']} {currency} capture payment was refunded",
    )  # fmt: skip
    return made


def authorise(tx: Transaction, order: dict, unit: dict) -> dict:
    now = timestamp(tx.clock)
    made = {
        "id": new_code(),
        "amount": {name: unit["amount"][name] for name in ("currency_code", "value")},
        "status": "CREATED",
        "seller_protection": PROTECTION,
        "expiration_time": timestamp(tx.clock + AUTHORISED_DAYS * DAY),
        "supplementary_data": {"related_ids": {"order_id": order["id"]}},
        "create_time": now,
        "update_time": now,
        "_order": order["id"],
        "_captured": 0,
        "_expires": tx.clock + AUTHORISED_DAYS * DAY,
    } | {name: unit[name] for name in ("custom_id", "invoice_id") if name in unit}
    actions = (("capture", "POST"), ("void", "POST"), ("reauthorize", "POST"))
    made["links"] = _links(tx, f"authorizations/{made['id']}", *actions, up=f"/v2/checkout/orders/{order['id']}")
    tx.add("paypal_authorization", made)
    about = {made["id"], order["id"]}
    emit_paypal(
        tx, "PAYMENT.AUTHORIZATION.CREATED", made, resource_type="authorization", about=about,
        summary="An authorization was created",
    )  # fmt: skip
    return made


def capture_authorisation(tx: Transaction, authorisation: dict, body: dict) -> dict:
    """Up to 115 % of what was authorised in all; `final_capture` false leaves the rest open."""
    if authorisation["status"] == "VOIDED":
        raise PayPalError("AUTHORIZATION_VOIDED")
    if authorisation["status"] == "CAPTURED":
        raise PayPalError("AUTHORIZATION_ALREADY_CAPTURED")
    if authorisation["_expires"] <= tx.clock:
        raise PayPalError("AUTHORIZATION_EXPIRED")
    currency, whole = authorisation["amount"]["currency_code"], minor_of(authorisation["amount"])
    amount = body.get("amount") or money(whole - authorisation["_captured"], currency)
    if amount["currency_code"] != currency:
        raise PayPalError("AUTH_CAPTURE_CURRENCY_MISMATCH", field="/amount/currency_code")
    if (authorisation["_captured"] + minor_of(amount)) * 100 > whole * 115:
        raise PayPalError("MAX_CAPTURE_AMOUNT_EXCEEDED", field="/amount/value", value=amount["value"])
    order = tx.get(authorisation["_order"])
    unit = authorisation | ({"invoice_id": body["invoice_id"]} if body.get("invoice_id") else {})
    made = take(tx, order, unit, amount, authorisation=authorisation)
    authorisation["_captured"] += minor_of(amount)
    final = body.get("final_capture", False) or authorisation["_captured"] >= whole
    made["final_capture"] = final
    authorisation |= {"status": "CAPTURED" if final else "PARTIALLY_CAPTURED", "update_time": timestamp(tx.clock)}
    tx.save(authorisation)
    return tx.save(made)


def void(tx: Transaction, authorisation: dict) -> dict:
    if authorisation["status"] == "VOIDED":
        raise PayPalError("PREVIOUSLY_VOIDED")
    if authorisation["status"] == "CAPTURED":
        raise PayPalError("PREVIOUSLY_CAPTURED")
    authorisation |= {"status": "VOIDED", "update_time": timestamp(tx.clock)}
    tx.save(authorisation)
    about = {authorisation["id"], authorisation["_order"]}
    emit_paypal(
        tx, "PAYMENT.AUTHORIZATION.VOIDED", authorisation, resource_type="authorization", about=about,
        summary="An authorization was voided",
    )  # fmt: skip
    return authorisation


def enter(
    tx: Transaction, source: dict, *, code: str, gross: int, currency: str, fee: int = 0, reference: str = ""
) -> dict:
    """One line of the PayPal account, as the transaction report lists it. `source` gives it its ids."""
    entry_id = source["id"] if tx.find(f"entry:{source['id']}") is None else new_code()
    entry = {"id": f"entry:{entry_id}", "transaction_id": entry_id, "code": code, "gross": gross, "fee": fee,
             "currency": currency, "reference": reference, "at": tx.clock, "order": source.get("_order"),
             "invoice_id": source.get("invoice_id"), "custom_id": source.get("custom_id")}  # fmt: skip
    return tx.add("paypal_entry", entry)


def _complete(tx: Transaction, capture: dict) -> dict:
    amount, currency = minor_of(capture["amount"]), capture["amount"]["currency_code"]
    fee = fee_of(amount, basis_points=tx.settings.paypal_fee_bp, fixed=tx.settings.paypal_fee_fixed)
    capture |= {"status": "COMPLETED", "update_time": timestamp(tx.clock)}
    capture["seller_receivable_breakdown"] = {
        "gross_amount": capture["amount"],
        "paypal_fee": money(fee, currency),
        "net_amount": money(amount - fee, currency),
    }
    tx.save(capture)
    enter(tx, capture, code=PAYMENT, gross=amount, fee=fee, currency=currency)
    _tell(tx, capture, "PAYMENT.CAPTURE.COMPLETED", "Payment completed")
    return capture


def _wait_for_echeck(tx: Transaction, capture: dict, *, bounces: bool) -> dict:
    capture |= {"status": "PENDING", "status_details": {"reason": "ECHECK"}}
    tx.save(capture)
    tx.later(tx.settings.echeck_seconds, "echeck_bounces" if bounces else "echeck_clears", capture["id"])
    _tell(tx, capture, "PAYMENT.CAPTURE.PENDING", "Payment pending")
    return capture


def _tell(tx: Transaction, capture: dict, kind: str, what: str) -> None:
    amount = capture["amount"]
    summary = f"{what} for {amount['currency_code']} {amount['value']}"
    emit_paypal(tx, kind, capture, resource_type="capture", summary=summary, about={capture["id"], capture["_order"]})


def _require_refundable(capture: dict, body: dict, wanted: int, left: int) -> None:
    if capture["status"] == "PENDING":
        raise PayPalError("PENDING_CAPTURE")
    if capture["status"] == "REFUNDED":
        raise PayPalError("CAPTURE_FULLY_REFUNDED")
    if capture["status"] not in ("COMPLETED", "PARTIALLY_REFUNDED"):
        raise PayPalError("REFUND_NOT_ALLOWED")
    if capture.get("_disputed"):
        raise PayPalError("TRANSACTION_DISPUTED")
    given = body.get("amount")
    if given is not None and given["currency_code"] != capture["amount"]["currency_code"]:
        raise PayPalError("REFUND_CAPTURE_CURRENCY_MISMATCH", field="/amount/currency_code")
    if wanted > left:
        raise PayPalError("REFUND_AMOUNT_EXCEEDED", field="/amount/value", value=body["amount"]["value"])


def require_fresh_invoice(tx: Transaction, invoice_id: str | None, *, kind: str = "paypal_capture") -> None:
    if invoice_id is not None and tx.one(kind, invoice_id=invoice_id) is not None:
        raise PayPalError("DUPLICATE_INVOICE_ID", field="/invoice_id", value=invoice_id)


def _links(tx: Transaction, path: str, *actions: tuple[str, str], up: str) -> list[dict]:
    here = f"{tx.origin.api_url}/v2/payments/{path}"
    own = [{"href": here, "rel": "self", "method": "GET"}]
    more = [{"href": f"{here}/{rel}", "rel": rel, "method": method} for rel, method in actions]
    return [*own, *more, {"href": f"{tx.origin.api_url}{up}", "rel": "up", "method": "GET"}]
