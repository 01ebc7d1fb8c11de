"""What a mistyped search could have meant: its words beside the words that the shop knows.

A shop with a million repairs has some ten thousand different words in its customers' names and its devices. They stand
in one small table, every process keeps them in memory, and comparing a word with all of them takes a few milliseconds.
The table is fed by every transaction that writes a customer or a device; nobody has to remember to.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product

from flask import current_app
from rapidfuzz import process
from rapidfuzz.distance import OSA
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from shop.extensions import db
from shop.models.customer import Customer, Device
from shop.models.search_word import LONGEST, SearchWord
from shop.services.statements import insert_if_absent

SHORTEST = 3
# A shorter word is as near to dozens of others.
SHORTEST_MISTYPED = 4
_TWO_LETTERS_OFF_FROM = 6
MOST_GUESSES = 4
_NEAREST = 4
_BATCH = 1_000
# Ids are given out before their transactions commit, so the last ones are read again.
_OVERLAP = 500
_NEW = "new_words"
_FIELDS = {Customer: "name", Device: "label"}
_WORD = re.compile(r"[^\W_]+")
# "s24ultra" is two words, as is "iphone14".
_JOINT = re.compile(r"(?<=\d)(?=[^\W\d_]{3})|(?<=[^\W\d_]{3})(?=\d)")


@dataclass(slots=True)
class Vocabulary:
    """Word -> its spelling and its id, as far as the table has been read."""

    spellings: dict[str, str] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    last: int = 0


def read() -> Vocabulary:
    """The words that the shop knows now. One statement, for those that were added since."""
    vocabulary: Vocabulary = current_app.extensions.setdefault("shop_words", Vocabulary())
    query = select(SearchWord.id, SearchWord.word, SearchWord.spelling).order_by(SearchWord.id)
    rows = db.session.connection().execute(query.where(SearchWord.id > vocabulary.last - _OVERLAP)).all()
    for id_, word, spelling in rows:
        vocabulary.spellings[word], vocabulary.ids[word] = spelling, id_
        vocabulary.last = max(vocabulary.last, id_)
    return vocabulary


def guesses(q: str, vocabulary: Vocabulary) -> list[str]:
    """Searches that are near to `q` and that it is not, the nearest first; at most MOST_GUESSES.

    A word of four or five letters may be one letter off, a longer one two: missing, too many, another, or two that
    changed places. Numbers are never guessed. Whether anything is found by them is for the caller to see.
    """
    typed = _JOINT.sub(" ", " ".join(q.lower().split())).split()
    choices = [_near(word, vocabulary, is_last=place == len(typed) - 1) for place, word in enumerate(typed)]
    ranked = sorted(product(*choices), key=lambda words: sum(distance for _word, distance in words))
    found = [" ".join(vocabulary.spellings.get(word, word) for word, _distance in words) for words in ranked]
    return [guess for guess in dict.fromkeys(found) if guess.lower() != " ".join(q.lower().split())][:MOST_GUESSES]


def ids_of(part: str, vocabulary: Vocabulary, *, most: int, is_beginning: bool = False) -> list[int]:
    """Of the words that hold the part, or begin with it; none where there are more than `most`, or it is no word."""
    if len(part) < SHORTEST or not _WORD.fullmatch(part):
        return []
    found = [
        id_ for word, id_ in vocabulary.ids.items() if part in word and (not is_beginning or word.startswith(part))
    ]
    return found if len(found) <= most else []


def words_of(text: str) -> set[str]:
    """The different words of a text that the shop would know them by."""
    return {word for word in map(str.lower, _WORD.findall(text)) if SHORTEST <= len(word) <= LONGEST}


def is_like(text: str, q: str) -> bool:
    """Whether each word of `q` begins a word of `text`, or would but for one letter. For short lists of names."""
    known = _WORD.findall(text.lower())
    return all(any(_begins(word, part) for word in known) for part in q.lower().split())


def gather() -> int:
    """Adds the words of all customers and devices that are there; for rows that were not written one by one.

    Harmless when called again. Returns how many words the shop knows; the caller commits.
    """
    found: dict[str, str] = {}
    for model, name in _FIELDS.items():
        for text in db.session.scalars(select(getattr(model, name)).distinct()):
            _take(text, found)
    _add(db.session, found)
    return len(found)


def _begins(word: str, part: str) -> bool:
    if word.startswith(part) or len(part) < SHORTEST_MISTYPED:
        return word.startswith(part)
    return any(OSA.distance(part, word[: len(part) + more], score_cutoff=1) <= 1 for more in (-1, 0, 1))


def _near(word: str, vocabulary: Vocabulary, *, is_last: bool) -> list[tuple[str, int]]:
    """Known words like this one with how many letters they are off; itself if it is none that could be mistyped."""
    if len(word) < SHORTEST_MISTYPED or not word.isalpha() or word in vocabulary.spellings:
        return [(word, 0)]
    most = 2 if len(word) >= _TWO_LETTERS_OFF_FROM else 1
    found = process.extract(
        word, vocabulary.spellings.keys(), scorer=OSA.distance, score_cutoff=most, limit=_NEAREST, processor=None
    )
    near = [(known, int(distance)) for known, distance, _place in found]
    if not near and is_last:
        near = _beginnings(word, vocabulary)
    return sorted(near, key=lambda one: (one[1], one[0][0] != word[0])) or [(word, 0)]


def _beginnings(word: str, vocabulary: Vocabulary) -> list[tuple[str, int]]:
    """Longer words that begin like this one but for a letter: who types is not at the end yet."""
    cut = {known: known[: len(word)] for known in vocabulary.spellings if len(known) > len(word)}
    found = process.extract(word, cut, scorer=OSA.distance, score_cutoff=1, limit=_NEAREST, processor=None)
    return [(known, int(distance)) for _beginning, distance, known in found]


def _take(text: str, found: dict[str, str]) -> None:
    for spelling in _WORD.findall(text):
        if SHORTEST <= len(spelling) <= LONGEST:
            found.setdefault(spelling.lower(), spelling)


def _add(session, found: dict[str, str]) -> None:
    rows = [{"word": word, "spelling": spelling} for word, spelling in sorted(found.items())]
    for start in range(0, len(rows), _BATCH):
        session.execute(insert_if_absent(SearchWord, unique=["word"], values=rows[start : start + _BATCH]))


def _texts(rows: Iterable) -> Iterable[str]:
    for row in rows:
        name = _FIELDS.get(type(row))
        if name and (text := getattr(row, name)):
            yield text


@event.listens_for(Session, "before_flush")
def _note(session, _context, _instances) -> None:
    for text in _texts((*session.new, *session.dirty)):
        _take(text, session.info.setdefault(_NEW, {}))


@event.listens_for(Session, "before_commit")
def _remember(session) -> None:
    """Last of all in the transaction and in the order of the alphabet: nobody who waits here holds what we need."""
    if session.new or session.dirty:
        session.flush()
    found = session.info.pop(_NEW, None)
    if not found:
        return
    # Most names and devices have come before: then nothing is written.
    vocabulary = current_app.extensions.get("shop_words") if current_app else None
    known = vocabulary.spellings if vocabulary else {}
    _add(session, {word: spelling for word, spelling in found.items() if word not in known})
