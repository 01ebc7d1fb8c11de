"""Which event goes to whom. Read it as a table: the event, then everyone who is owed a delivery of it.

Live updates are not listed: the relay announces every sealed event to the staff's browsers, and a browser
that missed one asks for all since the last position it saw.
"""

import json
from collections.abc import Callable
from datetime import datetime

from shop.models.workflow import State

MAIL, BULK, PAYMENTS, PLACES = "mail", "bulk", "payments", "places"

# Entering one of these states is told to the customer; the others are the shop's own business.
TOLD_BY_MAIL = frozenset(
    {
        State.AWAITING_APPROVAL,
        State.AWAITING_PARTS,
        State.READY,
        State.COLLECTED,
        State.SHIPPED,
        State.CANCELLED,
        State.UNREPAIRABLE,
    }
)

# The device is out of the house: its work is billed.
HANDED_OVER = frozenset({State.COLLECTED, State.SHIPPED})

INNER = frozenset(State) - TOLD_BY_MAIL

SUBSCRIPTIONS: dict[str, tuple[str, ...]] = {
    "repair.booked": (MAIL,),
    "repair.checked_in": (),
    "repair.payment_awaited": (PLACES,),
    "repair.confirmed": (MAIL,),
    "repair.reseated": (),
    "repair.moved": (MAIL, PAYMENTS),
    "repair.rebooked": (MAIL,),
    "repair.missed": (MAIL,),
    "repair.rebooking_undone": (),
    "repair.miss_undone": (),
    "repair.move_undone": (),
    "repair.message_hurried": (),
    "repair.message_stopped": (),
    "repair.mails_wanted": (),
    "repair.mails_unwanted": (),
    "repair.assigned": (),
    "repair.assignment_undone": (),
    "repair.edited": (),
    "repair.noted": (),
    "repair.prioritised": (),
    "repair.priority_undone": (),
    "repair.relocated": (),
    "repair.relocation_undone": (),
    "repair.tagged": (),
    "repair.untagged": (),
    "repair.merged": (),
    "repair.absorbed": (),
    "repair.merge_undone": (),
    "repair.absorption_undone": (),
    "repair.deleted": (),
    "repair.imported": (),
    "repair.card_agreed": (PAYMENTS,),
    "repair.card_kept": (),
    "repair.card_failed": (),
    "repair.card_removed": (PAYMENTS,),
    "repair.work_offered": (MAIL,),
    "repair.work_approved": (),
    "repair.work_declined": (),
    "repair.work_withdrawn": (),
    "payment.charge_asked": (PAYMENTS,),
    "payment.customer_needed": (MAIL,),
    "payment.settled": (PAYMENTS,),
    "payment.failed": (),
    "payment.hold_asked": (MAIL,),
    "payment.held": (),
    "payment.take_asked": (),
    "payment.release_asked": (),
    "payment.cancelled": (),
    "payment.superseded": (PAYMENTS,),
    "payment.late": (PAYMENTS,),
    "payment.overpaid": (),
    "payment.mismatched": (),
    "payment.amount_refused": (),
    "payment.fault_cleared": (),
    "payment.refund_requested": (PAYMENTS,),
    "payment.refunded": (PAYMENTS,),
    "payment.refund_settled": (PAYMENTS,),
    "payment.refund_told": (MAIL,),
    "payment.refund_failed": (),
    "payment.disputed": (),
    "payment.dispute_closed": (),
    "provider_event.received": (PAYMENTS,),
    "provider_event.replayed": (PAYMENTS,),
    "provider_event.delivery_resent": (),
    "drawer.opened": (),
    "drawer.moved": (),
    "drawer.closed": (),
    "document.issued": (MAIL,),
    "location.blocked": (),
    "location.unblocked": (),
    "location.closed": (),
    "location.opened": (),
    "location.hours_changed": (),
    "location.places_changed": (),
    "saved_view.created": (),
    "saved_view.changed": (),
    "saved_view.deleted": (),
    "role_view.set": (),
    "provider_key.set": (),
    "provider_key.removed": (),
    "staff.created": (),
    "staff.signed_in": (),
    "staff.signed_out": (),
    "staff.confirmed": (),
    "staff.locked": (),
    "staff.second_factor_changed": (),
    "staff.role_changed": (),
    "staff.disabled": (),
    "staff.enabled": (),
    "staff.unlocked": (),
    "staff.sign_ins_ended": (),
    "staff.password_changed": (),
    "staff.export_begun": (),
    "staff.exported": (),
    "staff.documents_exported": (),
    "staff.roster_changed": (),
    "staff.roster_removed": (),
    "staff.absence_added": (),
    "staff.absence_removed": (),
    "staff.skills_changed": (),
    "bulk_run.started": (BULK,),
    "bulk_run.finished": (),
    "bulk_run.cancel_asked": (),
    "bulk_run.undo_started": (BULK,),
    "bulk_run.undone": (),
    "bulk_run.delivery_resent": (),
    "repair.delivery_resent": (),
    "staff.delivery_resent": (),
    "device_model.added": (),
    "device_model.changed": (),
    "device_model.retired": (),
    "device_model.restored": (),
    "customer_account.link_asked": (MAIL,),
    "customer_account.link_issued": (),
    "customer_account.password_set": (),
    "customer_account.locked": (),
    "customer_account.delivery_resent": (),
}


