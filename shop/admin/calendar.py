"""The calendar: who comes when, moved by hand or by key, and what takes the shop's time away."""

from dataclasses import dataclass
from datetime import date, timedelta

from flask import flash, redirect, request, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_babel import to_user_timezone
from flask_login import current_user

from shop.admin import appointment_forms, block_forms
from shop.admin.access import requires
from shop.admin.calendar_grid import agenda, day_grid, shown, to_be_moved, week_grid
from shop.admin.console import ConsoleView, show
from shop.admin.keymap import foot_keys
from shop.models.base import utc_now
from shop.models.errors import NotFound
from shop.services import calendar
from shop.services.openings import read_date

VIEWS = ("week", "day", "agenda")
_DAYS = {"week": 7, "day": 1, "agenda": 7}
# The calendar reaches this far; nobody looks for a booking beyond.
_FIRST, _LAST = date(2000, 1, 1), date(2099, 12, 31)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: the state of the screen."""

    view: str
    day: date
    location: str
    who: str
    faults: tuple[str, ...] = ()

    @property
    def first(self) -> date:
        return self.day - timedelta(days=self.day.weekday()) if self.view == "week" else self.day

    @property
    def days(self) -> int:
        return _DAYS[self.view]

    def arguments(self, **changes) -> dict[str, str]:
        values = {"view": self.view, "day": self.day, "location": self.location, "who": self.who, **changes}
        return {name: str(value) for name, value in values.items() if value}


class CalendarView(ConsoleView):
    @expose("/")
    @requires("calendar.view")
    def index(self):
        asked, now = _asked(), utc_now()
        try:
            stretch = calendar.read_days(asked.location, asked.first, asked.days)
        except NotFound:
            flash(_("There is no such branch: this is the first one."), "warning")
            return redirect(url_for("calendar.index", **asked.arguments(location="")), 303)
        entries = list(shown(stretch.entries, asked.who, me=current_user.id))
        return show(
            "admin/calendar/page.html", "calendar_body",
            asked=asked, stretch=stretch, now=now, today=to_user_timezone(now).date(),
            grid=_grid(asked, stretch, entries, now), agenda=agenda(stretch, entries) if asked.view == "agenda" else [],
            without_time=list(shown(stretch.without_time, asked.who, me=current_user.id)),
            shut=to_be_moved(stretch, entries, now=now), step=_step(asked),
            named="view" in request.args, foot_keys=foot_keys("calendar"),
        )  # fmt: skip

    @expose("/<string:number>/move", methods=["GET", "POST"])
    @requires("booking.move")
    def move(self, number: str):
        return appointment_forms.move(number)

    @expose("/<string:number>/arrive", methods=["POST"])
    @requires("repair.move")
    def arrive(self, number: str):
        return appointment_forms.arrive(number)

    @expose("/<string:number>/missed", methods=["GET", "POST"])
    @requires("booking.move")
    def missed(self, number: str):
        return appointment_forms.missed(number)

    @expose("/block", methods=["GET", "POST"])
    @requires("calendar.plan")
    def block(self):
        return block_forms.block()

    @expose("/blocks/<row_id:block_id>/remove", methods=["POST"])
    @requires("calendar.plan")
    def unblock(self, block_id: int):
        return block_forms.unblock(block_id)


def _asked() -> Asked:
    """Nothing is refused: what cannot be used is named and left out."""
    arguments, today = request.args, to_user_timezone(utc_now()).date()
    view, day, who = (arguments.get(name, "").strip() for name in ("view", "day", "who"))
    chosen = read_date(day)
    faults = []
    if view and view not in VIEWS:
        faults.append("view")
    if day and (chosen is None or not _FIRST <= chosen <= _LAST):
        faults.append("day")
        chosen = None
    if who and who not in ("me", "nobody") and not (who.isdecimal() and who.isascii() and len(who) < 10):
        faults.append("who")
        who = ""
    return Asked(
        view=view if view in VIEWS else VIEWS[0], day=chosen or today,
        location=arguments.get("location", "").replace("\x00", "").strip()[:40], who=who, faults=tuple(faults),
    )  # fmt: skip


def _grid(asked: Asked, stretch, entries, now):
    if asked.view == "agenda":
        return None
    return (day_grid if asked.view == "day" else week_grid)(stretch, entries, now=now)


def _step(asked: Asked) -> tuple[date, date]:
    """The day that the keys for earlier and later lead to."""
    length = timedelta(days=asked.days)
    return max(asked.day - length, _FIRST), min(asked.day + length, _LAST)


def init_app(admin: Admin) -> None:
    admin.add_view(CalendarView("Calendar", path="calendar"))
