"""Step 3: how, when and how fast."""

from flask import redirect, request, url_for

from shop.booking.flow import go_on, is_refresh, render_step, step
from shop.booking.forms import ServiceForm
from shop.extensions import db, htmx
from shop.models.booking import BookingDraft
from shop.models.location import Location
from shop.services import draft_prices, drafts
from shop.services.drafts import Answers, Step
from shop.services.locations import home_location
from shop.services.openings import read_date, read_strip
from shop.words import SERVICES, URGENCIES


@step(Step.SERVICE)
def service(draft: BookingDraft):
    answers, location = drafts.answers_of(draft), home_location()
    form = ServiceForm(data={**_known(answers), **drafts.typed_in(draft, Step.SERVICE)})
    form.prepare(answers, location)
    if not form.is_submitted():
        return _page(draft, form, location)
    drafts.answer(draft, **form.choices())
    if is_refresh():
        return _refreshed(draft, form, location)
    if not form.validate():
        db.session.commit()
        return _page(draft, form, location, status=422)
    return go_on(draft, Step.SERVICE)


def _known(answers: Answers) -> dict:
    return {
        "service_type": answers.service_type, "urgency": answers.urgency, "slot": answers.slot_start,
        "address": answers.address, "postcode": answers.postcode,
    }  # fmt: skip


def _refreshed(draft: BookingDraft, form: ServiceForm, location: Location):
    """What the choices so far lead to. Without htmx by a redirect, so that Back never asks to send again."""
    db.session.commit()
    if htmx:
        return _page(draft, form, location)
    view = {"day": form.day.data or None, "from": request.form.get("from") or None}
    return redirect(url_for("booking.service", token=draft.token, **view), 303)


def show_times(draft: BookingDraft, *, status: int, news: str):
    """This step again, with the news that sent the visitor back."""
    answers, location = drafts.answers_of(draft), home_location()
    form = ServiceForm(formdata=None, data=_known(answers))
    form.prepare(answers, location)
    return _page(draft, form, location, status=status, news=news)


def _page(draft: BookingDraft, form: ServiceForm, location: Location, *, status: int = 200, **context):
    answers = drafts.answers_of(draft)
    slot_day = answers.slot and answers.slot.astimezone(location.hours.zone).date()
    calendar = read_strip(
        location, form.service_type.data,
        start=read_date(request.values.get("from")),
        shown=read_date(request.values.get("day")) or slot_day,
    )  # fmt: skip
    return render_step(
        Step.SERVICE, draft, status=status, form=form, calendar=calendar,
        ready_by=_ready_by(answers, location), differences=draft_prices.differences(answers, location=location),
        services=SERVICES.items(), urgencies=URGENCIES.items(),
        **context,
    )  # fmt: skip


def _ready_by(answers: Answers, location: Location):
    """When the shop promises it for this choice; None until a time is chosen."""
    if drafts.is_ahead(Step.DETAILS, answers):
        return None
    return draft_prices.due_at(answers, location=location)
