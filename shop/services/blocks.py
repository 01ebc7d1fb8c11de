"""What takes time away from the public calendar: block-outs and days on which a branch stays shut."""

from datetime import date, datetime, timedelta

import holidays
from flask_babel import gettext as _
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotFound
from shop.models.location import Block, Closure, Location
from shop.models.staff import Staff
from shop.models.text import is_plain, one_line
from shop.services.calendar import Entry, Standing, local_bounds, read_entries
from shop.services.events import record

LONGEST_REASON = 120
LONGEST_BLOCK = timedelta(days=60)
MOST_PLACES = 99
_YEARS_AHEAD = 3
# The part of the country whose bank holidays are proposed; others close on the days that they type in.
_SUBDIVISION = {"GB": "ENG"}


def block_out(
    location: Location, *, starts_at: datetime, ends_at: datetime, reason: str, actor: Actor,
    staff_id: int | None = None, places: int | None = None,
) -> Block:  # fmt: skip
    """Takes nobody new in this stretch of a locked branch: for one colleague, for some places, or for all.

    Who is booked already stays booked: `find_inside` lists them, to be moved. Raises Invalid.
    """
    actor.require("calendar.plan")
    reason = _reason(reason)
    faults = _time_faults(starts_at, ends_at)
    if places is not None and not 0 < places <= MOST_PLACES:
        faults["places"] = _("Write a number from 1 to %(most)s, or leave it empty for all places.", most=MOST_PLACES)
    if staff_id is not None:
        person = db.session.get(Staff, staff_id)
        if person is None or person.disabled_at:
            faults["staff"] = _("Choose someone who works here.")
        places = 1
    if faults:
        raise Invalid(faults)
    block = Block(
        location_id=location.id, staff_id=staff_id, starts_at=starts_at, ends_at=ends_at, places=places, reason=reason
    )
    db.session.add(block)
    db.session.flush()
    record("location.blocked", location, actor=actor, body=_facts(block), detail={"reason": reason})
    return block


def get_block(block_id: int) -> Block:
    """Raises NotFound."""
    block = db.session.get(Block, block_id)
    if block is None:
        raise NotFound(_("This block-out has been taken away already."))
    return block


def open_again(location: Location, block: Block, *, actor: Actor) -> None:
    """Takes a block-out of a locked branch away."""
    actor.require("calendar.plan")
    record("location.unblocked", location, actor=actor, body=_facts(block), detail={"reason": block.reason})
    db.session.delete(block)


def find_inside(
    location: Location, starts_at: datetime, ends_at: datetime, *, staff_id: int | None = None
) -> list[Entry]:
    """Who is expected in this stretch and would find nobody: to be moved."""
    now = utc_now()
    # A slot that began before may reach into it.
    entries = read_entries(location, starts_at - timedelta(hours=12), ends_at)
    return [
        entry
        for entry in entries
        if entry.standing(now) is Standing.EXPECTED
        and entry.starts_at is not None
        and entry.ends_at is not None
        and entry.starts_at < ends_at
        and entry.ends_at > starts_at
        and (staff_id is None or entry.assignee_id == staff_id)
    ]


def close_day(location: Location, day: date, *, name: str, actor: Actor) -> list[Entry]:
    """Shuts a locked branch for a day and returns who is expected on it. Raises Invalid; a closed day is refused."""
    actor.require("calendar.plan")
    name = one_line(name)
    today = utc_now().astimezone(location.hours.zone).date()
    faults = {}
    if not name or len(name) > 80 or not is_plain(name):
        faults["name"] = _("Say in a few words why it is closed.")
    if day < today:
        faults["day"] = _("This day has passed.")
    elif day > today.replace(month=12, day=31) + timedelta(days=366 * _YEARS_AHEAD):
        faults["day"] = _("Choose a day within the next three years.")
    elif any(closure.day == day for closure in location.closures):
        faults["day"] = _("It is closed on this day already.")
    if faults:
        raise Invalid(faults)
    location.closures.append(Closure(day=day, name=name))
    db.session.flush()
    location.forget_hours()
    record("location.closed", location, actor=actor, body={"day": day.isoformat(), "name": name})
    return find_inside(location, *local_bounds(location.hours, day, 1))


def open_day(location: Location, day: date, *, actor: Actor) -> None:
    """Takes a closure of a locked branch away. A day that is not closed raises NotFound."""
    actor.require("calendar.plan")
    closure = next((one for one in location.closures if one.day == day), None)
    if closure is None:
        raise NotFound(_("It is open on this day already."))
    location.closures.remove(closure)
    db.session.flush()
    location.forget_hours()
    record("location.opened", location, actor=actor, body={"day": day.isoformat(), "name": closure.name})


def proposed_closures(location: Location, year: int) -> list[tuple[date, str]]:
    """Public holidays of the branch's country from today on that are not closed yet."""
    known, today = {closure.day for closure in location.closures}, utc_now().astimezone(location.hours.zone).date()
    subdivision = _SUBDIVISION.get(location.country)
    days = holidays.country_holidays(location.country, subdiv=subdivision, years=year)
    return sorted((day, name) for day, name in days.items() if day not in known and day >= today)


def closures_of(location: Location, year: int) -> list[Closure]:
    query = select(Closure).where(
        Closure.location_id == location.id, Closure.day >= date(year, 1, 1), Closure.day <= date(year, 12, 31)
    )
    return list(db.session.scalars(query.order_by(Closure.day)))


def _reason(text: str) -> str:
    reason = one_line(text)
    if not reason:
        raise Invalid({"reason": _("Say why: colleagues read it in the calendar.")})
    if len(reason) > LONGEST_REASON or not is_plain(reason):
        raise Invalid({"reason": _("Keep this under %(most)s characters.", most=LONGEST_REASON)})
    return reason


def _time_faults(starts_at: datetime, ends_at: datetime) -> dict[str, str]:
    if ends_at <= starts_at:
        return {"ends": _("It must end after it begins.")}
    if ends_at <= utc_now():
        return {"ends": _("This time has passed.")}
    if ends_at - starts_at > LONGEST_BLOCK:
        return {"ends": _("Block out 60 days at most; close the days for longer.")}
    return {}


def _facts(block: Block) -> dict:
    """What is sealed: nothing that a colleague might not want to have kept for ever."""
    return {
        "block": block.id, "starts_at": block.starts_at.isoformat(), "ends_at": block.ends_at.isoformat(),
        "places": block.places, "staff": block.staff_id,
    }  # fmt: skip
