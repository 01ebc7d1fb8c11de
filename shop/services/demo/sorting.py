"""How the demo shop sorts its work: two branches, and tags that staff would really write."""

import json
import random
import re

from sqlalchemy import select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.location import Closure, Location
from shop.models.tag import BETWEEN, Tag, slug_of

# Ten to seven, Sundays from eleven to five: another street, other hours.
_WEEK = [[["10:00", "19:00"]]] * 6 + [[["11:00", "17:00"]]]
_SECOND_SHARE = 0.3
# By what was said of the fault.
_BY_WORDS = (
    ("Liquid damage", re.compile(r"water|liquid|spill|\bwet\b|coffee|\btea\b|damp", re.I)),
    ("Data at risk", re.compile(r"\bdata\b|photos|recover|back.?up|hard ?d", re.I)),
)
# By chance, in so many of a hundred.
_BY_CHANCE = (("Business customer", 4), ("Came back", 3), ("Charger left with it", 5))


class Sorting:
    """Says of each repair in which branch it is and what it is tagged with."""

    def __init__(self, home: Location, *, rng: random.Random):
        # Chance of its own, so that all else of the shop stays what it was.
        self._rng = random.Random(rng.getrandbits(64))
        self._home, self._second = home.id, _second_branch(home).id
        self._tags = {name: _tag(name).id for name, _ in (*_BY_WORDS, *_BY_CHANCE)}

    def branch(self) -> int:
        return self._second if self._rng.random() < _SECOND_SHARE else self._home

    def tags(self, problem: str) -> list[str]:
        """Names of tags, in order."""
        said = [name for name, words in _BY_WORDS if words.search(problem)]
        return sorted(said + [name for name, share in _BY_CHANCE if self._rng.random() * 100 < share])

    def ids(self, names: str) -> list[int]:
        """Of the names as `repairs.tags` has them."""
        return [self._tags[name] for name in names.split(BETWEEN)] if names else []


def _second_branch(home: Location) -> Location:
    found = db.session.scalar(select(Location).where(Location.slug == "camden"))
    if found is None:
        found = Location(
            name="RevivaTech Camden", slug="camden", address="88 Chalk Farm Road, London NW1 8AR",
            phone="020 7946 0733", pickup_postcodes="NW1 NW3 NW5 N7", week=json.dumps(_WEEK),
            closures=[Closure(day=closure.day, name=closure.name) for closure in home.closures],
        )  # fmt: skip
        db.session.add(found)
        db.session.flush()
    return found


def _tag(name: str) -> Tag:
    found = db.session.scalar(select(Tag).where(Tag.slug == slug_of(name)))
    if found is None:
        found = Tag(name=name, slug=slug_of(name), created_at=utc_now())
        db.session.add(found)
        db.session.flush()
    return found
