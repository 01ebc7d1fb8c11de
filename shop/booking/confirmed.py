"""The last step: what was booked, and the slip for a parcel."""

from flask import redirect, render_template, request, url_for
from flask_babel import get_locale
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from shop import customer_session
from shop.booking.flow import bp, step_names, step_url
from shop.extensions import db, limiter
from shop.models.booking import Booking, BookingDraft
from shop.models.pricing import Quote
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import accounts, drafts, payment_view, pricing
from shop.services.drafts import answers_of, first_incomplete


@bp.get("/<token>/confirmed")
def confirmed(token: str):
    draft = drafts.get_draft(token)
    if draft.repair_id is None:
        return redirect(step_url(draft, first_incomplete(answers_of(draft))), 303)
    booking = booking_of(draft)
    if booking.held_until is not None and booking.repair.status in (State.EXPECTED, State.CANCELLED):
        return redirect(url_for("booking.pay", token=token), 303)
    quote = db.session.get(Quote, booking.repair.quote_id) if booking.repair.quote_id else None
    return render_template(
        "booking/confirmed.html", draft=draft, booking=booking, repair=booking.repair,
        price=quote and pricing.quoted_price(quote), balance=payment_view.of_repair(booking.repair).balance,
        steps=step_names(), step=len(step_names()),
        answers=answers_of(draft), locale=str(get_locale()), account=_account_state(booking.repair.customer.email),
    )  # fmt: skip


@bp.post("/<token>/account")
@limiter.limit("8 per minute; 60 per hour")
def ask_account(token: str):
    """One tap: the link goes to the address of the booking, and the answer is the same for every address."""
    draft = drafts.get_draft(token)
    if draft.repair_id is None:
        return redirect(url_for("booking.resume_here", token=token), 303)
    accounts.ask_link(booking_of(draft).repair.customer.email, locale=str(get_locale()))
    db.session.commit()
    return redirect(url_for("booking.confirmed", token=token, account="asked", _anchor="account"), 303)


@bp.get("/<token>/slip")
def slip(token: str):
    """The sheet that goes into the parcel."""
    draft = drafts.get_draft(token)
    if draft.repair_id is None:
        return redirect(url_for("booking.resume_here", token=token), 303)
    booking = booking_of(draft)
    return render_template("booking/slip.html", draft=draft, booking=booking, repair=booking.repair)


def _account_state(email: str) -> str:
    """`theirs` if the customer of this booking is signed in, `asked` if a link is on its way."""
    signed_in = customer_session.current()
    if signed_in and signed_in.email == email:
        return "theirs"
    return "asked" if request.args.get("account") == "asked" else ""


def booking_of(draft: BookingDraft) -> Booking:
    repair = joinedload(Booking.repair)
    query = select(Booking).where(Booking.repair_id == draft.repair_id).options(
        repair.joinedload(Repair.customer), repair.joinedload(Repair.device), repair.joinedload(Repair.location),
        repair.selectinload(Repair.lines), joinedload(Booking.slot),
    )  # fmt: skip
    return db.session.scalars(query).one()
