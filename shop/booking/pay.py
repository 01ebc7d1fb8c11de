"""Step 6: the payment that a booking needs, or that the customer chose to make at once."""

from flask import flash, redirect, render_template, url_for

from shop import checkout
from shop.booking.confirmed import booking_of
from shop.booking.flow import bp, step_names, step_url
from shop.extensions import db, limiter
from shop.models.errors import Invalid
from shop.models.workflow import State
from shop.services import booking_payments, drafts
from shop.services.drafts import answers_of, first_incomplete

_limit = limiter.limit("20 per minute; 120 per hour", methods=["POST"])


@bp.get("/<token>/pay")
def pay(token: str):
    draft = drafts.get_draft(token)
    if draft.repair_id is None:
        return redirect(step_url(draft, first_incomplete(answers_of(draft))), 303)
    booking = booking_of(draft)
    if booking.repair.status == State.CANCELLED and booking.held_until is not None:
        return render_template("booking/given_up.html", draft=draft, repair=booking.repair), 410
    if not booking_payments.is_held(booking.repair_id):
        return redirect(url_for("booking.confirmed", token=token), 303)
    names, repair = step_names(), booking.repair
    return checkout.page(
        repair, template="booking/pay.html", back_url=url_for("public.track", token=repair.tracking_token),
        pay_url=lambda provider: url_for("booking.begin_payment", token=token, provider=provider),
        draft=draft, booking=booking, steps=names, step=len(names) - 1, answers=answers_of(draft),
    )  # fmt: skip


@bp.post("/<token>/pay/<any(stripe, paypal):provider>")
@_limit
def begin_payment(token: str, provider: str):
    draft = drafts.get_draft(token)
    if draft.repair_id is None:
        return redirect(url_for("booking.resume_here", token=token), 303)
    try:
        return checkout.begin(booking_of(draft).repair.tracking_token, provider)
    except (Invalid, *checkout.TROUBLE) as error:
        db.session.rollback()
        flash(error.message, "error")
        return redirect(url_for("booking.pay", token=token), 303)
