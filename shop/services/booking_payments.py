"""A booking that a payment confirms: its place is kept for a while, given back if nothing comes, and looked for again
if the money comes after that."""

import json
from datetime import datetime, timedelta

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import SYSTEM, Actor
from shop.models.base import utc_now
from shop.models.booking import Booking
from shop.models.errors import Invalid, SlotFull
from shop.models.event import Event
from shop.models.payment import ONLINE, OPEN, UNDECIDED, Fault, Payment, PaymentState, Purpose
from shop.models.payment_policy import PayChoice, choices, due_now
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import appointments, ledger, slots
from shop.services.confirmation import confirm_if_paid
from shop.services.events import hold, record
from shop.services.payments import attempts, held, keys, refunds
from shop.services.payments.settle import note_fault, settle

_NEW = timedelta(hours=1)
_UNPAID = "unpaid"
NOT_WANTED = "The booking had been cancelled when the payment came"
TOO_LATE = "The time was taken when the payment came"
TOO_LITTLE = "The booking ended: less was paid than it asked for"


def ways_to_pay(*, total: int, urgency: str) -> tuple[PayChoice, ...]:
    """How a booking may be paid, the first one proposed."""
    settings = keys.in_use()
    return choices(
        total=total, urgency=urgency, percent=settings.DEPOSIT_PERCENT, deposit_for=settings.deposit_for,
        online=bool(settings.online_providers),
    )  # fmt: skip


def choose(pay: PayChoice | str | None, *, total: int, urgency: str) -> tuple[PayChoice, int]:
    """The choice, the proposed one if None, and what is due now. Raises Invalid for one that is not offered."""
    offered = ways_to_pay(total=total, urgency=urgency)
    if pay is None:
        chosen = offered[0]
    elif pay in offered:
        chosen = PayChoice(pay)
    else:
        raise Invalid({"pay": _("Choose one of the ways to pay that are offered.")})
    return chosen, due_now(chosen, total=total, percent=current_app.config["SETTINGS"].DEPOSIT_PERCENT)


def asked_now(repair: Repair, *, holds: bool = True) -> tuple[Purpose, int]:
    """What the customer is asked to pay online now, and what for; nothing if the sum is 0.

    For a booking that waits, what is missing to confirm it; else what staff ask to hold, or all that is owed and not
    held. `holds=False` is a customer who would rather pay than have it held.
    """
    booking = appointments.find_booking(repair)
    balance = ledger.repair_balance(repair)
    if repair.status == State.CANCELLED:
        return Purpose.BALANCE, 0
    if booking is not None and booking.held_until is not None and repair.status == State.EXPECTED:
        purpose = Purpose.FULL if booking.due_now >= balance.due else Purpose.DEPOSIT
        return purpose, attempts.amount_due(repair, purpose)
    asked = held.find_open(repair)
    may_hold = (
        holds and asked is not None and held.is_offered(asked) and repair.is_open and asked.amount <= balance.owed
    )
    purpose = Purpose.HOLD if may_hold else Purpose.BALANCE
    return purpose, attempts.amount_due(repair, purpose)


def is_held(repair_id: int) -> bool:
    """True for a booking that still waits for its payment: its owner is in the wizard."""
    query = select(Booking.id).join(Repair, Repair.id == Booking.repair_id)
    waits = query.where(Booking.repair_id == repair_id, Booking.held_until.is_not(None))
    return db.session.scalar(waits.where(Repair.status == State.EXPECTED)) is not None


def is_new(repair_id: int) -> bool:
    """True for a booking that a payment has confirmed within the hour: its owner is still in the wizard."""
    booking = db.session.scalar(select(Booking).where(Booking.repair_id == repair_id))
    return booking is not None and booking.confirmed_at is not None and booking.confirmed_at > utc_now() - _NEW


def keep_place(repair: Repair, booking: Booking, *, amount: int, actor: Actor) -> None:
    """Keeps the place of a new booking for `amount` minor units, until the end of PAYMENT_HOLD_MINUTES."""
    until = utc_now() + timedelta(minutes=current_app.config["SETTINGS"].PAYMENT_HOLD_MINUTES)
    booking.due_now, booking.held_until = amount, until
    body = {"amount": amount, "currency": repair.currency, "leaves_at": until.isoformat()}
    record("repair.payment_awaited", repair, actor=actor, body=body)


