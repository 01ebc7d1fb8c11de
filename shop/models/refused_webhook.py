"""Messages that were sent to the address of a provider's webhooks and refused."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shop.extensions import db
from shop.models.base import UtcDateTime
from shop.models.event import BigId

# In an hour and of one provider; what comes then is counted on the last of them.
ROWS_AN_HOUR = 20


class Refusal(StrEnum):
    NOT_SET_UP = "not_set_up"
    UNSIGNED = "unsigned"
    FORGED = "forged"
    STALE = "stale"
    CERTIFICATE = "certificate"
    UNREADABLE = "unreadable"
    OTHER_MODE = "other_mode"


class RefusedWebhook(db.Model):
    """One that was refused, without its body; the last of an hour stands for `times`.

    `claimed_id` and `claimed_kind` are what it says of itself: nobody has signed that. `source` is the network that
    sent it, not the address.
    """

    __tablename__ = "refused_webhooks"
    __table_args__ = (
        UniqueConstraint("provider", "hour", "place"),
        CheckConstraint(f"place BETWEEN 1 AND {ROWS_AN_HOUR}", name="place"),
        Index("ix_refused_webhooks_received_at", "received_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    provider: Mapped[str] = mapped_column(String(10))
    hour: Mapped[datetime] = mapped_column(UtcDateTime)
    place: Mapped[int]
    times: Mapped[int] = mapped_column(default=1)
    reason: Mapped[str] = mapped_column(String(12))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    size: Mapped[int]
    claimed_id: Mapped[str] = mapped_column(String(120), default="")
    claimed_kind: Mapped[str] = mapped_column(String(80), default="")
    source: Mapped[str] = mapped_column(String(45), default="")
