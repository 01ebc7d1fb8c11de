"""When each of the staff works, when they are away, and what they are good at."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now


class AbsenceKind(StrEnum):
    HOLIDAY = "holiday"
    SICK = "sick"
    OTHER = "other"


class Roster(db.Model):
    """The week of one person at one branch, written as a branch's opening hours are. Without a row the branch's
    own hours count."""

    __tablename__ = "rosters"
    __table_args__ = (UniqueConstraint("staff_id", "location_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    week: Mapped[str] = mapped_column(Text)


class Absence(db.Model):
    """A stretch of time in which a person does not work, at whatever branch."""

    __tablename__ = "absences"
    # An id is never given again: a form that names one that is gone must not take away another.
    __table_args__ = (Index("ix_absences_staff_id", "staff_id", "ends_at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    kind: Mapped[str] = mapped_column(String(10))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    whole_days: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Skill(db.Model):
    """How well a person does a kind of work. `subject` is `type:`, `category:`, `device:` or `brand:` and a name."""

    __tablename__ = "skills"

    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(80), primary_key=True)
    level: Mapped[str] = mapped_column(String(10))
