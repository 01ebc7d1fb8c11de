"""Who used a word last: the newest customers and repairs of each word that the shop knows, without a search.

How many have a name grows with the shop, the newest few of them do not. A way and no judge: what it names is looked at
again before it is shown, and where it names too few the search goes on as if there were none.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from sqlalchemy import bindparam, delete, event, func, inspect, select, tuple_, union_all
from sqlalchemy.orm import Session, aliased, object_session

from shop.extensions import db
from shop.models.customer import Customer, Device
from shop.models.repair import Repair
from shop.models.search_word import Kind, SearchWord, WordUse
from shop.services import words
from shop.services.statements import as_written, insert_if_absent

# So many of each word stay; a list shows a few, and some of them may have another name by now.
KEPT = 64
# Of a part that is in more words something is found soon without them.
MOST_WORDS = 8
_BATCH = 1_000
_TOUCHED = "touched_words"
_FIELDS = {Customer: "name", Repair: "search_text"}
_KINDS = {Customer: Kind.CUSTOMER, Repair: Kind.REPAIR}


def newest(word_ids: Mapping[Kind, Sequence[int]], *, most: int) -> dict[Kind, list[int]]:
    """Ids of the newest rows of any of these words, of each kind at most so many. One statement, none without words."""
    asked = {kind: ids for kind, ids in word_ids.items() if ids}
    found: dict[Kind, list[int]] = {kind: [] for kind in word_ids}
    if not asked:
        return found
    statement = _newest(tuple((kind, len(ids)) for kind, ids in asked.items()), most)
    values = {f"word_{kind}_{place}": id_ for kind, ids in asked.items() for place, id_ in enumerate(ids)}
    for kind, row_id in db.session.connection().execute(statement, values):
        found[Kind(kind)].append(row_id)
    return {kind: sorted(set(ids), reverse=True)[:most] for kind, ids in found.items()}


@lru_cache(maxsize=64)
def _newest(asked: tuple[tuple[Kind, int], ...], most: int):
    """Each word is cut by itself, where the index is read backwards."""
    parts = [
        select(WordUse.kind, WordUse.row_id)
        .where(WordUse.kind == as_written(kind), WordUse.word_id == bindparam(f"word_{kind}_{place}"))
        .order_by(WordUse.row_id.desc())
        .limit(as_written(most))
        .subquery()
        for kind, words_ in asked
        for place in range(words_)
    ]
    return union_all(*map(select, parts))


def gather() -> None:
    """Notes the newest customers and repairs of every word, for rows that were not written one by one.

    Harmless when called again; the caller commits.
    """
    ids = {word: id_ for id_, word in db.session.execute(select(SearchWord.id, SearchWord.word))}
    rows = []
    for kind, row_id, found in _newest_first():
        rows += [{"kind": kind, "word_id": ids[word], "row_id": row_id} for word in sorted(found) if word in ids]
        if len(rows) >= _BATCH:
            _insert(db.session, rows)
            rows = []
    _insert(db.session, rows)


def is_surplus():
    """A condition on `WordUse`: there are newer ones enough. Words with few uses are passed over at once."""
    other, newer = aliased(WordUse), aliased(WordUse)
    many = select(other.kind, other.word_id).group_by(other.kind, other.word_id).having(func.count() > 2 * KEPT)
    last = (
        select(newer.row_id)
        .where(newer.kind == WordUse.kind, newer.word_id == WordUse.word_id)
        .order_by(newer.row_id.desc())
        .offset(as_written(KEPT - 1))
        .limit(as_written(1))
        .scalar_subquery()
    )
    return tuple_(WordUse.kind, WordUse.word_id).in_(many) & (WordUse.row_id < last)


def _newest_first() -> Iterator[tuple[Kind, int, set[str]]]:
    """The words of each customer and repair that so few newer ones have."""
    of_repairs = (
        select(Repair.id, Customer.name + " " + Device.label)
        .join(Customer, Customer.id == Repair.customer_id)
        .join(Device, Device.id == Repair.device_id)
        .order_by(Repair.id.desc())
    )
    of_customers = select(Customer.id, Customer.name).order_by(Customer.id.desc())
    for kind, query in ((Kind.CUSTOMER, of_customers), (Kind.REPAIR, of_repairs)):
        used: Counter[str] = Counter()
        for row_id, text in db.session.execute(query.execution_options(yield_per=_BATCH)):
            few = {word for word in words.words_of(text) if used[word] < KEPT}
            used.update(few)
            if few:
                yield kind, row_id, few


@event.listens_for(Session, "before_flush")
def _note(session, _context, _instances) -> None:
    for row in (*session.new, *session.dirty):
        field = _FIELDS.get(type(row))
        if field and (history := inspect(row).attrs[field].history).has_changes():
            before = words.words_of(" ".join(filter(None, history.deleted or ())))
            session.info.setdefault(_TOUCHED, {}).setdefault(row, set()).update(before)


@event.listens_for(Session, "before_commit")
def _remember(session) -> None:
    """After the words themselves. No two transactions write the same row, so none waits for another here."""
    touched = session.info.pop(_TOUCHED, None) or {}
    changes = [(row, before, _words_now(row)) for row, before in touched.items() if object_session(row) is session]
    ids = _ids(session, {word for _row, before, now in changes for word in before | now})
    if not ids:
        return
    for row, before, now in changes:
        if gone := [ids[word] for word in before - now if word in ids]:
            own = (WordUse.kind == _KINDS[type(row)]) & (WordUse.row_id == row.id)
            session.execute(delete(WordUse).where(own, WordUse.word_id.in_(gone)))
    _insert(
        session,
        [
            {"kind": _KINDS[type(row)], "word_id": ids[word], "row_id": row.id}
            for row, _before, now in changes
            for word in sorted(now)
            if word in ids
        ],
    )


def _words_now(row: Customer | Repair) -> set[str]:
    if isinstance(row, Customer):
        return words.words_of(row.name)
    return words.words_of(f"{row.customer.name} {row.device.label}")


def _ids(session, found: set[str]) -> dict[str, int]:
    if not found:
        return {}
    query = select(SearchWord.word, SearchWord.id).where(SearchWord.word.in_(sorted(found)))
    return {row.word: row.id for row in session.execute(query)}


def _insert(session, rows: list[dict]) -> None:
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        session.execute(insert_if_absent(WordUse, unique=["kind", "word_id", "row_id"], values=batch))
