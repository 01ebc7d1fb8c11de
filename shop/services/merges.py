"""Two tickets for one device become one: the duplicate is closed and points to the ticket that stays."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.customer import Customer, Device
from shop.models.ending import MergedRepair
from shop.models.errors import Invalid
from shop.models.money import Money, format_money
from shop.models.repair import Note, Repair
from shop.models.tag import BETWEEN
from shop.models.workflow import State
from shop.services import appointments, approvals, endings, holds, ledger, repairs
from shop.services.clock import local_datetime
from shop.services.events import record
from shop.services.payments import cards, unanswered
from shop.services.payments import held as payments_held
from shop.services.undo import MERGE, Step

PERMISSION = "repair.merge"
MOST_SUGGESTED = 6


@dataclass(frozen=True, slots=True)
class Plan:
    """What a merge would do. `missing` is what only the duplicate says; `gives_up` its time that nobody keeps."""

    duplicate: Repair
    stays: Repair
    notes: int
    missing: tuple[tuple[str, str], ...]
    is_other_customer: bool
    time: datetime | None
    other_time: datetime | None
    may_keep_time: bool


def suggest(repair: Repair) -> list[Repair]:
    """Open tickets that may be of the same device: of this customer, this phone or e-mail, or this IMEI."""
    customer, device = repair.customer, repair.device
    same = [Repair.customer_id == customer.id]
    for column, value in (
        (Customer.phone, customer.phone),
        (Customer.email, customer.email),
        (Device.imei, device.imei),
    ):
        if value:
            same.append(column == value)
    query = (
        select(Repair)
        .join(Repair.customer)
        .join(Repair.device)
        .where(Repair.is_open, Repair.id != repair.id, or_(*same))
        .options(joinedload(Repair.customer), joinedload(Repair.device))
    )
    return list(db.session.scalars(query.order_by(Repair.id.desc()).limit(MOST_SUGGESTED)))


def plan(duplicate: Repair, stays: Repair) -> Plan:
    """What would happen, for who is asked. Raises Invalid with why not."""
    _check(duplicate, stays)
    time, other = appointments.find_coming(stays), appointments.find_coming(duplicate)
    return Plan(
        duplicate, stays, len(repairs.notes(duplicate)), _missing(duplicate, stays),
        is_other_customer=duplicate.customer_id != stays.customer_id,
        time=time.starts_at if time else None, other_time=other.starts_at if other else None,
        may_keep_time=appointments.may_take_over(stays, duplicate),
    )  # fmt: skip


def merge(
    duplicate: Repair, stays: Repair, *, actor: Actor, keep_time: bool = False, other_customer: bool = False
) -> Step:
    """Closes the duplicate, and gives what it says to the ticket that stays. Both are locked, by `repairs.lock_pair`.

    The customer is told nothing. `keep_time`: the duplicate's appointment becomes that of the other. Returns how to
    take it back. Raises Merged for a duplicate that was merged already, Invalid with why not, and for a ticket of
    another customer unless `other_customer`. Merging twice is refused the second time.
    """
    actor.require(PERMISSION)
    endings.refuse_merged(duplicate)
    _check(duplicate, stays)
    if duplicate.customer_id != stays.customer_id and not other_customer:
        raise Invalid({"other_customer": _("These tickets are of two customers. Tick that this is meant.")})
    facts: dict[str, Any] = {
        "duplicate": duplicate.id, "survivor": stays.id, "from": duplicate.status, "to": State.CANCELLED,
        "since_before": duplicate.status_since.isoformat(), "waiting_on": duplicate.waiting_on,
    }  # fmt: skip
    facts["notes"] = _copy_texts(duplicate, stays, actor)
    facts["taken_over"] = appointments.take_over(stays, duplicate) if keep_time else None
    facts["slot"] = None if keep_time else appointments.give_back_slot(duplicate)
    facts["dropped"] = holds.drop_held(f"repair:{duplicate.id}")
    return Step(MERGE, min(duplicate.id, stays.id), facts | _close(duplicate, stays, facts, actor))


def _close(duplicate: Repair, stays: Repair, facts: dict[str, Any], actor: Actor) -> dict[str, Any]:
    now = utc_now()
    minutes = int((now - duplicate.status_since).total_seconds() // 60)
    duplicate.enter(State.CANCELLED, at=now)
    duplicate.updated_at = stays.updated_at = now
    db.session.add(MergedRepair(repair_id=duplicate.id, into_id=stays.id))
    db.session.flush()
    cards.remove_needless(duplicate.id)
    body = {"from": facts["from"], "to": State.CANCELLED, "into": stays.number, "minutes": minutes}
    merged = record("repair.merged", duplicate, actor=actor, body=body)
    taken = facts["taken_over"]
    body = {"merged": duplicate.number, "notes": len(facts["notes"]), **({"due_at": taken["due_at"]} if taken else {})}
    absorbed = record("repair.absorbed", stays, actor=actor, body=body)
    return {"since": now.isoformat(), "version": merged.version, "absorbed": absorbed.version}


def _check(duplicate: Repair, stays: Repair) -> None:
    if duplicate.id == stays.id:
        raise Invalid({"into": _("This is the ticket itself. Name the one that stays.")})
    if not duplicate.is_open:
        raise Invalid({"into": _("%(number)s is closed: there is nothing left to merge.", number=duplicate.number)})
    if ledger.repair_balance(duplicate).paid:
        # It would stay behind, where nobody sees it and nobody can give it back.
        raise Invalid({"into": _("%(number)s holds money: merge the other one into it, or give the money back first.",
                                 number=duplicate.number)})  # fmt: skip
    if approvals.find_open(duplicate) or unanswered.amount_under_way(duplicate):
        raise Invalid({"into": _("The customer of %(number)s is asked about more work, or pays for it: end that first.",
                                 number=duplicate.number)})  # fmt: skip
    if payments_held.find_open(duplicate):
        raise Invalid({"into": _("An amount is held for %(number)s, or is to be: let it go first.",
                                 number=duplicate.number)})  # fmt: skip
    if ending := endings.find_merge(stays):
        raise Invalid({"into": f"{ending.words} {_('Name that one.')}"})
    if not stays.is_open:
        raise Invalid({"into": _("%(number)s is closed. Name one that is open.", number=stays.number)})


def _copy_texts(duplicate: Repair, stays: Repair, actor: Actor) -> list[int]:
    """The duplicate's notes with their authors and times, and one note of what only it says; ids of all."""
    copies = [
        Note(repair_id=stays.id, author_id=note.author_id, body=note.body, created_at=note.created_at)
        for note in reversed(repairs.notes(duplicate))
    ]
    if missing := _missing(duplicate, stays):
        lines = [_("From %(number)s, a duplicate of this ticket", number=duplicate.number)]
        lines += [f"{label}: {text}" for label, text in missing]
        copies.append(Note(repair_id=stays.id, author_id=actor.id, body="\n".join(lines)))
    db.session.add_all(copies)
    # Their ids are what an undo takes away.
    db.session.flush()
    return [note.id for note in copies]


