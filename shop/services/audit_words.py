"""What the log says, in words for people."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shop.models.money import Money, format_money

VERBS = {
    "repair.booked": "Booked",
    "repair.checked_in": "Checked in at the counter",
    "repair.imported": "Brought over from before",
    "repair.moved": "Moved to {to}",
    "repair.payment_awaited": "Keeps the place for a payment of {amount}",
    "repair.confirmed": "Confirmed the booking: {amount} paid",
    "repair.reseated": "Took the time again for a payment that came late",
    "repair.rebooked": "Moved the appointment to {slot}",
    "repair.missed": "Noted that nobody came",
    "repair.rebooking_undone": "Took the new time back",
    "repair.miss_undone": "Took back that nobody came",
    "repair.move_undone": "Move undone, back to {to}",
    "repair.message_hurried": "Sent a waiting message at once (delivery {delivery})",
    "repair.message_stopped": "Stopped a message before it left (delivery {delivery})",
    "repair.mails_wanted": "Customer wants e-mails about the status, says the {source}",
    "repair.mails_unwanted": "Customer wants no e-mails about the status, says the {source}",
    "repair.assigned": "Given to {to}",
    "repair.assignment_undone": "Assignment undone, back to {to}",
    "repair.edited": "Edited {fields}",
    "repair.noted": "Wrote an internal note",
    "repair.prioritised": "Set the priority to {to}",
    "repair.priority_undone": "Priority undone, back to {to}",
    "repair.relocated": "Handed to the branch {to}",
    "repair.relocation_undone": "Handing over undone, back to {to}",
    "repair.tagged": "Tagged",
    "repair.untagged": "Took a tag off",
    "repair.merged": "Merged into {into}",
    "repair.absorbed": "Took {merged} in, a duplicate, with {notes} notes",
    "repair.merge_undone": "Merge into {into} undone, back to {to}",
    "repair.absorption_undone": "Gave {merged} back: it is a ticket of its own again",
    "repair.deleted": "Deleted: made by mistake",
    "repair.card_agreed": "Agreed to keep a card for work to be approved",
    "repair.card_kept": "A card is kept for work to be approved",
    "repair.card_failed": "A card could not be kept: {reason}",
    "repair.card_removed": "The kept card was removed",
    "repair.work_offered": "Offered more work for {amount}",
    "repair.work_approved": "Customer approved more work for {amount}, answered by: {how}",
    "repair.work_declined": "Customer declined more work for {amount}, answered by: {how}",
    "repair.work_withdrawn": "Took an offer of more work for {amount} back",
    "payment.charge_asked": "Asked to charge the kept card {amount}: payment {payment}",
    "payment.customer_needed": "The bank wants to ask the customer: payment {payment}",
    "drawer.opened": "Opened the till with {float}",
    "drawer.moved": "Moved {amount} in the till by hand",
    "drawer.closed": "Closed the till: {counted} counted, {expected} expected",
    "payment.settled": "Paid {amount} by {provider}: payment {payment}",
    "payment.failed": "A payment by {provider} failed: payment {payment}",
    "payment.hold_asked": "Asked the customer to let {amount} be held: payment {payment}",
    "payment.held": "{amount} are held on the customer's card: payment {payment}",
    "payment.take_asked": "Took {amount} of what was authorised: payment {payment}",
    "payment.release_asked": "Gave an attempt to pay up: payment {payment}",
    "payment.cancelled": "A payment by {provider} was given up: payment {payment}",
    "payment.superseded": "Payment {payment} is not needed any more, as payment {by} has come",
    "payment.late": "Money came for a cancelled repair: payment {payment}",
    "payment.overpaid": "More was paid than is owed: payment {payment}",
    "payment.mismatched": "{provider} says something else of payment {payment} than we do: not taken as paid",
    "payment.fault_cleared": "Has seen to what was wrong with payment {payment}: {fault}",
    "payment.amount_refused": "Refused a payment that named another amount",
    "payment.refund_requested": "Asked to give {amount} back: refund {refund} of payment {payment}",
    "payment.refunded": "Gave {amount} back: refund {refund} of payment {payment}",
    "payment.refund_settled": "{amount} have arrived back: refund {refund} of payment {payment}",
    "payment.refund_told": "Told the customer of {amount} given back: refund {refund} of payment {payment}",
    "payment.refund_failed": "A refund failed: refund {refund} of payment {payment}",
    "payment.disputed": "The customer's bank disputes payment {payment}: {reason}",
    "payment.dispute_closed": "The dispute of payment {payment} was {outcome}",
    "provider_event.received": "{provider} told us of {kind}",
    "provider_event.replayed": "Had a message of {provider} worked on again",
    "provider_event.delivery_resent": "Sent delivery {delivery} ({subscriber}) again",
    "provider_key.set": "Entered keys of {provider}",
    "provider_key.removed": "Took the keys of {provider} away",
    "bulk_run.started": "Began a change of {tickets} tickets",
    "bulk_run.finished": "Finished a change of many tickets",
    "bulk_run.cancel_asked": "Stopped a change of many tickets",
    "bulk_run.undo_started": "Began to undo a change of many tickets",
    "bulk_run.undone": "Undid a change of many tickets",
    "bulk_run.delivery_resent": "Sent delivery {delivery} ({subscriber}) again",
    "repair.delivery_resent": "Sent delivery {delivery} ({subscriber}) again",
    "document.issued": "Issued {number}",
    "saved_view.created": "Saved a view of the queue",
    "saved_view.changed": "Changed a view of the queue: {fields}",
    "saved_view.deleted": "Deleted a view of the queue",
    "role_view.set": "Chose the view that opens first for {role}",
    "staff.created": "Added as {role}",
    "staff.signed_in": "Signed in",
    "staff.signed_out": "Signed out",
    "staff.confirmed": "Typed the password again for dangerous acts",
    "staff.locked": "Locked for {minutes} minutes after wrong passwords",
    "staff.unlocked": "Unlocked",
    "staff.role_changed": "Made {to}",
    "staff.disabled": "Disabled",
    "staff.enabled": "Enabled",
    "staff.sign_ins_ended": "Ended {count} sign-ins",
    "staff.password_changed": "Changed the password",
    "staff.second_factor_changed": "Turned two-step sign-in {on}",
    "staff.roster_changed": "Changed the working hours to {hours} a week",
    "staff.roster_removed": "Took the own working hours away: the branch's hours count",
    "staff.absence_added": "Entered an absence",
    "staff.absence_removed": "Took an absence away",
    "staff.skills_changed": "Changed what the person is good at",
    "staff.export_begun": "Began to export repairs",
    "staff.exported": "Exported {rows} repairs",
    "staff.documents_exported": "Exported invoices and receipts",
    "staff.delivery_resent": "Sent delivery {delivery} ({subscriber}) again",
    "location.blocked": "Blocked out {starts_at} to {ends_at}",
    "location.unblocked": "Opened {starts_at} to {ends_at} again",
    "location.closed": "Closed on {day}",
    "location.opened": "Open again on {day}",
    "location.hours_changed": "Changed the opening hours",
    "location.places_changed": "Changed the places of {service_type}",
    "device_model.added": "Added to the catalogue",
    "device_model.changed": "Changed in the catalogue",
    "device_model.retired": "Retired from the catalogue",
    "device_model.restored": "Back in the catalogue",
    "customer_account.link_asked": "Asked for a link to set a password",
    "customer_account.link_issued": "Had a link to set a password made by an operator",
    "customer_account.password_set": "Set the password by a mailed link",
    "customer_account.locked": "Locked for {minutes} minutes after wrong passwords",
    "customer_account.delivery_resent": "Sent delivery {delivery} ({subscriber}) again",
}
KINDS = {
    "repair": "Repairs",
    "document": "Invoices and receipts",
    "payment": "Payments",
    "provider_event": "Messages of payment providers",
    "provider_key": "Keys of payment providers",
    "bulk_run": "Changes of many tickets",
    "saved_view": "Views of the queue",
    "role_view": "First views of roles",
    "staff": "Staff",
    "location": "Branches",
    "drawer": "Tills",
    "device_model": "Catalogue",
    "customer_account": "Customer accounts",
}
_FIELD_OF = {
    "repair.moved": "status", "repair.move_undone": "status", "repair.assigned": "assignee",
    "repair.merged": "status", "repair.merge_undone": "status",
    "repair.assignment_undone": "assignee", "repair.prioritised": "priority", "repair.relocated": "branch",
    "repair.priority_undone": "priority", "repair.relocation_undone": "branch",
    "staff.role_changed": "role",
}  # fmt: skip
_PRIORITIES = {1: "urgent", 2: "high", 3: "normal"}
_SAID_ELSEWHERE = ("from", "to", "fields", "changes", "total", "currency", "role")
LOCALE = "en_GB"
_NOBODY = "nobody"
# Minor units of the currency that the same fact names.
_MONEY = frozenset({"amount", "banked", "counted", "expected", "float", "left"})
_SLUG = re.compile("[a-z]+(_[a-z]+)*")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$")


@dataclass(frozen=True, slots=True)
class Change:
    """`before` is None where the log keeps only what it became."""

    field: str
    before: str | None
    after: str


def sentence_of(verb: str, body: Mapping, *, names: Mapping[str, str]) -> str:
    """One short sentence; the verb itself where no words are kept for it."""
    facts = _Facts({key: _value(verb, key, value, names) for key, value in _in_money(body).items()})
    words = VERBS.get(verb) or _plain(verb.partition(".")[2]).capitalize().replace("{", "{{").replace("}", "}}")
    return words.format_map(facts)


def changes_of(
    verb: str, body: Mapping, detail: Mapping, *, names: Mapping[str, str], erased: bool = False
) -> tuple[Change, ...]:
    """Everything that the fact says changed, first what is sealed, then what is personal."""
    changes = []
    if "from" in body and "to" in body:
        before, after = (_value(verb, end, body[end], names) for end in ("from", "to"))
        changes.append(Change(_FIELD_OF.get(verb, "value"), before, after))
    pairs = {**body.get("changes", {}), **detail}
    changes += [_change(field, value) for field, value in pairs.items()]
    if "total" in body and "currency" in body:
        changes.append(Change("total", None, format_money(Money(body["total"], body["currency"]), LOCALE)))
    changes += [
        Change(_plain(key), None, _value(verb, key, value, names))
        for key, value in _in_money(body).items()
        if key not in _SAID_ELSEWHERE
    ]
    if erased:
        changes.append(Change("personal details", None, "erased"))
    return tuple(changes)


def _in_money(body: Mapping) -> Mapping:
    """Amounts as people read them."""
    if "currency" not in body:
        return body
    return {
        key: format_money(Money(value, body["currency"]), LOCALE) if key in _MONEY and type(value) is int else value
        for key, value in body.items()
    }


def _change(field: str, value) -> Change:
    if isinstance(value, list) and len(value) == 2:
        return Change(_plain(field), _text(value[0]), _text(value[1]))
    return Change(_plain(field), None, _text(value))


def _value(verb: str, key: str, value, names: Mapping[str, str]) -> str:
    if key in ("from", "to"):
        if _FIELD_OF.get(verb) == "assignee":
            return names.get(f"staff:{value}", _NOBODY)
        if _FIELD_OF.get(verb) == "branch":
            return names.get(f"location:{value}", str(value))
        if _FIELD_OF.get(verb) == "priority":
            return _PRIORITIES.get(value, str(value))
        return _plain(_text(value)).capitalize()
    if key == "role":
        return _plain(_text(value)).capitalize()
    if isinstance(value, str) and _SLUG.fullmatch(value):
        return _plain(value)
    return _moment(value) if isinstance(value, str) and _ISO.match(value) else _text(value)


def _text(value) -> str:
    match value:
        case None | "":
            return "empty"
        case bool():
            return "on" if value else "off"
        case list() | tuple():
            return ", ".join(_plain(_text(part)) for part in value) or "none"
        case dict():
            return ", ".join(f"{_plain(key)}: {_text(part)}" for key, part in value.items()) or "none"
        case _:
            return str(value)


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%d %b %Y %H:%M UTC")


def _plain(name: str) -> str:
    return name.replace("_", " ")


class _Facts(dict):
    """A word that the fact does not carry stays out of its sentence."""

    def __missing__(self, key: str) -> str:
        return "…"
