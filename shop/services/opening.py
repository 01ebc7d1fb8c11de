"""When a branch is open, how it cuts the time that customers can book, and how many places there are."""

import json
from datetime import time
from itertools import pairwise

from flask_babel import gettext as _
from sqlalchemy import case, select, update

from shop.extensions import db
from shop.models import grid
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.booking import Slot
from shop.models.errors import Invalid
from shop.models.grid import SLOTTED, Grid
from shop.models.location import Location
from shop.services.events import record
from shop.services.slots import HORIZON, cut

FEWEST_MINUTES, MOST_MINUTES, MOST_PLACES = 10, 480, 99
MOST_PERIODS = 3

Week = list[list[tuple[time, time]]]


def read_week(typed: list[str]) -> Week:
    """Seven lines such as `09:00-13:00, 14:00-18:30`; an empty one is a closed day. Raises Invalid by `day_0` …"""
    week, faults = [], {}
    for weekday, text in enumerate(typed):
        try:
            week.append(_periods(text))
        except ValueError as error:
            faults[f"day_{weekday}"] = str(error)
    if not faults and not any(week):
        faults["day_0"] = _("Open on one day at least: promises are counted in opening hours.")
    if faults:
        raise Invalid(faults)
    return week


def week_words(location: Location) -> list[str]:
    """The week as it is typed."""
    return [", ".join(f"{opens:%H:%M}-{closes:%H:%M}" for opens, closes in day) for day in location.hours.week]


def set_week(location: Location, week: Week, *, actor: Actor) -> None:
    """New opening hours of a locked branch. The same hours again change nothing."""
    actor.require("calendar.plan")
    text = json.dumps([[[f"{opens:%H:%M}", f"{closes:%H:%M}"] for opens, closes in day] for day in week])
    if json.loads(location.week) == json.loads(text):
        return
    before, location.week = json.loads(location.week), text
    location.forget_hours()
    record("location.hours_changed", location, actor=actor, body={"changes": {"week": [before, json.loads(text)]}})


def read_quiet(begins: str, ends: str) -> str:
    """Quiet hours as they are kept, from two times such as 20:00; both empty for none. Raises Invalid."""
    typed = {"quiet_from": begins.strip(), "quiet_until": ends.strip()}
    if not any(typed.values()):
        return ""
    times, faults = {}, {}
    for name, text in typed.items():
        try:
            times[name] = time.fromisoformat(text).replace(tzinfo=None)
        except ValueError:
            faults[name] = _("Write a time, such as 12:00.")
    if not faults and times["quiet_from"] == times["quiet_until"]:
        faults["quiet_until"] = _("They must end at another time. Empty both fields to have none.")
    if faults:
        raise Invalid(faults)
    return f"{times['quiet_from']:%H:%M}-{times['quiet_until']:%H:%M}"


def set_quiet(location: Location, quiet: str, *, actor: Actor) -> None:
    """New quiet hours of a locked branch, as `read_quiet` gives them. The same again change nothing."""
    actor.require("calendar.plan")
    if location.quiet == quiet:
        return
    before, location.quiet = location.quiet, quiet
    record("location.hours_changed", location, actor=actor, body={"changes": {"quiet_hours": [before, quiet]}})


def set_places(location: Location, service_type: str, wanted: Grid, *, actor: Actor) -> None:
    """Another grid of a locked branch, for its slots ahead as well: what is booked stays, though it be one too many.

    Raises Invalid.
    """
    actor.require("calendar.plan")
    grids = location.slot_grids
    if service_type not in SLOTTED:
        raise Invalid({"service_type": _("Only visits and pick-ups have places.")})
    if faults := _grid_faults(wanted):
        raise Invalid(faults)
    if grids[service_type] == wanted:
        return
    location.grids = grid.dumps({**grids, service_type: wanted})
    _resize(location, service_type, wanted)
    body = {
        "service_type": service_type, "minutes": wanted.minutes, "capacity": wanted.capacity, "lunch": wanted.lunch,
        "lunch_from": f"{wanted.lunch_from:%H:%M}", "lunch_to": f"{wanted.lunch_to:%H:%M}",
    }  # fmt: skip
    record("location.places_changed", location, actor=actor, body=body)


def _resize(location: Location, service_type: str, wanted: Grid) -> None:
    """Slots that are written already follow, but never below what is taken."""
    now = utc_now()
    capacities = {view.start: view.capacity for view in cut(location.hours, wanted, start=now, end=now + HORIZON)}
    rows = select(Slot.id, Slot.starts_at).where(
        Slot.location_id == location.id, Slot.service_type == service_type, Slot.starts_at >= now
    )
    # By id, as everybody locks places: no two wait in a ring.
    for slot_id, starts_at in db.session.execute(rows.order_by(Slot.id)).all():
        capacity = capacities.get(starts_at)
        if capacity is not None:
            most = case((Slot.taken > capacity, Slot.taken), else_=capacity)
            db.session.execute(update(Slot).where(Slot.id == slot_id).values(capacity=most))


def _grid_faults(wanted: Grid) -> dict[str, str]:
    faults = {}
    if not FEWEST_MINUTES <= wanted.minutes <= MOST_MINUTES or wanted.minutes % 5:
        faults["minutes"] = _("Write 10 to 480 minutes, in steps of five.")
    for name in ("capacity", "lunch"):
        if not 0 <= getattr(wanted, name) <= MOST_PLACES:
            faults[name] = _("Write a number from 0 to %(most)s.", most=MOST_PLACES)
    if wanted.lunch_to < wanted.lunch_from:
        faults["lunch_to"] = _("It must end after it begins.")
    return faults


def _periods(text: str) -> list[tuple[time, time]]:
    parts = [part.strip() for part in text.replace("–", "-").replace(";", ",").split(",") if part.strip()]
    if len(parts) > MOST_PERIODS:
        raise ValueError(_("Write three stretches at most."))
    periods = sorted(_period(part) for part in parts)
    if any(later[0] < earlier[1] for earlier, later in pairwise(periods)):
        raise ValueError(_("Two stretches overlap."))
    return periods


def _period(text: str) -> tuple[time, time]:
    first, _dash, last = text.partition("-")
    try:
        opens, closes = (time.fromisoformat(part.strip().zfill(5)) for part in (first, last))
    except ValueError:
        raise ValueError(_("Write it like 09:00-18:30, or leave it empty.")) from None
    if opens.tzinfo or closes.tzinfo or closes <= opens:
        raise ValueError(_("It must close after it opens."))
    return opens, closes
