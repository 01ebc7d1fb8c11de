"""The one console: its base view, its shell, its navigation."""

from flask import Flask, has_request_context, render_template, request, url_for
from flask_admin import Admin, AdminIndexView, BaseView
from flask_admin.theme import Bootstrap4Theme
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from jinja2_fragments.flask import render_block

from shop.admin import keymap
from shop.admin.access import refusal
from shop.admin.fragments import framed
from shop.admin.sudo import ask_first
from shop.extensions import htmx
from shop.models.permissions import Role

ROLE_LABELS = {
    Role.OWNER: _l("Owner"),
    Role.MANAGER: _l("Manager"),
    Role.TECHNICIAN: _l("Technician"),
    Role.FRONT_DESK: _l("Front desk"),
    Role.READ_ONLY: _l("Read only"),
}

# Group, then items: label, icon, path, permission, whether it stands in the phone's bar.
NAVIGATION = (
    (
        "",
        (
            (_l("Repairs"), "wrench", "/admin/repairs/", "repair.view", True),
            (_l("Today"), "layout-dashboard", "/admin/", "console.enter", True),
            (_l("Load"), "users", "/admin/load/", "load.view", False),
            (_l("Calendar"), "calendar-days", "/admin/calendar/", "calendar.view", True),
        ),
    ),
    (
        _l("Money"),
        (
            (_l("Payments"), "banknote", "/admin/payments/", "payment.view", False),
            (_l("Till"), "wallet", "/admin/till/", "drawer.use", False),
            (_l("Documents"), "receipt", "/admin/documents/", "payment.view", False),
            (_l("Ledger"), "book-text", "/admin/ledger/", "ledger.view", False),
        ),
    ),
    (
        _l("Shop"),
        (
            (_l("Catalogue"), "smartphone", "/admin/devices/", "catalogue.view", False),
            (_l("Price rules"), "tag", "/admin/price-rules/", "pricing.view", False),
        ),
    ),
    (
        _l("Insight"),
        (
            (_l("Promises"), "circle-check", "/admin/promises/", "promise.view", False),
            (_l("Audit log"), "scroll-text", "/admin/audit/", "audit.view", False),
        ),
    ),
    (
        _l("System"),
        (
            (_l("Outbox"), "send", "/admin/outbox/", "outbox.view", True),
            (_l("Health"), "activity", "/admin/health/", "health.view", False),
            (_l("Payment keys"), "key-round", "/admin/settings/", "provider.keys", False),
            (_l("Staff"), "users-round", "/admin/staff/", "staff.view", False),
            (_l("Roster"), "calendar-clock", "/admin/roster/", "roster.own", False),
            (_l("Style"), "palette", "/admin/style/", "style.view", False),
        ),
    ),
)


class Guarded:
    """Denies unless the called method names a permission that the person holds."""

    @classmethod
    def permission_for(cls, method: str) -> str | None:
        """What the method asks for; None refuses everybody."""
        return getattr(getattr(cls, method), "permission", None)

    @classmethod
    def asks_sudo(cls, method: str) -> bool:
        return getattr(getattr(cls, method), "sudo", False)

    def _handle_view(self, name, **kwargs):
        return refusal(self.permission_for(name)) or (ask_first() if self.asks_sudo(name) else None)

    def _run_view(self, function, *args, **kwargs):
        # Flask-Admin's own calls again with another signature on any TypeError, which hides the true one.
        return function(self, *args, **kwargs)

    def is_accessible(self) -> bool:
        return current_user.is_authenticated


class ConsoleView(Guarded, BaseView):
    """A screen of our own. Its path is `/admin/<name>`."""

    def __init__(self, name: str, *, path: str, endpoint: str = ""):
        super().__init__(name=name, endpoint=endpoint or path.replace("-", "_"), url=f"/admin/{path}")


def show(template: str, block: str | None = None, status: int = 200, *, shell_kept: bool = False, **values):
    """The full page, or its named block when htmx asks for a piece.

    `shell_kept`: nothing around the page's body depends on `values`, so that it need not be made anew.
    """
    if block and htmx and not htmx.boosted and not htmx.history_restore_request:
        return render_block(template, block, **values), status
    if shell_kept:
        return framed(template, **values), status
    return render_template(template, **values), status


def navigation() -> list[dict]:
    """Groups of the places that this person may enter."""
    groups = []
    for label, places in NAVIGATION:
        items = [_item(*place) for place in places if current_user.may(place[3])]
        if items:
            groups.append({"label": label, "items": items})
    return groups


def _item(label, icon, path, _permission, phone) -> dict:
    is_here = request.path == path if path == "/admin/" else request.path.startswith(path)
    return {"label": label, "icon": icon, "url": path, "active": is_here, "phone": phone}


def _shell() -> dict:
    # Mail is rendered by jobs, where there is no request.
    if not has_request_context() or not request.path.startswith("/admin") or not current_user.is_authenticated:
        return {}
    return {
        "nav": navigation(),
        "role_label": ROLE_LABELS[current_user.role],
        "keymap": keymap,
        **_check_in(),
    }


def _check_in() -> dict:
    """The button that everybody who may check in has on every page."""
    may = current_user.may("repair.check_in")
    return {"check_in_url": url_for("check_in.index"), "check_in_kind": "secondary"} if may else {}


def init_app(app: Flask, *, index: type[AdminIndexView]) -> Admin:
    app.context_processor(_shell)
    theme = Bootstrap4Theme(base_template="layouts/console.html")
    return Admin(app, name="RevivaTech", theme=theme, index_view=index(name="Home", endpoint="console", url="/admin"))
