"""Whether the books can be believed: every rule that they obey is tried, and what breaks it is named."""

from collections.abc import Iterator
from itertools import chain

from sqlalchemy import case, func, insert, literal, or_, select, text
from sqlalchemy.exc import DatabaseError

from shop import database
from shop.extensions import db
from shop.models.base import utc_now
from shop.models.document import Document, DocumentCounter, DocumentKind
from shop.models.ledger import Account, Kind, LedgerEntry, LedgerTransaction
from shop.models.payment import Payment, PaymentState, Refund, RefundState
from shop.models.repair import Repair

# More of one kind are not named: they have one cause.
MOST_NAMED = 20
_REFUSES_CHANGE = ("ledger_transactions", "ledger_entries", "documents")
_PROBE = "~ledger verify"


def verify() -> list[str]:
    """What is wrong with the books, a sentence each; empty if all is well. Leaves nothing behind and rolls back."""
    try:
        faults = list(_missing_guards())
    finally:
        db.session.rollback()
    checks = (
        _unbalanced, _without_entries, _mixed_entries, _payments_against_entries,
        _refunds_against_payments, _states_without_money, _currencies, _document_numbers, _counters,
    )  # fmt: skip
    # So that nobody waits for a lock while all is read.
    with database.reading():
        try:
            return faults + list(chain.from_iterable(check() for check in checks))
        finally:
            db.session.rollback()


def _missing_guards() -> Iterator[str]:
    """Tried, not looked up: a trigger can be there and be turned off."""
    for table in _REFUSES_CHANGE:
        for words, statement in (
            ("changed", f"UPDATE {table} SET id = id WHERE id = :id"),  # noqa: S608 - the names are ours
            ("deleted", f"DELETE FROM {table} WHERE id = :id"),  # noqa: S608 - the names are ours
        ):
            if not _is_refused(table, statement):
                yield f"Rows of {table} can be {words}: its trigger is missing or turned off."
    if db.engine.dialect.name == "postgresql" and not _is_refused("unbalanced", "SET CONSTRAINTS ALL IMMEDIATE"):
        yield "A transaction that does not sum to zero is taken: the constraint trigger is missing or turned off."


def _is_refused(probe: str, statement: str) -> bool:
    """True if the database refuses `statement` on rows that are made for it and taken back."""
    savepoint = db.session.begin_nested()
    row_id = _make_probe(probe)
    try:
        db.session.execute(text(statement), {"id": row_id} if ":id" in statement else {})
    except DatabaseError:
        return True
    else:
        return False
    finally:
        savepoint.rollback()


def _make_probe(probe: str) -> int:
    if probe == "documents":
        facts = {"key": _PROBE, "kind": DocumentKind.INVOICE, "series": "~", "year": 0, "number": 1, "locale": "en"}
        sums = {"currency": "GBP", "net": 0, "tax": 0, "gross": 0, "content": "{}"}
        return db.session.execute(
            insert(Document).values(**facts, **sums, issued_at=utc_now()).returning(Document.id)
        ).scalar_one()
    values = {"key": _PROBE, "kind": Kind.CORRECTION, "currency": "GBP", "actor": "system", "memo": "", "at": utc_now()}
    transaction_id = db.session.execute(
        insert(LedgerTransaction).values(**values).returning(LedgerTransaction.id)
    ).scalar_one()
    if probe == "ledger_transactions":
        return transaction_id
    entry = {"transaction_id": transaction_id, "account": Account.CASH, "amount": 1, "currency": "GBP"}
    return db.session.execute(insert(LedgerEntry).values(**entry).returning(LedgerEntry.id)).scalar_one()


def _unbalanced() -> Iterator[str]:
    total = func.sum(LedgerEntry.amount)
    query = (
        select(LedgerTransaction.key, total)
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .group_by(LedgerTransaction.id, LedgerTransaction.key)
        .having(total != 0)
    )
    for key, amount in _named(query):
        yield f"Transaction {key} does not balance: its entries sum to {amount}."


def _without_entries() -> Iterator[str]:
    has_entry = select(LedgerEntry.id).where(LedgerEntry.transaction_id == LedgerTransaction.id).exists()
    for (key,) in _named(select(LedgerTransaction.key).where(~has_entry)):
        yield f"Transaction {key} has no entries."


def _mixed_entries() -> Iterator[str]:
    query = (
        select(LedgerTransaction.key, LedgerEntry.id)
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(
            or_(
                LedgerEntry.currency != LedgerTransaction.currency,
                LedgerEntry.repair_id.is_distinct_from(LedgerTransaction.repair_id),
            )
        )
    )
    for key, entry_id in _named(query):
        yield f"Entry {entry_id} has another currency or repair than its transaction {key}."


