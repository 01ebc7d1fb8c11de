"""Working hours, absences and skills of the staff: seen by everybody as their own, set by managers."""

from datetime import date, datetime, time, timedelta

from flask import flash, redirect, request, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.console import ROLE_LABELS, ConsoleView, show
from shop.admin.load_words import ABSENCES, LEVELS
from shop.admin.skill_words import words_of
from shop.extensions import db
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotFound
from shop.services import rosters, skills, team

_DAYS = 7
_A_DAY = timedelta(days=1)
_A_WEEK = timedelta(days=7)


class RosterView(ConsoleView):
    @expose("/")
    @requires("roster.own")
    def index(self):
        """The week of everybody for those who set it, else one's own."""
        branch, people = _team()
        if current_user.may("roster.manage"):
            people = [member for member in people if member.takes_repairs or member.weeks]
        else:
            people = [member for member in people if member.id == current_user.id]
        return show(
            "admin/roster/week.html", branch=branch, weeks=_weeks(people, branch), days=_days_of_week(branch),
            week=_monday(branch), previous=_monday(branch) - _A_WEEK, next=_monday(branch) + _A_WEEK,
            absences=_absences(people), branches=_branches(), role_labels=ROLE_LABELS, absence_words=ABSENCES,
            level_words=LEVELS,
            own=next((member for member in people if member.id == current_user.id), None), skill_words=words_of,
        )  # fmt: skip

    @expose("/<row_id:staff_id>", methods=["GET", "POST"])
    @requires("roster.manage")
    def person(self, staff_id: int):
        if request.method == "GET":
            return _page(staff_id)
        branch, _people = _team()
        typed = [request.form.get(f"day-{place}", "")[:200] for place in range(_DAYS)]
        try:
            if request.form.get("own") == "branch":
                rosters.remove_week(staff_id, branch=branch, actor=current_user.actor)
            else:
                rosters.set_week(staff_id, typed, branch=branch, actor=current_user.actor)
        except Invalid as error:
            return _refused(staff_id, error, typed=typed)
        return _done(staff_id, _("Hours saved."))

    @expose("/<row_id:staff_id>/absences", methods=["POST"])
    @requires("roster.manage")
    def add_absence(self, staff_id: int):
        branch, _people = _team()
        try:
            typed = rosters.TypedAbsence(
                kind=request.form.get("kind", ""), first=_date("first"), last=_date("last"),
                begins=_time("begins"), ends=_time("ends"),
            )  # fmt: skip
            rosters.add_absence(staff_id, typed, zone=branch.hours.zone, actor=current_user.actor)
        except Invalid as error:
            return _refused(staff_id, error)
        return _done(staff_id, _("Absence entered."))

    @expose("/<row_id:staff_id>/absences/<row_id:absence_id>/remove", methods=["POST"])
    @requires("roster.manage")
    def remove_absence(self, staff_id: int, absence_id: int):
        rosters.remove_absence(staff_id, absence_id, actor=current_user.actor)
        return _done(staff_id, _("Absence taken away."))

    @expose("/<row_id:staff_id>/skills", methods=["POST"])
    @requires("roster.manage")
    def skills(self, staff_id: int):
        levels = {
            name.removeprefix("skill."): level for name, level in request.form.items() if name.startswith("skill.")
        }
        if subject := request.form.get("subject", ""):
            levels[subject[:80]] = request.form.get("level", "")
        try:
            skills.set_skills(staff_id, levels, actor=current_user.actor)
        except Invalid as error:
            return _refused(staff_id, error)
        return _done(staff_id, _("Skills saved."))


def init_app(admin: Admin) -> None:
    admin.add_view(RosterView("Roster", path="roster"))


def _team():
    """The branch that the address names, or the first, and everybody who still works here."""
    branches = _branches()
    asked = request.args.get("branch", type=int)
    branch = next((one for one in branches if one.id == asked), branches[0])
    return branch, [member for member in team.list_team() if not member.is_disabled]


def _branches() -> list[team.Branch]:
    return team.list_branches()


def _page(staff_id: int, *, typed: list[str] | None = None, faults: dict[str, str] | None = None, status: int = 200):
    branch, people = _team()
    member = next((one for one in people if one.id == staff_id), None)
    if member is None:
        raise NotFound("There is no such person, or they cannot sign in any more.")
    own = member.week_at(branch)
    week = branch.hours.week if own is None and not member.weeks else own or ((),) * _DAYS
    return show(
        "admin/roster/person.html", status=status, branch=branch, member=member,
        typed=typed or [rosters.day_words(day) for day in week], is_own=own is not None, branches=_branches(),
        branch_week=[rosters.day_words(day) for day in branch.hours.week], days=_days_of_week(branch),
        faults=faults or {}, form=request.form, absences=rosters.list_absences(staff_id), absence_words=ABSENCES,
        level_words=LEVELS, subjects=skills.list_subjects(), skill_words=words_of,
    )  # fmt: skip


def _refused(staff_id: int, error: Invalid, *, typed: list[str] | None = None):
    db.session.rollback()
    return _page(staff_id, typed=typed, faults=error.fields, status=422)


def _place() -> dict[str, str]:
    return {"branch": request.args["branch"]} if request.args.get("branch") else {}


def _done(staff_id: int, message: str):
    db.session.commit()
    flash(message, "success")
    return redirect(url_for("roster.person", staff_id=staff_id, **_place()), 303)


def _monday(branch) -> date:
    """Of the week that the address asks for, or of the present one."""
    try:
        day = date.fromisoformat(request.args.get("week", ""))
    except ValueError:
        day = utc_now().astimezone(branch.hours.zone).date()
    day = min(max(day, date(2000, 1, 3)), date(2100, 1, 4))
    return day - day.weekday() * _A_DAY


def _days_of_week(branch) -> list[date]:
    return [_monday(branch) + place * _A_DAY for place in range(_DAYS)]


def _weeks(people, branch) -> list[tuple]:
    """(person, for each day its stretches in local time, minutes of the week), absences and holidays taken off."""
    found = []
    for member in people:
        zone = branch.hours.zone
        hours = member.time_at(branch)
        days, total = [], 0
        for day in _days_of_week(branch):
            start, end = (datetime.combine(one, time(), zone) for one in (day, day + _A_DAY))
            total += hours.minutes(start, end)
            days.append(
                [(begins.astimezone(zone), ends.astimezone(zone)) for begins, ends in hours.stretches(start, end)]
            )
        found.append((member, days, total))
    return found


def _absences(people) -> list[tuple]:
    """(person, absence) of these people, the soonest first. Why somebody is away is told to managers and to them."""
    members = {member.id: member for member in people}
    return [(members[row.staff_id], row) for row in rosters.list_absences() if row.staff_id in members]


def _date(name: str) -> date | None:
    typed = request.form.get(name, "").strip()
    try:
        return date.fromisoformat(typed) if typed else None
    except ValueError:
        raise Invalid({name: _("Write the day as year, month, day: 2026-12-24.")}) from None


def _time(name: str) -> time | None:
    typed = request.form.get(name, "").strip()
    try:
        return time.fromisoformat(typed).replace(tzinfo=None, microsecond=0) if typed else None
    except ValueError:
        raise Invalid({name: _("Write the time as 14:30.")}) from None
