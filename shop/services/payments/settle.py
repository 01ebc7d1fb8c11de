"""Brings a payment to what its provider says of it. Whoever hears of money calls this, and believes nothing else."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from flask import current_app
from sqlalchemy import and_, bindparam, not_, or_, select

from shop import database
from shop.extensions import db
from shop.models.actor import SYSTEM, Actor
from shop.models.base import utc_now
from shop.models.errors import Declined, NotFound, ProviderForgot
from shop.models.ledger import (
    Kind,
    Posting,
    dispute_lost_posting,
    dispute_posting,
    dispute_won_posting,
    failed_refund_posting,
    fee_posting,
    payment_posting,
    refund_posting,
)
from shop.models.payment import (
    ONLINE,
    OPEN,
    Dispute,
    DisputeState,
    Fault,
    Payment,
    PaymentState,
    Provider,
    Purpose,
    Refund,
    RefundState,
    idempotency_key,
    is_invented,
)
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import ledger
from shop.services.confirmation import confirm_if_paid
from shop.services.events import hold, record
from shop.services.payments import wire
from shop.services.payments.gateway import DisputeSnapshot, RefundSnapshot, Snapshot, gateway_of

MOST_TRIES = 5
# Of a card that was charged while its owner was away: only they can answer.
BANK_ASKS = "authentication_required"
# By its provider, where nobody paid in time.
FORGOTTEN = "forgotten"
_MOVED = (RefundState.ACCEPTED, RefundState.SETTLED)
_CLOSED = (DisputeState.WON, DisputeState.LOST)
_LOOK = (
    select(
        Payment.id, Payment.key, Payment.provider, Payment.provider_ref, Payment.state, Payment.amount,
        Payment.currency, Payment.purpose, Payment.version,
        select(Dispute.id).where(Dispute.payment_id == Payment.id).exists(),
        Repair.number, Repair.status, Repair.tracking_token,
    )
    .join(Repair, Repair.id == Payment.repair_id)
    .where(Payment.id == bindparam("payment_id"))
)  # fmt: skip
_DECIDED = {
    PaymentState.PAID: "payment.settled",
    PaymentState.FAILED: "payment.failed",
    PaymentState.CANCELLED: "payment.cancelled",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A payment as it was read, without a lock: what a provider is asked by."""

    id: int
    key: str
    provider: str
    provider_ref: str | None
    state: str
    amount: int
    currency: str
    purpose: str
    version: int
    is_disputed: bool
    repair_number: str
    repair_status: str
    tracking_token: str

    def idempotency_key(self, step: str) -> str:
        return idempotency_key(self.key, step)


class Unfinished(RuntimeError):
    """Something is written and not committed: it would be lost, or others would wait for a provider's network."""


def settle(payment_id: int, *, ref: str = "", disputed: bool = False) -> Payment:
    """Asks the provider and writes what has become of it: state, charge, fees, refunds, disputes, and the books.

    The caller has written nothing yet, and commits after. Harmless however often and in whatever order it is called,
    and for a payment that was invented for the demo, of which no provider is asked.
    `ref` names the attempt there, for one that we were cut off from before its name was written down; `disputed`
    looks for disputes where the attempt does not tell. Raises NotFound, ProviderDown and ProviderRefused.
    """
    return settle_by(payment_id, lambda payment: _ask(payment, ref=ref, disputed=disputed))


def settle_by(payment_id: int, ask: Callable[[Seen], Snapshot | None]) -> Payment:
    """The same with another way to ask, such as to capture first. `ask` runs without a lock.

    An open attempt that its provider does not know any more is over; of one that was paid, it raises ProviderForgot.
    """
    for _ in range(MOST_TRIES):
        seen, is_forgotten = look(payment_id), False
        try:
            with wire.about(payment_id):
                snapshot = None if is_invented(seen.provider_ref) else ask(seen)
        except ProviderForgot:
            if seen.state == PaymentState.PAID:
                raise
            snapshot, is_forgotten = None, seen.state in OPEN
        payment = _lock(payment_id)
        # What another has written meanwhile may be newer than what we were told.
        if payment.version == seen.version:
            if snapshot is not None:
                _bring_to(payment, snapshot)
            elif is_forgotten:
                _end_forgotten(payment)
            return payment
        db.session.rollback()
    raise Unfinished(f"payment {payment_id} changed each time it was asked about")


