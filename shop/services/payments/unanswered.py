"""A charge of a kept card whose answer never came: looked for at Stripe under our key, and never sent from here."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import func, select

from shop import database
from shop.extensions import db
from shop.models.approval import Approval
from shop.models.errors import ProviderRefused
from shop.models.payment import Payment, PaymentState, Purpose
from shop.models.repair import Repair
from shop.models.stored_card import StoredCard
from shop.models.workflow import State
from shop.services import ledger
from shop.services.payments.gateway import Snapshot, vault_of
from shop.services.payments.settle import Seen

_UNDER_WAY = (PaymentState.CREATED, PaymentState.PROCESSING)


@dataclass(frozen=True, slots=True)
class Charged:
    """Of what a charge was asked, when, and whether its money is still owed: in full, for a repair that goes on."""

    customer_ref: str
    method_ref: str
    asked_at: datetime
    is_owed: bool


def amount_under_way(repair: Repair) -> int:
    """What kept cards were asked for and have not answered yet, in minor units: it is not asked for a second time."""
    query = select(func.coalesce(func.sum(Payment.amount), 0)).where(
        Payment.repair_id == repair.id, Payment.purpose == Purpose.APPROVED, Payment.state.in_(_UNDER_WAY)
    )
    return int(db.session.scalar(query) or 0)


def look_at(payment_id: int) -> Charged:
    """Raises ProviderRefused where no card is known. No transaction is open afterwards."""
    query = (
        select(StoredCard.customer_ref, StoredCard.method_ref, Payment.created_at, Payment.amount, Repair)
        .join(Approval, Approval.card_id == StoredCard.id)
        .join(Payment, Payment.id == Approval.payment_id)
        .join(Repair, Repair.id == Payment.repair_id)
    )
    with database.reading():
        row = db.session.execute(query.where(Approval.payment_id == payment_id)).first()
        if row is None:
            db.session.rollback()
            raise ProviderRefused(_("No card is kept for this repair that can be charged."), reason="no_card")
        goes_on = row.Repair.status != State.CANCELLED
        is_owed = goes_on and row.amount <= ledger.repair_balance(row.Repair).owed
        db.session.rollback()
    return Charged(row.customer_ref or "", row.method_ref or "", row.created_at, is_owed)


def find(payment: Seen) -> Snapshot | None:
    """What Stripe has made of a charge that has no name with us yet; None for nothing, and for any other payment."""
    if payment.purpose != Purpose.APPROVED or payment.provider_ref:
        return None
    customer_ref = look_at(payment.id).customer_ref
    try:
        return vault_of().find_charge(payment.key, customer_ref=customer_ref)
    except ProviderRefused as error:
        # The customer is gone there, and with them all that could have been charged.
        if error.reason == "resource_missing":
            return None
        raise
