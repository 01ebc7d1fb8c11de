"""The keys under which a payment provider knows the shop, where the console keeps them and not the environment."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now


class ProviderKeys(db.Model):
    """One row a provider. `sealed` is the encrypted JSON of its settings by name, empty when they were taken away.

    `ending` are the last four characters of the secret one, so that people can tell which it is. The row stays when
    its keys go: its version tells other processes that something changed.
    """

    __tablename__ = "provider_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(10), unique=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    ending: Mapped[str] = mapped_column(String(4), default="")
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    version: Mapped[int] = mapped_column(default=0)
