"""What was foreseen for each repair, what it was promised then, and how it ended."""

from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.event import BigId

_ENDED = text("minutes IS NOT NULL AND turn = 0")
_DATED = text("safe_at IS NOT NULL")


class Forecast(db.Model):
    """One look ahead, at one moment of a repair; `turn` counts those made later without anything having happened.

    Without dates there was not enough history: the row is kept all the same, for it becomes history. Times are opening
    minutes of the branch. `curve` is the JSON list of minutes at the levels of models/forecast.py.
    """

    __tablename__ = "forecasts"
    __table_args__ = (
        UniqueConstraint("repair_id", "version", "turn"),
        # The latest like jobs, from the closest likeness to the widest.
        Index("ix_forecasts_kind", "status", "repair_type_id", "id", postgresql_where=_ENDED, sqlite_where=_ENDED),
        Index("ix_forecasts_family", "status", "family", "id", postgresql_where=_ENDED, sqlite_where=_ENDED),
        Index("ix_forecasts_status", "status", "id", postgresql_where=_ENDED, sqlite_where=_ENDED),
        # The promises that fell due in a month, with all that says whether they held.
        Index(
            "ix_forecasts_due",
            "safe_at",
            "location_id",
            "repair_type_id",
            "likely_at",
            "ready_at",
            "withdrawn_at",
            postgresql_where=_DATED,
            sqlite_where=_DATED,
        ),
        Index("ix_forecasts_ready_at", "ready_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    version: Mapped[int]
    turn: Mapped[int] = mapped_column(default=0)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    status: Mapped[str] = mapped_column(String(20))
    repair_type_id: Mapped[int | None] = mapped_column(ForeignKey("repair_types.id"))
    family: Mapped[str] = mapped_column(String(40), default="")
    tier: Mapped[str] = mapped_column(String(40), default="")
    had_parts: Mapped[bool] = mapped_column(default=False)
    load: Mapped[int] = mapped_column(default=0)
    basis: Mapped[str] = mapped_column(String(10), default="")
    jobs: Mapped[int] = mapped_column(default=0)
    curve: Mapped[str] = mapped_column(Text, default="")
    likely_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    safe_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ready_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    minutes: Mapped[int | None]
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Outlook(db.Model):
    """The latest forecast of a repair whose work is not done: small, so that lists can ask it.

    `told_at` is the earliest 90 % date that the customer could see. After `stalls_at` the repair stands still, unless
    something happened to it after `seen_at`. Written beside the repair, so that nobody who edits it is in the way.
    """

    __tablename__ = "outlooks"

    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"), primary_key=True, autoincrement=False)
    forecast_id: Mapped[int] = mapped_column(BigId, ForeignKey("forecasts.id"))
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    likely_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    safe_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stalls_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PromiseLevels(db.Model):
    """At which levels of their curves the promises of a branch hold, learned anew now and then."""

    __tablename__ = "promise_levels"

    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"), primary_key=True, autoincrement=False)
    level50: Mapped[float] = mapped_column(Float)
    level90: Mapped[float] = mapped_column(Float)
    learned_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LogPlace(db.Model):
    """How far in the sealed log a reader has come."""

    __tablename__ = "log_places"

    reader: Mapped[str] = mapped_column(String(20), primary_key=True)
    position: Mapped[int] = mapped_column(BigId, default=0)
