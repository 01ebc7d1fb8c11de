"""What happens by itself after a time: authorisations expire, refunds and eChecks settle."""

from shop.simulator import paypal_orders, paypal_payments, stripe_payments, stripe_refunds
from shop.simulator.store import Transaction

_HANDLERS = {
    "authorisation_expires": stripe_payments.expire,
    "refund_settles": stripe_refunds.settle,
    "refund_fails": stripe_refunds.fail,
    "approval_lapses": paypal_orders.lapse,
    "order_ends": paypal_orders.end,
    "echeck_clears": paypal_payments.clear,
    "echeck_bounces": paypal_payments.deny,
}


def is_due(tx: Transaction) -> bool:
    return tx.connection.execute("SELECT 1 FROM tasks WHERE due <= ? LIMIT 1", (tx.clock,)).fetchone() is not None


def run_due(tx: Transaction) -> None:
    """Does everything that is due, in its order, in this transaction."""
    query = "DELETE FROM tasks WHERE id = (SELECT id FROM tasks WHERE due <= ? ORDER BY due, id LIMIT 1) RETURNING *"
    while row := tx.connection.execute(query, (tx.clock,)).fetchone():
        _, _, name, object_id = row
        subject = tx.find(object_id)
        if subject is not None:
            _HANDLERS[name](tx, subject)
