"""The words of names and devices that the shop has met, each once: what a mistyped word could have meant."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from shop.extensions import db

LONGEST = 40


class SearchWord(db.Model):
    """`spelling` is the word as it was first written: "iphone" is shown as "iPhone"."""

    __tablename__ = "search_words"

    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(String(LONGEST), unique=True)
    spelling: Mapped[str] = mapped_column(String(LONGEST))
