"""Step 2: what is wrong with it."""

from shop.booking.flow import go_on, is_refresh, render_step, step
from shop.booking.forms import FaultForm
from shop.extensions import db
from shop.models.booking import BookingDraft
from shop.models.catalogue import RepairType
from shop.services import draft_prices, drafts
from shop.services.drafts import Answers, Step
from shop.services.locations import home_location

# The ends of the slugs that most visitors look for, in this order; the rest waits under "More repairs".
COMMON = (
    "-display-original", "-display", "-battery", "-port", "-hdmi", "-controller", "-keyboard",
    "-back-glass", "-glass", "-cooling", "-camera", "water-diagnosis", "-check",
)  # fmt: skip


@step(Step.FAULT)
def fault(draft: BookingDraft):
    answers = drafts.answers_of(draft)
    known = {"repair_type_ids": answers.repair_type_ids, "problem": answers.problem}
    form = FaultForm(data={**known, **drafts.typed_in(draft, Step.FAULT)})
    kinds = draft_prices.repair_types_of(answers)
    if not form.is_submitted():
        return _page(draft, kinds, form)
    fitting = {kind.id for kind in kinds}
    form.repair_type_ids.data = [key for key in form.repair_type_ids.data if key in fitting]
    is_good = form.validate()
    kept = {"repair_type_ids": tuple(form.repair_type_ids.data)}
    if not form.problem.errors:
        kept["problem"] = form.problem.data
    drafts.answer(draft, **kept)
    if is_refresh() or not is_good:
        db.session.commit()
        return _page(draft, kinds, form, status=200 if is_refresh() else 422)
    return go_on(draft, Step.FAULT)


def _page(draft: BookingDraft, kinds: list[RepairType], form: FaultForm, *, status: int = 200):
    answers: Answers = drafts.answers_of(draft)
    amounts = draft_prices.item_prices(answers, kinds, location=home_location())
    offered = [kind for kind in kinds if kind.id in amounts]
    common = [kind for end in COMMON for kind in offered if kind.slug.endswith(end)]
    common = list(dict.fromkeys(common))
    return render_step(
        Step.FAULT, draft, status=status, form=form, amounts=amounts, common=common,
        others=[kind for kind in offered if kind not in common],
    )  # fmt: skip
