"""The levers behind the counter, for tests and demonstrations. Whoever has Stripe's secret key may pull them."""

import hmac

from flask import Blueprint, Response, abort, jsonify, request

from shop.simulator import faults, paypal_disputes, paypal_orders, stripe_disputes, tasks, webhooks
from shop.simulator.challenges import answer_challenge
from shop.simulator.paypal_errors import PayPalError
from shop.simulator.runtime import origin, simulator
from shop.simulator.store import Transaction, shown
from shop.simulator.stripe_errors import StripeError

blueprint = Blueprint("control", __name__, url_prefix="/_control")
_STRIPE_BALANCE = """
SELECT json_extract(s.body, '$.payment_intent') AS payment, json_extract(b.body, '$.currency') AS currency,
  SUM(json_extract(b.body, '$.amount')), SUM(json_extract(b.body, '$.fee')), SUM(json_extract(b.body, '$.net'))
FROM objects b JOIN objects s ON s.id = json_extract(b.body, '$.source')
WHERE b.kind = 'balance_transaction' GROUP BY payment, currency
"""
_PAYPAL_BALANCE = """
SELECT json_extract(body, '$.order') AS payment, json_extract(body, '$.currency') AS currency,
  SUM(json_extract(body, '$.gross')), SUM(json_extract(body, '$.fee')),
  SUM(json_extract(body, '$.gross') - json_extract(body, '$.fee'))
FROM objects WHERE kind = 'paypal_entry' GROUP BY payment, currency
"""


@blueprint.before_request
def _admit() -> None:
    given = request.authorization
    key = (given.token or given.username or "") if given is not None else ""
    if not hmac.compare_digest(key.encode(), simulator().settings.control_key.encode()):
        abort(401)


@blueprint.errorhandler(StripeError)
@blueprint.errorhandler(PayPalError)
def _refused(error: StripeError | PayPalError) -> tuple[Response, int]:
    return jsonify(error.body), 409


@blueprint.errorhandler(KeyError)
def _incomplete(error: KeyError) -> tuple[Response, int]:
    return jsonify(error=f"missing or unknown: {error}"), 400


@blueprint.post("")
def control() -> Response | tuple[Response, int]:
    """`{"stripe": {…}, "paypal": {…}, "<object id>": {…}, "faults": {"stripe": {…}}}`; answers what holds now."""
    wanted = request.get_json()
    try:
        with simulator().store.write(origin()) as tx:
            held = {name: webhooks.set_controls(tx, name, rules) for name, rules in wanted.items() if name != "faults"}
            bad = {name: faults.set_faults(tx, name, rules) for name, rules in wanted.get("faults", {}).items()}
    except (ValueError, TypeError, AttributeError) as error:
        return jsonify(error=f"not a control, or not a number from 0 upwards: {error}"), 400
    return jsonify(held | ({"faults": bad} if bad else {}))


@blueprint.post("/reset")
def reset() -> Response:
    """Everything as it should be again, but the clock."""
    with simulator().store.write() as tx:
        tx.connection.execute("DELETE FROM meta WHERE key LIKE 'controls:%' OR key LIKE 'faults:%'")
        tx.told = True
    return jsonify({})


@blueprint.post("/resend")
def resend() -> Response:
    """The events of `{"provider", "events"?: [ids]}`, all of them if none are named, once more."""
    wanted = request.get_json()
    kind = {"stripe": "event", "paypal": "paypal_event"}[wanted["provider"]]
    with simulator().store.write() as tx:
        ids = wanted.get("events") or [event["id"] for event in reversed(tx.select(kind))]
        sent = webhooks.resend(tx, wanted["provider"], ids)
    return jsonify(deliveries=sent)


@blueprint.get("/deliveries")
def deliveries() -> Response:
    """How many are in each state, and the last error of those that are not done."""
    with simulator().store.read() as tx:
        states = dict(tx.connection.execute("SELECT state, COUNT(*) FROM deliveries GROUP BY state"))
        query = "SELECT event_id, attempts, status, error FROM deliveries WHERE state IN ('waiting', 'failed') LIMIT 50"
        open_ones = [dict(zip(("event", "attempts", "status", "error"), row, strict=True))
                     for row in tx.connection.execute(query)]  # fmt: skip
    return jsonify(states=states, open=open_ones)


@blueprint.get("/balance")
def balance() -> Response:
    """What each company holds for the shop: per currency, and per payment gross, fee and net, in minor units."""
    with simulator().store.write(origin()) as tx:
        tasks.run_due(tx)
    with simulator().store.read() as tx:
        return jsonify(stripe=_balance(tx, _STRIPE_BALANCE), paypal=_balance(tx, _PAYPAL_BALANCE))


@blueprint.post("/advance-time")
def advance_time() -> Response:
    """Moves the clock by `{"seconds"}` and does what has become due."""
    seconds = request.get_json()["seconds"]
    with simulator().store.write(origin()) as tx:
        tx.set_meta("offset", tx.meta("offset", 0) + seconds)
    with simulator().store.write(origin()) as tx:
        tasks.run_due(tx)
        tx.told = True
        now = tx.now
    return jsonify(now=now)


@blueprint.post("/authenticate")
def authenticate() -> Response:
    """As if the customer answered the bank: `{"intent", "succeeded": true}`."""
    wanted = request.get_json()
    with simulator().store.write(origin()) as tx:
        intent = answer_challenge(tx, _get(tx, wanted["intent"]), succeeded=wanted.get("succeeded", True))
    return jsonify(shown(intent))


@blueprint.post("/approve")
def approve() -> Response:
    """As if the payer approved: `{"order", "funding": "balance" | "declined" | "echeck" | "echeck_bounces"}`."""
    wanted = request.get_json()
    with simulator().store.write(origin()) as tx:
        order = paypal_orders.approve(tx, _get(tx, wanted["order"]), funding=wanted.get("funding", "balance"))
    return jsonify(shown(order))


@blueprint.post("/dispute")
def dispute() -> Response:
    """Opens one on `{"payment": <charge or capture id>, "reason"?}`."""
    wanted = request.get_json()
    with simulator().store.write(origin()) as tx:
        payment = _get(tx, wanted["payment"])
        if payment.get("object") == "charge":
            made = stripe_disputes.open_dispute(tx, payment, wanted.get("reason", "fraudulent"))
        else:
            made = paypal_disputes.open_dispute(tx, payment, wanted.get("reason", "UNAUTHORISED"))
    return jsonify(shown(made))


@blueprint.post("/close-dispute")
def close_dispute() -> Response:
    """`{"dispute", "won": true}`: won means that the shop keeps the money."""
    wanted = request.get_json()
    with simulator().store.write(origin()) as tx:
        found = _get(tx, wanted["dispute"])
        company = stripe_disputes if found.get("object") == "dispute" else paypal_disputes
        closed = company.close(tx, found, won=wanted.get("won", False))
    return jsonify(shown(closed))


def _get(tx: Transaction, object_id: str) -> dict:
    return tx.find(object_id) or abort(404)


def _balance(tx: Transaction, query: str) -> dict:
    totals: dict[str, int] = {}
    payments: dict[str, dict] = {}
    for payment, currency, gross, fee, net in tx.connection.execute(query):
        totals[currency] = totals.get(currency, 0) + net
        payments[payment or "none"] = {"currency": currency, "gross": gross, "fee": fee, "net": net}
    return {"currencies": totals, "payments": payments}