def look(payment_id: int) -> Seen:
    """The payment for those who ask its provider; no transaction is open afterwards. Raises NotFound."""
    session = db.session()
    if database.has_written(session):
        raise Unfinished("commit before a provider is asked")
    session.rollback()
    with database.reading():
        row = db.session.execute(_LOOK, {"payment_id": payment_id}).first()
        session.rollback()
    if row is None:
        raise NotFound("This payment does not exist.")
    return Seen(*tuple(row))


def _ask(payment: Seen, *, ref: str, disputed: bool) -> Snapshot | None:
    ref = payment.provider_ref or ref
    if payment.provider not in ONLINE or not ref:
        return None
    snapshot = gateway_of(payment.provider).read(ref, disputed=disputed or payment.is_disputed)
    if payment.provider == Provider.PAYPAL and _is_ready(payment, snapshot):
        return captured(payment, ref)
    return snapshot


def captured(payment: Seen, ref: str, *, amount: int | None = None) -> Snapshot:
    """Takes what the customer has agreed to, or `amount` of it; a refusal of their bank is an outcome like another.

    Asked again for another amount it is another request: the provider takes from one attempt once, and then says what.
    """
    gateway = gateway_of(payment.provider)
    key = payment.idempotency_key("capture" if amount is None else f"capture-{amount}")
    try:
        return gateway.capture(ref, idempotency_key=key, amount=amount)
    except Declined as error:
        return replace(gateway.read(ref), state=PaymentState.FAILED, failure_code=error.reason)


def _is_ready(payment: Seen, snapshot: Snapshot) -> bool:
    """The customer has agreed at PayPal, perhaps closed the window, and still wants what we still do."""
    is_wanted = payment.state in OPEN and payment.repair_status != State.CANCELLED
    if snapshot.state != PaymentState.AUTHORISED or not is_wanted or _mismatch(payment, snapshot):
        return False
    with database.reading():
        repair = db.session.scalar(select(Repair).where(Repair.number == payment.repair_number))
        owed = ledger.repair_balance(repair).owed if repair else 0
        db.session.rollback()
    return payment.amount <= owed


def _lock(payment_id: int) -> Payment:
    """Repair first, then payment: everybody locks in this order."""
    repair_id = db.session.scalar(select(Payment.repair_id).where(Payment.id == payment_id))
    repair = db.session.get(Repair, repair_id, with_for_update={"of": Repair}, populate_existing=True)
    if repair is None:
        raise NotFound("This payment does not exist.")
    hold(repair)
    return db.session.get_one(Payment, payment_id, with_for_update={"of": Payment}, populate_existing=True)


def _bring_to(payment: Payment, snapshot: Snapshot) -> None:
    before = _facts(payment)
    payment.provider_ref = payment.provider_ref or snapshot.ref
    if mismatch := _mismatch(payment, snapshot):
        note_fault(payment, Fault.MISMATCH, "payment.mismatched", **mismatch)
    else:
        payment.livemode = snapshot.livemode
        payment.method = snapshot.method or payment.method
        payment.charge_ref = snapshot.charge_ref or payment.charge_ref
        payment.holds_until = snapshot.holds_until or payment.holds_until
        _bring_money(payment, snapshot)
    if _facts(payment) != before:
        payment.version += 1
    db.session.flush()


def _end_forgotten(payment: Payment) -> None:
    """Where its money comes all the same, such as under keys that are back, it is paid by that."""
    payment.state, payment.failure_code, payment.settled_at = PaymentState.CANCELLED, FORGOTTEN, utc_now()
    payment.version += 1
    record_fact("payment.cancelled", payment, reason=FORGOTTEN)


def _facts(payment: Payment) -> tuple:
    """All that can change, so that a call that changes nothing leaves no trace."""
    own = tuple(getattr(payment, column.key) for column in Payment.__table__.columns)
    refunds = tuple((refund.id, refund.state, refund.provider_ref) for refund in payment.refunds)
    return own, refunds, tuple((dispute.provider_ref, dispute.state, dispute.due_by) for dispute in payment.disputes)


def _mismatch(payment: Payment | Seen, snapshot: Snapshot) -> dict:
    """What the provider says of another payment than ours; empty if it is the same."""
    ours = {
        "amount": payment.amount,
        "currency": payment.currency,
        "key": payment.key,
        "livemode": bool(current_app.config["SETTINGS"].ENABLE_REAL_PAYMENTS),
    }
    theirs = {name: getattr(snapshot, name) for name in ours}
    if snapshot.captured > payment.amount:
        theirs["amount"] = snapshot.captured
    return {f"there_{name}": theirs[name] for name in ours if theirs[name] != ours[name]}


