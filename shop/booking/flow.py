"""What all steps of the wizard share: which draft, which step may be shown, how it is rendered."""

from functools import wraps

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import get_locale, gettext

from shop import once
from shop.extensions import db, limiter
from shop.models.booking import BookingDraft
from shop.services import draft_prices, drafts
from shop.services.drafts import Answers, DraftGone, Step
from shop.services.locations import home_location

bp = Blueprint("booking", __name__, url_prefix="/book")
limiter.limit("300 per minute")(bp)
# As many as the API takes: each takes a place in the calendar and sends a mail.
_bookings_limit = limiter.limit("20 per minute", methods=["POST"])


def step_names() -> list[str]:
    """The words of the stepper, in order; the last is the confirmation."""
    return [
        gettext("Device"), gettext("Fault"), gettext("Service"),
        gettext("Your details"), gettext("Review"), gettext("Payment"), gettext("Done"),
    ]  # fmt: skip


def step(this: Step):
    """A route `/book/<token>/<step>` whose view gets the draft, locked for a POST.

    A booked draft leads to its confirmation, a step out of order to the first one that lacks an answer.
    """

    def register(view):
        @wraps(view)
        def handle(token: str):
            draft = drafts.get_draft(token, lock=request.method == "POST")
            if draft.repair_id:
                return redirect(url_for("booking.confirmed", token=token), 303)
            answers = drafts.answers_of(draft)
            if drafts.is_ahead(this, answers):
                return redirect(step_url(draft, drafts.first_incomplete(answers)), 303)
            if is_refresh():
                once.let_repeat()
            return view(draft)

        asked = _bookings_limit(handle) if this is Step.REVIEW else handle
        bp.add_url_rule(f"/<token>/{this}", this, asked, methods=["GET", "POST"])
        return view

    return register


def step_url(draft: BookingDraft, this: Step) -> str:
    return url_for(f"booking.{this}", token=draft.token)


def is_refresh() -> bool:
    """True for a POST that only shows what the choices so far lead to; going on sends `act`."""
    return request.method == "POST" and "act" not in request.form


def go_on(draft: BookingDraft, this: Step):
    """Commits the answers and leads to the next step, or back to the review when all is answered.

    The price is promised here, so that the review shows a price that holds.
    """
    answers = drafts.answers_of(draft)
    goal = drafts.first_incomplete(answers)
    if goal is Step.REVIEW:
        draft_prices.promise(draft)
        if this is Step.DEVICE:
            goal = Step.FAULT
    db.session.commit()
    return redirect(step_url(draft, goal), 303)


def render_step(this: Step, draft: BookingDraft | None, *, status: int = 200, **context):
    """The page of a step. htmx takes the step, the price and the foot bar out of it by their ids."""
    answers = drafts.answers_of(draft) if draft else Answers()
    location = home_location()
    names = step_names()
    facts = {
        "draft": draft,
        "answers": answers,
        "device": draft_prices.device_of(answers),
        "price": context.pop("price", None) or draft_prices.price_of(answers, location=location),
        "location": location,
        "this": this,
        "steps": names,
        "step": list(Step).index(this) + 1,
        "locale": str(get_locale()),
        **context,
    }
    if draft:
        facts["resume_url"] = url_for("booking.resume", token=draft.token)
    return render_template(f"booking/{this}.html", **facts), status


@bp.errorhandler(DraftGone)
def _gone(_error):
    return render_template("booking/gone.html"), 410
