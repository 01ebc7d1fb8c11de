"""How a console route answers: in the place where the person is, by htmx or by a redirect."""

import json
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import flash, make_response, redirect, render_template, request, url_for
from jinja2_fragments.flask import render_block
from markupsafe import Markup

from shop.admin.console import show
from shop.admin.queue_rows import render_row, scope
from shop.admin.ticket import ticket_facts
from shop.extensions import db, htmx
from shop.services import queue, repairs


@dataclass(frozen=True, slots=True)
class Place:
    """Which piece of which page an answer goes into."""

    name: str
    target: str
    swap: str = "outerHTML"

    @classmethod
    def ticket(cls) -> "Place":
        return cls("ticket", "#ticket")

    @classmethod
    def row(cls, number: str) -> "Place":
        return cls("row", f"#repair-row-{number}")


def place_of(number: str) -> Place | None:
    """Where the person acts from: the ticket, a row of the queue, or a plain page without a script."""
    if not htmx:
        return None
    path = urlsplit(htmx.current_url or "").path
    return Place.ticket() if re.fullmatch(r"/admin/repairs/[^/]+(/edit)?", path) else Place.row(number)


def dialog(template: str, block: str, *, title: str, status: int = 200, **values):
    """A form: as a dialog when htmx asks, else as a page of its own."""
    if not htmx:
        return show(template, status=status, **values)
    form = Markup(render_block(template, block, **values))  # noqa: S704 - escaped inside
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


def done(number: str, place: Place | None, message: str):
    """The changed piece and a toast; without htmx a redirect to the ticket."""
    if not htmx or place is None:
        flash(message, "success")
        return redirect(url_for("repairs.ticket", number=number), 303)
    response = make_response(_piece(number, place))
    response.headers["HX-Retarget"], response.headers["HX-Reswap"] = place.target, place.swap
    response.headers["HX-Trigger"] = json.dumps({"toast": {"message": f"{number}: {message}"}, "acted": {}})
    return response


def _piece(number: str, place: Place) -> str:
    if place.name == "ticket":
        return render_block("admin/repairs/ticket.html", "ticket", **ticket_facts(repairs.get_repair(number)))
    rows, _ = queue.rows_of([number], queue.parse_filters({}), **scope())
    return "".join(render_row(row) for row in rows)