def _bring_money(payment: Payment, snapshot: Snapshot) -> None:
    became_paid = _bring_state(payment, snapshot)
    if payment.state == PaymentState.PAID and snapshot.captured:
        _post_once(
            payment, f"charge:{snapshot.charge_ref or snapshot.ref}", Kind.PAYMENT,
            payment_posting(payment.provider, payment.captured),
        )  # fmt: skip
    for fee in snapshot.fees:
        _post_once(payment, f"fee:{fee.ref}", Kind.FEE, fee_posting(payment.provider, fee.amount))
    payment.fee = sum(fee.amount for fee in snapshot.fees) or payment.fee
    for refund in snapshot.refunds:
        _bring_refund(payment, refund)
    payment.refunded = sum(refund.amount for refund in payment.refunds if refund.state in _MOVED)
    won_back = [_bring_dispute(payment, dispute) for dispute in snapshot.disputes]
    if became_paid:
        record_fact("payment.settled", payment, amount=payment.captured)
        supersede(payment)
        confirm_if_paid(payment.repair)
    _look_for_trouble(payment, has_come=became_paid or any(won_back))


def _bring_state(payment: Payment, snapshot: Snapshot) -> bool:
    """True if it is paid by this. What was paid stays paid, and what we gave up is not open again."""
    was, now = payment.state, snapshot.state
    is_over = was == PaymentState.PAID or (was == PaymentState.CANCELLED and now != PaymentState.PAID)
    if is_over or (was == now and snapshot.failure_code == payment.failure_code):
        return False
    payment.state, payment.failure_code = now, snapshot.failure_code
    payment.settled_at = utc_now() if now in _DECIDED else None
    if now == PaymentState.PAID:
        payment.captured = snapshot.captured
    elif now == PaymentState.AUTHORISED and payment.is_held:
        record_fact("payment.held", payment, until=payment.holds_until and payment.holds_until.isoformat())
    elif now in _DECIDED:
        record_fact(_DECIDED[now], payment, reason=snapshot.failure_code or None)
        if payment.purpose == Purpose.APPROVED and snapshot.failure_code == BANK_ASKS:
            record_fact("payment.customer_needed", payment)
    return now == PaymentState.PAID


def supersede(payment: Payment) -> None:
    """What is still open for the same, or for more than is owed now, is given up: nobody pays twice by two ways.

    What a bank holds for us stays while anything is owed: a part of it can be taken.
    """
    owed = max(ledger.repair_balance(payment.repair).owed, 0)
    is_held = and_(Payment.purpose == Purpose.HOLD, Payment.state == PaymentState.AUTHORISED)
    # Each approval is paid by itself.
    is_the_same = and_(Payment.purpose == payment.purpose, Payment.purpose != Purpose.APPROVED)
    is_needless = or_(Payment.amount > owed, is_the_same)
    others = select(Payment).where(
        Payment.repair_id == payment.repair_id,
        Payment.id != payment.id,
        Payment.state.in_(OPEN),
        Payment.provider.in_(ONLINE),
        and_(is_needless, not_(is_held)) if owed else is_needless,
    )
    for other in db.session.scalars(others.order_by(Payment.id)):
        record_fact("payment.superseded", other, by=payment.id)


def _look_for_trouble(payment: Payment, *, has_come: bool) -> None:
    """Money that has come, or come back, and is not owed: a person decides what becomes of it."""
    repair = payment.repair
    balance = ledger.repair_balance(repair)
    if has_come and repair.status == State.CANCELLED and balance.owed < 0:
        note_fault(payment, Fault.LATE, "payment.late")
    elif has_come and balance.owed < 0:
        note_fault(payment, Fault.OVERPAID, "payment.overpaid", surplus=-balance.owed)
    elif balance.owed >= 0:
        forget_surplus(repair)


def forget_surplus(repair: Repair) -> None:
    """Takes the mark of too much or too late money off the payments of a locked repair, once no money is left over."""
    query = select(Payment).where(Payment.repair_id == repair.id, Payment.fault.in_((Fault.LATE, Fault.OVERPAID)))
    marked = db.session.scalars(query).all()
    if marked and ledger.repair_balance(repair).owed >= 0:
        for payment in marked:
            payment.fault = ""
            payment.version += 1


