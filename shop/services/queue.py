"""The repair queue: which repairs, in which order, a page at a time.

Every statement here must cost the same at a million repairs as at a thousand: open work is read through
partial indexes, pages by keyset, search through one trigram index.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from sqlalchemy import (
    BindParameter,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    column,
    func,
    literal_column,
    select,
    table,
    tuple_,
)

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.customer import Customer, Device
from shop.models.repair import Repair
from shop.models.staff import Staff
from shop.models.workflow import NEVER_LATE, OPEN, Party, State
from shop.services.memory import LogState, log_state, recall
from shop.services.statements import as_written

PAGE = 50
LONGEST_SEARCH = 200
MOST_WORDS = 6
SHOWN_PROBLEM = 120
LARGEST_ID = 2**31 - 1

_INDEXED_FROM = 3
_ME, _NOW = bindparam("me", type_=Integer), bindparam("now", type_=UtcDateTime)
_DAY_ENDS, _AFTER_DUE = bindparam("day_ends", type_=UtcDateTime), bindparam("after_due", type_=UtcDateTime)
_AFTER_ID = bindparam("after_id", type_=Integer)

# Preset views: what the tabs select.
VIEWS = ("open", "today", "late", "mine", "unassigned", "approve", "parts", "ready", "closed", "all")
_VIEW_STATUS = {"approve": State.AWAITING_APPROVAL, "parts": State.AWAITING_PARTS, "ready": State.READY}


_COUNTS = (
    select(
        Repair.status,
        Repair.assignee_id,
        func.count(),
        func.count().filter(Repair.due_at < _NOW),
        func.count().filter(Repair.due_at >= _NOW, Repair.due_at < _DAY_ENDS),
    )
    .where(literal_column("is_open"))
    .group_by(Repair.status, Repair.assignee_id)
)


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

    @property
    def is_personal(self) -> bool:
        """True if they select other repairs for another person."""
        return self.view == "mine" or self.assignee == "me"

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
    """Of the open part only. `position` is how far the log was sealed when they were true."""

    by_status: dict[str, int] = field(default_factory=dict)
    by_assignee: dict[int | None, int] = field(default_factory=dict)
    late: int = 0
    today: int = 0
    position: int = 0

    @property
    def open(self) -> int:
        return sum(self.by_status.values())


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence
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


def page(filters: Filters, *, me: int, day_ends: datetime, state: LogState | None = None) -> Page:
    """At most PAGE rows. `day_ends` is when the shop's today is over, `me` whose `mine` means.

    A list that several people leaf through is kept while nothing changes, a search is not.
    """
    if filters.faults:
        return Page([], None)
    if filters.q:
        return _page(filters, me=me, day_ends=day_ends)
    key = ("page", filters, me if filters.is_personal else 0, day_ends, minute(utc_now()))
    return recall(state or log_state(), key, lambda: _page(filters, me=me, day_ends=day_ends))


def _page(filters: Filters, *, me: int, day_ends: datetime) -> Page:
    statement = _page_statement(_shape(filters), db.engine.dialect.name, PAGE + 1)
    rows = db.session.connection().execute(statement, _values(filters, me=me, day_ends=day_ends)).all()
    if len(rows) <= PAGE:
        return Page(rows, None)
    return Page(rows[:PAGE], _cursor(rows[PAGE - 1], by_due=filters.by_due))


def rows_of(numbers: list[str], filters: Filters, *, me: int, day_ends: datetime) -> tuple[Sequence, set[str]]:
    """Rows of these tickets, and which of them the filters still show."""
    source = select(Repair).where(Repair.number.in_(numbers)).subquery()
    rows = db.session.execute(_joined(source, by_due=filters.by_due)).all()
    if filters.faults:
        return rows, set()
    conditions = _conditions(_shape(filters), db.engine.dialect.name)
    shown = select(Repair.number).where(Repair.number.in_(numbers), *conditions)
    return rows, set(db.session.scalars(shown, _values(filters, me=me, day_ends=day_ends)))


def count_open(*, day_ends: datetime, state: LogState | None = None) -> Counts:
    """Counts of the open part in one statement, read from one partial index; kept while nothing changes.

    `state` is where the log stands, if the caller has read it before.
    """
    state, now = state or log_state(), utc_now()
    return recall(state, ("counts", day_ends, minute(now)), lambda: _count(state.position, now=now, day_ends=day_ends))


def minute(moment: datetime) -> int:
    """Its number since 1970: what depends on the time is kept for one at most."""
    return int(moment.timestamp()) // 60


def _count(position: int, *, now: datetime, day_ends: datetime) -> Counts:
    by_status: Counter[str] = Counter()
    by_assignee: Counter[int | None] = Counter()
    late = today = 0
    rows = db.session.connection().execute(_COUNTS, {"now": now, "day_ends": day_ends})
    for status, assignee, number, overdue, due in rows:
        by_status[status] += number
        by_assignee[assignee] += number
        if status not in NEVER_LATE:
            late, today = late + overdue, today + due
    return Counts(dict(by_status), dict(by_assignee), late=late, today=today, position=position)


def _faults(filters: Filters):
    if filters.view not in VIEWS:
        yield "view"
    if filters.status and filters.status not in list(State):
        yield "status"
    if (
        filters.assignee
        and filters.assignee not in {"me", "nobody"}
        and not re.fullmatch("[0-9]{1,9}", filters.assignee)
    ):
        yield "assignee"
    if filters.waiting and filters.waiting not in list(Party):
        yield "waiting"
    if filters.after and _read_cursor(filters) is None:
        yield "after"


@dataclass(frozen=True, slots=True)
class _Shape:
    """What of the filters decides the text of a statement. Building one costs more than running it."""

    view: str
    by_due: bool
    status: bool
    waiting: bool
    assignee: str
    words: tuple[bool, ...]
    after: bool


def _shape(filters: Filters) -> _Shape:
    return _Shape(
        view=filters.view,
        by_due=filters.by_due,
        status=bool(filters.status),
        waiting=bool(filters.waiting),
        assignee=filters.assignee and ("nobody" if filters.assignee == "nobody" else "someone"),
        words=tuple(len(word) < _INDEXED_FROM for word in search_words(filters.q)) if filters.q else (),
        after=bool(filters.after),
    )


def _values(filters: Filters, *, me: int, day_ends: datetime) -> dict:
    """The values of every parameter that a statement of this shape may have."""
    dialect = db.engine.dialect.name
    words = {
        f"word_{place}": _as_phrase(word) if dialect == "sqlite" and len(word) >= _INDEXED_FROM else _as_part(word)
        for place, word in enumerate(search_words(filters.q) if filters.q else ())
    }
    after_due, after_id = _read_cursor(filters) or (None, None)
    person = me if filters.assignee == "me" else int(filters.assignee) if filters.assignee.isdecimal() else None
    return {
        **words, "me": me, "now": utc_now(), "day_ends": day_ends, "status": filters.status, "person": person,
        "waiting": filters.waiting, "after_due": after_due, "after_id": after_id,
    }  # fmt: skip


@lru_cache(maxsize=256)
def _page_statement(shape: _Shape, dialect: str, most: int) -> Select:
    """The page's rows, cut before any join: a planner that joins first reads half the table."""
    query = select(Repair).where(*_conditions(shape, dialect))
    if shape.after and shape.by_due:
        query = query.where(tuple_(Repair.due_at, Repair.id) > tuple_(_AFTER_DUE, _AFTER_ID))
    elif shape.after:
        query = query.where(Repair.id < _AFTER_ID)
    order = (Repair.due_at, Repair.id) if shape.by_due else (Repair.id.desc(),)
    return _joined(query.order_by(*order).limit(as_written(most)).subquery(), by_due=shape.by_due)


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
            func.substr(cut.c.problem, as_written(1), as_written(SHOWN_PROBLEM)).label("problem"),
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


