"""Hours, places and closures of a branch: what customers are offered."""

from datetime import date, time

from flask import flash, redirect, request, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.console import ConsoleView, show
from shop.extensions import db
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotFound
from shop.models.grid import SLOTTED, Grid
from shop.models.location import Location
from shop.services import blocks, opening
from shop.services.locations import list_locations, lock_plan
from shop.services.openings import read_date

_NUMBERS = ("minutes", "capacity", "lunch")


class OpeningView(ConsoleView):
    @expose("/")
    @requires("calendar.plan")
    def index(self):
        return _page(_branch())

    @expose("/hours", methods=["POST"])
    @requires("calendar.plan")
    def hours(self):
        location = lock_plan(_branch().id)
        typed = [request.form.get(f"day_{weekday}", "").replace("\x00", "")[:120] for weekday in range(7)]
        try:
            opening.set_week(location, opening.read_week(typed), actor=current_user.actor)
        except Invalid as error:
            return _refused(error, week=typed)
        return _saved(location, _("The opening hours are saved; customers are offered them at once."))

    @expose("/quiet", methods=["POST"])
    @requires("calendar.plan")
    def quiet(self):
        location = lock_plan(_branch().id)
        # Emptied fields mean none; fields that were not sent mean nothing at all.
        typed = {name: request.form.get(name, "?").replace("\x00", "")[:8] for name in ("quiet_from", "quiet_until")}
        try:
            opening.set_quiet(location, opening.read_quiet(*typed.values()), actor=current_user.actor)
        except Invalid as error:
            return _refused(error, quiet=typed)
        return _saved(location, _("The quiet hours are saved."))

    @expose("/places", methods=["POST"])
    @requires("calendar.plan")
    def places(self):
        location = lock_plan(_branch().id)
        typed = {name: request.form.get(name, "").strip()[:8] for name in (*_NUMBERS, "lunch_from", "lunch_to")}
        service = request.form.get("service_type", "")
        try:
            opening.set_places(location, service, _grid(typed), actor=current_user.actor)
        except Invalid as error:
            return _refused(error, grids={service: typed}, service=service)
        return _saved(location, _("The places are saved."))

    @expose("/close", methods=["POST"])
    @requires("calendar.plan")
    def close(self):
        location = lock_plan(_branch().id)
        typed = {name: request.form.get(name, "").replace("\x00", "").strip()[:200] for name in ("day", "name")}
        day = read_date(typed["day"])
        try:
            if day is None:
                raise Invalid({"day": _("Choose a day.")})
            inside = blocks.close_day(location, day, name=typed["name"], actor=current_user.actor)
        except Invalid as error:
            return _refused(error, closing=typed)
        if inside:
            words = ngettext(
                "Closed. %(num)s appointment is on this day: the calendar lists it until it is moved.",
                "Closed. %(num)s appointments are on this day: the calendar lists them until they are moved.",
                len(inside),
            )
            db.session.commit()
            flash(words, "warning")
            return redirect(url_for("calendar.index", view="day", day=day, location=location.slug), 303)
        return _saved(location, _("Closed on this day."), year=day.year)

    @expose("/reopen", methods=["POST"])
    @requires("calendar.plan")
    def reopen(self):
        location, day = lock_plan(_branch().id), read_date(request.form.get("day"))
        try:
            if day is None:
                raise NotFound(_("Choose a day."))
            blocks.open_day(location, day, actor=current_user.actor)
        except NotFound as error:
            db.session.rollback()
            flash(error.message, "warning")
            return redirect(url_for("opening.index"), 303)
        return _saved(location, _("Open again on this day."), year=day.year)


def _branch() -> Location:
    """The one that is named, else the first."""
    found, slug = list_locations(), request.values.get("location", "")
    return next((one for one in found if one.slug == slug), found[0])


def _saved(location: Location, message: str, **arguments):
    db.session.commit()
    flash(message, "success")
    return redirect(url_for("opening.index", location=location.slug, **arguments), 303)


def _refused(error: Invalid, **typed):
    db.session.rollback()
    return _page(_branch(), faults=error.fields, status=422, **typed)


def _page(location: Location, *, faults=None, status: int = 200, **typed):
    this_year = utc_now().astimezone(location.hours.zone).year
    year = request.args.get("year", type=int)
    year = year if year in range(this_year, this_year + 4) else this_year
    grids = {service: _as_typed(grid) for service, grid in location.slot_grids.items()}
    grids |= {service: values for service, values in typed.get("grids", {}).items() if service in SLOTTED}
    return show(
        "admin/opening/page.html", status=status,
        location=location, branches=list_locations(), week=typed.get("week") or opening.week_words(location),
        quiet=typed.get("quiet") or _quiet_as_typed(location), grids=grids,
        closing=typed.get("closing", {"day": "", "name": ""}), faults=faults or {},
        service=typed.get("service", ""), year=year, years=range(this_year, this_year + 4),
        monday=date(2024, 1, 1), closures=blocks.closures_of(location, year),
        proposed=blocks.proposed_closures(location, year),
    )  # fmt: skip


def _quiet_as_typed(location: Location) -> dict[str, str]:
    begins, _dash, ends = location.quiet.partition("-")
    return {"quiet_from": begins, "quiet_until": ends}


def _as_typed(grid: Grid) -> dict[str, str]:
    return {
        "minutes": str(grid.minutes), "capacity": str(grid.capacity), "lunch": str(grid.lunch),
        "lunch_from": f"{grid.lunch_from:%H:%M}", "lunch_to": f"{grid.lunch_to:%H:%M}",
    }  # fmt: skip


def _grid(typed: dict[str, str]) -> Grid:
    faults = {
        name: _("Write a number.") for name in _NUMBERS if not (typed[name].isdecimal() and typed[name].isascii())
    }
    times = {}
    for name in ("lunch_from", "lunch_to"):
        try:
            times[name] = time.fromisoformat(typed[name]).replace(tzinfo=None, second=0, microsecond=0)
        except ValueError:
            faults[name] = _("Write a time, such as 12:00.")
    if faults:
        raise Invalid(faults)
    return Grid(*(int(typed[name]) for name in _NUMBERS), **times)


def init_app(admin: Admin) -> None:
    admin.add_view(OpeningView("Opening", path="opening"))
