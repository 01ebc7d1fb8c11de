"""What follows when a customer has answered the bank's question."""

from shop.simulator import stripe_customers, stripe_payments
from shop.simulator.store import Transaction
from shop.simulator.stripe_payments import Declined


def answer_challenge(tx: Transaction, intent: dict, *, succeeded: bool) -> dict:
    """The intent as it is then: also after a bank that agreed and a card that did not."""
    company = stripe_customers if intent["object"] == "setup_intent" else stripe_payments
    try:
        return company.authenticate(tx, intent, succeeded=succeeded)
    except Declined:
        return tx.get(intent["id"])
