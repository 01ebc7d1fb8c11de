"""Money for approved work, taken from a kept card while its owner is away."""

from datetime import datetime, timedelta

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
from shop.models.stored_card import StoredCard
from shop.services.payments import attempts, cards
from shop.services.payments.gateway import Snapshot, gateway_of, vault_of
from shop.services.payments.settle import Seen, record_fact, settle_by

PERMISSION = "card.charge"
_UNDER_WAY = (PaymentState.CREATED, PaymentState.PROCESSING)
_OVER = (PaymentState.FAILED, PaymentState.CANCELLED)
# Stripe forgets a key after a day or more: later the same key could take the money again.
KEY_HOLDS = timedelta(hours=20)
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
    if card is None or not cards.is_offered(repair):
        raise Invalid({"card": _("No card is kept for this repair that can be charged.")})
    amount = amount_of(repair, approval)
    if not amount:
        raise Invalid({"amount": _("Nothing is owed for this repair.")})
    payment = attempts.write(repair, Provider.STRIPE, Purpose.APPROVED, amount, actor)
    approval.payment, approval.card = payment, card
    record_fact("payment.charge_asked", payment, actor=actor, approval=approval.id, card=card.id)
    return payment


def amount_of(repair: Repair, approval: Approval) -> int:
    """What a charge comes to: the approved amount, and never more than is owed beside the charges under way."""
    on_their_way = select(func.coalesce(func.sum(Payment.amount), 0)).where(
        Payment.repair_id == repair.id, Payment.purpose == Purpose.APPROVED, Payment.state.in_(_UNDER_WAY)
    )
    left = attempts.amount_due(repair, Purpose.APPROVED) - int(db.session.scalar(on_their_way) or 0)
    return max(min(approval.amount, left), 0)


def charge_payment(payment_id: int) -> Payment:
    """Takes the money from the card; the caller has committed, and commits after. Twice takes it once.

    A bank's no is an outcome: the payment is then failed. Raises ProviderDown while what came of it is unknown. A card
    that is removed after this was asked for still pays for it, unless Stripe has let go of it already.
    """
    refusals: list[str] = []

    def ask(payment: Seen) -> Snapshot | None:
        if payment.provider_ref:
            return gateway_of(payment.provider).read(payment.provider_ref)
        if payment.state not in OPEN or payment.state == PaymentState.FAILED:
            return None
        try:
            customer_ref, method_ref, asked_at = _look_at_card(payment.id)
            if utc_now() - asked_at > KEY_HOLDS:
                return _found(payment.key, customer_ref)
            order = attempts.order_of(payment, "charge")
            return vault_of().charge(order, customer_ref=customer_ref, method_ref=method_ref)
        except (Declined, ProviderRefused) as error:
            if error.reason in _PASSING:
                raise ProviderDown(error.message) from error
            refusals.append(error.reason)
            return None

    payment = settle_by(payment_id, ask)
    if refusals and payment.provider_ref is None and payment.state == PaymentState.CREATED:
        payment.state, payment.failure_code, payment.settled_at = PaymentState.FAILED, refusals[-1][:60], utc_now()
        payment.version += 1
        record_fact("payment.failed", payment, reason=payment.failure_code)
    return payment


def _found(key: str, customer_ref: str) -> Snapshot:
    """A charge of long ago whose answer never came: looked for, and not sent again."""
    found = vault_of().find_charge(key, customer_ref=customer_ref)
    if found is None:
        raise ProviderRefused(_("This charge never reached Stripe. Begin a new one."), reason="never_sent")
    return found


def _look_at_card(payment_id: int) -> tuple[str, str, datetime]:
    """The names by which Stripe knows the card that this charge was asked of, and when it was asked."""
    query = (
        select(StoredCard.customer_ref, StoredCard.method_ref, Payment.created_at)
        .join(Approval, Approval.card_id == StoredCard.id)
        .join(Payment, Payment.id == Approval.payment_id)
    )
    with database.reading():
        row = db.session.execute(query.where(Approval.payment_id == payment_id)).first()
        db.session.rollback()
    if row is None:
        raise ProviderRefused(_("No card is kept for this repair that can be charged."), reason="no_card")
    return row.customer_ref or "", row.method_ref or "", row.created_at
