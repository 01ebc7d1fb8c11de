"""Take next: the best ticket for whoever asks, theirs at one press, with the reason and the first step."""

import json

from flask import make_response
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin import assignment_words
from shop.admin.access import requires
from shop.admin.answers import dialog, done
from shop.admin.console import ConsoleView, show
from shop.extensions import db, htmx
from shop.models.next_ticket import Choice
from shop.models.workflow import State
from shop.services import next_tickets, repairs, undo

SHOWN = 5


class NextView(ConsoleView):
    @expose("/", methods=["GET"])
    @requires("repair.take")
    def index(self):
        """What would be next, and after that."""
        return _page(next_tickets.choices(current_user.actor))

    @expose("/take", methods=["POST"])
    @requires("repair.take")
    def take(self):
        taken = next_tickets.take(current_user.actor)
        if taken is None:
            db.session.rollback()
            return _page([])
        number = taken.repair.number
        words = assignment_words.choice_words(taken.choice)
        offer = undo.undoable([taken.step] if taken.step else [], actor=current_user.actor)
        db.session.commit()
        answer = make_response(done(number, _("Yours. %(why)s", why=words), undo=offer))
        if htmx:
            news = json.loads(answer.headers["HX-Trigger"])
            answer.headers["HX-Trigger"] = json.dumps({**news, "taken": {"url": f"/admin/next/{number}"}})
        return answer

    @expose("/<string:number>")
    @requires("repair.take")
    def taken(self, number: str):
        """The ticket that one has just taken: why this one, and how to begin."""
        repair = repairs.get_repair(number)
        moves = repairs.allowed_moves(repair, current_user.actor) if repair.assignee_id == current_user.id else []
        return dialog(
            "admin/next/taken.html", "taken", title=_("%(number)s is yours", number=repair.number),
            repair=repair, choice=next_tickets.explain(repair, current_user.actor), moves=moves,
            may_start=repair.status == State.RECEIVED and bool(moves),
        )  # fmt: skip


def init_app(admin: Admin) -> None:
    assignment_words.init_app(admin.app)
    admin.add_view(NextView("Take next", path="next"))


def _page(choices: list[Choice]):
    if htmx:
        return dialog("admin/next/page.html", "next_body", title=_("Take next"), choices=choices[:SHOWN])
    return show("admin/next/page.html", choices=choices[:SHOWN])
