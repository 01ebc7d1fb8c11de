"""The repair queue: which repairs, in which order, a page at a time.

Every statement here must cost the same at a million repairs as at a thousand: open work is read through
partial indexes, pages by keyset, search through one trigram index.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, and_, case, column, false, func, literal_column, select, table, text, tuple_

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.customer import Customer, Device
from shop.models.repair import Repair
from shop.models.staff import Staff
from shop.models.workflow import DONE, OPEN, Party, State

PAGE = 50
LONGEST_SEARCH = 200
MOST_WORDS = 6
SHOWN_PROBLEM = 120

# Preset views: what the tabs select.
VIEWS = ("open", "today", "late", "mine", "unassigned", "approve", "parts", "ready", "closed", "all")
_VIEW_STATUS = {"approve": State.AWAITING_APPROVAL, "parts": State.AWAITING_PARTS, "ready": State.READY}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the person asked for. `faults` names arguments that cannot be used; then nothing matches."""

    view: str = "open"
    status: str = ""
    q: str = ""
    assignee: str = ""
    waiting: str = ""
    after: str = ""
    faults: tuple[str, ...] = ()

    @property
    def by_due(self) -> bool:
        """Open work goes by due date, soonest first; anything else by number, newest first."""
        return self.view not in {"closed", "all"}

    def arguments(self, **changes) -> dict[str, str]:
        """The same filters as query arguments, without the page."""
        values = {
            "view": self.view,
            "status": self.status,
            "q": self.q,
            "assignee": self.assignee,
            "waiting": self.waiting,
        }
        values = {**values, **changes}
        if values["view"] == default_view(q=values["q"], status=values["status"]):
            values["view"] = ""
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the open part only."""

    by_status: dict[str, int] = field(default_factory=dict)
    late: int = 0
    today: int = 0
    mine: int = 0
    unassigned: int = 0

    @property
    def open(self) -> int:
        return sum(self.by_status.values())


@dataclass(frozen=True, slots=True)
class Page:
    rows: list
    next: str | None


def parse_filters(arguments) -> Filters:
    """Filters from query arguments; nothing is refused, what cannot be used is named in `faults`."""
    q = " ".join(arguments.get("q", "").replace("\x00", "").split())[:LONGEST_SEARCH]
    status = arguments.get("status", "").strip()
    filters = Filters(
        view=arguments.get("view", "").strip() or default_view(q=q, status=status),
        status=status,
        q=q,
        assignee=arguments.get("assignee", "").strip(),
        waiting=arguments.get("waiting", "").strip(),
        after=arguments.get("after", "").strip(),
    )
    return replace(filters, faults=tuple(_faults(filters)))


def default_view(*, q: str, status: str) -> str:
    """A search looks everywhere, a status in its own part, and the plain queue at open work."""
    if status:
        return "open" if status in OPEN else "all"
    return "all" if q else "open"


def page(filters: Filters, *, me: int, day_ends: datetime) -> Page:
    """At most PAGE rows. `day_ends` is when the shop's today is over, `me` whose `mine` means."""
    if filters.faults:
        return Page([], None)
    if filters.q and db.engine.dialect.name == "postgresql":
        # A prepared plan does not see the word: a rare and a common one need different plans.
        db.session.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
    cut = _cut(filters, me=me, day_ends=day_ends)
    rows = db.session.execute(_joined(cut, by_due=filters.by_due)).all()
    if len(rows) <= PAGE:
        return Page(rows, None)
    return Page(rows[:PAGE], _cursor(rows[PAGE - 1], by_due=filters.by_due))


def rows_of(numbers: list[str], filters: Filters, *, me: int, day_ends: datetime) -> tuple[list, set[str]]:
    """Rows of these tickets, and which of them the filters still show."""
    source = select(Repair).where(Repair.number.in_(numbers)).subquery()
    rows = db.session.execute(_joined(source, by_due=filters.by_due)).all()
    if filters.faults:
        return rows, set()
    shown = select(Repair.number).where(Repair.number.in_(numbers), *_conditions(filters, me=me, day_ends=day_ends))
    return rows, set(db.session.scalars(shown))


def count_open(*, me: int, day_ends: datetime) -> Counts:
    """Counts of the open part in one statement, read from one partial index."""

    def number(condition):
        return func.sum(case((condition, 1), else_=0))

    query = (
        select(
            Repair.status,
            func.count(),
            number(_is_late()),
            number(_is_due_before(day_ends)),
            number(Repair.assignee_id == me),
            number(Repair.assignee_id.is_(None)),
        )
        .where(literal_column("is_open"))
        .group_by(Repair.status)
    )
    rows = db.session.execute(query).all()
    return Counts({row[0]: row[1] for row in rows}, *(sum(row[i] for row in rows) for i in range(2, 6)))


def open_by_assignee() -> dict[int, int]:
    """How many open repairs each person has."""
    query = (
        select(Repair.assignee_id, func.count())
        .where(literal_column("is_open"), Repair.assignee_id.is_not(None))
        .group_by(Repair.assignee_id)
    )
    return dict(db.session.execute(query).all())


