"""The public pages' blueprint, and what their frame shows."""

from flask import Blueprint, has_request_context, request, url_for
from flask_babel import gettext

bp = Blueprint("public", __name__)


@bp.app_context_processor
def site_frame() -> dict:
    """Navigation of the public layout; other layouts take nothing from it."""
    if not has_request_context() or request.path.startswith(("/admin", "/api")):
        return {}
    return {
        "site_nav": [
            _item("public.services", gettext("Services")),
            _item("public.prices", gettext("Prices")),
            _item("public.how_it_works", gettext("How it works")),
            _item("public.track_form", gettext("Track a repair")),
            _item("public.my_repairs", gettext("My repairs")),
        ],
        "footer_nav": [_item("public.privacy", gettext("Privacy")), _item("public.terms", gettext("Terms"))],
        "book_url": url_for("booking.start"),
    }


def _item(endpoint: str, label: str) -> dict:
    return {"url": url_for(endpoint), "label": label, "active": request.endpoint == endpoint}
