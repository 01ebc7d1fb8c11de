"""Branches of the shop: where, when open, in which money."""

import json
from datetime import date, datetime, time
from functools import cached_property
from zoneinfo import ZoneInfo

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models import grid
from shop.models.base import UtcDateTime, utc_now
from shop.models.grid import Grid
from shop.models.hours import OpeningHours
from shop.models.staff import Staff

# As they are kept: when the quiet hours begin and end.
QUIET = "20:00-08:00"
MON_TO_SAT = [[["09:00", "18:30"]]] * 6 + [[]]


class Location(db.Model):
    __tablename__ = "locations"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    zone: Mapped[str] = mapped_column(String(40), default="Europe/London")
    country: Mapped[str] = mapped_column(String(2), default="GB")
    currency: Mapped[str] = mapped_column(String(3), default="GBP")
    address: Mapped[str] = mapped_column(Text, default="")
    phone: Mapped[str] = mapped_column(String(32), default="")
    pickup_postcodes: Mapped[str] = mapped_column(Text, default="")
    week: Mapped[str] = mapped_column(Text, default=lambda: json.dumps(MON_TO_SAT))
    grids: Mapped[str] = mapped_column(Text, default="{}", server_default="{}")
    # Empty for a branch that has none.
    quiet: Mapped[str] = mapped_column(String(11), default=QUIET, server_default=QUIET)
    version: Mapped[int] = mapped_column(default=0, server_default="0")
    closures: Mapped[list["Closure"]] = relationship(cascade="all, delete-orphan", lazy="selectin")

    @property
    def short_name(self) -> str:
        return short_name(self.name)

    @cached_property
    def hours(self) -> OpeningHours:
        week = tuple(
            tuple((time.fromisoformat(opens), time.fromisoformat(closes)) for opens, closes in periods)
            for periods in json.loads(self.week)
        )
        return OpeningHours(ZoneInfo(self.zone), week, frozenset(closure.day for closure in self.closures))

    @property
    def slot_grids(self) -> dict[str, Grid]:
        """How each service type cuts the opening hours."""
        return grid.loads(self.grids)

    @property
    def quiet_hours(self) -> tuple[time, time] | None:
        """From when until when nobody's telephone shall ring, by the branch's clock; mostly over midnight."""
        if not self.quiet:
            return None
        begins, ends = self.quiet.split("-")
        return time.fromisoformat(begins), time.fromisoformat(ends)

    def forget_hours(self) -> None:
        """After a change of week or closures: `hours` is worked out anew."""
        self.__dict__.pop("hours", None)

    def takes_postcode(self, postcode: str) -> bool:
        """True if the outward code, such as E2 in `E2 7JP`, lies in the pick-up area."""
        outward = postcode.strip().upper().split(" ")[0]
        return outward in self.pickup_postcodes.split()


def short_name(name: str) -> str:
    """`Camden` for "RevivaTech Camden": inside the shop nobody says the shop's own name."""
    return name.removeprefix("RevivaTech ")


class Closure(db.Model):
    """A whole day on which a branch does not open."""

    __tablename__ = "closures"
    __table_args__ = (UniqueConstraint("location_id", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    day: Mapped[date]
    name: Mapped[str] = mapped_column(String(80))


class Block(db.Model):
    """A stretch of time in which a branch, or one person of it, takes nobody new.

    `places` is how many places it takes from each slot that it touches; None takes them all.
    """

    __tablename__ = "blocks"
    __table_args__ = (Index("ix_blocks_location_ends", "location_id", "ends_at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    places: Mapped[int | None]
    reason: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    person: Mapped[Staff | None] = relationship()
