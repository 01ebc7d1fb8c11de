"""The repair queue: which repairs, in which order, a page at a time.

Every statement here must cost the same at a million repairs as at a thousand: open work is read through
partial indexes, pages by keyset, search through one trigram index.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
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
    union_all,
)
from sqlalchemy.orm import aliased

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.customer import Customer, Device
from shop.models.location import Location
from shop.models.promise import Outlook
from shop.models.repair import Priority, Repair
from shop.models.staff import Staff
from shop.models.tag import RepairTag, Tag
from shop.models.workflow import State
from shop.services import numbers, risk
from shop.services.filters import (
    LARGEST_ID,
    NEWEST_FIRST,
    ORDERS,
    PART_STATUS,
    PRIORITIES,
    VIEWS,
    Filters,
    cursor_of,
    parse_filters,
    read_cursor,
    search_words,
    span,
)
from shop.services.memory import LogState, log_state, recall
from shop.services.queue_counts import Counts, count_open, minute
from shop.services.statements import as_written

__all__ = [
    "LARGEST_ID", "PAGE", "VIEWS", "Counts", "Filters", "Page", "cards", "count_open", "ids", "minute", "page",
    "parse_filters", "rows_of", "search_words",
]  # fmt: skip

PAGE = 50
SHOWN_PROBLEM = 120

_INDEXED_FROM = 3
_ME, _NOW = bindparam("me", type_=Integer), bindparam("now", type_=UtcDateTime)
_DAY_ENDS = bindparam("day_ends", type_=UtcDateTime)
# The branch is said where it is not the first one.
_HOME = select(func.min(Location.id)).scalar_subquery()


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence
    next: str | None


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
    return Page(rows[:PAGE], cursor_of(rows[PAGE - 1], filters.order))


def cards(
    filters: Filters, statuses: Sequence[str], *, me: int, day_ends: datetime, most: int, state: LogState | None = None
) -> Sequence:
    """The first `most` rows of each of these statuses, in the order of the filters: one statement for all."""
    if filters.faults or not statuses:
        return []
    if filters.q:
        return _cards(filters, statuses, me=me, day_ends=day_ends, most=most)
    key = ("cards", filters, tuple(statuses), most, me if filters.is_personal else 0, day_ends, minute(utc_now()))
    return recall(state or log_state(), key, lambda: _cards(filters, statuses, me=me, day_ends=day_ends, most=most))


def _cards(filters: Filters, statuses: Sequence[str], *, me: int, day_ends: datetime, most: int) -> Sequence:
    statement = _cards_statement(_shape(filters), db.engine.dialect.name, tuple(statuses), most)
    return db.session.connection().execute(statement, _values(filters, me=me, day_ends=day_ends)).all()


def first_rows(filters: Filters, *, most: int, me: int, day_ends: datetime) -> Sequence:
    """The first rows of a list, for where a whole page would be too many."""
    statement = _page_statement(_shape(filters), db.engine.dialect.name, most)
    return db.session.connection().execute(statement, _values(filters, me=me, day_ends=day_ends)).all()


def rows_of_ids(found: Sequence[int]) -> Sequence:
    """Rows of these repairs, the newest first."""
    return db.session.connection().execute(_by_ids(), {"ids": list(found)}).all()


def first_due_at(filters: Filters, moment: datetime, *, me: int, day_ends: datetime) -> Sequence:
    """The first row of a list by due date of which the first is known to be due at this moment. At most one."""
    statement = _due_at_statement(_shape(filters), db.engine.dialect.name)
    values = {**_values(filters, me=me, day_ends=day_ends), "due_at": moment}
    return db.session.connection().execute(statement, values).all()


def count_matches(filters: Filters, *, most: int, me: int, day_ends: datetime) -> int:
    """How many repairs they select; one more than `most` stands for any larger number."""
    conditions = _conditions(_shape(filters), db.engine.dialect.name)
    cut = select(Repair.id).where(*conditions).limit(as_written(most + 1)).subquery()
    values = _values(filters, me=me, day_ends=day_ends)
    return db.session.connection().execute(select(func.count()).select_from(cut), values).scalar_one()


def rows_of(tickets: list[str], filters: Filters, *, me: int, day_ends: datetime) -> tuple[Sequence, set[str]]:
    """Rows of these tickets, and which of them the filters still show."""
    source = select(Repair).where(Repair.number.in_(tickets)).subquery()
    rows = db.session.execute(_joined(source, order=filters.order)).all()
    if filters.faults:
        return rows, set()
    conditions = _conditions(_shape(filters), db.engine.dialect.name)
    shown = select(Repair.number).where(Repair.number.in_(tickets), *conditions)
    return rows, set(db.session.scalars(shown, _values(filters, me=me, day_ends=day_ends)))


def ids(filters: Filters, *, me: int, day_ends: datetime, most: int) -> Sequence[int]:
    """Of all that the filters select, not of one page, in their order, at most so many."""
    if filters.faults:
        return []
    filters = replace(filters, after="")
    query = _cut(_shape(filters), db.engine.dialect.name, most).with_only_columns(Repair.id)
    return db.session.scalars(query, _values(filters, me=me, day_ends=day_ends)).all()


def ids_of(numbers: Sequence[str]) -> list[int]:
    """Of these tickets, in this order; what is no ticket's number is left out."""
    found = {
        row.number: row.id
        for row in db.session.execute(select(Repair.number, Repair.id).where(Repair.number.in_(numbers)))
    }
    return [found[number] for number in numbers if number in found]