def give_up_unpaid(repair_id: int) -> bool:
    """Ends a booking whose place was kept long enough; True if it did. Nothing is written yet, the caller commits.

    Providers are asked first, and each answer commits by itself: what has come meanwhile confirms the booking, what is
    still open is given up there.
    """
    for step in (settle, attempts.cancel_payment):
        for payment_id in _undecided(repair_id):
            if _is_confirmed(repair_id):
                return False
            step(payment_id)
            db.session.commit()
    repair = _lock(repair_id)
    booking = appointments.find_booking(repair)
    if booking is None or booking.held_until is None or repair.status != State.EXPECTED or confirm_if_paid(repair):
        return False
    now, before = utc_now(), repair.status_since
    repair.enter(State.CANCELLED, at=now)
    repair.updated_at = now
    appointments.give_back_slot(repair)
    minutes = int((now - before).total_seconds() // 60)
    body = {
        "from": State.EXPECTED, "to": State.CANCELLED, "minutes": minutes, "message": "none", "reason": _UNPAID,
    }  # fmt: skip
    record("repair.moved", repair, actor=SYSTEM, body=body)
    _mark_what_came(repair)
    return True


def let_go_of_cancelled(repair_id: int) -> None:
    """Has the bank let go of what it holds for a repair that is cancelled, and asks to hold nothing any more.

    Nothing is written yet; each answer commits by itself. Harmless when called again, and for one that goes on.
    """
    holds = select(Payment.id).join(Repair).where(
        Payment.repair_id == repair_id, Payment.purpose == Purpose.HOLD, Payment.state.in_(OPEN),
        Repair.status == State.CANCELLED,
    )  # fmt: skip
    ids = list(db.session.scalars(holds))
    db.session.rollback()
    for payment_id in ids:
        attempts.cancel_payment(payment_id)
        db.session.commit()


def rescue(payment_id: int) -> str:
    """What becomes of money that came after its place was given back: `reseated`, `refunded` or `nothing` to do.

    Only what ended for want of money is taken up again: what somebody has cancelled or merged stays so, and the money
    goes back. Nothing is written yet, the caller commits. A second call finds nothing to do. Staff see either in the
    log.
    """
    payment = refunds.lock_payment(payment_id)
    repair, booking = payment.repair, appointments.find_booking(payment.repair)
    if payment.fault != Fault.LATE or booking is None or booking.held_until is None:
        return "nothing"
    if repair.status != State.CANCELLED:
        _forget_late(payment)
        return "nothing"
    left, was_given_up = refunds.refundable(payment), _ended_unpaid(repair)
    if not left:
        return "nothing"
    on_its_way_back = payment.captured - payment.refunded - left
    stays = ledger.repair_balance(repair).paid - on_its_way_back
    is_enough = stays >= booking.due_now
    if was_given_up and is_enough and _take_again(repair, booking):
        _forget_late(payment)
        confirm_if_paid(repair)
        return "reseated"
    reason = NOT_WANTED if not was_given_up else TOO_LATE if is_enough else TOO_LITTLE
    refunds.request_refund(payment_id, left, reason, actor=SYSTEM, is_own=True)
    return "refunded"


def _mark_what_came(repair: Repair) -> None:
    """Less has come than the ended booking asked for, such as for extra work: it goes back like what comes too late.

    What was taken at the counter goes back by hand.
    """
    query = select(Payment).where(Payment.repair_id == repair.id, Payment.state == PaymentState.PAID)
    for payment in db.session.scalars(query.order_by(Payment.id)).all():
        left = refunds.refundable(payment)
        if not left:
            continue
        if payment.provider in ONLINE:
            note_fault(payment, Fault.LATE, "payment.late")
        else:
            note_fault(payment, Fault.OVERPAID, "payment.overpaid", surplus=left)
        payment.version += 1


def _take_again(repair: Repair, booking: Booking) -> bool:
    """The time that was asked for, if it is still free; one without a time always finds its place."""
    starts_at = _asked_for(repair)
    if starts_at is not None:
        try:
            with db.session.begin_nested():
                booking.slot_id = slots.take(repair.location, repair.service_type, starts_at=starts_at).id
        except (Invalid, SlotFull):
            return False
    now = utc_now()
    repair.enter(State.EXPECTED, at=now)
    repair.updated_at = now
    record("repair.reseated", repair, actor=SYSTEM, body={"slot": starts_at and starts_at.isoformat()})
    return True


def _asked_for(repair: Repair) -> datetime | None:
    """When the customer wanted to come at last: the log knows, the booking has given its time back."""
    said = _last(repair, "repair.booked", "repair.rebooked", "repair.rebooking_undone")
    slot = said.get("slot", said.get("to"))
    return datetime.fromisoformat(slot) if slot else None


def _ended_unpaid(repair: Repair) -> bool:
    ended = _last(repair, "repair.moved", "repair.merged")
    return ended.get("to") == State.CANCELLED and ended.get("reason") == _UNPAID


def _last(repair: Repair, *verbs: str) -> dict:
    """What the last of these events of the repair says."""
    query = select(Event.body).where(Event.aggregate == f"repair:{repair.id}", Event.verb.in_(verbs))
    body = db.session.scalar(query.order_by(Event.version.desc()).limit(1))
    return json.loads(body) if body else {}


def _forget_late(payment: Payment) -> None:
    if payment.fault and ledger.repair_balance(payment.repair).owed >= 0:
        payment.fault = ""
        payment.version += 1


def _is_confirmed(repair_id: int) -> bool:
    confirmed = db.session.scalar(select(Booking.confirmed_at).where(Booking.repair_id == repair_id))
    db.session.rollback()
    return confirmed is not None


def _undecided(repair_id: int) -> list[int]:
    query = select(Payment.id).where(
        Payment.repair_id == repair_id, Payment.state.in_((*UNDECIDED, PaymentState.FAILED))
    )
    ids = list(db.session.scalars(query))
    db.session.rollback()
    return ids


def _lock(repair_id: int) -> Repair:
    repair = db.session.get_one(Repair, repair_id, with_for_update={"of": Repair}, populate_existing=True)
    hold(repair)
    return repair
