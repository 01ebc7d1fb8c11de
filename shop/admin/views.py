"""Views of the queue: saving one, arranging them, which opens first; and how the list looks to a person."""

import json

from flask import flash, make_response, redirect, request, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.answers import dialog
from shop.admin.console import ROLE_LABELS, ConsoleView, show
from shop.admin.queue_rows import label_of
from shop.extensions import db, htmx
from shop.models.errors import Invalid, Stale
from shop.models.preferences import COLUMNS, DENSITIES, MOST_TABS, Preferences
from shop.models.saved_view import LONGEST_NAME
from shop.services import saved_views
from shop.services.filters import Filters, asks_nothing
from shop.services.memory import log_state
from shop.services.preferences import save_preferences


class ViewsView(ConsoleView):
    @expose("/")
    @requires("repair.view")
    def index(self):
        return _page(current_user.preferences)

    @expose("/new", methods=["GET", "POST"])
    @requires("view.save")
    def new(self):
        """Keeps the filters of the address under a name."""
        filters = _filters()
        if request.method == "GET":
            return _form(filters)
        try:
            view = saved_views.save_view(_name(), filters, is_shared=_is_shared(), actor=current_user.actor)
        except Invalid as error:
            db.session.rollback()
            return _form(filters, faults=error.fields, status=422)
        slug = view.slug
        db.session.commit()
        return _done(_("View saved"), way=url_for("repairs.index", view=slug))

    @expose("/<row_id:view_id>/edit", methods=["GET", "POST"])
    @requires("view.save")
    def edit(self, view_id: int):
        """Another name, for everybody or for oneself; `filters` takes over those of the address."""
        if not saved_views.is_here(view_id, actor=current_user.actor):
            return _gone()
        if request.method == "GET":
            return _edit_form(view_id)
        view = saved_views.lock_view(view_id, actor=current_user.actor)
        slug, filters = view.slug, _filters() if request.form.get("filters") else None
        try:
            saved_views.change_view(
                view, actor=current_user.actor, seen=request.form.get("seen", default=-1, type=int),
                name=_name(), is_shared=_is_shared(), filters=filters,
            )  # fmt: skip
        except Invalid as error:
            db.session.rollback()
            return _edit_form(view_id, faults=error.fields, status=422)
        except Stale as error:
            db.session.rollback()
            return _edit_form(view_id, theirs=error.conflicts["name"][1], status=409)
        db.session.commit()
        return _done(_("View changed"), way=url_for("repairs.index", view=slug))

    @expose("/<row_id:view_id>/delete", methods=["POST"])
    @requires("view.save")
    def delete(self, view_id: int):
        """Asked again it says that the view is gone."""
        if not saved_views.is_here(view_id, actor=current_user.actor):
            return _gone()
        saved_views.delete_view(saved_views.lock_view(view_id, actor=current_user.actor), actor=current_user.actor)
        db.session.commit()
        return _done(_("View deleted"), way=url_for("views.index"))

    @expose("/order", methods=["POST"])
    @requires("view.save")
    def order(self):
        """The person's tabs: all of them in `order`, or one, `slug`, moved `up`, `down`, `in` or `out`."""
        views = _views(current_user.preferences)
        tabs = _ordered(views, request.form)
        if not 1 <= len(tabs) <= MOST_TABS:
            words = _("Keep between 1 and %(most)s views as tabs.", most=MOST_TABS)
            return _page(current_user.preferences, fault=words, status=422)
        kept = save_preferences(actor=current_user.actor, tabs=tuple(tabs))
        db.session.commit()
        return _page(kept) if htmx else redirect(url_for("views.index"), 303)

    @expose("/first", methods=["POST"])
    @requires("view.save")
    def first(self):
        """The view that opens first for this person; empty for their role's."""
        slug = request.form.get("slug", "")
        if slug and _views(current_user.preferences).find(slug) is None:
            return _page(current_user.preferences, fault=_("This view is not here any more."), status=422)
        kept = save_preferences(actor=current_user.actor, view=slug)
        db.session.commit()
        return _page(kept) if htmx else redirect(url_for("views.index"), 303)

    @expose("/role", methods=["POST"])
    @requires("view.share")
    def role(self):
        """The view that opens first for everybody of a role who has chosen none."""
        try:
            saved_views.set_first_of_role(
                request.form.get("role", ""), request.form.get("slug", ""), actor=current_user.actor
            )
        except Invalid as error:
            db.session.rollback()
            return _page(current_user.preferences, fault=" ".join(error.fields.values()), status=422)
        db.session.commit()
        return _page(current_user.preferences) if htmx else redirect(url_for("views.index"), 303)

    @expose("/look", methods=["POST"])
    @requires("view.save")
    def look(self):
        """Columns and density of the list, for this person. The customer, the device and the status always stand."""
        chosen = tuple(name for name in COLUMNS if name in request.form.getlist("columns"))
        density = request.form.get("density", DENSITIES[0])
        # What is all is kept as nothing, so that a column that is added later shows for who hides none.
        columns = () if chosen == COLUMNS else ("ticket", *chosen)
        try:
            kept = save_preferences(actor=current_user.actor, density=density, columns=columns)
        except Invalid:
            db.session.rollback()
            return "", 422
        db.session.commit()
        if not htmx:
            return redirect(request.referrer or url_for("repairs.index"), 303)
        answer = make_response("", 204)
        answer.headers["HX-Trigger"] = json.dumps({"look": {"density": kept.density, "hide": " ".join(kept.hidden)}})
        return answer


