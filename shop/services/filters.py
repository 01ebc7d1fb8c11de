"""What the person asked the queue for: filters, order and place in the list, as query arguments and back.

The URL is the state. A view is a preset of the same arguments under a slug: the shop's own ones stand here, those that
people have saved in services/saved_views.py.
"""

import re
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shop.models.base import UtcDateTime
from shop.models.repair import Priority, Repair
from shop.models.workflow import OPEN, Party, State
from shop.services import numbers

LONGEST_SEARCH = 200
MOST_WORDS = 6
LARGEST_ID = 2**31 - 1

# Which part of the repairs: each is a condition of services/queue.py.
PARTS = ("open", "today", "late", "mine", "unassigned", "approve", "parts", "ready", "closed", "handed-over", "all")
PART_STATUS = {"approve": State.AWAITING_APPROVAL, "parts": State.AWAITING_PARTS, "ready": State.READY}
_NOT_OPEN = {"closed", "handed-over", "all"}

# Presets that are more than a part: slug -> arguments.
PRESETS: dict[str, dict[str, str]] = {
    "approval-over-2-days": {"view": "approve", "since": "2d", "sort": "since"},
    "at-risk": {"view": "open", "risk": "at_risk"},
    "stalled": {"view": "open", "risk": "stalled", "sort": "updated"},
    "ready-over-7-days": {"view": "ready", "since": "7d", "sort": "since"},
}
# The shop's own views, in the order of their tabs.
VIEWS = (
    "open", "late", "at-risk", "today", "mine", "unassigned", "approve", "parts", "ready",
    "stalled", "approval-over-2-days", "ready-over-7-days", "closed", "all",
)  # fmt: skip

# Order -> columns, all in one direction, the id last so that no two repairs are equal. Each is served by an index of
# the open part; closed work goes by number only.
ORDERS = {
    "due": (Repair.due_at, Repair.id),
    "since": (Repair.status_since, Repair.id),
    "updated": (Repair.updated_at, Repair.id),
    "priority": (Repair.priority, Repair.due_at, Repair.id),
    "number": (Repair.id,),
}
NEWEST_FIRST = frozenset({"updated", "number"})

# Spans that are counted for the tabs, shortest first; any other can be asked for too.
COUNTED_SPANS = ("1d", "2d", "7d", "14d")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}
# What is wrong with the date, see services/risk.py.
RISKS = ("late", "at_risk", "stalled")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Arguments beside the view and the page.
NAMES = ("status", "q", "assignee", "waiting", "since", "risk", "priority", "location", "tag", "closed", "sort")
PRIORITIES = {priority.slug: priority for priority in Priority}
_SLUG = "[a-z0-9-]{1,40}"


@dataclass(frozen=True, slots=True)
class Filters:
    """`faults` names arguments that cannot be used; then nothing matches.

    `slug` and `preset` are the view that was opened and its own arguments, where it is more than a part.
    """

    view: str = "open"
    status: str = ""
    q: str = ""
    assignee: str = ""
    waiting: str = ""
    since: str = ""
    risk: str = ""
    priority: str = ""
    location: str = ""
    tag: str = ""
    closed: str = ""
    sort: str = ""
    after: str = ""
    slug: str = ""
    preset: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def order(self) -> str:
        """Open work goes by due date unless asked otherwise; anything else by number, newest first."""
        if self.view in _NOT_OPEN:
            return "number"
        return self.sort if self.sort in ORDERS else "due"

    @property
    def by_due(self) -> bool:
        return self.order == "due"

    @property
    def is_open(self) -> bool:
        return self.view not in _NOT_OPEN

    @property
    def is_personal(self) -> bool:
        """True if they select other repairs for another person."""
        return self.view == "mine" or self.assignee == "me"

    @property
    def pasted(self) -> tuple[numbers.Number, ...]:
        """The numbers that were pasted, if the search is for two or more."""
        found = numbers.read_list(self.q)
        return found.numbers if found else ()

    @property
    def words(self) -> list[str]:
        """What every repair must have somewhere in its text."""
        return search_words(self.q) if self.q and not self.pasted else []

    @property
    def shows(self) -> str:
        """A short text that is another one when an address comes to mean other repairs, because its view changed."""
        values = "|".join((self.view, *[getattr(self, name) for name in NAMES], *self.faults))
        return f"{zlib.crc32(values.encode()):x}"

    @property
    def tab(self) -> str:
        """The view that they are exactly, or empty."""
        if not self.preset:
            return "" if any(getattr(self, name) for name in NAMES) else self.view
        return self.slug if self.arguments() == {"view": self.slug} else ""

    def arguments(self, **changes: str) -> dict[str, str]:
        """The same filters as query arguments, without the page.

        They name the view as long as nothing of it is taken away; else they say in full what is left of it.
        """
        values = {"view": self.view, **{name: getattr(self, name) for name in NAMES}, **changes}
        kept = dict(self.preset)
        if kept and "view" not in changes and all(values[name] for name in kept):
            more = {name: values[name] for name in NAMES if values[name] and values[name] != kept.get(name)}
            return {"view": self.slug, **more}
        if values["view"] == default_view(values) and (values["status"] or values["q"]):
            values["view"] = ""
        return {name: value for name, value in values.items() if value}


