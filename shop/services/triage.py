"""What is told apart at a glance: how urgent a repair is, in which branch it is, and the shop's own tags."""

from flask_babel import gettext as _
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.booking import Slot
from shop.models.errors import Invalid, SlotFull
from shop.models.location import Location
from shop.models.repair import Priority, Repair
from shop.models.tag import BETWEEN, LONGEST_NAME, RepairTag, Tag, slug_of
from shop.models.workflow import State
from shop.services import appointments, messages
from shop.services.events import record
from shop.services.statements import insert_if_absent
from shop.services.undo import MESSAGE, Step

PERMISSION = "repair.edit"
MOST_TAGS = 12


def set_priority(repair: Repair, priority: int, *, actor: Actor) -> Step | None:
    """Sets the priority of a locked repair; returns how to take that back.

    The one it has changes nothing. Raises Invalid for one that is none.
    """
    actor.require(PERMISSION)
    if priority not in list(Priority):
        raise Invalid({"priority": "Choose urgent, high or normal."})
    if priority == repair.priority:
        return None
    before, repair.priority = repair.priority, Priority(priority)
    repair.updated_at = utc_now()
    change = {"from": int(before), "to": int(priority)}
    recorded = record("repair.prioritised", repair, actor=actor, body=change)
    return Step("priority", repair.id, {**change, "version": recorded.version})


def move_to_location(repair: Repair, location_id: int, *, actor: Actor) -> Step | None:
    """Hands a locked repair to another branch; returns how to take that back. The one it is in changes nothing.

    Its shelf or bench is emptied, for that was one of the old branch. Raises Invalid for a branch that is none, and
    for one whose device is still to come at an agreed time: `hand_over` takes the appointment along.
    """
    if location_id != repair.location_id and appointment_of(repair) is not None:
        raise Invalid({"location": _("It has an appointment: hand it over by itself, so that the customer is told.")})
    return _move_to_location(repair, location_id, actor=actor)


def hand_over(
    repair: Repair, location_id: int, *, actor: Actor, send: messages.Send = messages.AT_ONCE
) -> tuple[Step | None, bool]:
    """As `move_to_location`, and the appointment goes along: the same time in the other branch, its place taken there
    and given back here. Returns how to take both back, and whether the customer is told.

    Raises Invalid where the other branch takes nobody then, and says why.
    """
    slot = appointment_of(repair)
    step = _move_to_location(repair, location_id, actor=actor)
    if step is None or slot is None:
        return step, False
    db.session.flush()
    db.session.expire(repair, ["location"])
    try:
        changed = appointments.rebook(repair, slot.starts_at, actor=actor, send=send)
    except (Invalid, SlotFull):
        raise Invalid({
            "location": _("%(branch)s takes nobody at the time of the appointment. Agree on another time first, or hand"
                          " it over when it is here.", branch=repair.location.short_name)
        }) from None  # fmt: skip
    if changed.step is None:
        return step, False
    message = {MESSAGE: changed.step.facts[MESSAGE]} if changed.told else {}
    return Step("branch", repair.id, {**step.facts, **message, "appointment": changed.step.facts}), changed.told


def appointment_of(repair: Repair) -> Slot | None:
    """The time to come that was agreed for a device that is still expected."""
    booking = appointments.find_booking(repair) if repair.status == State.EXPECTED else None
    return booking.slot if booking and booking.slot and booking.slot.starts_at > utc_now() else None


def _move_to_location(repair: Repair, location_id: int, *, actor: Actor) -> Step | None:
    actor.require(PERMISSION)
    if location_id == repair.location_id:
        return None
    if db.session.get(Location, location_id) is None:
        raise Invalid({"location": "Choose one of the branches."})
    before, repair.location_id = repair.location_id, location_id
    place, repair.place = repair.place, ""
    repair.updated_at = utc_now()
    change = {"from": before, "to": location_id}
    detail = {"place": [place, ""]} if place else None
    recorded = record("repair.relocated", repair, actor=actor, body=change, detail=detail)
    return Step("branch", repair.id, {**change, "place": place, "version": recorded.version})


def tag(repair: Repair, name: str, *, actor: Actor) -> Step | None:
    """Puts a tag on a locked repair, made where nobody has used it before; returns how to take that back.

    One that is on it changes nothing.

    Raises Invalid for a name without letters, a long one, or one tag too many.
    """
    actor.require(PERMISSION)
    found = find_tag(name) or _new_tag(name)
    if db.session.get(RepairTag, (repair.id, found.id)):
        return None
    if len(tags_of(repair)) >= MOST_TAGS:
        raise Invalid({"tag": f"A ticket has at most {MOST_TAGS} tags. Take one off first."})
    db.session.add(RepairTag(repair_id=repair.id, tag_id=found.id))
    _write_names(repair)
    recorded = record("repair.tagged", repair, actor=actor, body={"tag": found.id}, detail={"tag": found.name})
    return Step("tag", repair.id, {"tag": found.name, "version": recorded.version})


def untag(repair: Repair, name: str, *, actor: Actor) -> Step | None:
    """Takes a tag off a locked repair; returns how to take that back. One that is not on it changes nothing."""
    actor.require(PERMISSION)
    found = find_tag(name)
    on_it = found and db.session.get(RepairTag, (repair.id, found.id))
    if found is None or on_it is None:
        return None
    db.session.delete(on_it)
    _write_names(repair)
    recorded = record("repair.untagged", repair, actor=actor, body={"tag": found.id}, detail={"tag": found.name})
    return Step("untag", repair.id, {"tag": found.name, "version": recorded.version})


def tags_of(repair: Repair) -> list[Tag]:
    """By name."""
    query = select(Tag).join(RepairTag, RepairTag.tag_id == Tag.id).where(RepairTag.repair_id == repair.id)
    return list(db.session.scalars(query.order_by(Tag.name)))


def list_tags() -> list[tuple[str, str]]:
    """(slug, name) of every tag, by name: what is suggested, and what can be filtered by."""
    return [(row.slug, row.name) for row in db.session.execute(select(Tag.slug, Tag.name).order_by(Tag.name))]


def find_tag(name: str) -> Tag | None:
    """By its name, however it is written, or its slug."""
    return db.session.scalar(select(Tag).where(Tag.slug == slug_of(name)))


def _new_tag(name: str) -> Tag:
    name = " ".join(name.replace("\x00", "").replace(",", " ").split())
    if not slug_of(name):
        raise Invalid({"tag": "Write a tag with at least one letter or digit."})
    if len(name) > LONGEST_NAME:
        raise Invalid({"tag": f"Keep a tag under {LONGEST_NAME} characters; this one has {len(name)}."})
    values = {"name": name, "slug": slug_of(name), "created_at": utc_now()}
    db.session.execute(insert_if_absent(Tag, unique=["slug"], values=values))
    return db.session.scalars(select(Tag).where(Tag.slug == values["slug"])).one()


def _write_names(repair: Repair) -> None:
    # Its tags are read back from the table.
    db.session.flush()
    repair.tags = BETWEEN.join(tag.name for tag in tags_of(repair))
    repair.refresh_search_text()
    repair.updated_at = utc_now()
