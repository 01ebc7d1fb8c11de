"""Step 1: which device. The draft is made by the first choice."""

from flask import redirect, request, url_for
from flask_babel import get_locale, gettext
from jinja2_fragments.flask import render_block

from shop.booking.flow import bp, go_on, render_step, step
from shop.booking.forms import UnlistedForm, as_id
from shop.extensions import htmx
from shop.models.booking import BookingDraft
from shop.models.catalogue import DeviceCategory
from shop.models.errors import Invalid
from shop.services import catalogue, drafts
from shop.services.drafts import Step
from shop.words import CATEGORIES

AT_ONCE = 8


@bp.route("/", methods=["GET", "POST"])
def start():
    """The wizard's door. Nothing is stored until a device is chosen."""
    if request.method == "GET":
        return _page(None)
    return _choose(None)


@step(Step.DEVICE)
def change_device(draft: BookingDraft):
    return _page(draft) if request.method == "GET" else _choose(draft)


def _choose(draft: BookingDraft | None):
    form = UnlistedForm()
    if "label" in request.form:
        if not form.validate():
            return _page(draft, form=form, status=422)
        chosen = {"device_id": None, "device_label": form.label.data, "device_category": form.category.data}
    else:
        device = catalogue.find_device(as_id(request.form.get("device_id")))
        if device is None:
            return _page(draft, form=form, status=422, fault=gettext("Choose a device from the list."))
        chosen = {"device_id": device.id, "device_label": "", "device_category": ""}
    draft = draft or drafts.start_draft(locale=str(get_locale()))
    drafts.answer(draft, **chosen)
    return go_on(draft, Step.DEVICE)


def _page(draft: BookingDraft | None, *, status: int = 200, **context):
    q = request.args.get("q", "").replace("\x00", "").strip()
    category = request.args.get("category", "")
    category = category if category in set(DeviceCategory) else ""
    try:
        page = catalogue.search_devices(q, category=category, limit=AT_ONCE, cursor=request.args.get("cursor"))
    except Invalid:
        return redirect(url_for("booking.start", q=q, category=category), 303)
    facts = {
        "q": q, "category": category, "devices": page.items, "next": page.next,
        "form": UnlistedForm(label=q[:160]), "categories": CATEGORIES.items(), **context,
    }  # fmt: skip
    if htmx:
        return render_block("booking/device.html", "device_results", draft=draft, is_fragment=True, **facts)
    return render_step(Step.DEVICE, draft, status=status, **facts)


@bp.get("/<token>")
def resume_here(token: str):
    """The link that is carried to another device."""
    draft = drafts.get_draft(token)
    return redirect(url_for(f"booking.{drafts.first_incomplete(drafts.answers_of(draft))}", token=token), 303)
