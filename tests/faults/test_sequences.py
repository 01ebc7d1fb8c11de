"""Any sequence of things that happen to money ends with books like the provider's, one receipt, and a true booking."""

import json
import os
from collections import Counter

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.booking import Booking
from shop.models.document import Document, DocumentKind
from shop.models.event import Delivery, DeliveryState, Event
from shop.models.outbox import OutboxMessage
from shop.models.payment import Payment, PaymentState, RefundState
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import ledger
from shop.services.payments import refunds
from tests.faults.lives import Life
from tests.faults.test_payments import assert_settled

IS_FULL = os.environ.get("FAULTS") == "full"


# On two databases: 10,000 sequences in the long form.
@pytest.mark.parametrize("number", range(250 if IS_FULL else 3))
def test_any_sequence_of_things_that_happen_ends_with_our_books_like_theirs(app, till, manager, dice, is_full, number):
    for _ in range(20 if is_full else 2):
        life = Life(till, manager, dice)
        life.goes_on(dice.randint(2, 60 if is_full else 25))
        assert_follows_from_the_books(life.repair.id)
    for provider in ("stripe", "paypal"):
        assert_settled(till, provider)
    assert_one_receipt_each()


def assert_one_receipt_each() -> None:
    dead = db.session.execute(
        select(Delivery.error, Event.body).join(Event).where(Delivery.state == DeliveryState.DEAD)
    )
    assert dead.all() == []
    paid = Counter(db.session.scalars(select(Payment.id).where(Payment.state == PaymentState.PAID)))
    settled = db.session.scalars(select(Event.body).where(Event.verb == "payment.settled"))
    assert Counter(json.loads(body)["payment"] for body in settled) == paid
    receipts = select(Document.payment_id).where(Document.kind == DocumentKind.RECEIPT)
    assert Counter(db.session.scalars(receipts)) == paid
    mails = db.session.scalars(select(OutboxMessage.id).where(OutboxMessage.template == "receipt")).all()
    assert len(mails) == paid.total()


def assert_follows_from_the_books(repair_id: int) -> None:
    """A booking is confirmed by enough money and by nothing else; no money stays unseen at one that has ended."""
    booking = db.session.scalar(select(Booking).where(Booking.repair_id == repair_id))
    if booking is None:
        return
    repair, balance = db.session.get_one(Repair, repair_id), ledger.repair_balance(booking.repair)
    payments = db.session.scalars(select(Payment).where(Payment.repair_id == repair_id)).all()
    paid = [payment for payment in payments if payment.state == PaymentState.PAID]
    if booking.confirmed_at is not None:
        assert (repair.status, booking.held_until) == (State.EXPECTED, None)
        assert sum(payment.captured for payment in paid) >= booking.due_now
    elif repair.status == State.EXPECTED:
        assert balance.paid < booking.due_now
    else:
        assert repair.status == State.CANCELLED
        assert [payment.id for payment in paid if not is_seen_to(payment)] == []


def is_seen_to(payment: Payment) -> bool:
    """It has gone back, is on its way back, or waits marked for a person."""
    is_refused = any(refund.state == RefundState.FAILED for refund in payment.refunds)
    return not refunds.refundable(payment) or bool(payment.fault) or is_refused
