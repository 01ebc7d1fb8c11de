"""Step 4: whom we write to."""

from flask_babel import get_locale

from shop import customer_session
from shop.booking.flow import go_on, is_refresh, render_step, step
from shop.booking.forms import DetailsForm
from shop.extensions import db
from shop.models.booking import BookingDraft
from shop.services import accounts, drafts
from shop.services.drafts import Answers, Step

FIELDS = ("name", "email", "phone", "locale")


@step(Step.DETAILS)
def details(draft: BookingDraft):
    answers = drafts.answers_of(draft)
    typed = drafts.typed_in(draft, Step.DETAILS)
    form = DetailsForm(data={**_known(answers), **typed, "locale": answers.locale or str(get_locale())})
    if not form.is_submitted():
        return render_step(Step.DETAILS, draft, form=form)
    is_good = form.validate()
    drafts.answer(draft, **{name: form[name].data for name in FIELDS if not form[name].errors})
    if is_refresh() or not is_good:
        db.session.commit()
        return render_step(Step.DETAILS, draft, form=form, status=200 if is_refresh() else 422)
    return go_on(draft, Step.DETAILS)


def _known(answers: Answers) -> dict[str, str]:
    """What was typed; before that, what is on file for a customer who is signed in, and for nobody else."""
    known = {name: getattr(answers, name) for name in FIELDS}
    if any(known[name] for name in ("name", "email", "phone")):
        return known
    signed_in = customer_session.current()
    contact = signed_in and accounts.contact_of(signed_in)
    return {**known, **{name: getattr(contact, name) for name in ("name", "email", "phone")}} if contact else known
