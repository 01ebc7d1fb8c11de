"""Setting when people work: their week, their absences. Every change is an event of the person."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import delete, select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotFound
from shop.models.roster import Absence, AbsenceKind, Roster
from shop.models.working_time import Day, Week, dump_week, load_week, overlapping, week_minutes
from shop.services.events import record
from shop.services.staff import lock_staff
from shop.services.team import Branch

WEEKDAYS = 7
LONGEST_ABSENCE = timedelta(days=400)
# Days of other years are typing errors.
_YEARS = range(2000, 2100)
_LONGEST_TEXT = 120
_MOST_PERIODS = 4
_CLOCK = r"(\d{1,2})(?:[:.h]?(\d{2}))?h?"
_PERIOD = re.compile(rf"{_CLOCK}(?:-|to|until|a|às|as|até){_CLOCK}")
_FREE = {"", "off", "free", "closed", "-", "folga", "livre"}


@dataclass(frozen=True, slots=True)
class TypedAbsence:
    """An absence as typed: days, and times of day only where it is shorter than whole days."""

    kind: str
    first: date | None
    last: date | None
    begins: time | None = None
    ends: time | None = None


def set_week(staff_id: int, typed: Sequence[str], *, branch: Branch, actor: Actor) -> None:
    """Gives a person a week of their own: for each weekday text such as `09:00-12:30, 13:00-17:30`.

    Raises Invalid with a sentence for each day (`day-0` is Monday) that cannot be read or overlaps. The same
    again changes nothing.
    """
    actor.require("roster.manage")
    week = read_week(typed)
    person = lock_staff(staff_id)
    row = _roster(staff_id, branch)
    before = load_week(row.week) if row else None
    if before == week:
        return
    _be_in_one_place(staff_id, week, branch)
    if row is None:
        row = Roster(staff_id=staff_id, location_id=branch.id, week="")
        db.session.add(row)
    row.week = dump_week(week)
    minutes = week_minutes(week)
    words = {"week": ["" if before is None else week_words(before), week_words(week)]}
    record("staff.roster_changed", person, actor=actor, body={"hours": round(minutes / 60, 1)}, detail=words)


def remove_week(staff_id: int, *, branch: Branch, actor: Actor) -> None:
    """Takes the own week away, so that the branch's opening hours count. A second call changes nothing."""
    actor.require("roster.manage")
    person = lock_staff(staff_id)
    row = _roster(staff_id, branch)
    if row is None:
        return
    db.session.delete(row)
    record("staff.roster_removed", person, actor=actor, detail={"week": [week_words(load_week(row.week)), ""]})


def read_week(typed: Sequence[str]) -> Week:
    """Raises Invalid with a sentence for each day that cannot be used."""
    faults: dict[str, str] = {}
    days: list[Day] = []
    for place, text in enumerate(typed):
        try:
            days.append(read_day(text))
        except Invalid as error:
            faults[f"day-{place}"] = error.message
            days.append(())
    if not faults:
        faults = {f"day-{place}": _("This overlaps with the hours before it.") for place in overlapping(tuple(days))}
    if faults:
        raise Invalid(faults)
    return tuple(days)


def read_day(text: str) -> Day:
    """`9-12:30, 13 to 17.30` as periods; nothing, or `off`, is a free day. Raises Invalid."""
    cleaned = re.sub(r"\s+", "", text.lower()).replace("–", "-").replace("—", "-")
    if cleaned in _FREE:
        return ()
    found = [_PERIOD.fullmatch(part) for part in re.split("[,;+&]", cleaned[:_LONGEST_TEXT]) if part]
    if not found or len(found) > _MOST_PERIODS or None in found:
        raise Invalid({"day": _("Write times such as 09:00-17:30, two with a comma, or nothing for a day off.")})
    periods = tuple((_clock(*match.groups()[:2]), _clock(*match.groups()[2:])) for match in found if match)
    return tuple(sorted(periods))


def day_words(day: Day) -> str:
    """The day as it can be typed again."""
    return ", ".join(f"{begins:%H:%M}-{ends:%H:%M}" for begins, ends in day)


def week_words(week: Week) -> str:
    """The week for the log: Monday first, days parted by a bar."""
    return " | ".join(day_words(day) or "off" for day in week)


