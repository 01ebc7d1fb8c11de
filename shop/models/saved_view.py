"""Views of the queue that people keep: a name for a set of filters, their own or the whole shop's."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.staff import Staff

LONGEST_NAME = 40


class SavedView(db.Model):
    """`arguments` is JSON, the filters as query arguments. The slug stays when the name changes, as links do."""

    __tablename__ = "saved_views"
    # An id is never given out again: the newest one tells that something was added (services/memory.py).
    __table_args__ = (Index("ix_saved_views_owner_id", "owner_id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    owner_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    is_shared: Mapped[bool] = mapped_column(default=False)
    arguments: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    version: Mapped[int] = mapped_column(default=0)

    owner: Mapped[Staff] = relationship()


class RoleView(db.Model):
    """The view that opens first for everybody of a role who has not chosen one; empty for the whole open queue."""

    __tablename__ = "role_views"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(String(20), unique=True)
    slug: Mapped[str] = mapped_column(String(60), default="")
    version: Mapped[int] = mapped_column(default=0)