def batch(filters: Filters, *, me: int, day_ends: datetime, most: int) -> Page:
    """At most so many rows from the filters' place in the list, with all that a file of them holds."""
    if filters.faults:
        return Page([], None)
    shape, values = _shape(filters), _values(filters, me=me, day_ends=day_ends)
    statement = _batch_statement(shape, db.engine.dialect.name, most + 1)
    rows = db.session.connection().execute(statement, values).all()
    if len(rows) <= most:
        return Page(rows, None)
    return Page(rows[:most], cursor_of(rows[most - 1], filters.order))


def full_rows(numbers: Sequence[str]) -> Sequence:
    """Rows of these tickets as `batch` gives them, in no order."""
    cut = select(Repair).where(Repair.number.in_(numbers)).subquery()
    return db.session.connection().execute(_full(cut, order="number")).all()


@dataclass(frozen=True, slots=True)
class _Shape:
    """What of the filters decides the text of a statement. Building one costs more than running it."""

    view: str
    order: str
    status: bool
    waiting: bool
    since: bool
    risk: str
    assignee: str
    priority: str
    location: bool
    tag: bool
    closed: bool
    words: tuple[bool, ...]
    kinds: tuple[str, ...]
    after: bool


def _shape(filters: Filters) -> _Shape:
    return _Shape(
        view=filters.view,
        order=filters.order,
        status=bool(filters.status),
        waiting=bool(filters.waiting),
        since=bool(filters.since),
        risk=filters.risk,
        assignee=filters.assignee and ("nobody" if filters.assignee == "nobody" else "someone"),
        priority=filters.priority,
        location=bool(filters.location),
        tag=bool(filters.tag),
        closed=bool(filters.closed),
        words=tuple(len(word) < _INDEXED_FROM for word in filters.words),
        kinds=tuple(sorted({number.kind for number in filters.pasted})),
        after=bool(filters.after),
    )


