"""How a console route answers an act: by htmx to the open page, or by a redirect."""

import json

from flask import flash, make_response, redirect, render_template, request, url_for
from jinja2_fragments.flask import render_block
from markupsafe import Markup

from shop.admin.console import show
from shop.extensions import db, htmx
from shop.services import repairs
from shop.services.undo import Offer


def dialog(template: str, block: str, *, title: str, status: int = 200, is_wide: bool = False, **values):
    """A form: as a dialog when htmx asks, else as a page of its own. `title` is the dialog's, and in `values`."""
    if not htmx:
        return show(template, status=status, title=title, **values)
    form = Markup(render_block(template, block, in_dialog=True, title=title, **values))  # noqa: S704 - escaped inside
    response = make_response(
        render_template("admin/repairs/_dialog.html", title=title, form=form, is_wide=is_wide), status
    )
    if request.method == "POST":
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#dialogs", "innerHTML"
    return response


def refused(form, number: str, *, status: int, **values):
    """The same form again with what was typed and what is wrong with it; nothing was stored."""
    db.session.rollback()
    answer = make_response(form(repairs.get_repair(number), **values))
    answer.status_code = status
    return answer


def done(number: str, message: str, *, undo: Offer | None = None, countdown: str = "", leads_to: str = ""):
    """A toast and the news that `number` changed: the open page brings itself up to date, as for a colleague's act.

    `undo` is what the toast and its key take back; `countdown` says beside it what happens in {n} seconds.
    Without htmx a redirect to the ticket, or to `leads_to`, which offers the same.
    """
    if not htmx:
        flash(message, "success")
        return redirect(url_for("repairs.ticket", number=leads_to or number), 303)
    response = make_response("", 204)
    response.headers["HX-Trigger"] = json.dumps(
        {"toast": toast(f"{number}: {message}", undo=undo, countdown=countdown), "acted": {"number": number}}
    )
    return response


def toast(message: str, *, undo: Offer | None = None, countdown: str = "") -> dict:
    """What static/js/toast.js shows."""
    if undo is None:
        return {"message": message}
    way = url_for("undo.take_back", token=undo.token)
    return {"message": message, "undo": {"url": way, "seconds": undo.seconds, "countdown": countdown}}
