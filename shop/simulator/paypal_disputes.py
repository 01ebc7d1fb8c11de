"""A payer complains: PayPal holds the money until it knows whose it is."""

from shop.simulator.amounts import minor_of, money
from shop.simulator.paypal_errors import PayPalError
from shop.simulator.paypal_http import Call, Reply, endpoint
from shop.simulator.paypal_payments import HOLD, RELEASE, enter
from shop.simulator.store import Transaction, new_code
from shop.simulator.webhooks import emit_paypal, timestamp


def open_dispute(tx: Transaction, capture: dict, reason: str) -> dict:
    amount = minor_of(capture["amount"]) - capture["_refunded"]
    now, currency = timestamp(tx.clock), capture["amount"]["currency_code"]
    dispute_id = f"PP-D-{new_code(6)}"
    made = {
        "id": dispute_id,
        "dispute_id": dispute_id,
        "create_time": now,
        "update_time": now,
        "disputed_transactions": [{"seller_transaction_id": capture["id"], "custom": capture.get("custom_id")}],
        "reason": reason,
        "status": "WAITING_FOR_SELLER_RESPONSE",
        "dispute_amount": money(amount, currency),
        "dispute_life_cycle_stage": "CHARGEBACK",
        "seller_response_due_date": timestamp(tx.clock + tx.settings.dispute_days * 86_400),
        "_capture": capture["id"],
    }
    tx.add("paypal_dispute", made)
    tx.save(capture | {"_disputed": True})
    enter(tx, _source(capture), code=HOLD, gross=-amount, currency=currency, reference=capture["id"])
    _tell(tx, made, "CUSTOMER.DISPUTE.CREATED")
    return made


def close(tx: Transaction, dispute: dict, *, won: bool) -> dict:
    """Harmless when it is closed already."""
    if dispute["status"] == "RESOLVED":
        return dispute
    capture = tx.get(dispute["_capture"])
    amount, currency = minor_of(dispute["dispute_amount"]), dispute["dispute_amount"]["currency_code"]
    outcome = "RESOLVED_SELLER_FAVOUR" if won else "RESOLVED_BUYER_FAVOUR"
    dispute |= {"status": "RESOLVED", "update_time": timestamp(tx.clock), "dispute_outcome": {"outcome_code": outcome}}
    tx.save(dispute)
    if won:
        enter(tx, _source(capture), code=RELEASE, gross=amount, currency=currency, reference=capture["id"])
        tx.save(capture | {"_disputed": False})
    else:
        capture |= {"status": "REFUNDED", "_refunded": capture["_refunded"] + amount}
        tx.save(capture)
        _tell_reversal(tx, capture)
    _tell(tx, dispute, "CUSTOMER.DISPUTE.RESOLVED")
    return dispute


@endpoint("GET", "/v1/customer/disputes/<id>")
def get_dispute(tx: Transaction, call: Call) -> Reply:
    found = tx.find(call.ids["id"], "paypal_dispute")
    if found is None:
        raise PayPalError("INVALID_RESOURCE_ID", field="id", value=call.ids["id"])
    return Reply(200, _plain(found))


@endpoint("GET", "/v1/customer/disputes")
def list_disputes(tx: Transaction, call: Call) -> Reply:
    return Reply(200, {"items": [_plain(found) for found in tx.select("paypal_dispute", limit=50)], "links": []})


def _plain(dispute: dict) -> dict:
    return {key: value for key, value in dispute.items() if key != "id"}


def _source(capture: dict) -> dict:
    """The entry gets an id of its own, and the ids of the payment."""
    return capture | {"id": new_code()}


def _tell(tx: Transaction, dispute: dict, kind: str) -> None:
    emit_paypal(
        tx, kind, _plain(dispute), resource_type="dispute", summary=f"{kind.rpartition('.')[2].capitalize()} dispute",
        about={dispute["id"], dispute["_capture"]},
    )  # fmt: skip


def _tell_reversal(tx: Transaction, capture: dict) -> None:
    emit_paypal(
        tx, "PAYMENT.CAPTURE.REVERSED", capture, resource_type="capture", summary="A payment was reversed",
        about={capture["id"], capture["_order"]},
    )  # fmt: skip