def _conditions(shape: _Shape, dialect: str) -> list:
    conditions = list(_view_conditions(shape.view))
    if shape.status:
        conditions.append(Repair.status == bindparam("status"))
    if shape.waiting:
        conditions.append(Repair.waiting_on == bindparam("waiting"))
    if shape.assignee == "nobody":
        conditions.append(Repair.assignee_id.is_(None))
    elif shape.assignee:
        conditions.append(Repair.assignee_id == bindparam("person"))
    for place, is_short in enumerate(shape.words):
        # A prepared plan does not see the word, and a rare and a common one need different plans: on PostgreSQL
        # the word is written into the statement, quoted by the dialect.
        word = bindparam(f"word_{place}", type_=String, literal_execute=dialect == "postgresql")
        conditions.append(_matches(word, indexed=not is_short, dialect=dialect))
    return conditions


def _view_conditions(view: str):
    # Written as the partial indexes are, so that the planner sees that they apply.
    if view == "closed":
        yield literal_column("NOT is_open")
    elif view != "all":
        yield literal_column("is_open")
    if view == "late":
        yield _is_late()
    if view == "today":
        yield _is_due_today()
    if view == "mine":
        yield Repair.assignee_id == _ME
    if view == "unassigned":
        yield Repair.assignee_id.is_(None)
    if view in _VIEW_STATUS:
        yield Repair.status == _VIEW_STATUS[view]


def _is_unfinished():
    # As text: parameters would be expanded anew at every run.
    return Repair.status.not_in([literal_column(f"'{state}'") for state in sorted(NEVER_LATE)])


def _is_late():
    return and_(Repair.due_at < _NOW, _is_unfinished())


def _is_due_today():
    return and_(Repair.due_at >= _NOW, Repair.due_at < _DAY_ENDS, _is_unfinished())


def search_words(q: str) -> list[str]:
    """What is looked for: a number typed with spaces or a trunk prefix is one word, as it is stored."""
    bare = re.sub(r"[\s()+\-./]", "", q)
    if bare.isdecimal() and bare.isascii() and len(bare) >= 6:
        return [re.sub(r"^(00)?44(?=\d{9,})|^0+", "", bare) or bare]
    return list(dict.fromkeys(q.lower().split()))[:MOST_WORDS]


def _matches(word: BindParameter, *, indexed: bool, dialect: str):
    """SQLite finds through its own index, which knows no word shorter than three letters."""
    if dialect != "sqlite" or not indexed:
        return Repair.search_text.like(word, escape="/")
    index = table("repair_search", column("rowid"))
    return Repair.id.in_(select(index.c.rowid).where(column("repair_search").op("MATCH")(word)))


def _as_part(word: str) -> str:
    return "%" + re.sub(r"([/%_])", r"/\1", word) + "%"


def _as_phrase(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _cursor(row, *, by_due: bool) -> str:
    return f"{int(row.due_at.timestamp() * 1_000_000)}.{row.id}" if by_due else str(row.id)


def _read_cursor(filters: Filters) -> tuple[datetime | None, int] | None:
    match = re.fullmatch(r"(?:([0-9]{1,17})\.)?([0-9]{1,10})", filters.after)
    if match is None or (match[1] is None) == filters.by_due or int(match[2]) > LARGEST_ID:
        return None
    if match[1] is None:
        return None, int(match[2])
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(match[1])), int(match[2])
