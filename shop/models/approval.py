"""Work beyond what was agreed: offered to the customer, who says yes or no to its price."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.payment import Payment
from shop.models.repair import Repair
from shop.models.stored_card import StoredCard


class ApprovalState(StrEnum):
    OFFERED = "offered"
    APPROVED = "approved"
    DECLINED = "declined"
    # By us, before the customer has answered.
    RECALLED = "recalled"


class How(StrEnum):
    """By which way the customer answered."""

    LINK = "link"
    PHONE = "phone"
    IN_SHOP = "in_shop"


LONGEST_TEXT, LONGEST_NAME = 200, 120
_OPEN = text("state = 'offered'")


class Approval(db.Model):
    """One piece of extra work with its whole price, in minor units of `currency`.

    `name` is who answered, as they wrote it or as staff heard it; `payment_id` is the last charge for it, `card_id` the
    kept card that it was asked of.
    """

    __tablename__ = "approvals"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        Index("ix_approvals_repair_id", "repair_id", "id"),
        Index("ix_approvals_payment_id", "payment_id"),
        # One question at a time.
        Index("ux_approvals_open", "repair_id", unique=True, postgresql_where=_OPEN, sqlite_where=_OPEN),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    text: Mapped[str] = mapped_column(String(LONGEST_TEXT))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(8), default=ApprovalState.OFFERED)
    offered_by: Mapped[str] = mapped_column(String(40))
    offered_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    decided_by: Mapped[str] = mapped_column(String(40), default="")
    name: Mapped[str] = mapped_column(String(LONGEST_NAME), default="")
    how: Mapped[str] = mapped_column(String(8), default="")
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"))
    card_id: Mapped[int | None] = mapped_column(ForeignKey("stored_cards.id"))

    repair: Mapped[Repair] = relationship()
    payment: Mapped[Payment | None] = relationship()
    card: Mapped[StoredCard | None] = relationship()
