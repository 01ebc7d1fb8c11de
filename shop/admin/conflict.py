"""Two people changed the same ticket: what of it clashes, what merged by itself, and who was first."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from markupsafe import Markup, escape

from shop.models.repair import Repair
from shop.services import repairs, staff


@dataclass(frozen=True, slots=True)
class Clash:
    """One field that both changed; `*_marked` show what only that side says."""

    field: str
    yours: str
    theirs: str
    yours_marked: Markup
    theirs_marked: Markup


@dataclass(frozen=True, slots=True)
class Conflict:
    clashes: list[Clash]
    mine: list[str]
    colleagues: list[str]
    who: tuple[int, str] | None
    at: datetime | None


def describe(repair: Repair, clashing: dict, *, typed: dict[str, str], base: dict[str, str]) -> Conflict:
    """`clashing` is what `repairs.edit` refused: field -> (before, theirs, yours)."""
    now = repairs.editable_values(repair)
    free = [field for field in typed if field not in clashing]
    who, at = _last_editor(repair, set(clashing))
    return Conflict(
        clashes=[Clash(field, yours, theirs, *marked(yours, theirs)) for field, (_, theirs, yours) in clashing.items()],
        mine=[field for field in free if is_changed(typed[field], base[field])],
        colleagues=[field for field in free if is_changed(now[field], base[field])],
        who=who,
        at=at,
    )


def values_after(repair: Repair, *, typed: dict[str, str], base: dict[str, str]) -> dict[str, str]:
    """What the form goes on with: what was typed where something was, and elsewhere what is saved now."""
    now = repairs.editable_values(repair)
    return {field: value if is_changed(value, base[field]) else now[field] for field, value in typed.items()}


def is_changed(value: str, base: str) -> bool:
    return value.replace("\r\n", "\n").strip() != base.replace("\r\n", "\n").strip()


def marked(yours: str, theirs: str) -> tuple[Markup, Markup]:
    """Both texts with the words marked that the other does not have."""
    mine, other = _words(yours), _words(theirs)
    same = SequenceMatcher(
        None, [word.strip() for word in mine], [word.strip() for word in other]
    ).get_matching_blocks()
    return (
        Markup().join(_marks(mine, [(block.a, block.size) for block in same])),
        Markup().join(_marks(other, [(block.b, block.size) for block in same])),
    )


def _words(text: str) -> list[str]:
    """Each word with the space after it."""
    return re.findall(r"\S+\s*|\s+", text)


def _marks(words: list[str], same: list[tuple[int, int]]) -> Iterator[Markup]:
    at = 0
    for start, size in same:
        if different := "".join(words[at:start]):
            yield Markup("<mark>{}</mark>{}").format(different.rstrip(), different[len(different.rstrip()) :])
        yield escape("".join(words[start : start + size]))
        at = start + size


def _last_editor(repair: Repair, fields: set[str]) -> tuple[tuple[int, str] | None, datetime | None]:
    for event in repairs.timeline(repair):
        if event.verb == "repair.edited" and fields & set(json.loads(event.body)["fields"]):
            kind, _, key = event.actor.partition(":")
            who = (int(key), staff.names({int(key)}).get(int(key), "")) if kind == "staff" and key else None
            return who, datetime.fromisoformat(event.at)
    return None, None
