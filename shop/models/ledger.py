"""The books: double entry, append-only. A debit is positive, a credit negative; a transaction sums to zero."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.event import BigId
from shop.models.payment import Provider


class Account(StrEnum):
    CUSTOMER = "customer"
    CASH = "cash"
    STRIPE = "stripe"
    PAYPAL = "paypal"
    TERMINAL = "terminal"
    BANK = "bank"
    FEES = "fees"
    REVENUE = "revenue"
    TAX = "tax"
    REFUNDS = "refunds"
    DISPUTES = "disputes"
    ROUNDING = "rounding"


class Kind(StrEnum):
    PAYMENT = "payment"
    FEE = "fee"
    REFUND = "refund"
    REFUND_FAILED = "refund_failed"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    PAYOUT = "payout"
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    DRAWER = "drawer"
    CORRECTION = "correction"


# These say what the customer is to pay; all others that touch the account `customer` say what was paid.
BILLING = (Kind.INVOICE, Kind.CREDIT_NOTE)

_OF_REPAIR = text("repair_id IS NOT NULL")
_OF_DRAWER = text("drawer_id IS NOT NULL")


class LedgerTransaction(db.Model):
    """One thing that happened to money. `key` is what it is called elsewhere: posting it twice does nothing."""

    __tablename__ = "ledger_transactions"
    __table_args__ = (
        Index("ix_ledger_transactions_repair_id", "repair_id", postgresql_where=_OF_REPAIR, sqlite_where=_OF_REPAIR),
        Index("ix_ledger_transactions_payment_id", "payment_id"),
        Index("ix_ledger_transactions_drawer_id", "drawer_id", postgresql_where=_OF_DRAWER, sqlite_where=_OF_DRAWER),
        Index("ix_ledger_transactions_at", "at", "id"),
        Index("ix_ledger_transactions_kind", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(120), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"))
    drawer_id: Mapped[int | None] = mapped_column(ForeignKey("drawers.id"))
    currency: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    actor: Mapped[str] = mapped_column(String(40))
    memo: Mapped[str] = mapped_column(String(200), default="")

    entries: Mapped[list["LedgerEntry"]] = relationship(order_by="LedgerEntry.id", back_populates="transaction")


class LedgerEntry(db.Model):
    """One line of a transaction, in minor units; the currency stands here too, so that sums need one table."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("amount <> 0", name="amount"),
        Index("ix_ledger_entries_transaction_id", "transaction_id"),
        # Each holds all that a sum needs.
        Index("ix_ledger_entries_account", "account", "id", "currency", "amount"),
        Index(
            "ix_ledger_entries_repair_id",
            "repair_id",
            "account",
            "currency",
            "amount",
            postgresql_where=_OF_REPAIR,
            sqlite_where=_OF_REPAIR,
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("ledger_transactions.id"))
    account: Mapped[str] = mapped_column(String(10))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))

    transaction: Mapped[LedgerTransaction] = relationship(back_populates="entries")


class Unbalanced(ValueError):
    """Entries that do not sum to zero, or of which nothing is left."""


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    account: str
    amount: int


Posting = tuple[Entry, ...]


def balanced(entries: Iterable[Entry]) -> Posting:
    """The entries without those of nothing. Raises Unbalanced."""
    kept = tuple(entry for entry in entries if entry.amount)
    is_whole = all(type(entry.amount) is int for entry in kept)
    if not kept or not is_whole or sum(entry.amount for entry in kept) != 0:
        raise Unbalanced(", ".join(f"{entry.account} {entry.amount:+}" for entry in kept) or "no entries")
    return kept


def clearing_account(provider: Provider | str) -> Account:
    """Where the money is that came by this way: by Pix it is in the shop's bank at once."""
    return Account.BANK if provider == Provider.PIX else Account(provider)


def way_into(account: Account | str) -> Provider:
    """The way by which customers' money comes into an account. Raises ValueError where none does."""
    return Provider.PIX if account == Account.BANK else Provider(account)


def payment_posting(provider: Provider | str, amount: int) -> Posting:
    """A customer has paid."""
    return _move(_positive(amount), to=clearing_account(provider), out_of=Account.CUSTOMER)


def cash_posting(taken: int, *, settles: int) -> Posting:
    """Cash for a debt of `settles`, of which coins allow only `taken`: the shop bears or keeps the rounding."""
    return balanced(
        (
            Entry(Account.CASH, _positive(taken)),
            Entry(Account.ROUNDING, settles - taken),
            Entry(Account.CUSTOMER, -_positive(settles)),
        )
    )


def cash_refund_posting(paid_out: int, *, settles: int) -> Posting:
    return reversed_posting(cash_posting(paid_out, settles=settles))


def fee_posting(provider: Provider | str, amount: int) -> Posting:
    """What the provider keeps; a negative fee comes back, as some do with a refund."""
    return _move(amount, to=Account.FEES, out_of=clearing_account(provider))


def refund_posting(provider: Provider | str, amount: int) -> Posting:
    return _move(_positive(amount), to=Account.CUSTOMER, out_of=clearing_account(provider))


def failed_refund_posting(provider: Provider | str, amount: int) -> Posting:
    """The money could not be delivered and is back with the provider."""
    return reversed_posting(refund_posting(provider, amount))


def dispute_posting(provider: Provider | str, amount: int) -> Posting:
    """The bank has taken the money back for as long as it is argued about."""
    return _move(_positive(amount), to=Account.DISPUTES, out_of=clearing_account(provider))


def dispute_won_posting(provider: Provider | str, amount: int) -> Posting:
    return reversed_posting(dispute_posting(provider, amount))


def dispute_lost_posting(amount: int) -> Posting:
    """The customer has the money, and owes it again."""
    return _move(_positive(amount), to=Account.CUSTOMER, out_of=Account.DISPUTES)


def payout_posting(provider: Provider | str, amount: int) -> Posting:
    """From the provider, or from a drawer, to the bank; negative where the bank was debited."""
    return _move(amount, to=Account.BANK, out_of=clearing_account(provider))


def invoice_posting(*, net: int, tax: int) -> Posting:
    return balanced(
        (Entry(Account.CUSTOMER, net + tax), Entry(Account.REVENUE, -net), Entry(Account.TAX, -tax)),
    )


def credit_note_posting(*, net: int, tax: int) -> Posting:
    return balanced(
        (Entry(Account.REFUNDS, net), Entry(Account.TAX, tax), Entry(Account.CUSTOMER, -net - tax)),
    )


def drawer_difference_posting(difference: int) -> Posting:
    """Counted less expected: too much is positive."""
    return _move(difference, to=Account.CASH, out_of=Account.ROUNDING)


def reversed_posting(entries: Iterable[Entry]) -> Posting:
    """What takes a posting back: nothing is ever deleted."""
    return balanced(Entry(entry.account, -entry.amount) for entry in entries)


def _move(amount: int, *, to: Account, out_of: Account) -> Posting:
    return balanced((Entry(to, amount), Entry(out_of, -amount)))


def _positive(amount: int) -> int:
    if amount <= 0:
        raise ValueError(f"{amount} is not an amount of money that can move")
    return amount
