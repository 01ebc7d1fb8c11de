"""Tags: words of the shop's own by which tickets are told apart. They have no colour, for colour means something."""

import re
import unicodedata
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now

LONGEST_NAME = 40
BETWEEN = ", "


class Tag(db.Model):
    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    slug: Mapped[str] = mapped_column(String(LONGEST_NAME), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class RepairTag(db.Model):
    """That a repair has a tag. The names stand in `repairs.tags` as well, where lists and the search read them."""

    __tablename__ = "repair_tags"
    __table_args__ = (Index("ix_repair_tags_tag_id", "tag_id", "repair_id"),)

    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id"), primary_key=True)


def slug_of(name: str) -> str:
    """`liquid-damage` for "Liquid damage": two names with one slug are one tag. '' for a name without letters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_NAME]
