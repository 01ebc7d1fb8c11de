"""Paying for a booking, and what the providers tell us."""

from flask import request

from shop.api import schemas
from shop.api.blueprint import blueprint, payments_limit, webhooks_limit
from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.errors import Invalid, NotFound
from shop.models.payment import Payment, Provider
from shop.services import idempotency
from shop.services.payments import attempts, keys, webhooks
from shop.services.payments.settle import settle

_SCOPE = "api.payments"
_BOOKING = "q3sZ0h9Yw1mB7n2KfT4xLg"
_ATTEMPT = "5f0c2f9b4d1e4a7c9b3d6e8f0a1b2c3d"


@blueprint.route("/payments/stripe/payment-intent", methods=["POST"], tags=["Payments"])
@payments_limit
@blueprint.arguments(schemas.PaymentHeaders, location="headers")
@blueprint.arguments(schemas.PaymentRequest, example={"booking": _BOOKING, "purpose": "deposit"})
@blueprint.response(200, schemas.StripePayment)
@blueprint.problems(400, 404, 413, 415, 422, 502)
def create_payment_intent(headers: dict, body: dict):
    """Begin a payment by Stripe

    The amount is ours. The same key and body again, and a second attempt while the first is open, are the same
    payment intent.
    """
    opened = _open(Provider.STRIPE, headers["key"], body)
    return _answer(opened.payment) | {
        "payment_intent": opened.snapshot.ref,
        "client_secret": opened.snapshot.client_secret,
        "publishable_key": keys.in_use().STRIPE_PUBLISHABLE_KEY,
    }


@blueprint.route("/payments/stripe/confirm", methods=["POST"], tags=["Payments"])
@payments_limit
@blueprint.arguments(schemas.StripeConfirmation, example={"booking": _BOOKING, "payment": _ATTEMPT})
@blueprint.response(200, schemas.Payment)
@blueprint.problems(400, 404, 413, 415, 422, 502)
def confirm_payment(body: dict):
    """See a payment by Stripe through

    Asks Stripe what has become of it, and answers what is true now: paid, or failed and why. Harmless when called
    again.
    """
    payment_id = _find(Provider.STRIPE, body)
    if "payment_method" in body:
        payment = attempts.confirm_payment(payment_id, method=body["payment_method"])
    else:
        payment = settle(payment_id)
    db.session.commit()
    return _answer(payment)


@blueprint.route("/payments/stripe/webhooks", methods=["POST"], tags=["Payments"])
@webhooks_limit
@blueprint.response(200, schemas.Taken)
@blueprint.problems(400, 413)
def take_stripe_webhook():
    """What Stripe tells us

    200 means that it is on disk, whatever it is about. Without a signature of Stripe's that is at most five minutes
    old it is refused.
    """
    return _take(Provider.STRIPE)


@blueprint.route("/payments/paypal/create-order", methods=["POST"], tags=["Payments"])
@payments_limit
@blueprint.arguments(schemas.PaymentHeaders, location="headers")
@blueprint.arguments(schemas.PaymentRequest, example={"booking": _BOOKING, "purpose": "full"})
@blueprint.response(200, schemas.PayPalPayment)
@blueprint.problems(400, 404, 413, 415, 422, 502)
def create_paypal_order(headers: dict, body: dict):
    """Begin a payment by PayPal

    The amount is ours. The same key and body again, and a second attempt while the first is open, are the same order.
    """
    opened = _open(Provider.PAYPAL, headers["key"], body)
    return _answer(opened.payment) | {
        "order_id": opened.snapshot.ref,
        "approve_url": opened.snapshot.next_url,
        "client_id": keys.in_use().PAYPAL_CLIENT_ID,
    }


@blueprint.route("/payments/paypal/capture-order", methods=["POST"], tags=["Payments"])
@payments_limit
@blueprint.arguments(schemas.PaymentName, example={"booking": _BOOKING, "payment": _ATTEMPT})
@blueprint.response(200, schemas.Payment)
@blueprint.problems(400, 404, 413, 415, 422, 502)
def capture_paypal_order(body: dict):
    """See a payment by PayPal through

    Takes the money that the customer has agreed to, once, and answers what is true now. Harmless when called again.
    """
    payment = settle(_find(Provider.PAYPAL, body))
    db.session.commit()
    return _answer(payment)


@blueprint.route("/payments/paypal/webhooks", methods=["POST"], tags=["Payments"])
@webhooks_limit
@blueprint.response(200, schemas.Taken)
@blueprint.problems(400, 413)
def take_paypal_webhook():
    """What PayPal tells us

    200 means that it is on disk, whatever it is about. Without a signature under PayPal's certificate that is less
    than three days old it is refused.
    """
    return _take(Provider.PAYPAL)


def _open(provider: Provider, key: str, body: dict) -> attempts.Opened:
    payment_id = _begin(provider, key, body)
    opened = attempts.open_payment(payment_id)
    db.session.commit()
    return opened


def _begin(provider: Provider, key: str, body: dict) -> int:
    """The id of the attempt, on disk before the provider hears of it."""
    scope = f"{_SCOPE}.{provider}"
    answer = idempotency.remembered(scope, key, body)
    if answer is None:
        answer = {"payment": _start(provider, body).id}
        idempotency.remember(scope, key, answer)
    db.session.commit()
    return answer["payment"]


def _start(provider: Provider, body: dict) -> Payment:
    try:
        repair = attempts.lock_by_token(body["booking"])
        if body.get("currency", repair.currency) != repair.currency:
            raise Invalid({"currency": attempts.other_currency(repair)})
        return attempts.start_payment(repair, provider, body["purpose"], actor=CUSTOMER, amount=body.get("amount"))
    except attempts.AmountRefused as error:
        db.session.rollback()
        attempts.note_refused_amount(body["booking"], error, actor=CUSTOMER)
        db.session.commit()
        raise


def _find(provider: Provider, body: dict) -> int:
    payment = attempts.find_payment(body["booking"], body["payment"])
    if payment.provider != provider:
        raise NotFound(attempts.no_such_payment())
    payment_id = payment.id
    db.session.rollback()
    return payment_id


def _take(provider: Provider) -> dict:
    webhooks.take(provider, request.headers, request.get_data(cache=False), source=request.remote_addr)
    db.session.commit()
    return {"received": True}


def _answer(payment: Payment) -> dict:
    return {
        "payment": payment.key,
        "state": payment.state,
        "amount": payment.amount,
        "currency": payment.currency,
        "failure_code": payment.failure_code,
        "test": not keys.in_use().ENABLE_REAL_PAYMENTS,
    }
