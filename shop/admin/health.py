"""Health: whether the machinery behind the counter runs."""

from flask_admin import Admin, expose

from shop.admin.access import requires
from shop.admin.console import ConsoleView, show
from shop.admin.money import WAYS
from shop.services import health_report, outbox


class HealthView(ConsoleView):
    @expose("/")
    @requires("health.view")
    def index(self):
        return show("admin/health/page.html", report=health_report.report(), troubles=outbox.list_troubles(), ways=WAYS)


def init_app(admin: Admin) -> None:
    admin.add_view(HealthView("Health", path="health"))
