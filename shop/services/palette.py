"""What the command palette finds in the shop's data: tickets, customers and devices, also for mistyped words.

As you type, so each answer is a few rows from an index: nothing is counted, nothing is sorted that is not cut first.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import String, bindparam, column, func, or_, select, table

from shop.extensions import db
from shop.models.customer import Customer
from shop.models.repair import FIRST_NUMBER, Repair
from shop.models.search_word import Kind
from shop.services import catalogue, numbers, queue, word_uses, words
from shop.services.filters import LARGEST_ID, LONGEST_SEARCH, Filters, parse_filters, search_words
from shop.services.statements import as_written

TICKETS, CUSTOMERS, DEVICES = 6, 4, 3
# Shorter words are in everything.
SHORTEST = 3
MOST_COUNTED = 100
# So many of the newest are looked at for the best.
_RANKED = 30
# Some of those who used a word last may have another name by now.
_SURELY = 12


@dataclass(frozen=True, slots=True)
class Visitor:
    """A customer with how often they came. `total` in minor units of `currency`, None where they paid in several."""

    id: int
    name: str
    phone: str
    email: str
    visits: int
    total: int | None
    currency: str


@dataclass(frozen=True, slots=True)
class Found:
    """`meant` is the near search that found them, where the typed one found nothing; `marked` the letters to show."""

    tickets: Sequence = ()
    customers: Sequence[Visitor] = ()
    devices: Sequence = ()
    meant: str = ""
    marked: tuple[str, ...] = ()
    is_too_short: bool = False


@dataclass(frozen=True, slots=True)
class Near:
    """A near search and how many repairs it finds; `is_more` where there are more than MOST_COUNTED."""

    q: str
    count: int
    is_more: bool = field(default=False)


def find(q: str, *, me: int, day_ends: datetime, sees_customers: bool, sees_devices: bool) -> Found:
    """The few best of each kind. Without `sees_customers` no customer is looked up."""
    q = " ".join(q.split())[:LONGEST_SEARCH]
    number = numbers.read_one(q)
    if not number and not any(len(word) >= SHORTEST for word in q.split()):
        return Found(is_too_short=bool(q))
    # "S24ultra" could be a serial number as well.
    is_words = number is None or number.kind == "serial"
    devices = catalogue.search_devices(q, limit=DEVICES).items if sees_devices and is_words else ()
    vocabulary = words.read()
    found = _find(q, number, vocabulary, me=me, day_ends=day_ends, sees_customers=sees_customers)
    if found.tickets or found.customers or not is_words:
        return Found(found.tickets, found.customers, devices, marked=_marks(q))
    for guess in words.guesses(q, vocabulary):
        found = _find(guess, None, vocabulary, me=me, day_ends=day_ends, sees_customers=sees_customers)
        if found.tickets or found.customers:
            return Found(found.tickets, found.customers, devices, meant=guess, marked=_marks(guess))
    return Found(devices=devices, marked=_marks(q))


def find_by_number(digits: str, *, me: int, day_ends: datetime) -> Found:
    """Tickets whose number begins like this, the newest first: numbers are made of ids, so these are ranges of ids."""
    digits = re.sub(r"\D", "", digits)
    if not digits or digits.startswith("0"):
        return Found(is_too_short=not digits)
    ranges = [
        (low - FIRST_NUMBER + 1, high - FIRST_NUMBER + 1)
        for more in range(10)
        if (low := int(digits) * 10**more) - FIRST_NUMBER < LARGEST_ID and (high := low + 10**more - 1) >= FIRST_NUMBER
    ]
    if not ranges:
        return Found()
    cut = select(Repair.number).where(
        or_(*[Repair.id.between(max(1, low), min(high, LARGEST_ID)) for low, high in ranges])
    )
    tickets = list(db.session.scalars(cut.order_by(Repair.id.desc()).limit(as_written(TICKETS))))
    return Found(rows_of(tickets, me=me, day_ends=day_ends), marked=(digits,))


def rows_of(tickets: Sequence[str], *, me: int, day_ends: datetime) -> list:
    """These tickets as rows, in this order; one that is not there is left out."""
    if not tickets:
        return []
    rows = {row.number: row for row in queue.rows_of(list(tickets), Filters(view="all"), me=me, day_ends=day_ends)[0]}
    return [rows[ticket] for ticket in tickets if ticket in rows]


def near_search(filters: Filters, *, me: int, day_ends: datetime) -> Near | None:
    """A near search that finds something among all repairs, for a list that found nothing."""
    for guess in words.guesses(filters.q, words.read()) if filters.words else ():
        count = queue.count_matches(parse_filters({"q": guess}), most=MOST_COUNTED, me=me, day_ends=day_ends)
        if count:
            return Near(guess, min(count, MOST_COUNTED), count > MOST_COUNTED)
    return None


def _find(
    q: str, number: numbers.Number | None, vocabulary: words.Vocabulary, *, me: int, day_ends: datetime,
    sees_customers: bool,
) -> Found:  # fmt: skip
    tickets: list = []
    used = _used(q, vocabulary)
    customers: Sequence[Visitor] = find_customers(q, newest=used[Kind.CUSTOMER]) if sees_customers else ()
    if number:
        exact = numbers.look_up([number])[number][:TICKETS]
        tickets = rows_of(exact, me=me, day_ends=day_ends)
    if not tickets:
        tickets = _tickets_of(used[Kind.REPAIR], q)
    if not tickets:
        newest = queue.first_rows(parse_filters({"q": q, "view": "all"}), most=_RANKED, me=me, day_ends=day_ends)
        tickets = _ranked(newest, q)
        if customers and not (tickets and _misses(tickets[0], q) == 0):
            named = [customer.id for customer in customers if _misses_name(customer.name, q) == 0]
            tickets = _ranked([*rows_of(_latest_of(named), me=me, day_ends=day_ends), *tickets], q)
    return Found(tickets[:TICKETS], customers)


def _used(q: str, vocabulary: words.Vocabulary) -> dict[Kind, list[int]]:
    """The newest customers and tickets that have the one word, where it is one and stands in few."""
    parts = search_words(q)
    part, most = parts[0] if len(parts) == 1 else "", word_uses.MOST_WORDS
    asked = {
        Kind.CUSTOMER: words.ids_of(part, vocabulary, most=most),
        Kind.REPAIR: words.ids_of(part, vocabulary, most=most, is_beginning=True),
    }
    return word_uses.newest(asked, most=_SURELY)


def _tickets_of(ids: Sequence[int], q: str) -> list:
    """Of these, newest first, those that show what was typed as it was typed; none where they are fewer than fit."""
    if len(ids) < TICKETS:
        return []
    rows = [row for row in queue.rows_of_ids(ids) if _misses(row, q) == 0]
    return rows[:TICKETS] if len(rows) >= TICKETS else []


def _ranked(rows: Sequence, q: str) -> list:
    """Those first that show what was typed as it was typed, then those of which most words begin so."""
    return sorted(rows, key=lambda row: _misses(row, q))


def _misses(row, q: str) -> int:
    """How many of the words begin no word of device, customer or number ("14" is in many a phone number); none where
    they stand side by side, one more where they do not."""
    return _misses_name(f"{row.device} {row.customer} {row.number}", q)


def _misses_name(text: str, q: str) -> int:
    text, parts = f" {text}".lower(), search_words(q)
    return 0 if f" {' '.join(parts)}" in text else 1 + sum(f" {part}" not in text for part in parts)


def _latest_of(customers: Sequence[int]) -> list[str]:
    """Numbers of the newest tickets of these customers."""
    if not customers:
        return []
    query = select(Repair.number).where(Repair.customer_id.in_(customers)).order_by(Repair.id.desc())
    return list(db.session.scalars(query.limit(as_written(TICKETS))))


def find_customers(q: str, *, newest: Sequence[int] = ()) -> list[Visitor]:
    """By a part of each name, by the whole phone in any spelling, or by the whole e-mail address.

    `newest` are those that are known to have had its one word in their names last.
    """
    number, parts = numbers.read_one(q), list[str]()
    if number and number.kind == "phone":
        condition, values = Customer.phone == bindparam("phone"), {"phone": number.key}
    elif "@" in q:
        condition, values = Customer.email == bindparam("email"), {"email": q.strip().lower()}
    else:
        parts = search_words(q)
        if number or not any(len(part) >= SHORTEST for part in parts):
            return []
        if found := _visitors_of(newest, parts[0]):
            return found
        condition, values = _by_name(parts)
    ids = _newest(condition, values)
    if len(parts) > 1 and len(ids) == CUSTOMERS:
        # More than fit: those first whose name goes on as it was typed.
        phrase, value = _by_name([" ".join(parts)])
        ids = list(dict.fromkeys([*_newest(phrase, value), *ids]))[:CUSTOMERS]
    return _visitors(ids) if ids else []


def _visitors_of(ids: Sequence[int], part: str) -> list[Visitor]:
    """Of these, newest first, those whose name still holds the part; none where they are fewer than fit."""
    if len(ids) < CUSTOMERS:
        return []
    found = [visitor for visitor in _visitors(list(ids)) if part in visitor.name.lower()]
    return found[:CUSTOMERS] if len(found) >= CUSTOMERS else []


def _newest(condition, values: dict[str, str]) -> list[int]:
    cut = select(Customer.id).where(condition).order_by(Customer.id.desc()).limit(as_written(CUSTOMERS))
    return list(db.session.connection().execute(cut, values).scalars())


def _by_name(parts: list[str]):
    """SQLite finds through its own index, which knows no word shorter than three letters."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    conditions, values = [], {}
    for place, part in enumerate(parts):
        name = f"part_{place}"
        if is_sqlite and len(part) >= SHORTEST:
            index = table("customer_search", column("rowid"))
            found = select(index.c.rowid).where(column("customer_search").op("MATCH")(bindparam(name)))
            conditions.append(Customer.id.in_(found))
            values[name] = '"' + part.replace('"', '""') + '"'
        else:
            # In the statement itself: a rare and a common name need different plans.
            word = bindparam(name, type_=String, literal_execute=not is_sqlite)
            conditions.append(func.lower(Customer.name).like(word, escape="/"))
            values[name] = "%" + re.sub(r"([/%_])", r"/\1", part) + "%"
    return (conditions[0] if len(conditions) == 1 else _all(conditions)), values


def _all(conditions):
    first, *others = conditions
    for other in others:
        first = first & other
    return first


def _visitors(ids: list[int]) -> list[Visitor]:
    query = (
        select(
            Customer.id, Customer.name, Customer.phone, Customer.email, func.count(Repair.id), func.sum(Repair.total),
            func.min(Repair.currency), func.max(Repair.currency),
        )
        .outerjoin(Repair, Repair.customer_id == Customer.id)
        .where(Customer.id.in_(ids))
        .group_by(Customer.id)
    )  # fmt: skip
    found = [
        Visitor(id_, name, phone, email, visits, total if least == most else None, least or "")
        for id_, name, phone, email, visits, total, least, most in db.session.connection().execute(query)
    ]
    return sorted(found, key=lambda visitor: ids.index(visitor.id))


def _marks(q: str) -> tuple[str, ...]:
    return tuple(sorted(set(q.lower().split()), key=len, reverse=True))
