"""The words of names and devices that the shop has met, each once: what a mistyped word could have meant."""

from enum import IntEnum

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


class Kind(IntEnum):
    """What a word was used for."""

    CUSTOMER = 1
    REPAIR = 2


class WordUse(db.Model):
    """A customer whose name holds the word, or a repair whose customer's name or device does.

    A short way to the newest ones and no more: of a word that many use the older are forgotten, and a row says nothing
    that is not looked at again in what it names. It is no reference, for it may name what is gone.
    """

    __tablename__ = "word_uses"

    kind: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    word_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    row_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
