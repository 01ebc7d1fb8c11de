"""A card that a customer keeps ready for work that they approve. The number itself is never ours: Stripe has it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.payment import new_key
from shop.models.repair import Repair

# Counted up with each change of the words that a customer agrees to.
MANDATE_VERSION = 1
CANCELLED = "setup_intent_canceled"


class CardState(StrEnum):
    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"
    REMOVED = "removed"


_READY = text("state = 'ready'")
_PENDING = text("state = 'pending'")


class StoredCard(db.Model):
    """One card for one repair, written before Stripe hears of it.

    `key` makes the idempotency keys and names us in Stripe's metadata. `agreed_at` is when the customer agreed to the
    words of `mandate_version`; `removed_at` when it was taken back, `detached_at` when Stripe has let go of it.
    """

    __tablename__ = "stored_cards"
    __table_args__ = (
        Index("ix_stored_cards_repair_id", "repair_id", "id"),
        Index("ix_stored_cards_customer_id", "customer_id"),
        Index("ix_stored_cards_setup_ref", "setup_ref", unique=True),
        # A repair has one card that can be charged.
        Index("ux_stored_cards_ready", "repair_id", unique=True, postgresql_where=_READY, sqlite_where=_READY),
        Index("ux_stored_cards_pending", "repair_id", unique=True, postgresql_where=_PENDING, sqlite_where=_PENDING),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True, default=new_key)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    customer_ref: Mapped[str | None] = mapped_column(String(64))
    method_ref: Mapped[str | None] = mapped_column(String(64))
    setup_ref: Mapped[str | None] = mapped_column(String(64))
    brand: Mapped[str] = mapped_column(String(20), default="")
    last4: Mapped[str] = mapped_column(String(4), default="")
    expires_month: Mapped[int | None]
    expires_year: Mapped[int | None]
    mandate_version: Mapped[int] = mapped_column(default=MANDATE_VERSION)
    agreed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    state: Mapped[str] = mapped_column(String(8), default=CardState.PENDING)
    failure_code: Mapped[str] = mapped_column(String(60), default="")
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    detached_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=0)

    repair: Mapped[Repair] = relationship()

    def idempotency_key(self, step: str) -> str:
        """The same for each try of one step."""
        return card_key(self.key, step)

    @property
    def label(self) -> str:
        return f"{self.brand} {self.last4}".strip()


def card_key(key: str, step: str) -> str:
    return f"card-{key}-{step}"
