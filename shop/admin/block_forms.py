"""Blocking out a stretch of time, and taking that back."""

from datetime import UTC, datetime, timedelta

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin.answers import dialog
from shop.extensions import db, htmx
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotFound
from shop.models.location import Location
from shop.services import blocks, staff
from shop.services.locations import list_locations, lock_plan

_FIELDS = ("location", "starts", "ends", "who", "places", "reason", "back")


def block():
    location = _branch(request.values.get("location", ""))
    if request.method == "GET":
        return _form(location, _first_values(location))
    typed = {name: request.form.get(name, "").replace("\x00", "").strip() for name in _FIELDS}
    try:
        facts = _facts(location, typed)
        # Listed first, and blocked only when that was seen.
        inside = blocks.find_inside(location, facts["starts_at"], facts["ends_at"], staff_id=facts["staff_id"])
        if inside and request.form.get("seen_inside") != str(len(inside)) and facts["places"] is None:
            return _form(location, typed, inside=inside, status=422)
        blocks.block_out(lock_plan(location.id), **facts, actor=current_user.actor)
    except Invalid as error:
        db.session.rollback()
        return _form(_branch(typed["location"]), typed, faults=error.fields, status=422)
    db.session.commit()
    return _done(typed, _("Blocked out: nobody can book it any more"))


def unblock(block_id: int):
    try:
        one = blocks.get_block(block_id)
        blocks.open_again(lock_plan(one.location_id), one, actor=current_user.actor)
    except NotFound as error:
        db.session.rollback()
        flash(error.message, "warning")
        return redirect(_back({"back": request.form.get("back", "")}), 303)
    db.session.commit()
    return _done({"back": request.form.get("back", "")}, _("Open again: it can be booked"))


def _form(location: Location, values: dict, *, faults=None, inside=(), status: int = 200):
    return dialog(
        "admin/calendar/block.html", "block_form", title=_("Block out time"), status=status,
        location=location, values=values, faults=faults or {}, inside=inside, people=staff.list_assignees(),
    )  # fmt: skip


def _done(typed: dict, message: str):
    """The list may have many: the whole calendar is shown anew."""
    flash(message, "success")
    way = _back(typed)
    return ("", 204, {"HX-Redirect": way}) if htmx else redirect(way, 303)


def _back(typed: dict) -> str:
    index, back = url_for("calendar.index"), typed.get("back", "")
    return back if back == index or back.startswith(f"{index}?") else index


def _branch(slug: str) -> Location:
    found = list_locations()
    return next((one for one in found if one.slug == slug), found[0])


def _first_values(location: Location) -> dict:
    """The time that the cursor stood on, else the next full hour."""
    asked = _read_moment(request.args.get("at", ""))
    zone = location.hours.zone
    if asked is None:
        start = utc_now().astimezone(zone).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        day = request.args.get("day", "")
        chosen = _read_local(location, f"{day}T{start:%H:%M}") if day else None
        asked = chosen or start.astimezone(UTC)
    ends = asked + timedelta(hours=1)
    return {
        "starts": f"{asked.astimezone(zone):%Y-%m-%dT%H:%M}", "ends": f"{ends.astimezone(zone):%Y-%m-%dT%H:%M}",
        "location": location.slug, "who": request.args.get("who", ""), "places": "", "reason": "",
        "back": request.args.get("back", ""),
    }  # fmt: skip


def _facts(location: Location, typed: dict) -> dict:
    starts, ends = _read_local(location, typed["starts"]), _read_local(location, typed["ends"])
    faults = {name: _("Choose day and time.") for name, value in (("starts", starts), ("ends", ends)) if value is None}
    if typed["places"] and not (typed["places"].isdecimal() and len(typed["places"]) < 4):
        faults["places"] = _("Write a number, or leave it empty for all places.")
    if typed["who"] and not (typed["who"].isdecimal() and len(typed["who"]) < 10):
        faults["staff"] = _("Choose someone who works here.")
    if starts is None or ends is None or faults:
        raise Invalid(faults)
    return {
        "starts_at": starts, "ends_at": ends, "reason": typed["reason"],
        "staff_id": int(typed["who"]) if typed["who"] else None,
        "places": int(typed["places"]) if typed["places"] else None,
    }  # fmt: skip


def _read_local(location: Location, text: str) -> datetime | None:
    """Day and time where the branch is; a clock that is put forward jumps over what does not exist."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return None
    if local.tzinfo or not 2000 <= local.year < 2100:
        return None
    return local.replace(tzinfo=location.hours.zone).astimezone(UTC)


def _read_moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo and 2000 <= moment.year < 2100 else None
