"""Hours, and how work stands against them, in words."""

from datetime import date, datetime, timedelta

from flask import Flask
from flask_babel import format_date, format_datetime, format_decimal, gettext, to_user_timezone
from flask_babel import lazy_gettext as _l

from shop.filters import local_datetime, local_time
from shop.models.base import utc_now
from shop.models.roster import Absence, AbsenceKind
from shop.models.skills import Level
from shop.models.workload import Strain
from shop.services.clock import zone_mark

_HALF_HOUR = 30

LEVELS = {
    Level.EXPERT: _l("expert"),
    Level.ABLE: _l("able"),
    Level.LEARNING: _l("learning"),
    Level.NEVER: _l("does not do it"),
}
ABSENCES = {
    AbsenceKind.HOLIDAY: _l("Holiday"),
    AbsenceKind.SICK: _l("Sick"),
    AbsenceKind.OTHER: _l("Away"),
}


def hours(minutes: int) -> str:
    """45 min, 3 h, 14.5 h: to five minutes below an hour, to half an hour above. A little is never called nothing."""
    if minutes < 60:
        return gettext("%(n)s min", n=max(5 * round(minutes / 5), 5 if minutes > 0 else 0))
    return gettext("%(n)s h", n=format_decimal(_half_hours(minutes) / 60, "0.#"))


def strain_words(stand: Strain) -> str:
    """14 h of work, 11 h of roster until Friday: 3 h too much. The difference is that of the figures shown."""
    work, time = _half_hours(stand.work), _half_hours(stand.hours)
    facts = {"work": hours(work), "hours": hours(time), "day": until_words(stand.until)}
    if work and not stand.hours:
        return gettext("%(work)s of work due by %(day)s, no hours until then", **facts)
    if work > time:
        return gettext(
            "%(work)s of work, %(hours)s of roster until %(day)s: %(over)s too much", over=hours(work - time), **facts
        )
    if work == time:
        return gettext("%(work)s of work, %(hours)s of roster until %(day)s: just full", **facts)
    return gettext(
        "%(work)s of work, %(hours)s of roster until %(day)s: %(free)s free", free=hours(time - work), **facts
    )


def span_words(minutes: int) -> str:
    """How long something took, by the clock: 5 h, 2.5 days."""
    if minutes < 24 * 60:
        return hours(minutes)
    return gettext("%(n)s days", n=decimal(minutes / (24 * 60)))


def decimal(value: float) -> str:
    return format_decimal(value, "0.#")


def until_words(moment: datetime) -> str:
    """The day that ends at this moment, as people say it: tonight, Friday, Sun 6 Dec."""
    day = to_user_timezone(moment - timedelta(seconds=1)).date()
    ahead = (day - to_user_timezone(utc_now()).date()).days
    if ahead == 0:
        return gettext("tonight")
    return format_date(day, "EEEE") if ahead < 7 else format_date(day, gettext("EEE d MMM"))


def short_moment(moment: datetime) -> str:
    """Thu 15:00, or with the date when it is further off than a week."""
    if abs(moment - utc_now()) < timedelta(days=6):
        return format_datetime(moment, "EEE HH:mm") + zone_mark(moment)
    return local_datetime(moment)


def plain_day(day: date) -> str:
    return format_date(day, gettext("d MMMM"))


def weekday_day(day: date) -> str:
    """Mon 23."""
    return format_date(day, "EEE d")


def weekday_name_of(day: date) -> str:
    name = format_date(day, "EEEE")
    return f"{name[:1].upper()}{name[1:]}"


def away_words(absence: Absence) -> str:
    """Thu 26 Nov; Thu 26 Nov to Fri 4 Dec; Thu 26 Nov, 09:00 to 12:00."""
    pattern = gettext("EEE d MMM")
    starts, ends = to_user_timezone(absence.starts_at), to_user_timezone(absence.ends_at)
    first = format_date(starts.date(), pattern)
    if not absence.whole_days:
        return gettext("%(day)s, %(begins)s to %(ends)s", day=first, begins=local_time(starts), ends=local_time(ends))
    last = format_date((ends - timedelta(seconds=1)).date(), pattern)
    return first if first == last else gettext("%(first)s to %(last)s", first=first, last=last)


def _half_hours(minutes: int) -> int:
    return minutes if minutes < 60 else _HALF_HOUR * round(minutes / _HALF_HOUR)


def init_app(app: Flask) -> None:
    for function in (
        hours, strain_words, span_words, until_words, short_moment, decimal, plain_day, weekday_day, weekday_name_of,
        away_words,
    ):  # fmt: skip
        app.jinja_env.filters[function.__name__] = function
