"""Step 6: what was booked, and the slip for a parcel."""

from flask import redirect, render_template, url_for
from flask_babel import get_locale
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from shop.booking.flow import bp, step_names, step_url
from shop.extensions import db
from shop.models.booking import Booking, BookingDraft
from shop.models.pricing import Quote
from shop.models.repair import Repair
from shop.services import drafts, pricing
from shop.services.drafts import answers_of, first_incomplete


@bp.get("/<token>/confirmed")
def confirmed(token: str):
    draft = drafts.get_draft(token)
    if draft.repair_id is None:
        return redirect(step_url(draft, first_incomplete(answers_of(draft))), 303)
    booking = _booking_of(draft)
    quote = db.session.get(Quote, booking.repair.quote_id) if booking.repair.quote_id else None
    return render_template(
        "booking/confirmed.html", draft=draft, booking=booking, repair=booking.repair,
        price=quote and pricing.quoted_price(quote), steps=step_names(), step=len(step_names()),
        answers=answers_of(draft), locale=str(get_locale()),
    )  # fmt: skip


@bp.get("/<token>/slip")
def slip(token: str):
    """The sheet that goes into the parcel."""
    draft = drafts.get_draft(token)
    if draft.repair_id is None:
        return redirect(url_for("booking.resume_here", token=token), 303)
    booking = _booking_of(draft)
    return render_template("booking/slip.html", draft=draft, booking=booking, repair=booking.repair)


def _booking_of(draft: BookingDraft) -> Booking:
    repair = joinedload(Booking.repair)
    query = select(Booking).where(Booking.repair_id == draft.repair_id).options(
        repair.joinedload(Repair.customer), repair.joinedload(Repair.device), repair.joinedload(Repair.location),
        repair.selectinload(Repair.lines), joinedload(Booking.slot),
    )  # fmt: skip
    return db.session.scalars(query).one()