def _payments_against_entries() -> Iterator[str]:
    """What each payment says it captured, gave back and cost, against what was posted for it."""

    def posted(account: Account, *kinds: Kind):
        applies = (LedgerEntry.account == account) & LedgerTransaction.kind.in_(kinds)
        return func.coalesce(func.sum(case((applies, LedgerEntry.amount), else_=0)), 0)

    sums = (
        select(
            LedgerTransaction.payment_id.label("payment_id"),
            (-posted(Account.CUSTOMER, Kind.PAYMENT)).label("captured"),
            posted(Account.CUSTOMER, Kind.REFUND, Kind.REFUND_FAILED).label("refunded"),
            posted(Account.FEES, Kind.FEE).label("fee"),
        )
        .join(LedgerEntry, LedgerEntry.transaction_id == LedgerTransaction.id)
        .where(LedgerTransaction.payment_id.is_not(None))
        .group_by(LedgerTransaction.payment_id)
        .subquery()
    )
    for column in ("captured", "refunded", "fee"):
        row, in_books = getattr(Payment, column), func.coalesce(getattr(sums.c, column), 0)
        query = (
            select(Payment.id, row, in_books)
            .outerjoin(sums, sums.c.payment_id == Payment.id)
            .where(row != in_books)
            .order_by(Payment.id)
        )
        for payment_id, said, booked in _named(query):
            yield f"Payment {payment_id} says {column} {said}, the books say {booked}."


def _refunds_against_payments() -> Iterator[str]:
    moved = (
        select(Refund.payment_id, func.sum(Refund.amount).label("total"))
        .where(Refund.state.in_((RefundState.ACCEPTED, RefundState.SETTLED)))
        .group_by(Refund.payment_id)
        .subquery()
    )
    total = func.coalesce(moved.c.total, 0)
    query = (
        select(Payment.id, Payment.refunded, total)
        .outerjoin(moved, moved.c.payment_id == Payment.id)
        .where(Payment.refunded != total)
        .order_by(Payment.id)
    )
    for payment_id, said, summed in _named(query):
        yield f"Payment {payment_id} says refunded {said}, its refunds sum to {summed}."


def _states_without_money() -> Iterator[str]:
    is_paid = Payment.state == PaymentState.PAID
    query = select(Payment.id, Payment.state, Payment.captured).where(is_paid != (Payment.captured > 0))
    for payment_id, state, captured in _named(query.order_by(Payment.id)):
        yield f"Payment {payment_id} is {state}, but captured {captured}."


def _currencies() -> Iterator[str]:
    query = (
        select(LedgerTransaction.key, LedgerTransaction.currency, literal("its payment"), Payment.currency)
        .join(Payment, Payment.id == LedgerTransaction.payment_id)
        .where(Payment.currency != LedgerTransaction.currency)
    )
    of_repair = (
        select(LedgerTransaction.key, LedgerTransaction.currency, literal("its repair"), Repair.currency)
        .join(Repair, Repair.id == LedgerTransaction.repair_id)
        .where(Repair.currency != LedgerTransaction.currency)
    )
    for key, currency, what, other in chain(_named(query), _named(of_repair)):
        yield f"Transaction {key} is in {currency}, {what} in {other}."
    strange = (
        select(Payment.id, LedgerTransaction.key)
        .join(LedgerTransaction, LedgerTransaction.payment_id == Payment.id)
        .where(LedgerTransaction.repair_id.is_distinct_from(Payment.repair_id))
    )
    for payment_id, key in _named(strange):
        yield f"Transaction {key} is for another repair than its payment {payment_id}."


def _document_numbers() -> Iterator[str]:
    count, first, last = func.count(), func.min(Document.number), func.max(Document.number)
    distinct = func.count(Document.number.distinct())
    query = (
        select(Document.series, Document.year, count, first, last)
        .group_by(Document.series, Document.year)
        .having(or_(first != 1, last != count, distinct != count))
        .order_by(Document.series, Document.year)
    )
    for series, year, *_ in _named(query):
        numbers = set(
            db.session.scalars(select(Document.number).where(Document.series == series, Document.year == year))
        )
        missing = [number for number in range(1, max(numbers) + 1) if number not in numbers]
        named = ", ".join(map(str, missing[:MOST_NAMED])) or "none"
        yield f"Series {series} of {year} is not without gap and double: missing {named}."


def _counters() -> Iterator[str]:
    last = (
        select(Document.series, Document.year, func.max(Document.number).label("last"))
        .group_by(Document.series, Document.year)
        .subquery()
    )
    same = (last.c.series == DocumentCounter.series) & (last.c.year == DocumentCounter.year)
    query = (
        select(DocumentCounter.series, DocumentCounter.year, DocumentCounter.last, func.coalesce(last.c.last, 0))
        .outerjoin(last, same)
        .where(DocumentCounter.last != func.coalesce(last.c.last, 0))
    )
    for series, year, counted, used in _named(query):
        yield f"The counter of series {series} of {year} stands at {counted}, its last document is {used}."
    lost = (
        select(last.c.series, last.c.year)
        .outerjoin(DocumentCounter, same)
        .where(DocumentCounter.series.is_(None))
        .order_by(last.c.series, last.c.year)
    )
    for series, year in _named(lost):
        yield f"Series {series} of {year} has documents and no counter."


def _named(query):
    return db.session.execute(query.limit(MOST_NAMED)).all()