def _values(filters: Filters, *, me: int, day_ends: datetime) -> dict:
    """The values of every parameter that a statement of this shape may have."""
    dialect = db.engine.dialect.name
    words = {
        f"word_{place}": _as_phrase(word) if dialect == "sqlite" and len(word) >= _INDEXED_FROM else _as_part(word)
        for place, word in enumerate(filters.words)
    }
    after = {f"after_{place}": value for place, value in enumerate(read_cursor(filters) or ())} if filters.after else {}
    now, longer = utc_now(), span(filters.since)
    person = me if filters.assignee == "me" else int(filters.assignee) if filters.assignee.isdecimal() else None
    return {
        **words, **after, "me": me, "now": now, "day_ends": day_ends, "status": filters.status, "person": person,
        "waiting": filters.waiting, "before_asked": now - longer if longer else None,
        "location": filters.location, "tag": filters.tag, **numbers.values(filters.pasted),
        "closed_from": _closed_from(filters, now, day_ends),
    }  # fmt: skip


def _closed_from(filters: Filters, now: datetime, day_ends: datetime) -> datetime:
    """By the clock: today may be an hour longer or shorter."""
    return day_ends - timedelta(days=1) if filters.closed == "today" else now - (span(filters.closed) or timedelta())


@lru_cache(maxsize=256)
def _page_statement(shape: _Shape, dialect: str, most: int) -> Select:
    """The page's rows, cut before any join: a planner that joins first reads half the table."""
    return _joined(_cut(shape, dialect, most).subquery(), order=shape.order)


@lru_cache(maxsize=64)
def _due_at_statement(shape: _Shape, dialect: str) -> Select:
    cut = _cut(shape, dialect, 1).where(Repair.due_at == bindparam("due_at", type_=UtcDateTime))
    return _joined(cut.subquery(), order=shape.order)


@lru_cache(maxsize=1)
def _by_ids() -> Select:
    cut = select(Repair).where(Repair.id.in_(bindparam("ids", expanding=True))).subquery()
    return _joined(cut, order="number")


@lru_cache(maxsize=64)
def _batch_statement(shape: _Shape, dialect: str, most: int) -> Select:
    return _full(_cut(shape, dialect, most).subquery(), order=shape.order)


def _cut(shape: _Shape, dialect: str, most: int) -> Select:
    columns = ORDERS[shape.order]
    query = select(Repair).where(*_conditions(shape, dialect))
    if shape.after:
        last = tuple_(*[bindparam(f"after_{place}", type_=column.type) for place, column in enumerate(columns)])
        query = query.where(tuple_(*columns) < last if shape.order in NEWEST_FIRST else tuple_(*columns) > last)
    return query.order_by(*_ordered(columns, shape.order)).limit(as_written(most))


@lru_cache(maxsize=64)
def _cards_statement(shape: _Shape, dialect: str, statuses: tuple[str, ...], most: int) -> Select:
    """A status at a time, each cut where its index is read; a search is found once and numbered within its status."""
    order = _ordered(ORDERS[shape.order], shape.order)
    if shape.words or shape.kinds:
        place = func.row_number().over(partition_by=Repair.status, order_by=order)
        found = select(Repair.id, place.label("place")).where(*_conditions(shape, dialect)).subquery()
        few = select(Repair).join(found, found.c.id == Repair.id).where(found.c.place <= as_written(most))
        return _joined(few.subquery(), order=shape.order)
    parts = [
        select(Repair)
        .where(*_conditions(shape, dialect), Repair.status == literal_column(f"'{State(status)}'"))
        .order_by(*order)
        .limit(as_written(most))
        .subquery()
        for status in statuses
    ]
    return _joined(union_all(*map(select, parts)).subquery(), order=shape.order)


def _ordered(columns, order: str) -> list:
    return [column.desc() if order in NEWEST_FIRST else column for column in columns]


