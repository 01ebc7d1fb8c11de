"""An amount that a bank holds for us: asked for by staff, agreed to by the customer, taken or let go later."""

from datetime import datetime, timedelta

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.errors import Invalid
from shop.models.payment import OPEN, Payment, PaymentState, Provider, Purpose
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import appointments, ledger
from shop.services.payments import keys, unanswered
from shop.services.payments.refunds import lock_payment
from shop.services.payments.settle import record_fact

PERMISSION = "payment.take"
ENDS_SOON = timedelta(hours=24)
# So long a card usually holds; the provider says the moment when it does.
USUALLY = timedelta(days=7)


def find_open(repair: Repair) -> Payment | None:
    """The hold that the customer is asked for or has agreed to: there is one at most."""
    query = select(Payment).where(
        Payment.repair_id == repair.id, Payment.purpose == Purpose.HOLD, Payment.state.in_(OPEN)
    )
    return db.session.scalar(query.order_by(Payment.id.desc()).limit(1))


def amount_held(repair: Repair) -> int:
    """What is held and not taken yet, in minor units: it is not asked for a second time."""
    query = select(func.coalesce(func.sum(Payment.amount), 0)).where(
        Payment.repair_id == repair.id,
        Payment.purpose == Purpose.HOLD,
        Payment.state.in_((PaymentState.AUTHORISED, PaymentState.PROCESSING)),
    )
    return int(db.session.scalar(query) or 0)


def ask_to_hold(repair: Repair, amount: int, *, actor: Actor) -> Payment:
    """Writes that the customer shall let `amount` minor units be held; the caller has locked the repair, and commits.

    Asked again with the same amount it is the same attempt; another amount takes the place of one that the customer
    has not agreed to. Raises NotAllowed, and Invalid for what is not owed or where something is held already.
    """
    actor.require(PERMISSION)
    if Provider.STRIPE not in keys.in_use().online_providers:
        raise Invalid({"amount": _("Only a card can hold an amount, and cards online are not set up.")})
    booking = appointments.find_booking(repair)
    if booking is not None and booking.held_until is not None and repair.status == State.EXPECTED:
        raise Invalid({"amount": _("This booking waits for its own payment. Hold an amount when it has come.")})
    owed = 0 if repair.status == State.CANCELLED else _free(repair)
    if not 0 < amount <= owed:
        raise Invalid({"amount": _("Hold at least a penny, and at most what is owed.")})
    found = find_open(repair)
    if found is not None and found.state in (PaymentState.AUTHORISED, PaymentState.PROCESSING):
        raise Invalid({"amount": _("An amount is held already. Take it or let it go first.")})
    if found is not None and (found.amount, found.currency) == (amount, repair.currency):
        return found
    payment = Payment(
        repair_id=repair.id, provider=Provider.STRIPE, purpose=Purpose.HOLD, amount=amount, currency=repair.currency,
        state=PaymentState.CREATED, livemode=current_app.config["SETTINGS"].ENABLE_REAL_PAYMENTS,
        actor=actor.reference,
    )  # fmt: skip
    db.session.add(payment)
    db.session.flush()
    if found is not None:
        record_fact("payment.superseded", found, by=payment.id)
    record_fact("payment.hold_asked", payment, actor=actor)
    return payment


def takeable(payment: Payment) -> int:
    """The most that may be taken of a hold: what the bank holds, and not more than is owed."""
    return max(min(payment.amount, _free(payment.repair)), 0) if payment.is_held else 0


def _free(repair: Repair) -> int:
    """What is owed, beside what a kept card is being charged."""
    return ledger.repair_balance(repair).owed - unanswered.amount_under_way(repair)


def request_take(payment_id: int, amount: int | None = None, *, actor: Actor) -> None:
    """Notes that a person takes what was authorised, or `amount` of it; commit before `attempts.capture_payment`.

    Raises NotAllowed, NotFound, and Invalid for what is not held any more, or for more than is held or owed.
    """
    actor.require(PERMISSION)
    payment = lock_payment(payment_id)
    if payment.state != PaymentState.AUTHORISED:
        raise Invalid({"payment": _("Nothing is held any more: it was taken or let go.")})
    if amount is not None and not (payment.is_held and 0 < amount <= takeable(payment)):
        raise Invalid({"amount": _("Take at least a penny, and at most what is held and owed.")})
    record_fact("payment.take_asked", payment, actor=actor, amount=payment.amount if amount is None else amount)


def request_release(payment_id: int, *, actor: Actor) -> None:
    """Notes that a person gives an attempt up, or lets go of what is held; commit before `attempts.cancel_payment`.

    Raises NotAllowed, NotFound, and Invalid for one that is decided.
    """
    actor.require(PERMISSION)
    payment = lock_payment(payment_id)
    if payment.state not in OPEN:
        raise Invalid({"payment": _("This payment is decided: there is nothing to give up.")})
    record_fact("payment.release_asked", payment, actor=actor)


def ends_soon(now: datetime):
    """The condition on Payment for a hold that ends within a day."""
    return (Payment.state == PaymentState.AUTHORISED) & (Payment.holds_until < now + ENDS_SOON)


def ends_at_latest(payment: Payment) -> datetime:
    """When the bank lets go of it: what the provider said, else what is usual for one that begins now."""
    return payment.holds_until or utc_now() + USUALLY


def is_offered(payment: Payment | None) -> bool:
    """The customer can still agree to it."""
    return payment is not None and payment.state in OPEN and payment.state not in (
        PaymentState.AUTHORISED, PaymentState.PROCESSING
    )  # fmt: skip
