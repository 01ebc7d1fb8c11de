"""A cardholder's bank takes the money back; the shop answers, and wins or loses."""

from shop.simulator import stripe_objects as objects
from shop.simulator.store import Transaction
from shop.simulator.stripe_errors import refused
from shop.simulator.webhooks import emit_stripe

OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
# What Stripe's test mode decides by.
WINS, LOSES = "winning_evidence", "losing_evidence"


def open_dispute(tx: Transaction, charge: dict, reason: str) -> dict:
    dispute = objects.dispute(tx, charge, reason)
    tx.add("dispute", dispute)
    _move(tx, dispute, -dispute["amount"], fee=tx.settings.dispute_fee)
    tx.save(charge | {"disputed": True})
    charge["disputed"] = True
    emit_stripe(tx, "charge.dispute.created", dispute)
    emit_stripe(tx, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def update(tx: Transaction, dispute: dict, *, evidence: dict, metadata: dict, submit: bool) -> dict:
    """With `submit` the evidence goes to the bank, which decides at once when the text says how."""
    if evidence and dispute["status"] not in OPEN:
        raise refused(f"This dispute is {dispute['status']}; its evidence cannot be changed.", code="dispute_closed")
    dispute |= {"evidence": dispute["evidence"] | evidence, "metadata": metadata}
    details = dispute["evidence_details"]
    details["has_evidence"] = any(dispute["evidence"].values())
    if submit:
        dispute["status"] = "under_review"
        details["submission_count"] += 1
    tx.save(dispute)
    emit_stripe(tx, "charge.dispute.updated", dispute)
    text = dispute["evidence"]["uncategorized_text"]
    if submit and text in (WINS, LOSES):
        close(tx, dispute, won=text == WINS)
    return dispute


def close(tx: Transaction, dispute: dict, *, won: bool) -> dict:
    if dispute["status"] not in OPEN:
        raise refused(f"This dispute is already {dispute['status']}.", code="dispute_closed")
    dispute["status"] = "won" if won else "lost"
    tx.save(dispute)
    if won:
        _move(tx, dispute, dispute["amount"], fee=0)
        emit_stripe(tx, "charge.dispute.funds_reinstated", dispute)
    emit_stripe(tx, "charge.dispute.closed", dispute)
    return dispute


def _move(tx: Transaction, dispute: dict, amount: int, *, fee: int) -> None:
    entry = objects.balance_transaction(tx, dispute, type="adjustment", amount=amount, fee=fee)
    dispute["balance_transactions"].append(entry)
    tx.save(dispute)
