"""A booking that waited for its payment is confirmed by the books, in the transaction that brought the money."""

from shop.models.actor import SYSTEM
from shop.models.base import utc_now
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import appointments, ledger
from shop.services.events import record


def confirm_if_paid(repair: Repair) -> bool:
    """True if a waiting booking is confirmed by this call; the repair is locked. Harmless when called again."""
    booking = appointments.find_booking(repair)
    if booking is None or booking.held_until is None or repair.status != State.EXPECTED:
        return False
    balance = ledger.repair_balance(repair)
    # A price that was lowered since can be less than what was to be paid first.
    if balance.paid < booking.due_now and balance.owed > 0:
        return False
    booking.held_until, booking.confirmed_at = None, utc_now()
    record("repair.confirmed", repair, actor=SYSTEM, body={"amount": balance.paid, "currency": repair.currency})
    return True