def _bring_refund(payment: Payment, told: RefundSnapshot) -> None:
    refund = _find_refund(payment, told)
    was = refund.state
    refund.provider_ref, refund.failure_code = told.ref, told.failure_code
    # Reading cannot go back: a settled refund can fail, but is never again on its way.
    if was == RefundState.FAILED or (was == RefundState.SETTLED and told.state != RefundState.FAILED):
        return
    refund.state = told.state
    if told.has_moved or told.state in _MOVED or was in _MOVED:
        _post_once(
            payment, f"refund:{told.ref}", Kind.REFUND, refund_posting(payment.provider, refund.amount),
            memo=f"refund {refund.id}",
        )  # fmt: skip
    if told.state in (RefundState.SETTLED, RefundState.FAILED):
        refund.settled_at = utc_now()
    if told.state in _MOVED and was not in _MOVED:
        record_fact("payment.refunded", payment, refund=refund.id, amount=refund.amount)
    if told.state == RefundState.SETTLED and was == RefundState.ACCEPTED:
        record_fact("payment.refund_settled", payment, refund=refund.id, amount=refund.amount)
    if told.state == RefundState.FAILED:
        if told.has_moved or was in _MOVED:
            _post_once(
                payment, f"refund:{told.ref}:failed", Kind.REFUND_FAILED,
                failed_refund_posting(payment.provider, refund.amount),
            )  # fmt: skip
        record_fact("payment.refund_failed", payment, refund=refund.id, amount=refund.amount, reason=told.failure_code)


def _find_refund(payment: Payment, told: RefundSnapshot) -> Refund:
    for refund in payment.refunds:
        if refund.provider_ref == told.ref or (told.key and refund.key == told.key):
            return refund
    made = Refund(
        payment_id=payment.id, amount=told.amount, provider_ref=told.ref, actor="provider",
        reason=f"Made at {payment.provider}", state=RefundState.REQUESTED,
    )  # fmt: skip
    payment.refunds.append(made)
    db.session.flush()
    return made


def _bring_dispute(payment: Payment, told: DisputeSnapshot) -> bool:
    """True if its money has come back by this."""
    dispute = next((each for each in payment.disputes if each.provider_ref == told.ref), None)
    was = dispute.state if dispute else None
    if dispute is None:
        dispute = Dispute(provider_ref=told.ref, currency=told.currency, opened_at=told.opened_at)
        payment.disputes.append(dispute)
    if was not in _CLOSED:
        dispute.state, dispute.amount = told.state, told.amount
        dispute.reason, dispute.due_by = told.reason, told.due_by
    for movement in told.movements:
        key = f"dispute:{movement.ref}"
        if movement.amount < 0:
            _post_once(payment, key, Kind.DISPUTE, dispute_posting(payment.provider, -movement.amount))
        else:
            _post_once(payment, key, Kind.DISPUTE_WON, dispute_won_posting(payment.provider, movement.amount))
    if was is None:
        record_fact("payment.disputed", payment, amount=told.amount, reason=told.reason)
    if told.state in _CLOSED and was not in _CLOSED:
        dispute.closed_at = utc_now()
        taken = -sum(movement.amount for movement in told.movements)
        if told.state == DisputeState.LOST and taken > 0:
            _post_once(payment, f"dispute:{told.ref}:lost", Kind.DISPUTE_LOST, dispute_lost_posting(taken))
        record_fact("payment.dispute_closed", payment, amount=told.amount, outcome=told.state)
        return told.state == DisputeState.WON
    return False


def note_fault(payment: Payment, fault: Fault, verb: str, **facts) -> None:
    """Said once: the fault stays on the payment until somebody has seen to it."""
    if payment.fault != fault:
        payment.fault = fault
        record_fact(verb, payment, **facts)


def _post_once(payment: Payment, key: str, kind: Kind, posting: Posting, *, memo: str = "") -> None:
    ledger.post(
        f"{payment.provider}:{key}", kind, posting, currency=payment.currency, actor=SYSTEM,
        repair_id=payment.repair_id, payment_id=payment.id, memo=memo,
    )  # fmt: skip


def record_fact(verb: str, payment: Payment, *, actor: Actor = SYSTEM, detail: dict | None = None, **facts) -> None:
    """Notes in the life of the repair, which is locked, what happened to a payment."""
    said = {name: value for name, value in facts.items() if value is not None}
    body = {
        "payment": payment.id,
        "provider": payment.provider,
        "purpose": payment.purpose,
        "amount": payment.amount,
        "currency": payment.currency,
        **said,
    }
    record(verb, payment.repair, actor=actor, body=body, detail=detail)
