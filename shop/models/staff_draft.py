"""What a person of the staff has typed into a form and not saved yet."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now


class StaffDraft(db.Model):
    """One form about one thing. `fields` is JSON, see services/staff_drafts.py; it is the person's alone."""

    __tablename__ = "staff_drafts"
    __table_args__ = (
        UniqueConstraint("staff_id", "form", "record"),
        Index("ix_staff_drafts_updated_at", "updated_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    form: Mapped[str] = mapped_column(String(60))
    record: Mapped[str] = mapped_column(String(60), default="")
    address: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(String(120), default="")
    fields: Mapped[str] = mapped_column(Text, default="{}")
    version: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    discarded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
