"""The repair order: root of everything that is done to one device in one visit."""

import secrets
from datetime import datetime
from enum import IntEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.customer import Customer, Device
from shop.models.location import Location
from shop.models.staff import Staff
from shop.models.workflow import WAITING_ON, State, is_open

FIRST_NUMBER = 10_001
_OPEN = text("is_open")
_RAISED = text("priority < 3")


class Priority(IntEnum):
    """What is done first. Almost everything is normal, or the word says nothing."""

    URGENT = 1
    HIGH = 2
    NORMAL = 3

    @property
    def slug(self) -> str:
        return self.name.lower()


def new_tracking_token() -> str:
    """128 random bits: nobody guesses a repair's private link."""
    return secrets.token_urlsafe(16)


class Repair(db.Model):
    __tablename__ = "repairs"
    __table_args__ = (
        CheckConstraint("version >= 0", name="version"),
        Index("ix_repairs_open_due", "due_at", "id", postgresql_where=_OPEN, sqlite_where=_OPEN),
        # Serves a status in order of due date, and holds all that the counts of the open part need.
        Index(
            "ix_repairs_open_status",
            "status",
            "due_at",
            "id",
            "assignee_id",
            "status_since",
            "updated_at",
            postgresql_where=_OPEN,
            sqlite_where=_OPEN,
        ),
        # The other orders of the queue (services/filters.py).
        Index("ix_repairs_open_since", "status_since", "id", postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_repairs_open_updated", "updated_at", "id", postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_repairs_open_priority", "priority", "due_at", "id", postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_repairs_open_id", "id", postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_repairs_status_id", "status", "id"),
        Index("ix_repairs_assignee_id", "assignee_id", "id"),
        Index("ix_repairs_customer_id", "customer_id"),
        Index("ix_repairs_device_id", "device_id"),
        Index("ix_repairs_closed_at", "closed_at"),
        Index("ix_repairs_location_id", "location_id", "id"),
        Index("ix_repairs_priority", "priority", "id", postgresql_where=_RAISED, sqlite_where=_RAISED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(16), unique=True)
    tracking_token: Mapped[str] = mapped_column(String(32), unique=True, default=new_tracking_token)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"))
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    quote_id: Mapped[int | None] = mapped_column(ForeignKey("quotes.id"))
    status: Mapped[str] = mapped_column(String(20), default=State.RECEIVED)
    is_open: Mapped[bool] = mapped_column(default=True)
    status_since: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    waiting_on: Mapped[str | None] = mapped_column(String(12), default=WAITING_ON[State.RECEIVED])
    priority: Mapped[int] = mapped_column(default=Priority.NORMAL)
    service_type: Mapped[str] = mapped_column(String(10), default="in_store")
    urgency: Mapped[str] = mapped_column(String(10), default="standard")
    problem: Mapped[str] = mapped_column(Text, default="")
    diagnosis: Mapped[str] = mapped_column(Text, default="")
    work: Mapped[str] = mapped_column(String(200), default="")
    # Planned minutes of the repairs that were asked for; None where the price list knows none of them.
    work_minutes: Mapped[int | None]
    place: Mapped[str] = mapped_column(String(40), default="")
    # Names of its tags, see RepairTag.
    tags: Mapped[str] = mapped_column(Text, default="")
    total: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str] = mapped_column(String(3), default="GBP")
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=0)
    search_text: Mapped[str] = mapped_column(Text, default="")

    location: Mapped[Location] = relationship()
    customer: Mapped[Customer] = relationship()
    device: Mapped[Device] = relationship()
    assignee: Mapped[Staff | None] = relationship()
    lines: Mapped[list["RepairLine"]] = relationship(
        cascade="all, delete-orphan", order_by="RepairLine.position", back_populates="repair"
    )

    def enter(self, state: State, *, at: datetime) -> None:
        """Puts the repair into `state` with all that follows from it. Whether it may is asked before."""
        self.status = state
        self.status_since = at
        self.is_open = is_open(state)
        self.waiting_on = WAITING_ON.get(state)
        self.closed_at = None if self.is_open else at

    def refresh_search_text(self) -> None:
        """All that a person may look for, in one lower-case text under one trigram index."""
        self.search_text = search_text(
            self.number,
            self.customer.name,
            self.customer.phone,
            self.customer.email,
            self.device.label,
            self.device.imei,
            self.device.serial,
            self.problem,
            self.tags,
        )


class RepairLine(db.Model):
    """One line of the price promised at booking, in minor units."""

    __tablename__ = "repair_lines"
    __table_args__ = (Index("ix_repair_lines_repair_id", "repair_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    repair_type_id: Mapped[int | None] = mapped_column(ForeignKey("repair_types.id"))
    position: Mapped[int] = mapped_column(default=0)
    label: Mapped[str] = mapped_column(String(200))
    amount: Mapped[int]
    repair: Mapped[Repair] = relationship(back_populates="lines")


class Note(db.Model):
    """An internal note: staff only, never shown to the customer."""

    __tablename__ = "notes"
    __table_args__ = (Index("ix_notes_repair_id", "repair_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    author: Mapped[Staff] = relationship()


class Presence(db.Model):
    """Who has a ticket open, and in which field they type. A row older than its life counts as gone."""

    __tablename__ = "presence"

    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"), primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), primary_key=True)
    field: Mapped[str] = mapped_column(String(40), default="")
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


def search_text(*parts: str) -> str:
    return " ".join(part for part in parts if part).lower()
