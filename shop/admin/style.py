"""The living style page: every token and component as it is now."""

from flask_admin import Admin, expose

from shop.admin.access import requires
from shop.admin.console import ConsoleView, show


class StyleView(ConsoleView):
    @expose("/")
    @requires("style.view")
    def index(self):
        return show("admin/style/page.html")


def init_app(admin: Admin) -> None:
    admin.add_view(StyleView("Style", path="style"))
