"""Giving money back: asked for by a person with a reason, accepted by the provider, settled at the customer's bank."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from shop import database
from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotFound, ProviderRefused
from shop.models.payment import ONLINE, DisputeState, Payment, PaymentState, Refund, RefundState
from shop.models.repair import Repair
from shop.services.events import hold
from shop.services.payments.gateway import Gateway, Snapshot, gateway_of
from shop.services.payments.settle import Seen, record_fact, settle_by

PERMISSION = "payment.refund"
LONGEST_REASON = 200
# A provider remembers keys for a day at least. Before that, asking first costs nothing and is always right.
ASK_FIRST_AFTER = timedelta(hours=1)


def refundable(payment: Payment) -> int:
    """What can still be given back: taken, less what goes back already, and less what a bank argues about."""
    going = sum(refund.amount for refund in payment.refunds if refund.state != RefundState.FAILED)
    argued = sum(dispute.amount for dispute in payment.disputes if dispute.state != DisputeState.WON)
    return max(payment.captured - going - argued, 0)


def request_refund(payment_id: int, amount: int, reason: str, *, actor: Actor, is_own: bool = False) -> Refund:
    """Writes down that `amount` minor units go back, and why; the caller commits, and a job asks the provider.

    `is_own`: by a rule of the shop, not by a person with the right. Raises NotAllowed, NotFound, and Invalid for an
    amount that is more than is left, or without a reason.
    """
    if not is_own:
        actor.require(PERMISSION)
    reason = " ".join(reason.replace("\x00", "").split())
    payment = lock_payment(payment_id)
    faults = {}
    if payment.is_invented:
        faults["payment"] = _(
            "This payment was invented for the demo: no provider knows it. Book a repair and pay it to try this out."
        )
    elif payment.state != PaymentState.PAID or payment.provider not in ONLINE:
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
    facts = {"refund": refund.id, "amount": amount}
    record_fact("payment.refund_requested", payment, actor=actor, detail={"reason": reason}, **facts)
    return refund


def send_refund(refund_id: int) -> Refund:
    """Asks the provider to give it back; the caller has committed, and commits after. Twice gives back once.

    Raises ProviderDown while that is unknown. What the provider refuses is a failed refund, not an error.
    """
    seen, refusals = _look(refund_id), []

    def ask(payment: Seen) -> Snapshot:
        gateway, ref = gateway_of(payment.provider), payment.provider_ref or ""
        if seen.is_unsent and not _is_known(seen, gateway, ref):
            try:
                gateway.refund(ref, seen.charge_ref, amount=seen.amount, currency=payment.currency, key=seen.key)
            except ProviderRefused as error:
                refusals.append(error.reason)
        return gateway.read(ref)

    payment = settle_by(seen.payment_id, ask)
    refund = db.session.get_one(Refund, refund_id)
    if refusals and refund.state == RefundState.REQUESTED and refund.provider_ref is None:
        _fail(refund, payment, refusals[-1])
    return refund


def lock_payment(payment_id: int) -> Payment:
    """The payment, locked after its repair, so that all lock in one order. Raises NotFound."""
    repair_id = db.session.scalar(select(Payment.repair_id).where(Payment.id == payment_id))
    repair = repair_id and db.session.get(Repair, repair_id, with_for_update={"of": Repair}, populate_existing=True)
    if not repair:
        raise NotFound(_("There is no such payment."))
    hold(repair)
    return db.session.get_one(Payment, payment_id, with_for_update={"of": Payment}, populate_existing=True)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A refund as it was read, without a lock."""

    key: str
    amount: int
    created_at: datetime
    is_unsent: bool
    payment_id: int
    charge_ref: str


def _look(refund_id: int) -> _Seen:
    is_unsent = (Refund.state == RefundState.REQUESTED) & Refund.provider_ref.is_(None)
    query = (
        select(
            Refund.key, Refund.amount, Refund.created_at, is_unsent, Refund.payment_id,
            func.coalesce(Payment.charge_ref, ""),
        )
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Refund.id == refund_id)
    )  # fmt: skip
    db.session.rollback()
    with database.reading():
        row = db.session.execute(query).first()
        db.session.rollback()
    if row is None:
        raise NotFound(_("There is no such refund."))
    facts: Any = row
    return _Seen(*facts)


def _is_known(seen: _Seen, gateway: Gateway, ref: str) -> bool:
    """Asked for so long ago that the provider may have forgotten our key, though it did what we asked."""
    if utc_now() - seen.created_at <= ASK_FIRST_AFTER:
        return False
    return any(refund.key == seen.key for refund in gateway.read(ref).refunds)


def _fail(refund: Refund, payment: Payment, reason: str) -> None:
    refund.state, refund.failure_code, refund.settled_at = RefundState.FAILED, reason, utc_now()
    payment.version += 1
    record_fact("payment.refund_failed", payment, refund=refund.id, amount=refund.amount, reason=reason)
