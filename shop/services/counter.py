"""Money that a person takes: cash, the card terminal, Pix; in as many parts as people like, and back with a reason."""

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from shop.extensions import db
from shop.models import pix as pix_ids
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.cash import payable
from shop.models.errors import Invalid
from shop.models.ledger import Kind, cash_posting, cash_refund_posting, payment_posting, refund_posting
from shop.models.payment import Drawer, Fault, Payment, PaymentState, Provider, Purpose, Refund, RefundState
from shop.models.repair import Repair
from shop.models.text import one_line
from shop.services import drawers, ledger
from shop.services.confirmation import confirm_if_paid
from shop.services.events import record
from shop.services.payments.settle import forget_surplus, note_fault, supersede

AT_THE_COUNTER = (Provider.CASH, Provider.TERMINAL, Provider.PIX)
LONGEST_SLIP = 40


@dataclass(frozen=True, slots=True)
class Taken:
    """`change` is what goes back over the counter, in minor units; `owed` is what is still to be paid."""

    payment: Payment
    change: int
    owed: int


def take(
    repair: Repair,
    amount: int,
    *,
    provider: str,
    actor: Actor,
    tendered: int | None = None,
    slip: str = "",
    end_to_end: str = "",
) -> Taken:
    """Takes so much of what is owed for a locked repair, in cash, by the card terminal or by Pix. The caller commits.

    `tendered` is what was handed over in cash, the amount itself if None; `slip` is what the terminal printed;
    `end_to_end` is the bank's id of a Pix that has arrived, which is taken once. Raises Invalid for more than is owed,
    too little cash, an unknown way to pay, or a till that is not open; a Pix needs none. Not idempotent but for a Pix:
    each call is another payment.
    """
    actor.require("payment.take")
    balance = ledger.repair_balance(repair)
    # A Pix is in the bank already, whatever is owed.
    faults = _amount_faults(amount, amount if provider == Provider.PIX else balance.owed)
    if provider not in ways_to_take(repair):
        faults["provider"] = _("Choose one of the ways to pay.")
    elif provider == Provider.PIX:
        end_to_end = pix_ids.read_end_to_end(end_to_end, now=utc_now()) or ""
        faults |= _pix_faults(end_to_end)
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
    drawer = _lock_drawer(repair, provider)
    facts = {"provider_ref": end_to_end} if provider == Provider.PIX else {"method": slip, "tendered": given}
    payment = _write(repair, amount, provider, drawer, actor, **facts)
    posting = cash_posting(coins, settles=amount) if provider == Provider.CASH else payment_posting(provider, amount)
    ledger.post(
        f"{provider}:payment:{payment.key}", Kind.PAYMENT, posting, currency=repair.currency, actor=actor,
        repair_id=repair.id, payment_id=payment.id, drawer_id=payment.drawer_id, memo=end_to_end or slip,
    )  # fmt: skip
    record("payment.settled", repair, actor=actor, body=_facts(payment, payment.amount))
    supersede(payment)
    confirm_if_paid(repair)
    if amount > balance.owed:
        note_fault(payment, Fault.OVERPAID, "payment.overpaid", surplus=amount - max(balance.owed, 0))
    return Taken(payment, change=max(given - coins, 0) if provider == Provider.CASH else 0, owed=balance.owed - amount)


def give_back(payment: Payment, amount: int, *, reason: str, actor: Actor) -> Refund:
    """Gives back part or all of what was taken at the counter; its repair is locked. The caller commits.

    Cash comes out of the till that is open now; what came by card or Pix was sent back by hand before. Raises Invalid
    for more than is left of the payment, more cash than the till holds, a till of another currency, and without a
    reason. Not idempotent: each call gives back again.
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
    drawer = _lock_drawer(repair, payment.provider)
    coins = payable(amount, payment.currency) if is_cash else amount
    if not coins:
        raise Invalid({"amount": _no_such_coin()})
    if is_cash and drawer and coins > drawers.expected_in(drawer):
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
        repair_id=repair.id, payment_id=payment.id, drawer_id=drawer.id if drawer else None, memo=reason,
    )  # fmt: skip
    record("payment.refunded", repair, actor=actor, body={**_facts(payment, amount), "refund": refund.id})
    forget_surplus(repair)
    return refund


def ways_to_take(repair: Repair) -> tuple[Provider, ...]:
    """How money for this repair can be taken by a person."""
    return tuple(way for way in AT_THE_COUNTER if way != Provider.PIX or repair.currency == pix_ids.CURRENCY)


def _lock_drawer(repair: Repair, provider: str) -> Drawer | None:
    """The one in use at the repair's branch. Raises Invalid where none is, and for one that holds other money.

    A Pix is in the bank: it stands in the report of a session of its currency if there is one, and needs none.
    """
    if provider == Provider.PIX:
        found = drawers.find_in_use(repair.location_id)
        return drawers.lock_in_use(repair.location_id) if found and found.currency == repair.currency else None
    drawer = drawers.lock_in_use(repair.location_id)
    if drawer.currency != repair.currency:
        raise Invalid({"drawer": _("The till of this branch holds %(currency)s.", currency=drawer.currency)})
    return drawer


def _no_such_coin() -> str:
    return _("That is less than the smallest coin.")


def _pix_faults(end_to_end: str) -> dict[str, str]:
    if not end_to_end:
        return {"end_to_end": _("Copy the end-to-end id from the bank: E and 31 digits and letters.")}
    known = db.session.scalar(
        select(Repair.number)
        .join(Payment, Payment.repair_id == Repair.id)
        .where(Payment.provider == Provider.PIX, Payment.provider_ref == end_to_end)
    )
    return {"end_to_end": _("This Pix was taken already, for %(number)s.", number=known)} if known else {}


def _amount_faults(amount: int, owed: int) -> dict[str, str]:
    if amount <= 0:
        return {"amount": _("Enter an amount, such as 20.00.")}
    if owed <= 0:
        return {"amount": _("Nothing is owed for this repair.")}
    return {"amount": _("That is more than is owed.")} if amount > owed else {}


def _write(repair: Repair, amount: int, provider: str, drawer: Drawer | None, actor: Actor, **facts) -> Payment:
    """Raises Invalid where somebody else takes the same Pix at this moment."""
    now = utc_now()
    purpose = Purpose.BALANCE if amount < repair.total else Purpose.FULL
    payment = Payment(
        repair_id=repair.id, provider=provider, purpose=purpose, amount=amount, currency=repair.currency,
        state=PaymentState.PAID, captured=amount, refunded=0, fee=0, livemode=True,
        drawer_id=drawer.id if drawer else None,
        actor=actor.reference, created_at=now, settled_at=now, version=0, **facts,
    )  # fmt: skip
    db.session.add(payment)
    try:
        db.session.flush()
    except IntegrityError as error:
        if provider != Provider.PIX:
            raise
        # The session is of no use any more: whoever gets this rolls back.
        raise Invalid({"end_to_end": _("This Pix is being taken for another ticket.")}) from error
    return payment


def _facts(payment: Payment, amount: int) -> dict:
    return {
        "payment": payment.id,
        "provider": payment.provider,
        "purpose": payment.purpose,
        "amount": amount,
        "currency": payment.currency,
    }
