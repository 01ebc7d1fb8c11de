"""What staff do to one appointment: another time, nobody came, it is here."""

import json
from datetime import datetime

from flask import flash, make_response, redirect, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin.answers import dialog, refused, toast
from shop.extensions import db, htmx
from shop.filters import local_datetime
from shop.models.base import utc_now
from shop.models.errors import Invalid, SlotFull, Stale
from shop.models.grid import SLOTTED
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import appointments, calendar, messages, repairs, reversals, staff  # noqa: F401 - registers
from shop.services.openings import read_date, read_strip
from shop.services.undo import Offer, Step, undoable


def move(number: str):
    if request.method == "GET":
        return _move_form(repairs.get_workable(number))
    repair = repairs.lock_repair(number)
    try:
        starts_at = _moment(request.form.get("slot_start", ""))
        changed = appointments.rebook(
            repair, starts_at, actor=current_user.actor, seen=request.form.get("seen"), send=_send()
        )
        offer = offer_undo(changed.step, _assign_too(repair))
    except SlotFull as error:
        return refused(_move_form, number, faults={"slot_start": error.message}, status=409)
    except Invalid as error:
        return refused(_move_form, number, faults=error.fields, status=422)
    except Stale:
        return refused(_move_form, number, moved=True, status=409)
    when = local_datetime(starts_at)
    db.session.commit()
    words = (
        _("Moved to %(when)s, the customer is told", when=when) if changed.told else _("Moved to %(when)s", when=when)
    )
    return acted(number, words, offer=offer)


def arrive(number: str):
    repair = repairs.lock_repair(number)
    try:
        moved = repairs.move(repair, State.RECEIVED, actor=current_user.actor, seen=State.EXPECTED, send=messages.HELD)
    except (Invalid, Stale):
        db.session.rollback()
        return acted(number, _("It is not expected any more: look at its history."), category="warning")
    due, offer = local_datetime(repair.due_at), offer_undo(moved.step)
    db.session.commit()
    return acted(number, _("Arrived. Ready by %(when)s", when=due), offer=offer)


def missed(number: str):
    if request.method == "GET":
        return _missed_form(repairs.get_workable(number))
    repair = repairs.lock_repair(number)
    try:
        changed = appointments.miss(repair, actor=current_user.actor, send=_send())
    except Invalid as error:
        return refused(_missed_form, number, faults=error.fields, status=422)
    offer = offer_undo(changed.step)
    db.session.commit()
    words = _("Nobody came. The customer gets a way to another time") if changed.told else _("Nobody came")
    return acted(number, words, offer=offer)


def acted(number: str, message: str, *, category: str = "success", offer: Offer | None = None):
    """A toast on the page that is open; without a script back to where it was asked."""
    if not htmx:
        flash(f"{number}: {message}", category)
        return redirect(_way_back(number), 303)
    response = make_response("", 204)
    countdown = _("E-mail leaves in %(seconds)s s", seconds="{n}") if offer and offer.sends else ""
    facts = {"toast": toast(f"{number}: {message}", undo=offer, countdown=countdown), "acted": {"number": number}}
    response.headers["HX-Trigger"] = json.dumps(facts)
    return response


def _way_back(number: str) -> str:
    back = request.form.get("back", "")
    is_calendar = back.startswith(url_for("calendar.index") + "?") or back == url_for("calendar.index")
    return back if is_calendar else url_for("repairs.ticket", number=number)


def _move_form(repair: Repair, *, faults=None, moved=False):
    booking, wanted = appointments.find_booking(repair), _given_moment()
    zone = repair.location.hours.zone
    now_at = booking.slot.starts_at if booking and booking.slot else None
    day = read_date(request.values.get("day")) or (wanted or now_at or utc_now()).astimezone(zone).date()
    is_movable = booking is not None and repair.status == State.EXPECTED and repair.service_type in SLOTTED
    return dialog(
        "admin/calendar/move.html", "move_form", title=_("Move the appointment of %(number)s", number=repair.number),
        repair=repair, booking=booking, seen=now_at.isoformat() if now_at else "", wanted=wanted, now_at=now_at,
        strip=read_strip(repair.location, repair.service_type, start=read_date(request.values.get("from")), shown=day)
        if is_movable else None,
        who=request.values.get("who"), people=staff.list_assignees(), faults=faults or {}, moved=moved,
        back=request.values.get("back", ""), tell=_tells() if request.method == "POST" else True,
        missed_before=calendar.count_misses(repair.customer_id),
    )  # fmt: skip


def _missed_form(repair: Repair, *, faults=None):
    return dialog(
        "admin/calendar/missed.html", "missed_form", title=_("Nobody came for %(number)s", number=repair.number),
        repair=repair, booking=appointments.find_booking(repair), faults=faults or {},
        back=request.values.get("back", ""), tell=_tells() if request.method == "POST" else True,
    )  # fmt: skip


def _assign_too(repair: Repair) -> Step | None:
    """Dropped on a colleague's column: they are given the repair as well."""
    who = request.form.get("who")
    if who is None or who == "keep":
        return None
    if who and not (who.isdecimal() and len(who) < 10):
        raise Invalid({"who": _("Choose someone who works on repairs.")})
    return repairs.assign(repair, int(who) if who else None, actor=current_user.actor)


def _tells() -> bool:
    return request.form.get("tell") == "now"


def _send() -> messages.Send:
    return messages.HELD if _tells() else messages.NEVER


def offer_undo(*steps: Step | None) -> Offer | None:
    return undoable([step for step in steps if step], actor=current_user.actor)


def _given_moment() -> datetime | None:
    try:
        return _moment(request.values.get("slot_start", ""))
    except Invalid:
        return None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 2000 <= moment.year < 2100:
        raise Invalid({"slot_start": _("Choose a time.")})
    return moment
