"""The one search box: what was scanned, typed or pasted leads to a ticket or to the list of what was found."""

from flask import redirect, request, url_for
from flask_admin import Admin, expose

from shop.admin.access import requires
from shop.admin.console import ConsoleView
from shop.services import endings, numbers


class FindView(ConsoleView):
    @expose("/")
    @requires("repair.view")
    def index(self):
        text = request.args.get("q", "").replace("\x00", "")[: numbers.LONGEST_PASTE].strip()
        if pasted := numbers.read_list(text):
            return redirect(url_for("repairs.index", q=pasted.text), 303)
        if number := numbers.find_only(text):
            return redirect(url_for("repairs.ticket", number=number), 303)
        if gone := _deleted(text):
            # Its page says who deleted it and why.
            return redirect(url_for("repairs.ticket", number=gone), 303)
        return redirect(url_for("repairs.index", **({"q": " ".join(text.split())} if text else {})), 303)


def _deleted(text: str) -> str | None:
    number = numbers.read_one(text)
    if number is None or number.kind != "ticket":
        return None
    return next(iter(endings.deleted_among([number.key])), None)


def init_app(admin: Admin) -> None:
    admin.add_view(FindView("Find", path="find"))
