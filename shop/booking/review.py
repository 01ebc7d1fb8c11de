"""Step 5: everything once more, then the booking."""

from flask import redirect, request, url_for
from flask_babel import gettext

from shop.booking.flow import render_step, step
from shop.booking.forms import ReviewForm
from shop.booking.service import show_times
from shop.extensions import db
from shop.models.booking import BookingDraft
from shop.models.errors import Invalid, SlotFull
from shop.models.payment_policy import PayChoice
from shop.models.pricing import Quote
from shop.services import booking_payments, draft_bookings, draft_prices, drafts
from shop.services.drafts import Step
from shop.services.locations import home_location


@step(Step.REVIEW)
def review(draft: BookingDraft):
    form = ReviewForm()
    if not form.is_submitted():
        return _page(draft, form)
    if not form.validate():
        return _page(draft, form, status=422)
    quote = draft_prices.promise(draft)
    if quote is None or request.form.get("total") != str(quote.total):
        db.session.commit()
        news = gettext("The price has changed since you saw it. Look at it once more, then book.")
        return _page(draft, form, status=409, news=news)
    return _book(draft, form, quote)


def _book(draft: BookingDraft, form: ReviewForm, quote: Quote):
    token = draft.token
    try:
        draft_bookings.book(draft, quote=quote, pay=form.pay.data or None)
    except SlotFull as error:
        return _choose_again(token, error.message, status=409)
    except Invalid as error:
        if "pay" in error.fields:
            return _pay_otherwise(token, form, error)
        return _choose_again(token, " ".join(error.fields.values()), status=422)
    db.session.commit()
    return redirect(url_for("booking.confirmed", token=token), 303)


def _ways(draft: BookingDraft) -> list[tuple[PayChoice, int]]:
    """How it can be paid, the first one proposed, each with what is due now; none before there is a price."""
    answers = drafts.answers_of(draft)
    price = draft_prices.current_price(answers, location=home_location())
    if price is None:
        return []
    total = price.total.amount
    offered = booking_payments.ways_to_pay(total=total, urgency=answers.urgency)
    return [booking_payments.choose(way, total=total, urgency=answers.urgency) for way in offered]


def _pay_otherwise(token: str, form: ReviewForm, error: Invalid):
    """Back to the same page, with the way that is proposed."""
    db.session.rollback()
    form.pay.data, form.pay.errors = None, [error.fields["pay"]]
    return _page(drafts.get_draft(token), form, status=422)


def _choose_again(token: str, news: str, *, status: int):
    """Back to the times with everything else kept."""
    db.session.rollback()
    draft = drafts.get_draft(token, lock=True)
    drafts.answer(draft, slot_start="")
    db.session.commit()
    return show_times(draft, status=status, news=news)


def _page(draft: BookingDraft, form: ReviewForm, *, status: int = 200, **context):
    answers, location = drafts.answers_of(draft), home_location()
    return render_step(
        Step.REVIEW, draft, status=status, form=form,
        price=draft_prices.current_price(answers, location=location),
        due_at=draft_prices.due_at(answers, location=location),
        ways=_ways(draft),
        chosen=[kind for kind in draft_prices.repair_types_of(answers) if kind.id in answers.repair_type_ids],
        **context,
    )  # fmt: skip
