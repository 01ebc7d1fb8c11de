"""A customer's account: an address that was proved by a link, a password, and the tokens that open it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now


class CustomerAccount(db.Model):
    """One address. Without a password it only remembers that somebody asked for a link, and is soon forgotten.

    The log names accounts by their id for ever, so an id is never given twice, not even on SQLite.
    """

    __tablename__ = "customer_accounts"
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    version: Mapped[int] = mapped_column(default=0)


class Purpose(StrEnum):
    LINK = "link"
    SIGN_IN = "sign_in"


class AccountToken(db.Model):
    """A link that was mailed, or one signed-in browser. Only the hash is kept; deleting the row ends it."""

    __tablename__ = "account_tokens"
    __table_args__ = (
        Index("ix_account_tokens_account_id", "account_id"),
        Index("ix_account_tokens_expires_at", "expires_at"),
    )

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("customer_accounts.id"))
    purpose: Mapped[str] = mapped_column(String(10))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    account: Mapped[CustomerAccount] = relationship()