def init_app(admin: Admin) -> None:
    admin.add_view(ViewsView("Views", path="repairs/views", endpoint="views"))


def _views(preferences: Preferences) -> saved_views.Views:
    return saved_views.views_of(current_user.actor, preferences, state=log_state())


def _filters() -> Filters:
    return _views(current_user.preferences).read_filters(request.args)


def _name() -> str:
    return request.form.get("name", "")


def _is_shared() -> bool:
    return request.form.get("shared") == "1"


def _ordered(views: saved_views.Views, form) -> list[str]:
    known, tabs = [view.slug for view in views.all], list(views.bar)
    if "order" in form:
        return [slug for slug in dict.fromkeys(form["order"].split(",")) if slug in known]
    slug, way = form.get("slug", ""), form.get("to", "")
    if slug not in known:
        return tabs
    if way == "in" and slug not in tabs:
        return [*tabs, slug]
    if way == "out":
        return [tab for tab in tabs if tab != slug]
    if way in ("up", "down") and slug in tabs:
        place = tabs.index(slug)
        tabs.insert(max(0, place + (1 if way == "down" else -1)), tabs.pop(place))
    return tabs


def _page(preferences: Preferences, *, fault: str = "", status: int = 200):
    views = _views(preferences)
    rows = [
        (view, label_of(view), bool(view.id) and saved_views.may_change(view, current_user.actor)) for view in views.all
    ]
    return show(
        "admin/views/page.html", "views_list", status=status,
        rows=rows, bar=views.bar, first=preferences.view, opens=views.first, fault=fault,
        roles=ROLE_LABELS if current_user.may("view.share") else {},
        firsts=saved_views.firsts_of_roles(),
    )  # fmt: skip


def _form(filters: Filters, *, faults=None, status: int = 200):
    return dialog(
        "admin/views/form.html", "view_form", title=_("Save this view"), status=status,
        way=url_for("views.new", **filters.arguments()), filters=filters, view=None, faults=faults or {},
        name=_name(), is_shared=_is_shared(), longest=LONGEST_NAME, seen=0, takes_filters=False, theirs="",
    )  # fmt: skip


def _edit_form(view_id: int, *, faults=None, theirs: str = "", status: int = 200):
    view = saved_views.get_view(view_id, actor=current_user.actor)
    is_typed = request.method == "POST"
    return dialog(
        "admin/views/form.html", "view_form", title=_("Change the view %(name)s", name=view.name), status=status,
        way=url_for("views.edit", view_id=view_id, **request.args.to_dict()), view=view, faults=faults or {},
        name=_name() if is_typed else view.name, is_shared=_is_shared() if is_typed else view.is_shared,
        longest=LONGEST_NAME, seen=view.version, theirs=theirs, filters=_filters(),
        takes_filters=not asks_nothing(request.args) and _filters().arguments() != {"view": view.slug},
    )  # fmt: skip


def _gone():
    """Deleted meanwhile, or private to another: a clear word and a way on."""
    db.session.rollback()
    return _done(_("This view is not here any more."), way=url_for("views.index"))


def _done(message: str, *, way: str):
    if not htmx:
        flash(message, "success")
        return redirect(way, 303)
    flash(message, "success")
    answer = make_response("", 204)
    answer.headers["HX-Redirect"] = way
    return answer
