"""How often ready-by dates were right: by month, and the tickets behind every figure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import request
from flask_admin import Admin, expose

from shop.admin.access import requires
from shop.admin.console import ConsoleView, show
from shop.locales import select_timezone
from shop.models.base import utc_now
from shop.models.errors import NotFound
from shop.services import calibration, locations
from shop.services.memory import log_state


class PromisesView(ConsoleView):
    @expose("/")
    @requires("promise.view")
    def index(self):
        asked, zone, now = _asked(), ZoneInfo(select_timezone()), utc_now()
        months = calibration.by_month(asked, zone=zone, state=log_state(), now=now)
        begins, ends = _month(request.args.get("month", ""), months, calibration.months_before(now, zone)[-1])
        target = 50 if request.args.get("target") == "50" else 90
        missed = calibration.missed(asked, target=target, begins=begins, ends=ends)
        return show(
            "admin/promises/page.html", months=months, asked=asked, target=target, month=begins,
            missed=missed[: calibration.MISSED_SHOWN], more=len(missed) > calibration.MISSED_SHOWN,
            drawn=_drawn(months), few=calibration.FEW, branches=locations.branch_names(),
            kinds=calibration.repair_types(),
        )  # fmt: skip


def init_app(admin: Admin) -> None:
    admin.add_view(PromisesView("Promises", path="promises"))


def _drawn(months: list[calibration.Month]) -> list[calibration.Month]:
    """From the first month that says something, half a year at least: a young shop has no empty half of a picture."""
    first = next((place for place, month in enumerate(months) if month.made or month.made50), 0)
    return months[min(first, max(len(months) - 6, 0)) :]


def _asked() -> calibration.Asked:
    """The branch and the repair that were asked for; a number that cannot be one is nobody's."""
    values = [request.args.get(name, "") for name in ("location", "repair")]
    if any(value and not (value.isascii() and value.isdecimal() and len(value) < 10) for value in values):
        raise NotFound("There is no such branch or repair.")
    return calibration.Asked(*[int(value) if value else None for value in values])


def _month(text: str, months: list[calibration.Month], end: datetime) -> tuple[datetime, datetime]:
    """Beginning and end of the month that was asked for, the present one unless another is."""
    edges = [*[month.begins for month in months], end]
    place = next((n for n, month in enumerate(months) if f"{month.begins:%Y-%m}" == text), None)
    if text and place is None:
        raise NotFound("There is nothing on record for this month.")
    place = len(months) - 1 if place is None else place
    return edges[place], edges[place + 1]
