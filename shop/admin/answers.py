"""How a console route answers an act: by htmx to the open page, or by a redirect."""

import json

from flask import flash, make_response, redirect, render_template, request, url_for
from jinja2_fragments.flask import render_block
from markupsafe import Markup

from shop.admin.console import show
from shop.extensions import db, htmx
from shop.services import repairs


def dialog(template: str, block: str, *, title: str, status: int = 200, **values):
    """A form: as a dialog when htmx asks, else as a page of its own."""
    if not htmx:
        return show(template, status=status, **values)
    form = Markup(render_block(template, block, in_dialog=True, **values))  # noqa: S704 - escaped inside
    response = make_response(render_template("admin/repairs/_dialog.html", title=title, form=form), status)
    if request.method == "POST":
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#dialogs", "innerHTML"
    return response


def refused(form, number: str, *, status: int, **values):
    """The same form again with what was typed and what is wrong with it; nothing was stored."""
    db.session.rollback()
    answer = make_response(form(repairs.get_repair(number), **values))
    answer.status_code = status
    return answer


def done(number: str, message: str):
    """A toast and the news that `number` changed: the open page brings itself up to date, as for a colleague's act.

    Without htmx a redirect to the ticket.
    """
    if not htmx:
        flash(message, "success")
        return redirect(url_for("repairs.ticket", number=number), 303)
    response = make_response("", 204)
    response.headers["HX-Trigger"] = json.dumps(
        {"toast": {"message": f"{number}: {message}"}, "acted": {"number": number}}
    )
    return response
