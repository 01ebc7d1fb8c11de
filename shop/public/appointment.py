"""The customer's own appointment: another time, or none, by the private link and within the shop's rules."""

from datetime import datetime

from flask import current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from shop.extensions import db, limiter
from shop.models.errors import Invalid, SlotFull, Stale
from shop.models.grid import SLOTTED
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.public.blueprint import bp
from shop.services import appointments, tracking
from shop.services.openings import read_date, read_strip

LIMIT = "10 per minute; 60 per hour"


@bp.route("/track/<token>/appointment", methods=["GET", "POST"])
@limiter.limit(LIMIT, methods=["POST"])
def appointment(token: str):
    if request.method == "GET":
        return _page(tracking.get_tracked(token))
    repair = tracking.lock_tracked(token)
    try:
        appointments.rebook_by_customer(repair, _moment(), seen=request.form.get("seen"))
    except (Invalid, SlotFull, Stale) as error:
        db.session.rollback()
        return _page(tracking.get_tracked(token), news=_words(error)), 409 if isinstance(error, Stale) else 422
    db.session.commit()
    flash(_("Your new time is booked. A confirmation is on its way."), "success")
    return redirect(url_for("public.track", token=token), 303)


@bp.route("/track/<token>/cancel", methods=["POST"])
@limiter.limit(LIMIT)
def cancel_appointment(token: str):
    repair = tracking.lock_tracked(token)
    try:
        appointments.cancel_by_customer(repair)
    except Invalid as error:
        db.session.rollback()
        return _page(tracking.get_tracked(token), news=_words(error)), 422
    db.session.commit()
    flash(_("Cancelled. Nothing is owed; come back whenever you like."), "success")
    return redirect(url_for("public.track", token=token), 303)


def _page(repair: Repair, *, news: str = ""):
    booking = appointments.find_booking(repair)
    is_expected = booking is not None and repair.status == State.EXPECTED
    at = booking.slot.starts_at if booking and booking.slot else None
    zone = repair.location.hours.zone
    shown = read_date(request.values.get("day")) or (at.astimezone(zone).date() if at else None)
    may = is_expected and appointments.may_change(booking)
    strip = None
    if may and repair.service_type in SLOTTED:
        strip = read_strip(
            repair.location, repair.service_type, start=read_date(request.values.get("from")), shown=shown
        )
    return render_template(
        "public/appointment.html", repair=repair, booking=booking, at=at, strip=strip, may=may, news=news,
        is_expected=is_expected, location=repair.location, hours=int(appointments.CHANGE_UNTIL.total_seconds() // 3600),
        base=current_app.config["SETTINGS"].BASE_URL,
    )  # fmt: skip


def _moment() -> datetime:
    try:
        moment = datetime.fromisoformat(request.form.get("slot_start", ""))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Invalid({"slot_start": _("Choose a time.")})
    return moment


def _words(error: Invalid | SlotFull | Stale) -> str:
    if isinstance(error, Invalid):
        return " ".join(error.fields.values())
    if isinstance(error, Stale):
        return _("The shop has changed your appointment meanwhile. This is how it stands now.")
    return error.message
