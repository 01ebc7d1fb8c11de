"""The link that carries a draft to another device."""

from flask import Response, current_app, render_template, url_for

from shop.booking.flow import bp
from shop.services import drafts, qr_codes


@bp.get("/<token>/resume")
def resume(token: str):
    draft = drafts.get_draft(token)
    return render_template("booking/resume.html", draft=draft, link=_link(token))


@bp.get("/<token>/resume.svg")
def resume_code(token: str):
    drafts.get_draft(token)
    return Response(qr_codes.svg(_link(token)), mimetype="image/svg+xml")


def _link(token: str) -> str:
    return current_app.config["SETTINGS"].BASE_URL + url_for("booking.resume_here", token=token)
