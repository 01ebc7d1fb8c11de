"""Money for approved work, taken from a kept card while its owner is away."""

from collections.abc import Callable
from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import func, select

from shop import database
from shop.extensions import db
from shop.models.actor import CUSTOMER, Actor
from shop.models.approval import Approval, ApprovalState
from shop.models.base import utc_now
from shop.models.errors import Declined, Invalid, ProviderDown, ProviderRefused
from shop.models.payment import OPEN, Payment, PaymentState, Provider, Purpose
from shop.models.repair import Repair
from shop.services.payments import attempts, cards, unanswered
from shop.services.payments.gateway import Snapshot, gateway_of, vault_of
from shop.services.payments.settle import Seen, look, record_fact, settle, settle_by

PERMISSION = "card.charge"
_OVER = (PaymentState.FAILED, PaymentState.CANCELLED)
# Stripe forgets a key after a day or more: later the same key could take the money again.
KEY_HOLDS = timedelta(hours=20)
# Longer than the job of a charge tries by itself.
JOBS_TRY = timedelta(minutes=15)
# Somebody else asks the same at this moment: what comes of it is not known yet.
_PASSING = frozenset({"idempotency_key_in_use", "lock_timeout"})


def start_charge(repair: Repair, approval: Approval, *, after: int, actor: Actor) -> Payment:
    """Writes down that the kept card pays for approved work, at most what is owed; the repair is locked.

    The caller commits before `charge_payment`; a job does it too. `after` is the charge that the asker has seen fail,
    0 for none: whoever asks twice, or beside another, gets the charge that is under way and begins none. Raises
    NotAllowed, and Invalid where there is no card, no yes, or nothing owed.
    """
    if actor is not CUSTOMER:
        actor.require(PERMISSION)
    before = approval.payment
    if before is not None and (before.id != after or before.state not in _OVER):
        return before
    card = cards.find_ready(repair)
    if approval.state != ApprovalState.APPROVED:
        raise Invalid({"offer": _("The customer has not approved this.")})
    if card is None or not cards.can_be_charged(repair):
        raise Invalid({"card": _("No card is kept for this repair that can be charged.")})
    amount = amount_of(repair, approval)
    if not amount:
        raise Invalid({"amount": _("Nothing is owed for this repair.")})
    payment = attempts.write(repair, Provider.STRIPE, Purpose.APPROVED, amount, actor)
    approval.payment, approval.card = payment, card
    record_fact("payment.charge_asked", payment, actor=actor, approval=approval.id, card=card.id)
    return payment


def amount_of(repair: Repair, approval: Approval) -> int:
    """What a charge comes to: the approved amount, and never more than is owed beside what is on its way."""
    slow = select(func.coalesce(func.sum(Payment.amount), 0)).where(
        Payment.repair_id == repair.id, Payment.state == PaymentState.PROCESSING,
        Payment.purpose.not_in((Purpose.APPROVED, Purpose.HOLD)),
    )  # fmt: skip
    left = attempts.amount_due(repair, Purpose.APPROVED) - int(db.session.scalar(slow) or 0)
    return max(min(approval.amount, left), 0)


def charge_payment(payment_id: int) -> Payment:
    """Takes the money from the card; the caller has committed, and commits after. Twice takes it once.

    A bank's no is an outcome: the payment is then failed. Raises ProviderDown while what came of it is unknown. A card
    that is removed after this was asked for still pays for it, unless Stripe has let go of it already. What is not owed
    any more, was given up, or was asked for long ago is only looked for.
    """
    refusals: list[str] = []

    def ask(payment: Seen) -> Snapshot | None:
        if payment.provider_ref:
            return gateway_of(payment.provider).read(payment.provider_ref)
        if payment.state == PaymentState.FAILED:
            return None
        try:
            if payment.state not in OPEN:
                return unanswered.find(payment)
            charged = unanswered.look_at(payment.id)
            if charged.is_owed and utc_now() - charged.asked_at <= KEY_HOLDS:
                return _sent(payment, charged)
            return _found(payment)
        except (Declined, ProviderRefused) as error:
            refusals.append(error.reason)
            return None

    payment = settle_by(payment_id, ask)
    if refusals and payment.provider_ref is None and payment.state == PaymentState.CREATED:
        payment.state, payment.failure_code, payment.settled_at = PaymentState.FAILED, refusals[-1][:60], utc_now()
        payment.version += 1
        record_fact("payment.failed", payment, reason=payment.failure_code)
    return payment


def ask_again(payment_id: int) -> Payment:
    """What has become of any payment, by its provider; a charge that was never answered goes on. The caller commits."""
    seen = look(payment_id)
    is_unanswered = seen.purpose == Purpose.APPROVED and seen.provider_ref is None
    return charge_payment(payment_id) if is_unanswered else settle(payment_id)


def go_on_with_unanswered(*, is_stopping: Callable[[], bool] = lambda: False) -> int:
    """Goes on with charges that their jobs have given up on; returns how many are decided now. Commits by itself."""
    with database.reading():
        query = select(Payment.id).where(
            Payment.purpose == Purpose.APPROVED, Payment.state == PaymentState.CREATED,
            Payment.provider_ref.is_(None), Payment.created_at < utc_now() - JOBS_TRY,
        )  # fmt: skip
        found = list(db.session.scalars(query.order_by(Payment.id)))
        db.session.rollback()
    decided = 0
    for payment_id in found:
        if is_stopping():
            break
        try:
            decided += charge_payment(payment_id).state != PaymentState.CREATED
            db.session.commit()
        except (ProviderDown, ProviderRefused):
            db.session.rollback()
    return decided


def _sent(payment: Seen, charged: unanswered.Charged) -> Snapshot:
    order = attempts.order_of(payment, "charge")
    try:
        return vault_of().charge(order, customer_ref=charged.customer_ref, method_ref=charged.method_ref)
    except ProviderRefused as error:
        if error.reason in _PASSING:
            raise ProviderDown(error.message) from error
        # The first try may have been heard, and only its answer lost.
        try:
            found = unanswered.find(payment)
        except ProviderRefused as again:
            raise ProviderDown(again.message) from again
        if found is None:
            raise
        return found


def _found(payment: Seen) -> Snapshot:
    """A charge that is not to be sent any more: looked for."""
    found = unanswered.find(payment)
    if found is None:
        raise ProviderRefused(_("This charge never reached Stripe. Begin a new one."), reason="never_sent")
    return found
