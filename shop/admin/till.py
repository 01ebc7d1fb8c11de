"""The till of a branch: opened with its float, closed by a blind count, reported as X and Z."""

from flask import flash, redirect, request, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.console import ConsoleView, show
from shop.admin.forms import place
from shop.admin.money import WAYS
from shop.extensions import db
from shop.filters import money as in_words
from shop.models.cash import denominations
from shop.models.errors import Invalid, NotFound
from shop.models.location import Location
from shop.models.money import plain_money, read_money
from shop.models.payment import Drawer
from shop.services import drawers, staff
from shop.services.locations import list_locations

_MOST_PIECES = 100_000


class TillView(ConsoleView):
    @expose("/")
    @requires("drawer.use")
    def index(self):
        return _page(_branch())

    @expose("/open", methods=["POST"])
    @requires("drawer.use")
    def open(self):
        branch = _branch()
        left = drawers.carried_over(branch.id, currency=branch.currency)
        try:
            drawer = drawers.open_drawer(
                branch, currency=branch.currency, float_amount=_amount("float", branch),
                minimum_float=_amount("minimum", branch), reason=request.form.get("reason", ""),
                actor=current_user.actor,
            )  # fmt: skip
        except Invalid as error:
            return _refused(branch, error)
        return _done(branch, _opened(drawer, left))

    @expose("/move", methods=["POST"])
    @requires("drawer.use")
    def move(self):
        branch = _branch()
        sign = 1 if request.form.get("way") == "in" else -1
        try:
            amount = sign * max(_amount("amount", branch), 0)
            drawer = drawers.lock_in_use(branch.id)
            drawers.move_cash(drawer, amount, reason=request.form.get("reason", ""), actor=current_user.actor)
        except Invalid as error:
            return _refused(branch, error)
        return _done(branch, _("Noted."))

    @expose("/close", methods=["GET", "POST"])
    @requires("drawer.close")
    def close(self):
        branch = _branch()
        if request.method == "GET":
            return _count_page(branch)
        try:
            drawer = drawers.lock_in_use(branch.id)
            closed = drawers.close_drawer(
                drawer, _counts(drawer.currency), banked=_amount("banked", branch), note=request.form.get("note", ""),
                actor=current_user.actor,
            )  # fmt: skip
        except Invalid as error:
            db.session.rollback()
            return _count_page(branch, faults=error.fields, status=422)
        drawer_id = closed.drawer.id
        db.session.commit()
        flash(_("The till is closed."), "success")
        return redirect(url_for("till.report", drawer_id=drawer_id), 303)

    @expose("/<row_id:drawer_id>")
    @requires("drawer.use")
    def report(self, drawer_id: int):
        """X while it is in use, for those who may see what is expected; Z when it is closed, for all."""
        drawer = drawers.find_drawer(drawer_id)
        if drawer is None or (drawer.closed_at is None and not drawers.sees_expected(current_user.actor)):
            raise NotFound("There is no such report.")
        branch = next(one for one in list_locations() if one.id == drawer.location_id)
        return show(
            "admin/till/report.html", report=drawers.report(drawer), branch=branch, ways=WAYS,
            names=_names([drawer]),
        )  # fmt: skip


def _page(branch: Location, *, faults=None, status: int = 200):
    drawer, before = drawers.find_in_use(branch.id), place("before")
    closed = drawers.list_closed(branch.id, before=before)
    left = drawers.carried_over(branch.id, currency=branch.currency)
    return show(
        "admin/till/page.html", status=status, branch=branch, branches=list_locations(), drawer=drawer, closed=closed,
        report=drawers.report(drawer) if drawer else None, may_look=drawers.sees_expected(current_user.actor),
        ways=WAYS, names=_names([*closed, *([drawer] if drawer else [])]), faults=faults or {}, typed=request.form,
        float_amount=plain_money(left or 0, branch.currency), left=left,
        minimum=plain_money(closed[0].minimum_float if closed else 0, branch.currency),
    )  # fmt: skip


def _opened(drawer: Drawer, left: int | None) -> str:
    """Says what became of a difference to what the session before had left."""
    differs = drawer.float_amount - (drawer.float_amount if left is None else left)
    if not differs:
        return _("The till is open.")
    amount = in_words(abs(differs), drawer.currency)
    if differs < 0:
        return _("The till is open. %(amount)s less than was left are noted as taken to the bank.", amount=amount)
    return _("The till is open. %(amount)s more than was left are noted as brought from the bank.", amount=amount)


def _count_page(branch: Location, *, faults=None, status: int = 200):
    drawer = drawers.find_in_use(branch.id)
    if drawer is None:
        flash(_("The till is not open."), "warning")
        return redirect(url_for("till.index", location=branch.slug), 303)
    return show(
        "admin/till/count.html", status=status, branch=branch, drawer=drawer, faults=faults or {},
        coins=denominations(drawer.currency), typed=request.form,
    )  # fmt: skip


def _refused(branch: Location, error: Invalid):
    db.session.rollback()
    return _page(branch, faults=error.fields, status=422)


def _done(branch: Location, words: str):
    slug = branch.slug
    db.session.commit()
    flash(words, "success")
    return redirect(url_for("till.index", location=slug), 303)


def _branch() -> Location:
    """The one that the address names, else the first."""
    slug, known = request.values.get("location", ""), list_locations()
    return next((one for one in known if one.slug == slug), known[0])


def _amount(field: str, branch: Location) -> int:
    """Minor units; -1 stands for what is no amount, which is refused with the field's own words."""
    typed = request.form.get(field, "").strip()
    value = read_money(typed, branch.currency) if typed else 0
    return -1 if value is None else value


def _counts(currency: str) -> dict[int, int]:
    counts = {}
    for coin in denominations(currency):
        typed = request.form.get(f"coin-{coin}", "").strip()
        if typed and not (typed.isascii() and typed.isdecimal() and int(typed[:9]) <= _MOST_PIECES):
            raise Invalid({"counts": _("Count the pieces of each note and coin: whole numbers from nothing.")})
        counts[coin] = int(typed or 0)
    return counts


def _names(found) -> dict[int, str]:
    return staff.names({id_ for drawer in found for id_ in (drawer.opened_by, drawer.closed_by) if id_})


def init_app(admin: Admin) -> None:
    admin.add_view(TillView("Till", path="till"))
