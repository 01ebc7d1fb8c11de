"""Hours, absences and skills of the demo shop's staff: one works part-time, one is away next week."""

from datetime import UTC, datetime, time, timedelta

from sqlalchemy import select

from shop.extensions import db
from shop.models.location import Location
from shop.models.roster import Absence, AbsenceKind, Roster, Skill
from shop.models.skills import Level
from shop.models.staff import Staff
from shop.models.working_time import Day, dump_week
from shop.services.demo.people import COLLEAGUES, email_of

_FULL: Day = ((time(9), time(12, 30)), (time(13), time(17, 30)))
_LATE: Day = ((time(11), time(14)), (time(14, 30), time(18, 30)))
_HALF: Day = ((time(9), time(13)),)
_AFTER: Day = ((time(14), time(18)),)
_OFF: Day = ()

# First name -> week from Monday, and below at the second branch.
_WEEKS = {
    "Priya": (_FULL, _FULL, _FULL, _FULL, _FULL, _OFF, _OFF),
    "Tom": (_LATE, _LATE, _OFF, _OFF, _OFF, _LATE, _OFF),
    "Ola": (_OFF, _HALF, _FULL, _FULL, _HALF, _HALF, _OFF),
    "Marta": (_FULL, _FULL, _FULL, _FULL, _FULL, _OFF, _OFF),
}
_SECOND = {"Tom": (_OFF, _OFF, _OFF, _LATE, _LATE, _OFF, _OFF), "Ola": (_OFF, _OFF, _OFF, _OFF, _AFTER, _OFF, _OFF)}
_SKILLS = {
    "Priya": {
        "device:smartphone": Level.EXPERT, "device:tablet": Level.ABLE, "category:batteries": Level.EXPERT,
        "category:water-damage": Level.ABLE, "type:phone-board": Level.EXPERT, "brand:apple": Level.EXPERT,
    },
    "Tom": {
        "device:laptop": Level.EXPERT, "device:desktop": Level.EXPERT, "category:computers": Level.EXPERT,
        "category:data-recovery": Level.ABLE, "device:smartphone": Level.LEARNING, "type:phone-board": Level.NEVER,
    },
    "Ola": {
        "device:console": Level.EXPERT, "device:wearable": Level.ABLE, "device:smartphone": Level.ABLE,
        "category:consoles": Level.EXPERT, "category:data-recovery": Level.LEARNING, "type:laptop-board": Level.NEVER,
    },
}  # fmt: skip


def enter_rosters(location: Location, *, now: datetime) -> None:
    """For the demo's staff: writes what is missing and leaves what somebody has set."""
    people = _people()
    known = set(db.session.scalars(select(Roster.staff_id)))
    zone = location.hours.zone
    second = db.session.scalar(select(Location.id).where(Location.id != location.id).order_by(Location.id).limit(1))
    for name, staff_id in people.items():
        if staff_id in known:
            continue
        if name in _WEEKS:
            db.session.add(Roster(staff_id=staff_id, location_id=location.id, week=dump_week(_WEEKS[name])))
        if name in _SECOND and second is not None:
            db.session.add(Roster(staff_id=staff_id, location_id=second, week=dump_week(_SECOND[name])))
        for subject, level in _SKILLS.get(name, {}).items():
            db.session.add(Skill(staff_id=staff_id, subject=subject, level=level))
    away = people.get("Ola")
    if away and away not in known:
        monday = now.astimezone(zone).date() + timedelta(days=14 - now.astimezone(zone).weekday())
        first, last = (datetime.combine(monday + timedelta(days=days), time(), zone) for days in (0, 3))
        db.session.add(
            Absence(
                staff_id=away, kind=AbsenceKind.HOLIDAY, starts_at=first.astimezone(UTC), ends_at=last.astimezone(UTC)
            )
        )
    db.session.flush()


def _people() -> dict[str, int]:
    """First name -> id of the demo's staff."""
    names = {email_of(name): name.split()[0] for name, _role in COLLEAGUES}
    found = db.session.execute(select(Staff.email, Staff.id).where(Staff.email.in_(names)))
    return {names[email]: staff_id for email, staff_id in found}
