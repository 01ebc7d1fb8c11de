"""What staff do to one appointment: another time, nobody came, it is here."""

import json
from datetime import datetime

from flask import flash, make_response, redirect, request, url_for
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin.answers import dialog, refused, toast
from shop.admin.sending import Choice, Sending, leaves, was_read
from shop.extensions import db, htmx
from shop.filters import local_datetime
from shop.models.base import utc_now
from shop.models.errors import Invalid, SlotFull, Stale
from shop.models.grid import SLOTTED
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import (  # noqa: F401 - `reversals` registers
    appointments,
    calendar,
    mails,
    messages,
    repairs,
    reversals,
    staff,
)
from shop.services.messages import When
from shop.services.openings import Day, read_date, read_strip
from shop.services.undo import Offer, Step, undoable


def move(number: str):
    if request.method == "GET":
        return _move_form(repairs.get_workable(number))
    repair = repairs.lock_repair(number)
    choice = Choice.read(repair)
    try:
        starts_at = _moment(request.form.get("slot_start", ""))
        changed = appointments.rebook(
            repair, starts_at, actor=current_user.actor, seen=request.form.get("seen"), send=choice.send
        )
        offer = offer_undo(changed.step, _assign_too(repair))
    except SlotFull as error:
        return refused(_move_form, number, faults={"slot_start": error.message}, status=409)
    except Invalid as error:
        return refused(_move_form, number, faults=error.fields, status=422)
    except Stale:
        return refused(_move_form, number, moved=True, status=409)
    if again := _ask(_move_form, repair, changed, choice, mails.REBOOKED):
        return again
    words = _said(_("Moved to %(when)s", when=local_datetime(starts_at)), changed, choice)
    db.session.commit()
    return acted(number, words, offer=offer, is_later=choice.when == When.LATER)


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
    choice = Choice.read(repair)
    try:
        changed = appointments.miss(repair, actor=current_user.actor, send=choice.send)
    except Invalid as error:
        return refused(_missed_form, number, faults=error.fields, status=422)
    if again := _ask(_missed_form, repair, changed, choice, mails.MISSED):
        return again
    offer = offer_undo(changed.step)
    words = _said(_("Nobody came"), changed, choice)
    db.session.commit()
    return acted(number, words, offer=offer, is_later=choice.when == When.LATER)


def _ask(form, repair: Repair, changed: appointments.Changed, choice: Choice, verb: str):
    """The form again, with nothing done, where the message that would leave is not the one that was read; else None."""
    if choice.faults:
        return refused(form, repair.number, faults=choice.faults, status=422)
    if not changed.told or was_read(mails.compose_own(repair, verb)):
        return None
    return refused(form, repair.number, is_another=choice.when is not None, status=409)


def _said(words: str, changed: appointments.Changed, choice: Choice) -> str:
    if not changed.told:
        return words
    told = leaves(choice) if choice.when == When.LATER else _("The customer is told")
    return f"{words}. {told}"


def acted(number: str, message: str, *, category: str = "success", offer: Offer | None = None, is_later: bool = False):
    """A toast on the page that is open; without a script back to where it was asked."""
    if not htmx:
        flash(f"{number}: {message}", category)
        return redirect(_way_back(number), 303)
    response = make_response("", 204)
    is_held = offer is not None and offer.sends and not is_later
    countdown = _("E-mail leaves in %(seconds)s s", seconds="{n}") if is_held else ""
    facts = {"toast": toast(f"{number}: {message}", undo=offer, countdown=countdown), "acted": {"number": number}}
    response.headers["HX-Trigger"] = json.dumps(facts)
    return response


def _way_back(number: str) -> str:
    back = request.form.get("back", "")
    is_calendar = back.startswith(url_for("calendar.index") + "?") or back == url_for("calendar.index")
    return back if is_calendar else url_for("repairs.ticket", number=number)


def _move_form(repair: Repair, *, faults=None, moved=False, is_another=False):
    booking, wanted = appointments.find_booking(repair), _given_moment()
    zone = repair.location.hours.zone
    now_at = booking.slot.starts_at if booking and booking.slot else None
    day = read_date(request.values.get("day")) or (wanted or now_at or utc_now()).astimezone(zone).date()
    is_movable = booking is not None and repair.status == State.EXPECTED and repair.service_type in SLOTTED
    strip = None
    if is_movable:
        first = read_date(request.values.get("from"))
        strip = read_strip(repair.location, repair.service_type, start=first, shown=day)
    chosen = _proposed(strip.shown, wanted, now_at) if strip and strip.shown else None
    plan = appointments.plan(repair, chosen) if chosen else None
    return dialog(
        "admin/calendar/move.html", "move_form", title=_("Move the appointment of %(number)s", number=repair.number),
        is_wide=True, repair=repair, seen=now_at.isoformat() if now_at else "", now_at=now_at, chosen=chosen,
        strip=strip, who=request.values.get("who"), people=staff.list_assignees(), faults=faults or {}, moved=moved,
        back=request.values.get("back", ""), missed_before=calendar.count_misses(repair.customer_id),
        **_message(repair, mails.REBOOKED, plan=plan, is_another=is_another),
    )  # fmt: skip


def _proposed(day: Day, wanted: datetime | None, now_at: datetime | None) -> datetime | None:
    """The wanted time, else the next one that is free: who moves an appointment mostly wants it a little later."""
    free = [slot.start for slot in day.slots if slot.remaining > 0]
    if wanted in free:
        return wanted
    others = [start for start in free if start != now_at]
    later = [start for start in others if now_at and start > now_at]
    return next(iter(later + others + free), None)


def _missed_form(repair: Repair, *, faults=None, is_another=False):
    return dialog(
        "admin/calendar/missed.html", "missed_form", title=_("Nobody came for %(number)s", number=repair.number),
        is_wide=True, repair=repair, booking=appointments.find_booking(repair), faults=faults or {},
        back=request.values.get("back", ""), **_message(repair, mails.MISSED, is_another=is_another),
    )  # fmt: skip


def _message(repair: Repair, verb: str, *, plan: appointments.Plan | None = None, is_another: bool) -> dict:
    """What the customer would get, word for word, and when; no message for who has no address."""
    told = messages.is_told_of_appointments(repair.customer)
    return {
        "message": mails.compose_own(repair, verb, plan=plan) if told else None,
        "sending": Sending.of(repair.location, Choice.read(repair)),
        "is_another": is_another,
    }


def _assign_too(repair: Repair) -> Step | None:
    """Dropped on a colleague's column: they are given the repair as well."""
    who = request.form.get("who")
    if who is None or who == "keep":
        return None
    if who and not (who.isdecimal() and len(who) < 10):
        raise Invalid({"who": _("Choose someone who works on repairs.")})
    return repairs.assign(repair, int(who) if who else None, actor=current_user.actor)


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
