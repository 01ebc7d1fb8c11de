"""What a person did a moment ago, and how it is taken back."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now

# How long an act can be taken back.
UNDO_SECONDS = 10
# A message leaves that much later, so that who undoes in the last moment is not beaten by their own network.
GRACE_SECONDS = 2


class UndoableAct(db.Model):
    """One act of one person, which may be on many tickets. `steps` is JSON, see services/undo.py."""

    __tablename__ = "undoable_acts"
    __table_args__ = (
        Index("ix_undoable_acts_staff_id", "staff_id", "created_at"),
        Index("ix_undoable_acts_expires_at", "expires_at"),
    )

    token: Mapped[str] = mapped_column(String(32), primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    steps: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
