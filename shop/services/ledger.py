"""The books: what is posted, what it comes to, and whether all of it is as it must be."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.ledger import BILLING, Account, Entry, Kind, LedgerEntry, LedgerTransaction, Posting, balanced
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services.statements import insert_if_absent


class KeyReused(RuntimeError):
    """A key was posted before with another content: one of the two is wrong, and none is changed."""


@dataclass(frozen=True, slots=True)
class RepairBalance:
    """Where a customer stands with one repair, in minor units of `currency`.

    `due` is the price, or what was billed as soon as there is an invoice; nothing where it was cancelled before.
    `paid` is what has come and was not given back; `owed` is due less paid, negative where too much came.
    `held` is what the customer could have back now, as nothing was billed for it.
    """

    currency: str
    due: int
    billed: int
    paid: int

    @property
    def owed(self) -> int:
        return self.due - self.paid

    @property
    def held(self) -> int:
        return max(self.paid - self.billed, 0)


def post(
    key: str,
    kind: Kind | str,
    entries: Posting,
    *,
    currency: str,
    actor: Actor,
    repair_id: int | None = None,
    payment_id: int | None = None,
    drawer_id: int | None = None,
    memo: str = "",
    at: datetime | None = None,
) -> bool:
    """Writes one transaction in the caller's; True if it is new. A second call with the same content is harmless.

    Waits for a rival that posts the same key. Raises Unbalanced, and KeyReused where the key stands for something else.
    """
    entries = balanced(entries)
    facts = {
        "kind": str(kind),
        "currency": currency,
        "repair_id": repair_id,
        "payment_id": payment_id,
        "drawer_id": drawer_id,
    }
    values = {"key": key, **facts, "at": at or utc_now(), "actor": actor.reference, "memo": memo[:200]}
    statement = insert_if_absent(LedgerTransaction, unique=["key"], values=values).returning(LedgerTransaction.id)
    transaction_id = db.session.scalar(statement)
    if transaction_id is None:
        _require_same(key, facts, entries)
        return False
    lines = [
        {
            "transaction_id": transaction_id,
            "account": str(entry.account),
            "amount": entry.amount,
            "currency": currency,
            "repair_id": repair_id,
        }
        for entry in entries
    ]
    db.session.execute(insert(LedgerEntry), lines)
    return True


def find_posted(key: str) -> LedgerTransaction | None:
    return db.session.scalar(select(LedgerTransaction).where(LedgerTransaction.key == key))


def balance(account: Account | str, *, currency: str, repair_id: int | None = None) -> int:
    """The sum of an account, debit positive, or of what one repair moved in it."""
    query = select(func.coalesce(func.sum(LedgerEntry.amount), 0)).where(
        LedgerEntry.account == str(account), LedgerEntry.currency == currency
    )
    if repair_id is not None:
        query = query.where(LedgerEntry.repair_id == repair_id)
    return int(db.session.scalar(query) or 0)


def balances() -> dict[tuple[str, str], int]:
    """Every account that has ever moved, by (account, currency). They sum to zero in each currency."""
    query = select(LedgerEntry.account, LedgerEntry.currency, func.sum(LedgerEntry.amount)).group_by(
        LedgerEntry.account, LedgerEntry.currency
    )
    return {(account, currency): int(total) for account, currency, total in db.session.execute(query)}


def repair_balance(repair: Repair) -> RepairBalance:
    """What is due, billed, paid, owed and held for one repair. One statement."""
    query = (
        select(LedgerTransaction.kind, func.sum(LedgerEntry.amount))
        .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
        .where(
            LedgerEntry.repair_id == repair.id,
            LedgerEntry.account == Account.CUSTOMER,
            LedgerEntry.currency == repair.currency,
        )
        .group_by(LedgerTransaction.kind)
    )
    sums = {kind: int(total) for kind, total in db.session.execute(query)}
    billed = sum(total for kind, total in sums.items() if kind in BILLING)
    paid = -sum(total for kind, total in sums.items() if kind not in BILLING)
    price = 0 if repair.status == State.CANCELLED else repair.total
    is_billed = any(kind in BILLING for kind in sums)
    return RepairBalance(repair.currency, due=billed if is_billed else price, billed=billed, paid=paid)


def _require_same(key: str, facts: dict, entries: Posting) -> None:
    posted = find_posted(key)
    if posted is None:
        raise KeyReused(f"{key} was posted by a rival and is gone again: try once more")
    before = {name: getattr(posted, name) for name in facts}
    same_entries = _sorted(entries) == _sorted(Entry(entry.account, entry.amount) for entry in posted.entries)
    if before != facts or not same_entries:
        raise KeyReused(f"{key} was posted before as something else")


def _sorted(entries) -> list[tuple[str, int]]:
    return sorted((str(entry.account), entry.amount) for entry in entries)
