"""What follows from events about money, as jobs: in as many tries as they need, each harmless when run twice."""

import json
from collections.abc import Callable
from datetime import datetime

from shop.models.actor import SYSTEM
from shop.models.workflow import State
from shop.services import billing, booking_payments, documents
from shop.services.deliveries import Owed, handles
from shop.services.payments import attempts, cards, charges, refunds, webhooks
from shop.services.subscriptions import HANDED_OVER, PAYMENTS, PLACES


@handles(PAYMENTS)
def deliver(delivery: Owed) -> None:
    _WORK[delivery.event.verb](delivery)


@handles(PLACES)
def give_up_place(delivery: Owed) -> None:
    """Due when the place was kept for long enough."""
    booking_payments.give_up_unpaid(_key(delivery))


def _hear(delivery: Owed) -> None:
    webhooks.handle(_key(delivery))


def _send_refund(delivery: Owed) -> None:
    refunds.send_refund(_body(delivery)["refund"])


def _give_up(delivery: Owed) -> None:
    attempts.cancel_payment(_body(delivery)["payment"])


def _write_receipt(delivery: Owed) -> None:
    """The receipt; and a card that was kept for a debt that is paid is needed no more."""
    payment = refunds.lock_payment(_body(delivery)["payment"])
    documents.issue_receipt(payment, actor=SYSTEM)
    cards.remove_needless(payment.repair_id)


def _follow_move(delivery: Owed) -> None:
    """A move that hands the device over is billed, and a cancelled repair holds nothing; others are owed to nobody."""
    target, repair_id = _body(delivery)["to"], _key(delivery)
    if target == State.CANCELLED:
        booking_payments.let_go_of_cancelled(repair_id)
    elif target in HANDED_OVER:
        billing.bill_handed_over(repair_id, version=delivery.event.version)
    cards.remove_needless(repair_id)


def _write_credit_note(delivery: Owed) -> None:
    """The credit note, or, where there is none, a mail that says it."""
    refund_id = _body(delivery)["refund"]
    if billing.credit_refund(refund_id, at=datetime.fromisoformat(delivery.event.at)) is None:
        billing.tell_of_refund(refund_id)


def _tell_of_refund(delivery: Owed) -> None:
    billing.tell_of_refund(_body(delivery)["refund"])


def _ask_for_card(delivery: Owed) -> None:
    """Due when a customer who agreed has had time enough to come back."""
    cards.settle_card(_body(delivery)["card"])


def _forget_card(delivery: Owed) -> None:
    cards.forget_card(_body(delivery)["card"])


def _charge(delivery: Owed) -> None:
    charges.charge_payment(_body(delivery)["payment"])


def _rescue(delivery: Owed) -> None:
    booking_payments.rescue(_body(delivery)["payment"])


_WORK: dict[str, Callable[[Owed], None]] = {
    "provider_event.received": _hear,
    "provider_event.replayed": _hear,
    "payment.charge_asked": _charge,
    "payment.refund_requested": _send_refund,
    "payment.settled": _write_receipt,
    "payment.refunded": _write_credit_note,
    "payment.refund_settled": _tell_of_refund,
    "payment.superseded": _give_up,
    "payment.late": _rescue,
    "repair.moved": _follow_move,
    "repair.card_agreed": _ask_for_card,
    "repair.card_removed": _forget_card,
}


def _body(delivery: Owed) -> dict:
    return json.loads(delivery.event.body)


def _key(delivery: Owed) -> int:
    """The row that the event is about."""
    return int(delivery.event.aggregate.partition(":")[2])
