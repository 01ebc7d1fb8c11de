"""What people see of the money of one repair."""

from dataclasses import dataclass

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import selectinload

from shop.extensions import db
from shop.models.errors import NotFound
from shop.models.payment import OPEN, Payment, PaymentState, Purpose
from shop.models.repair import Repair
from shop.services import ledger
from shop.services.payments import held, unanswered

# An attempt that came to nothing is the business of the page of payments.
_SHOWN = (PaymentState.PAID, PaymentState.AUTHORISED, PaymentState.PROCESSING)
_IS_SHOWN = or_(Payment.state.in_(_SHOWN), and_(Payment.purpose == Purpose.HOLD, Payment.state.in_(OPEN)))


@dataclass(frozen=True, slots=True)
class MoneyOfRepair:
    """`payments` in the order in which they were made, with what went back."""

    balance: ledger.RepairBalance
    payments: tuple[Payment, ...]

    @property
    def held(self) -> Payment | None:
        """What a bank holds for us, to be taken later."""
        return next((payment for payment in self.payments if payment.is_held), None)

    @property
    def is_held(self) -> bool:
        """Something is held already, or on its way to be: nothing more is asked to be held."""
        undecided = (PaymentState.AUTHORISED, PaymentState.PROCESSING)
        return any(payment.purpose == Purpose.HOLD and payment.state in undecided for payment in self.payments)


def of_repair(repair: Repair) -> MoneyOfRepair:
    """Two statements; a third where something was paid."""
    query = (
        select(Payment)
        .where(Payment.repair_id == repair.id, _IS_SHOWN)
        .order_by(Payment.id)
        .options(selectinload(Payment.refunds))
    )
    return MoneyOfRepair(ledger.repair_balance(repair), tuple(db.session.scalars(query)))


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What of the sum that is owed comes another way, in minor units: it is not to be taken at the counter as well."""

    charging: int
    held: int


def elsewhere(repair: Repair) -> Elsewhere:
    return Elsewhere(charging=unanswered.amount_under_way(repair), held=held.amount_held(repair))


def get_payment_of(repair: Repair, payment_id: int) -> Payment:
    """Raises NotFound for another repair's payment too."""
    return _found(_one(repair, payment_id))


def lock_payment_of(repair: Repair, payment_id: int) -> Payment:
    """The same, its row locked for this transaction."""
    query = _one(repair, payment_id).with_for_update(of=Payment)
    return _found(query.execution_options(populate_existing=True))


def _one(repair: Repair, payment_id: int) -> Select:
    return select(Payment).where(Payment.id == payment_id, Payment.repair_id == repair.id)


def _found(query: Select) -> Payment:
    payment = db.session.scalar(query)
    if payment is None:
        raise NotFound("There is no such payment.")
    return payment
