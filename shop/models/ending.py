"""How a ticket ends without its work being done: merged into another one, or deleted. Who and when says the log."""

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from shop.extensions import db


class MergedRepair(db.Model):
    """A duplicate, which is cancelled, and the ticket that its work goes on in."""

    __tablename__ = "merged_repairs"
    __table_args__ = (Index("ix_merged_repairs_into_id", "into_id"),)

    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"), primary_key=True, autoincrement=False)
    into_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))


class DeletedRepair(db.Model):
    """What is left of a deleted ticket: its number, which is never given again. Its row is gone."""

    __tablename__ = "deleted_repairs"

    repair_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[str] = mapped_column(String(16), unique=True)