def parse_filters(arguments, *, views: dict[str, tuple[tuple[str, str], ...]] | None = None) -> Filters:
    """Filters from query arguments; nothing is refused, what cannot be used is named in `faults`.

    `views` are the saved views that the person may open: slug -> arguments. A console route asks
    `saved_views.read_filters`, which knows them.
    """
    slug = _text(arguments, "view")
    preset = tuple(PRESETS.get(slug, {}).items()) or (views or {}).get(slug, ())
    values: dict[str, Any] = {**dict(preset), **{name: value for name in NAMES if (value := _text(arguments, name))}}
    if not preset:
        values["view"] = slug or default_view(values)
    values["q"] = _searched(values.get("q", ""))
    own: dict[str, Any] = {"slug": slug, "preset": preset} if preset else {}
    filters = Filters(after=_text(arguments, "after"), **own, **values)
    return replace(filters, faults=tuple(_faults(filters)))


def _searched(text: str) -> str:
    """What is searched for, on one line; of many numbers as many as are looked up at once."""
    if pasted := numbers.read_list(text[: numbers.LONGEST_PASTE]):
        return ",".join(number.typed for number in pasted.numbers)
    return " ".join(text.split())[:LONGEST_SEARCH]


def default_view(values) -> str:
    """A search looks everywhere, a status in its own part, and the plain queue at open work."""
    if status := values.get("status"):
        return "open" if status in OPEN else "all"
    if values.get("closed"):
        return "closed"
    return "all" if values.get("q") and not values.get("since") else "open"


def asks_nothing(arguments) -> bool:
    """True for the plain address of the queue: then the person's own first view is meant."""
    return not any(_text(arguments, name) for name in ("view", "after", *NAMES))


def span(text: str) -> timedelta | None:
    """`36h` or `2d` as a span of time; None for anything else."""
    match = re.fullmatch("([1-9][0-9]{0,3})([hd])", text, re.ASCII)
    return int(match[1]) * _UNITS[match[2]] if match else None


def cursor_of(row, order: str) -> str:
    """The place of a row in an order, as it stands in the address of the next page."""
    return ".".join(str(_number(getattr(row, column.key))) for column in ORDERS[order])


def read_cursor(filters: Filters) -> tuple | None:
    """The values of the last row seen, one for each column of the order; None where they do not fit it."""
    columns, parts = ORDERS[filters.order], filters.after.split(".")
    if len(parts) != len(columns) or not all(re.fullmatch("[0-9]{1,17}", part, re.ASCII) for part in parts):
        return None
    values = tuple(_value(column, int(part)) for column, part in zip(columns, parts, strict=True))
    return None if None in values else values


def search_words(q: str) -> list[str]:
    """What is looked for: a number typed with spaces or a trunk prefix is one word, as it is stored."""
    bare = re.sub(r"[\s()+\-./]", "", q)
    if bare.isdecimal() and bare.isascii() and len(bare) >= 6:
        return [re.sub(r"^(00)?44(?=\d{9,})|^0+", "", bare) or bare]
    return list(dict.fromkeys(q.lower().split()))[:MOST_WORDS]


def _text(arguments, name: str) -> str:
    return arguments.get(name, "").replace("\x00", "").strip()


def _faults(filters: Filters):
    if filters.view not in PARTS:
        yield "view"
    if filters.status and filters.status not in list(State):
        yield "status"
    if filters.assignee and not re.fullmatch("me|nobody|[0-9]{1,9}", filters.assignee, re.ASCII):
        yield "assignee"
    if filters.waiting and filters.waiting not in list(Party):
        yield "waiting"
    if filters.risk and filters.risk not in RISKS:
        yield "risk"
    if filters.priority and filters.priority not in PRIORITIES:
        yield "priority"
    yield from (
        name for name in ("location", "tag") if not re.fullmatch(f"({_SLUG})?", getattr(filters, name), re.ASCII)
    )
    # Only the open part can say it without reading a million rows.
    if filters.since and (span(filters.since) is None or not filters.is_open):
        yield "since"
    if filters.closed and ((filters.closed != "today" and span(filters.closed) is None) or filters.is_open):
        yield "closed"
    if filters.sort and filters.sort not in ORDERS:
        yield "sort"
    elif filters.after and read_cursor(filters) is None:
        yield "after"


def _number(value) -> int:
    return (value - _EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else value


def _value(column, number: int):
    if isinstance(column.type, UtcDateTime):
        return _EPOCH + timedelta(microseconds=number)
    return number if number <= LARGEST_ID else None
