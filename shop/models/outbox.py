"""Messages to customers, as they were written."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.event import BigId
from shop.models.repair import Repair


class OutboxMessage(db.Model):
    """One mail. The unique delivery makes a handler that runs twice write it once."""

    __tablename__ = "outbox_messages"
    __table_args__ = (Index("ix_outbox_messages_repair_id", "repair_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(BigId, ForeignKey("deliveries.id"), unique=True)
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))
    template: Mapped[str] = mapped_column(String(40))
    locale: Mapped[str] = mapped_column(String(5))
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(250))
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(12), default="captured")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    repair: Mapped[Repair | None] = relationship()