def add_absence(staff_id: int, typed: TypedAbsence, *, zone: ZoneInfo, actor: Actor) -> Absence:
    """Raises Invalid for an end before the begin, or when the person is away then already."""
    actor.require("roster.manage")
    starts_at, ends_at = _stretch(typed, zone)
    person = lock_staff(staff_id)
    clash = select(Absence.id).where(
        Absence.staff_id == staff_id, Absence.starts_at < ends_at, Absence.ends_at > starts_at
    )
    if db.session.scalar(clash.limit(1)):
        raise Invalid({"first": _("%(name)s is away then already. Take that absence away first.", name=person.name)})
    row = Absence(
        staff_id=staff_id, kind=typed.kind, starts_at=starts_at, ends_at=ends_at, whole_days=typed.begins is None
    )
    db.session.add(row)
    db.session.flush()
    record("staff.absence_added", person, actor=actor, body={"absence": row.id}, detail=_words(row))
    return row


def remove_absence(staff_id: int, absence_id: int, *, actor: Actor) -> None:
    """Raises NotFound for an absence that is not this person's, or is gone."""
    actor.require("roster.manage")
    person = lock_staff(staff_id)
    row = db.session.scalar(select(Absence).where(Absence.id == absence_id, Absence.staff_id == staff_id))
    if row is None:
        raise NotFound("This absence is not here any more.")
    words = _words(row)
    db.session.execute(delete(Absence).where(Absence.id == absence_id))
    record("staff.absence_removed", person, actor=actor, body={"absence": absence_id}, detail=words)


def list_absences(staff_id: int | None = None) -> list[Absence]:
    """Absences that have not ended, the soonest first; of one person, or of all."""
    query = select(Absence).where(Absence.ends_at > utc_now()).order_by(Absence.starts_at, Absence.id)
    return list(db.session.scalars(query if staff_id is None else query.where(Absence.staff_id == staff_id)))


def _roster(staff_id: int, branch: Branch) -> Roster | None:
    return db.session.scalar(select(Roster).where(Roster.staff_id == staff_id, Roster.location_id == branch.id))


def _be_in_one_place(staff_id: int, week: Week, branch: Branch) -> None:
    """Raises Invalid for days on which the hours overlap with those at another branch."""
    others = select(Roster.week).where(Roster.staff_id == staff_id, Roster.location_id != branch.id)
    for text in db.session.scalars(others):
        both = tuple(one + other for one, other in zip(week, load_week(text), strict=True))
        if days := overlapping(both):
            raise Invalid({f"day-{day}": _("The person is at another branch then.") for day in days})


def _clock(hour: str, minute: str | None) -> time:
    hours, minutes = int(hour), int(minute or 0)
    if minutes > 59 or hours > 24 or (hours == 24 and minutes):
        raise Invalid({"day": _("There is no such time: %(time)s.", time=f"{hour}:{minutes:02}")})
    return time(hours % 24, minutes)


def _stretch(typed: TypedAbsence, zone: ZoneInfo) -> tuple[datetime, datetime]:
    faults = {}
    if typed.kind not in list(AbsenceKind):
        faults["kind"] = _("Choose one of the list.")
    if typed.first is None:
        faults["first"] = _("Choose the first day.")
    elif typed.first.year not in _YEARS:
        faults["first"] = _("Write the day as year, month, day: 2026-12-24.")
    first, last = typed.first or date.min, typed.last or typed.first or date.min
    if last < first:
        faults["last"] = _("The last day is before the first.")
    if last - first > LONGEST_ABSENCE:
        faults["last"] = _("That is longer than a year. Is the year right?")
    if (typed.begins is None) != (typed.ends is None):
        faults["begins"] = _("Give both times, or none for whole days.")
    if typed.begins and typed.ends and (last != first or typed.ends <= typed.begins):
        faults["begins"] = _("Hours can be given for one day only, the end after the begin.")
    if faults:
        raise Invalid(faults)
    begins = datetime.combine(first, typed.begins or time(), zone)
    ends = datetime.combine(first, typed.ends, zone) if typed.ends else _midnight_after(last, zone)
    return begins.astimezone(UTC), ends.astimezone(UTC)


def _midnight_after(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), zone)


def _words(row: Absence) -> dict:
    """Why somebody is away is personal: it stands beside the sealed fact and can be erased."""
    return {"kind": row.kind, "from": row.starts_at.isoformat(), "to": row.ends_at.isoformat()}