def _tells_nobody(body: dict) -> bool:
    return body.get("to") in INNER or body.get("message") == "none"


def _moves_no_money(body: dict) -> bool:
    """Who gets a device back that could not be repaired pays nothing by itself. What is cancelled holds no money."""
    if body.get("to") == State.CANCELLED:
        return False
    return body.get("to") not in HANDED_OVER or body.get("from") == State.UNREPAIRABLE


def _awaits_payment(body: dict) -> bool:
    return bool(body.get("due_now"))


def _is_untold(body: dict) -> bool:
    return body.get("message") == "none"


def _is_short(body: dict) -> bool:
    return not body.get("job")


# What an event says can make it nobody's business: then no delivery is owed.
UNLESS: dict[tuple[str, str], Callable[[dict], bool]] = {
    # Confirmed, and told, with the payment.
    ("repair.booked", MAIL): _awaits_payment,
    ("repair.moved", MAIL): _tells_nobody,
    ("repair.moved", PAYMENTS): _moves_no_money,
    ("repair.rebooked", MAIL): _is_untold,
    ("repair.missed", MAIL): _is_untold,
    ("document.issued", MAIL): _is_untold,
    # A short run is done by the request that began it.
    ("bulk_run.started", BULK): _is_short,
    ("bulk_run.undo_started", BULK): _is_short,
}


def subscribers_of(verb: str) -> tuple[str, ...]:
    """Who may be owed this event. A verb that is missing from the table is a programming error."""
    return SUBSCRIPTIONS[verb]


def owed_to(verb: str, body: str) -> tuple[str, ...]:
    """Who is owed this event, `body` being the text that is sealed. Raises KeyError like `subscribers_of`."""
    names = subscribers_of(verb)
    if not any((verb, name) in UNLESS for name in names):
        return names
    facts = json.loads(body)
    return tuple(name for name in names if (verb, name) not in UNLESS or not UNLESS[verb, name](facts))


def held_until(body: str, subscriber: str = MAIL) -> datetime | None:
    """Before this moment nothing of the event goes to this subscriber; None: it goes at once. Decided by who acted."""
    names = ("bills_at", "asks_at") if subscriber == PAYMENTS else ("leaves_at",)
    if not any(f'"{name}"' in body for name in names):
        return None
    facts = json.loads(body)
    moment = next((facts[name] for name in names if facts.get(name)), None)
    return datetime.fromisoformat(moment) if moment else None
