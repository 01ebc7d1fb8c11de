"""Stripe's objects as they are first seen, with every field that the published description requires."""

from shop.simulator.cards import Card
from shop.simulator.store import Transaction, new_id

NO_ADDRESS = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}
NO_SHIPPING = {"address": NO_ADDRESS, "carrier": None, "name": None, "phone": None, "tracking_number": None}
NO_DETAILS = {"address": NO_ADDRESS, "email": None, "name": None, "phone": None}
_EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal "
    "customer_communication customer_email_address customer_name customer_purchase_ip customer_signature "
    "duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt "
    "refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation "
    "shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number "
    "uncategorized_file uncategorized_text"
)
EVIDENCE = tuple(_EVIDENCE.split())


def base(kind: str, prefix: str, tx: Transaction, **fields) -> dict:
    return {"id": new_id(prefix), "object": kind, "created": tx.now, "livemode": False, "metadata": {}} | fields


def payment_intent(tx: Transaction, **fields) -> dict:
    intent = base("payment_intent", "pi", tx) | {
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "confirmation_method": "automatic",
        "customer": None,
        "description": None,
        "last_payment_error": None,
        "latest_charge": None,
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {"card": {"installments": None, "mandate_options": None, "network": None,
                                            "request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }  # fmt: skip
    intent["client_secret"] = new_id(f"{intent['id']}_secret", 25)
    return intent | fields


def charge(tx: Transaction, intent: dict, method: dict, card: Card) -> dict:
    return base("charge", "ch", tx) | {
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "REVIVATECH",
        "captured": False,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "metadata": intent["metadata"],
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"type": "card", "card": _card_details(method["card"], card)},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "pending",
        "transfer_data": None,
        "transfer_group": None,
    }


def _card_details(shown: dict, card: Card) -> dict:
    keys = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    return {key: shown[key] for key in keys} | {
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "installments": None,
        "mandate": None,
        "network": card.brand,
        "three_d_secure": None,
        "wallet": None,
    }


def outcome(decline_code: str | None) -> dict:
    if decline_code is None:
        return {"network_status": "approved_by_network", "reason": None, "risk_level": "normal", "risk_score": 24,
                "seller_message": "Payment complete.", "type": "authorized"}  # fmt: skip
    return {"network_status": "declined_by_network", "reason": decline_code, "risk_level": "normal", "risk_score": 24,
            "seller_message": "The bank declined this payment.", "type": "issuer_declined"}  # fmt: skip


def payment_method(tx: Transaction, card: Card, *, month: int, year: int, details: dict | None = None) -> dict:
    return base("payment_method", "pm", tx) | {
        "_number": card.number,
        "billing_details": NO_DETAILS | (details or {}),
        "card": {
            "brand": card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None},
            "country": "GB",
            "exp_month": month,
            "exp_year": year,
            "fingerprint": f"fp{card.number[-12:]}",
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "customer": None,
        "type": "card",
    }


def refund(tx: Transaction, charge: dict, **fields) -> dict:
    body = base("refund", "re", tx) | {
        "balance_transaction": None,
        "charge": charge["id"],
        "currency": charge["currency"],
        "payment_intent": charge["payment_intent"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    del body["livemode"]
    return body | fields


def balance_transaction(tx: Transaction, source: dict, *, type: str, amount: int, fee: int = 0, **fields) -> dict:
    """Written down at once: `amount` is what the balance gains, `fee` what Stripe keeps of it."""
    body = {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": tx.now,
        "created": tx.now,
        "currency": source["currency"],
        "description": source.get("description"),
        "exchange_rate": None,
        "fee": fee,
        "fee_details": _fee_details(fee, source["currency"]),
        "net": amount - fee,
        "reporting_category": {"adjustment": "dispute"}.get(type, type),
        "source": source["id"],
        "status": "available",
        "type": type,
    }
    return tx.add("balance_transaction", body | fields)


def _fee_details(fee: int, currency: str) -> list[dict]:
    if not fee:
        return []
    return [{"amount": fee, "application": None, "currency": currency, "description": "Stripe processing fees",
             "type": "stripe_fee"}]  # fmt: skip


def dispute(tx: Transaction, charge: dict, reason: str) -> dict:
    due = tx.now + tx.settings.dispute_days * 86_400
    return base("dispute", "du", tx) | {
        "amount": charge["amount_captured"] - charge["amount_refunded"],
        "balance_transactions": [],
        "charge": charge["id"],
        "currency": charge["currency"],
        "evidence": dict.fromkeys(EVIDENCE),
        "evidence_details": {"due_by": due, "has_evidence": False, "past_due": False, "submission_count": 0},
        "is_charge_refundable": False,
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }


def customer(tx: Transaction) -> dict:
    return base("customer", "cus", tx) | {
        "address": None,
        "balance": 0,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": new_id("x", 8)[2:].upper(),
        "invoice_settings": {"custom_fields": None, "default_payment_method": None, "footer": None,
                             "rendering_options": None},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }  # fmt: skip


def setup_intent(tx: Transaction, **fields) -> dict:
    intent = base("setup_intent", "seti", tx) | {
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "customer": None,
        "description": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "mandate": None,
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {"card": {"mandate_options": None, "network": None,
                                            "request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    }  # fmt: skip
    intent["client_secret"] = new_id(f"{intent['id']}_secret", 25)
    return intent | fields
