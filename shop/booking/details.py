"""Step 4: whom we write to."""

from flask_babel import get_locale

from shop.booking.flow import go_on, is_refresh, render_step, step
from shop.booking.forms import DetailsForm
from shop.extensions import db
from shop.models.booking import BookingDraft
from shop.services import drafts
from shop.services.drafts import Step

FIELDS = ("name", "email", "phone", "locale")


@step(Step.DETAILS)
def details(draft: BookingDraft):
    answers = drafts.answers_of(draft)
    known = {name: getattr(answers, name) for name in FIELDS}
    form = DetailsForm(data={**known, "locale": answers.locale or str(get_locale())})
    if not form.is_submitted():
        return render_step(Step.DETAILS, draft, form=form)
    is_good = form.validate()
    drafts.answer(draft, **{name: form[name].data for name in FIELDS if not form[name].errors})
    if is_refresh() or not is_good:
        db.session.commit()
        return render_step(Step.DETAILS, draft, form=form, status=200 if is_refresh() else 422)
    return go_on(draft, Step.DETAILS)