def _missing(duplicate: Repair, stays: Repair) -> tuple[tuple[str, str], ...]:
    pairs = [
        (_("Customer"), _customer(duplicate), _customer(stays)),
        (_("Reported"), duplicate.problem, stays.problem),
        (_("Diagnosis"), duplicate.diagnosis, stays.diagnosis),
        (_("Model"), duplicate.device.label, stays.device.label),
        (_("IMEI"), duplicate.device.imei, stays.device.imei),
        (_("Serial"), duplicate.device.serial, stays.device.serial),
        (_("Now at"), duplicate.place, stays.place),
        (_("Tags"), _tags(duplicate, stays), ""),
        (_("Price promised at booking"), _price(duplicate), _price(stays)),
        (_("Address"), _address(duplicate), _address(stays)),
        (_("Agreed for"), _time(duplicate), _time(stays)),
    ]
    return tuple((label, mine.strip()) for label, mine, theirs in pairs if mine.strip() and mine.strip() not in theirs)


def _customer(repair: Repair) -> str:
    customer = repair.customer
    return ", ".join(part for part in (customer.name, customer.phone, customer.email) if part)


def _tags(duplicate: Repair, stays: Repair) -> str:
    known = stays.tags.split(BETWEEN)
    return BETWEEN.join(tag for tag in duplicate.tags.split(BETWEEN) if tag not in known)


def _price(repair: Repair) -> str:
    locale = str(get_locale() or "en_GB")
    return ", ".join(
        f"{line.label} {format_money(Money(line.amount, repair.currency), locale)}" for line in repair.lines
    )


def _address(repair: Repair) -> str:
    booking = appointments.find_booking(repair)
    return f"{booking.address}, {booking.postcode}" if booking and booking.address else ""


def _time(repair: Repair) -> str:
    slot = appointments.find_coming(repair)
    return local_datetime(slot.starts_at) if slot else ""
