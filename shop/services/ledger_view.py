"""The books as people read them: transactions with their entries; and what the nightly comparison found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Row, select
from sqlalchemy.orm import selectinload

from shop import database
from shop.extensions import db
from shop.models.ledger import Account, Kind, LedgerEntry, LedgerTransaction
from shop.models.payment import Reconciliation
from shop.models.repair import Repair
from shop.services.clock import midnight
from shop.services.statements import as_written

PAGE, BATCH, MOST_RUNS = 50, 500, 60


@dataclass(frozen=True, slots=True)
class Filters:
    """Days are days of the shop, both included; `ticket` is a whole number such as RT-10042."""

    account: str = ""
    kind: str = ""
    ticket: str = ""
    since: date | None = None
    until: date | None = None

    def arguments(self) -> dict[str, str]:
        names = ("account", "kind", "ticket", "since", "until")
        return {name: str(value) for name in names if (value := getattr(self, name))}


@dataclass(frozen=True, slots=True)
class Page:
    """`tickets` maps a repair's id to its number."""

    transactions: Sequence[LedgerTransaction]
    tickets: dict[int, str]
    next: int | None


def read_page(filters: Filters, *, zone: str, before: int | None = None, most: int = PAGE) -> Page:
    """Three statements, however many entries there are."""
    query = select(LedgerTransaction).options(selectinload(LedgerTransaction.entries))
    if filters.account in list(Account):
        touched = select(LedgerEntry.transaction_id).where(LedgerEntry.account == filters.account)
        query = query.where(LedgerTransaction.id.in_(touched))
    if filters.kind in list(Kind):
        query = query.where(LedgerTransaction.kind == filters.kind)
    if filters.ticket:
        repair = select(Repair.id).where(Repair.number == filters.ticket).scalar_subquery()
        query = query.where(LedgerTransaction.repair_id == repair)
    if filters.since:
        query = query.where(LedgerTransaction.at >= midnight(filters.since, zone))
    if filters.until:
        query = query.where(LedgerTransaction.at < midnight(filters.until + timedelta(days=1), zone))
    if before is not None:
        query = query.where(LedgerTransaction.id < before)
    found = db.session.scalars(query.order_by(LedgerTransaction.id.desc()).limit(as_written(most + 1))).all()
    shown = found[:most]
    ids = {row.repair_id for row in shown if row.repair_id}
    numbers = db.session.execute(select(Repair.id, Repair.number).where(Repair.id.in_(ids)))
    return Page(shown, {row.id: row.number for row in numbers}, shown[-1].id if len(found) > most else None)


def read_lines(filters: Filters, *, zone: str) -> Iterator[tuple]:
    """Every entry with its transaction, a batch at a time, as values that need no session."""
    before: int | None = None
    while True:
        with database.reading():
            page = read_page(filters, zone=zone, before=before, most=BATCH)
            lines = [
                (row.at, row.key, row.kind, page.tickets.get(row.repair_id or 0, ""), entry.account, entry.amount,
                 entry.currency, row.memo)
                for row in page.transactions
                for entry in row.entries
            ]  # fmt: skip
            db.session.rollback()
        yield from lines
        if page.next is None:
            return
        before = page.next


def last_runs() -> Sequence[Row]:
    """The latest comparisons with the providers' own lists, newest first."""
    query = select(
        Reconciliation.id, Reconciliation.provider, Reconciliation.day, Reconciliation.at, Reconciliation.compared,
        Reconciliation.settled, Reconciliation.found, Reconciliation.differences,
    ).order_by(Reconciliation.id.desc())  # fmt: skip
    return db.session.execute(query.limit(as_written(MOST_RUNS))).all()
