"""Money given back: at once, after a while, or after a while not."""

from shop.simulator import stripe_objects as objects
from shop.simulator.store import Transaction
from shop.simulator.stripe_errors import missing, refused
from shop.simulator.stripe_payments import card_of
from shop.simulator.webhooks import emit_stripe

FAILURE = "expired_or_canceled_card"


def create(tx: Transaction, charge: dict, amount: int | None, *, reason: str | None, metadata: dict) -> dict:
    """`amount` None gives back all that is left. Refused above that, for a disputed and for an uncaptured charge."""
    left = charge["amount"] - charge["amount_refunded"]
    _require_refundable(charge, left)
    wanted = left if amount is None else amount
    if wanted > left:
        raise refused(
            f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})", param="amount"
        )  # fmt: skip
    card = card_of(tx.get(charge["payment_method"]))
    refund = objects.refund(tx, charge, amount=wanted, reason=reason, metadata=metadata)
    entry = objects.balance_transaction(tx, refund, type="refund", amount=-wanted)
    refund["balance_transaction"] = entry["id"]
    refund["status"] = "pending" if card.refund == "pending" else "succeeded"
    tx.add("refund", refund)
    if card.refund:
        name = "refund_settles" if card.refund == "pending" else "refund_fails"
        tx.later(tx.settings.refund_seconds, name, refund["id"])
    _count(tx, charge, wanted)
    emit_stripe(tx, "refund.created", refund)
    emit_stripe(tx, "charge.refunded", charge)
    return refund


def settle(tx: Transaction, refund: dict) -> None:
    if refund["status"] == "pending":
        tx.save(refund | {"status": "succeeded"})
        _tell(tx, refund | {"status": "succeeded"}, "refund.updated")


def fail(tx: Transaction, refund: dict) -> None:
    """The bank sends the money back to us."""
    if refund["status"] in ("failed", "canceled"):
        return
    entry = objects.balance_transaction(tx, refund, type="refund_failure", amount=refund["amount"])
    refund |= {"status": "failed", "failure_reason": FAILURE, "failure_balance_transaction": entry["id"]}
    tx.save(refund)
    _count(tx, tx.get(refund["charge"]), -refund["amount"])
    _tell(tx, refund, "refund.failed")


def cancel(tx: Transaction, refund: dict) -> dict:
    """Only one that is still pending."""
    if refund["status"] != "pending":
        raise refused(f"Refunds with status {refund['status']} cannot be canceled.", code="refund_not_cancelable")
    entry = objects.balance_transaction(tx, refund, type="refund_failure", amount=refund["amount"])
    refund |= {"status": "canceled", "failure_reason": "merchant_request", "failure_balance_transaction": entry["id"]}
    tx.save(refund)
    _count(tx, tx.get(refund["charge"]), -refund["amount"])
    _tell(tx, refund, "refund.updated")
    return refund


def charge_to_refund(tx: Transaction, *, intent_id: str | None, charge_id: str | None) -> dict:
    """Raises StripeError when there is none."""
    if intent_id is None:
        charge = tx.find(charge_id or "", "charge")
        if charge is None:
            raise missing("charge", charge_id or "", "charge")
        return charge
    intent = tx.find(intent_id, "payment_intent")
    if intent is None:
        raise missing("payment_intent", intent_id, "payment_intent")
    charge = tx.find(intent["latest_charge"] or "", "charge")
    if charge is None:
        raise refused(f"This PaymentIntent ({intent_id}) does not have a successful charge to refund.")
    return charge


def _require_refundable(charge: dict, left: int) -> None:
    if not charge["captured"] and charge["paid"] and not charge["refunded"]:
        raise refused(
            f"This uncaptured Charge was created by a PaymentIntent ({charge['payment_intent']}). You must cancel the "
            "PaymentIntent to reverse the authorization instead of refunding the Charge directly."
        )
    if not charge["captured"]:
        message = f"This PaymentIntent ({charge['payment_intent']}) does not have a successful charge to refund."
        raise refused(message)
    if charge["disputed"]:
        raise refused(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if left == 0:
        raise refused(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")


def _count(tx: Transaction, charge: dict, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    tx.save(charge)


def _tell(tx: Transaction, refund: dict, kind: str) -> None:
    emit_stripe(tx, kind, refund)
    emit_stripe(tx, "charge.refund.updated", refund)