def _faults(filters: Filters):
    if filters.view not in VIEWS:
        yield "view"
    if filters.status and filters.status not in list(State):
        yield "status"
    if filters.assignee and filters.assignee not in {"me", "nobody"} and not re.fullmatch(r"\d{1,9}", filters.assignee):
        yield "assignee"
    if filters.waiting and filters.waiting not in list(Party):
        yield "waiting"
    if filters.after and _read_cursor(filters) is None:
        yield "after"


def _cut(filters: Filters, *, me: int, day_ends: datetime):
    """The page's rows before any join: a planner that joins first reads half the table."""
    query = select(Repair).where(*_conditions(filters, me=me, day_ends=day_ends))
    if filters.after:
        due_at, key = _read_cursor(filters)
        query = query.where(
            tuple_(Repair.due_at, Repair.id) > tuple_(due_at, key) if filters.by_due else Repair.id < key
        )
    order = (Repair.due_at, Repair.id) if filters.by_due else (Repair.id.desc(),)
    return query.order_by(*order).limit(PAGE + 1).subquery()


def _joined(cut, *, by_due: bool) -> Select:
    order = (cut.c.due_at, cut.c.id) if by_due else (cut.c.id.desc(),)
    return (
        select(
            cut.c.id,
            cut.c.number,
            cut.c.version,
            cut.c.status,
            cut.c.is_open,
            cut.c.waiting_on,
            cut.c.status_since,
            cut.c.due_at,
            cut.c.updated_at,
            cut.c.place,
            func.substr(cut.c.problem, 1, SHOWN_PROBLEM).label("problem"),
            Customer.name.label("customer"),
            Device.label.label("device"),
            cut.c.assignee_id,
            Staff.name.label("assignee"),
        )
        .select_from(cut)
        .join(Customer, Customer.id == cut.c.customer_id)
        .join(Device, Device.id == cut.c.device_id)
        .outerjoin(Staff, Staff.id == cut.c.assignee_id)
        .order_by(*order)
    )


def _conditions(filters: Filters, *, me: int, day_ends: datetime) -> list:
    conditions = list(_view_conditions(filters.view, me=me, day_ends=day_ends))
    if filters.status:
        conditions.append(Repair.status == filters.status)
    if filters.waiting:
        conditions.append(Repair.waiting_on == filters.waiting)
    if filters.assignee:
        person = {"me": me, "nobody": None}.get(filters.assignee, filters.assignee)
        conditions.append(Repair.assignee_id.is_(None) if person is None else Repair.assignee_id == int(person))
    if filters.q:
        conditions.append(_matches(filters.q))
    return conditions


def _view_conditions(view: str, *, me: int, day_ends: datetime):
    # Written as the partial indexes are, so that the planner sees that they apply.
    if view == "closed":
        yield literal_column("NOT is_open")
    elif view != "all":
        yield literal_column("is_open")
    if view == "late":
        yield _is_late()
    if view == "today":
        yield _is_due_before(day_ends)
    if view == "mine":
        yield Repair.assignee_id == me
    if view == "unassigned":
        yield Repair.assignee_id.is_(None)
    if view in _VIEW_STATUS:
        yield Repair.status == _VIEW_STATUS[view]


def _is_late():
    return and_(Repair.due_at < utc_now(), Repair.status.not_in(DONE))


def _is_due_before(moment: datetime):
    return and_(Repair.due_at >= utc_now(), Repair.due_at < moment, Repair.status.not_in(DONE))


def search_words(q: str) -> list[str]:
    """What is looked for: a number typed with spaces or a trunk prefix is one word, as it is stored."""
    bare = re.sub(r"[\s()+\-./]", "", q)
    if bare.isdecimal() and bare.isascii() and len(bare) >= 6:
        return [re.sub(r"^(00)?44(?=\d{9,})|^0+", "", bare) or bare]
    return list(dict.fromkeys(q.lower().split()))[:MOST_WORDS]


def _matches(q: str):
    words = search_words(q)
    by_word = _matches_in_sqlite if db.engine.dialect.name == "sqlite" else _contains
    return and_(*(by_word(word) for word in words)) if words else false()


def _contains(word: str):
    return Repair.search_text.contains(word, autoescape=True)


def _matches_in_sqlite(word: str):
    if len(word) < 3:
        return _contains(word)
    index = table("repair_search", column("rowid"))
    phrase = '"' + word.replace('"', '""') + '"'
    found = select(index.c.rowid).where(column("repair_search").op("MATCH")(phrase))
    return Repair.id.in_(found)


def _cursor(row, *, by_due: bool) -> str:
    return f"{int(row.due_at.timestamp() * 1_000_000)}.{row.id}" if by_due else str(row.id)


def _read_cursor(filters: Filters) -> tuple[datetime | None, int] | None:
    match = re.fullmatch(r"(?:(\d{1,17})\.)?(\d{1,15})", filters.after)
    if match is None or (match[1] is None) == filters.by_due:
        return None
    if match[1] is None:
        return None, int(match[2])
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(match[1])), int(match[2])
