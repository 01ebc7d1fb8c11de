"""Giving money back: asked for by a person with a reason, accepted by the provider, settled at the customer's bank."""

from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import select

from shop import database
from shop.extensions import db
from shop.models.actor import SYSTEM, Actor
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotFound, ProviderRefused
from shop.models.payment import ONLINE, DisputeState, Payment, PaymentState, Refund, RefundState
from shop.models.repair import Repair
from shop.services.events import hold, record
from shop.services.payments import wire
from shop.services.payments.gateway import gateway_of
from shop.services.payments.settle import settle

PERMISSION = "payment.refund"
LONGEST_REASON = 200
# A provider remembers keys for a day at least. Before that, asking first costs nothing and is always right.
ASK_FIRST_AFTER = timedelta(hours=1)


def refundable(payment: Payment) -> int:
    """What can still be given back: taken, less what goes back already, and less what a bank argues about."""
    going = sum(refund.amount for refund in payment.refunds if refund.state != RefundState.FAILED)
    argued = sum(dispute.amount for dispute in payment.disputes if dispute.state != DisputeState.WON)
    return max(payment.captured - going - argued, 0)


def request_refund(payment_id: int, amount: int, reason: str, *, actor: Actor) -> Refund:
    """Writes down that `amount` minor units go back, and why; the caller commits, and a job asks the provider.

    Raises NotAllowed, NotFound, and Invalid for an amount that is more than is left, or without a reason.
    """
    actor.require(PERMISSION)
    reason = " ".join(reason.replace("\x00", "").split())
    payment = lock_payment(payment_id)
    faults = {}
    if payment.state != PaymentState.PAID or payment.provider not in ONLINE:
        faults["payment"] = _("Only a payment that has arrived can be given back.")
    elif not 0 < amount <= refundable(payment):
        faults["amount"] = _("That is more than is left of this payment, or nothing.")
    if not reason:
        faults["reason"] = _("Write why: it stands in the audit log.")
    elif len(reason) > LONGEST_REASON:
        faults["reason"] = _("Keep the reason under %(most)s characters.", most=LONGEST_REASON)
    if faults:
        raise Invalid(faults)
    refund = Refund(amount=amount, reason=reason, actor=actor.reference, state=RefundState.REQUESTED)
    payment.refunds.append(refund)
    payment.version += 1
    db.session.flush()
    body = {"payment": payment.id, "refund": refund.id, "amount": amount, "currency": payment.currency,
            "provider": payment.provider}  # fmt: skip
    record("payment.refund_requested", payment.repair, actor=actor, body=body, detail={"reason": reason})
    return refund


def send_refund(refund_id: int) -> Refund:
    """Asks the provider to give it back; the caller has committed, and commits after. Twice gives back once.

    Raises ProviderDown while that is unknown. What the provider refuses is a failed refund, not an error.
    """
    refund, payment = _look(refund_id)
    if refund.provider_ref is None and utc_now() - refund.created_at > ASK_FIRST_AFTER:
        settle(payment.id)
        db.session.commit()
        refund, payment = _look(refund_id)
    if refund.state == RefundState.REQUESTED and refund.provider_ref is None:
        refusal = _send(refund, payment)
        if refusal is not None:
            return _fail(refund_id, payment.id, refusal.reason)
    settle(payment.id)
    return db.session.get_one(Refund, refund_id)


def lock_payment(payment_id: int) -> Payment:
    """The payment, locked after its repair, so that all lock in one order. Raises NotFound."""
    repair_id = db.session.scalar(select(Payment.repair_id).where(Payment.id == payment_id))
    repair = repair_id and db.session.get(Repair, repair_id, with_for_update={"of": Repair}, populate_existing=True)
    if not repair:
        raise NotFound(_("There is no such payment."))
    hold(repair)
    return db.session.get_one(Payment, payment_id, with_for_update={"of": Payment}, populate_existing=True)


def _look(refund_id: int) -> tuple[Refund, Payment]:
    session = db.session()
    session.rollback()
    with database.reading():
        refund = db.session.get(Refund, refund_id, populate_existing=True)
        if refund is None:
            raise NotFound(_("There is no such refund."))
        payment = refund.payment
        session.expunge_all()
        session.rollback()
    return refund, payment


def _send(refund: Refund, payment: Payment) -> ProviderRefused | None:
    gateway = gateway_of(payment.provider)
    with wire.about(payment.id):
        try:
            gateway.refund(
                payment.provider_ref or "", payment.charge_ref or "", amount=refund.amount,
                currency=payment.currency, key=refund.key,
            )  # fmt: skip
        except ProviderRefused as error:
            return error
    return None


def _fail(refund_id: int, payment_id: int, reason: str) -> Refund:
    payment = lock_payment(payment_id)
    refund = db.session.get_one(Refund, refund_id)
    if refund.state == RefundState.REQUESTED and refund.provider_ref is None:
        refund.state, refund.failure_code, refund.settled_at = RefundState.FAILED, reason, utc_now()
        payment.version += 1
        body = {"payment": payment.id, "refund": refund.id, "amount": refund.amount, "currency": payment.currency,
                "provider": payment.provider, "reason": reason}  # fmt: skip
        record("payment.refund_failed", payment.repair, actor=SYSTEM, body=body)
    return refund
