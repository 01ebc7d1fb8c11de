"""Undo: the last act of a person taken back, from the toast, by its key, or by a button without a script."""

import json

from flask import flash, make_response, redirect, request, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from shop.admin.access import path_of_page, requires
from shop.admin.answers import toast
from shop.admin.console import ConsoleView
from shop.extensions import db, htmx
from shop.models.errors import CannotUndo, NotAllowed, NotFound
from shop.security import local_path
from shop.services import (
    reversals,  # noqa: F401 - registers how acts are taken back
    undo,
)


class UndoView(ConsoleView):
    @expose("/")
    @requires("act.undo")
    def index(self):
        """Somebody came back to the address of an undo: to the queue, where there is something to see."""
        return redirect(url_for("repairs.index"), 303)

    @expose("/<string:token>", methods=["POST"])
    @requires("act.undo")
    def take_back(self, token: str):
        try:
            undone = undo.undo(token, actor=current_user.actor)
        except (CannotUndo, NotFound, NotAllowed) as error:
            db.session.rollback()
            return _answer(error.message, category="error", status=409)
        db.session.commit()
        return _answer(_words(undone), category="success", number=undone.numbers[0])


def _words(undone: undo.Undone) -> str:
    """What is as before, what was not sent, and what could not be taken back."""
    if len(undone.numbers) == 1:
        done = _("%(number)s: undone", number=undone.numbers[0])
    else:
        done = ngettext("Undone on %(num)s ticket", "Undone on %(num)s tickets", len(undone.numbers))
    parts = [done]
    if undone.held_back:
        parts.append(ngettext("Its e-mail was not sent", "%(num)s e-mails were not sent", undone.held_back))
    if undone.refused:
        parts.append(ngettext("%(num)s stays as it is", "%(num)s stay as they are", len(undone.refused)))
    return ". ".join(parts)


def _answer(message: str, *, category: str, status: int = 204, number: str = ""):
    if not htmx:
        flash(message, category)
        return redirect(local_path(request.args.get("next") or path_of_page(), url_for("repairs.index")), 303)
    response = make_response("", status)
    said = toast(message) if category == "success" else {**toast(message), "refused": True}
    response.headers["HX-Trigger"] = json.dumps({"toast": said, **({"acted": {"number": number}} if number else {})})
    return response


def init_app(admin: Admin) -> None:
    admin.add_view(UndoView("Undo", path="undo"))