def _joined(cut, *, order: str) -> Select:
    columns = [cut.c[column.key] for column in ORDERS[order]]
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
            Outlook.likely_at,
            Outlook.stalls_at,
            Outlook.seen_at,
            cut.c.priority,
            cut.c.place,
            cut.c.tags,
            Location.name.label("branch"),
            func.substr(cut.c.problem, as_written(1), as_written(SHOWN_PROBLEM)).label("problem"),
            Customer.name.label("customer"),
            Device.label.label("device"),
            cut.c.assignee_id,
            Staff.name.label("assignee"),
            (cut.c.diagnosis != "").label("is_diagnosed"),
        )
        .select_from(cut)
        .join(Customer, Customer.id == cut.c.customer_id)
        .join(Device, Device.id == cut.c.device_id)
        .outerjoin(Staff, Staff.id == cut.c.assignee_id)
        .outerjoin(Outlook, Outlook.repair_id == cut.c.id)
        .outerjoin(Location, and_(Location.id == cut.c.location_id, Location.id > _HOME))
        .order_by(*_ordered(columns, order))
    )


def _full(cut, *, order: str) -> Select:
    here = aliased(Location)
    branch = select(here.name).where(here.id == cut.c.location_id).scalar_subquery()
    return _joined(cut, order=order).add_columns(cut.c.problem.label("fault"), cut.c.received_at, branch.label("at"))


def _conditions(shape: _Shape, dialect: str) -> list:
    conditions = list(_view_conditions(shape.view))
    if shape.status:
        conditions.append(Repair.status == bindparam("status"))
    if shape.waiting:
        conditions.append(Repair.waiting_on == bindparam("waiting"))
    if shape.since:
        conditions.append(Repair.status_since <= bindparam("before_asked", type_=UtcDateTime))
    if shape.closed:
        conditions.append(Repair.closed_at >= bindparam("closed_from", type_=UtcDateTime))
    if shape.risk:
        conditions.append(risk.condition(shape.risk))
    if shape.assignee == "nobody":
        conditions.append(Repair.assignee_id.is_(None))
    elif shape.assignee:
        conditions.append(Repair.assignee_id == bindparam("person"))
    if shape.kinds:
        conditions.append(Repair.id.in_(numbers.ids(shape.kinds)))
    conditions += _marked(shape)
    for place, is_short in enumerate(shape.words):
        # A prepared plan does not see the word, and a rare and a common one need different plans: on PostgreSQL
        # the word is written into the statement, quoted by the dialect.
        word = bindparam(f"word_{place}", type_=String, literal_execute=dialect == "postgresql")
        conditions.append(_matches(word, indexed=not is_short, dialect=dialect))
    return conditions


def _marked(shape: _Shape):
    """By priority, branch and tag. Numbers stand in the statement, so that the partial index is seen to apply."""
    if shape.priority:
        yield Repair.priority == as_written(PRIORITIES[shape.priority])
    if shape.priority and PRIORITIES[shape.priority] < Priority.NORMAL:
        yield literal_column("priority < 3")
    if shape.location:
        branch = select(Location.id).where(Location.slug == bindparam("location"))
        yield Repair.location_id == branch.scalar_subquery()
    if shape.tag:
        tag = select(Tag.id).where(Tag.slug == bindparam("tag")).scalar_subquery()
        yield Repair.id.in_(select(RepairTag.repair_id).where(RepairTag.tag_id == tag))


def _view_conditions(view: str):
    # Written as the partial indexes are, so that the planner sees that they apply.
    if view in ("closed", "handed-over"):
        yield literal_column("NOT is_open")
    elif view != "all":
        yield literal_column("is_open")
    if view == "handed-over":
        yield Repair.status.in_([literal_column(f"'{state}'") for state in (State.COLLECTED, State.SHIPPED)])
    if view == "late":
        yield _is_late()
    if view == "today":
        yield _is_due_today()
    if view == "mine":
        yield Repair.assignee_id == _ME
    if view == "unassigned":
        yield Repair.assignee_id.is_(None)
    if view in PART_STATUS:
        yield Repair.status == PART_STATUS[view]


def _is_late():
    return risk.condition(risk.Kind.LATE)


def _is_due_today():
    return and_(Repair.due_at >= _NOW, Repair.due_at < _DAY_ENDS, risk.UNFINISHED)


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
