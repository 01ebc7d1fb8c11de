"""Money at the counter: cash and the card terminal, in as many parts as people like, and back with a reason."""

from dataclasses import dataclass

from flask_babel import gettext as _

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.cash import payable
from shop.models.errors import Invalid
from shop.models.ledger import Kind, cash_posting, cash_refund_posting, payment_posting, refund_posting
from shop.models.payment import Drawer, Payment, PaymentState, Provider, Purpose, Refund, RefundState
from shop.models.repair import Repair
from shop.models.text import one_line
from shop.services import drawers, ledger
from shop.services.confirmation import confirm_if_paid
from shop.services.events import record
from shop.services.payments.settle import supersede

AT_THE_COUNTER = (Provider.CASH, Provider.TERMINAL)
LONGEST_SLIP = 40


@dataclass(frozen=True, slots=True)
class Taken:
    """`change` is what goes back over the counter, in minor units; `owed` is what is still to be paid."""

    payment: Payment
    change: int
    owed: int


def take(
    repair: Repair, amount: int, *, provider: str, actor: Actor, tendered: int | None = None, slip: str = ""
) -> Taken:
    """Takes so much of what is owed for a locked repair, in cash or by the card terminal. The caller commits.

    `tendered` is what was handed over in cash, the amount itself if None; `slip` is what the terminal printed.
    Raises Invalid for more than is owed, too little cash, an unknown way to pay, or a till that is not open.
    Not idempotent: each call is another payment.
    """
    actor.require("payment.take")
    balance = ledger.repair_balance(repair)
    faults = _amount_faults(amount, balance.owed)
    if provider not in AT_THE_COUNTER:
        faults["provider"] = _("Choose cash or the card terminal.")
    coins, slip = (payable(amount, repair.currency) if provider == Provider.CASH else amount), one_line(slip)
    given = coins if tendered is None else tendered
    if provider == Provider.CASH and not faults and not coins:
        faults["amount"] = _no_such_coin()
    elif provider == Provider.CASH and not faults and given < coins:
        faults["tendered"] = _("That is less than the amount: take less, or ask for more.")
    if len(slip) > LONGEST_SLIP:
        faults["slip"] = _("Keep it to %(n)s characters.", n=LONGEST_SLIP)
    if faults:
        raise Invalid(faults)
    drawer = _lock_drawer(repair)
    payment = _write(repair, amount, provider, drawer.id, actor, method=slip, tendered=given)
    posting = cash_posting(coins, settles=amount) if provider == Provider.CASH else payment_posting(provider, amount)
    ledger.post(
        f"{provider}:payment:{payment.key}", Kind.PAYMENT, posting, currency=repair.currency, actor=actor,
        repair_id=repair.id, payment_id=payment.id, drawer_id=drawer.id, memo=slip,
    )  # fmt: skip
    record("payment.settled", repair, actor=actor, body=_facts(payment, payment.amount))
    supersede(payment)
    confirm_if_paid(repair)
    return Taken(payment, change=max(given - coins, 0) if provider == Provider.CASH else 0, owed=balance.owed - amount)


def give_back(payment: Payment, amount: int, *, reason: str, actor: Actor) -> Refund:
    """Gives back part or all of what was taken at the counter; its repair is locked. The caller commits.

    Cash comes out of the till that is open now. Raises Invalid for more than is left of the payment, more cash than
    the till holds, a till of another currency, and without a reason. Not idempotent: each call gives back again.
    """
    actor.require("payment.refund")
    left, reason, faults = payment.captured - payment.refunded, one_line(reason), {}
    if payment.provider not in AT_THE_COUNTER or payment.state != PaymentState.PAID:
        raise Invalid({"payment": _("Only what was taken at the counter can be given back here.")})
    if not 0 < amount <= left:
        faults["amount"] = _("Enter at most what is left of this payment.")
    if not reason:
        faults["reason"] = _("Say why: it is kept with the refund.")
    elif len(reason) > drawers.LONGEST_REASON:
        faults["reason"] = _("Keep it to %(n)s characters.", n=drawers.LONGEST_REASON)
    if faults:
        raise Invalid(faults)
    repair, is_cash = payment.repair, payment.provider == Provider.CASH
    drawer = _lock_drawer(repair)
    coins = payable(amount, payment.currency) if is_cash else amount
    if not coins:
        raise Invalid({"amount": _no_such_coin()})
    if is_cash and coins > drawers.expected_in(drawer):
        raise Invalid({"amount": _("There is not so much in the drawer.")})
    refund = Refund(
        payment=payment, amount=amount, state=RefundState.SETTLED, reason=reason, actor=actor.reference,
        settled_at=utc_now(),
    )  # fmt: skip
    db.session.add(refund)
    payment.refunded += amount
    payment.version += 1
    db.session.flush()
    posting = cash_refund_posting(coins, settles=amount) if is_cash else refund_posting(payment.provider, amount)
    ledger.post(
        f"{payment.provider}:refund:{refund.key}", Kind.REFUND, posting, currency=payment.currency, actor=actor,
        repair_id=repair.id, payment_id=payment.id, drawer_id=drawer.id, memo=reason,
    )  # fmt: skip
    record("payment.refunded", repair, actor=actor, body={**_facts(payment, amount), "refund": refund.id})
    return refund


def _lock_drawer(repair: Repair) -> Drawer:
    """The one in use at the repair's branch. Raises Invalid where none is, and for one that holds other money."""
    drawer = drawers.lock_in_use(repair.location_id)
    if drawer.currency != repair.currency:
        raise Invalid({"drawer": _("The till of this branch holds %(currency)s.", currency=drawer.currency)})
    return drawer


def _no_such_coin() -> str:
    return _("That is less than the smallest coin.")


def _amount_faults(amount: int, owed: int) -> dict[str, str]:
    if amount <= 0:
        return {"amount": _("Enter an amount, such as 20.00.")}
    if owed <= 0:
        return {"amount": _("Nothing is owed for this repair.")}
    return {"amount": _("That is more than is owed.")} if amount > owed else {}


def _write(repair: Repair, amount: int, provider: str, drawer_id: int, actor: Actor, **facts) -> Payment:
    now = utc_now()
    purpose = Purpose.BALANCE if amount < repair.total else Purpose.FULL
    payment = Payment(
        repair_id=repair.id, provider=provider, purpose=purpose, amount=amount, currency=repair.currency,
        state=PaymentState.PAID, captured=amount, refunded=0, fee=0, livemode=True, drawer_id=drawer_id,
        actor=actor.reference, created_at=now, settled_at=now, version=0, **facts,
    )  # fmt: skip
    db.session.add(payment)
    db.session.flush()
    return payment


def _facts(payment: Payment, amount: int) -> dict:
    return {
        "payment": payment.id,
        "provider": payment.provider,
        "purpose": payment.purpose,
        "amount": amount,
        "currency": payment.currency,
    }
