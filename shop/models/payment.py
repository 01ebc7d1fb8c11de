"""Money on its way: attempts to pay, what is given back, what is argued about, and what providers said."""

from datetime import date, datetime
from enum import StrEnum
from secrets import token_hex

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.event import BigId
from shop.models.repair import Repair


class Provider(StrEnum):
    STRIPE = "stripe"
    PAYPAL = "paypal"
    TERMINAL = "terminal"
    CASH = "cash"
    PIX = "pix"


# Those that are called over the network, and call back.
ONLINE = frozenset({Provider.STRIPE, Provider.PAYPAL})


class Purpose(StrEnum):
    DEPOSIT = "deposit"
    FULL = "full"
    BALANCE = "balance"
    APPROVED = "approved"
    HOLD = "hold"


class PaymentState(StrEnum):
    CREATED = "created"
    ACTION_NEEDED = "action_needed"
    PROCESSING = "processing"
    AUTHORISED = "authorised"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"


# Something may still come of these.
UNDECIDED = (
    PaymentState.CREATED,
    PaymentState.ACTION_NEEDED,
    PaymentState.PROCESSING,
    PaymentState.AUTHORISED,
)


# A customer can go on with these: a declined card leaves an attempt open for another.
OPEN = (*UNDECIDED, PaymentState.FAILED)


class Fault(StrEnum):
    """What a person must look at. The money is in the ledger in every case but a mismatch."""

    MISMATCH = "mismatch"
    LATE = "late"
    OVERPAID = "overpaid"


class RefundState(StrEnum):
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    FAILED = "failed"


class DisputeState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    WON = "won"
    LOST = "lost"


class EventState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    UNKNOWN = "unknown"
    FAILED = "failed"


# What the names at providers begin with that were made up for the demo: no provider knows them.
INVENTED = "demo_"


def new_key() -> str:
    """128 random bits: no row of another shop, or of a database put back from a copy, has the same."""
    return token_hex(16)


def idempotency_key(payment_key: str, step: str) -> str:
    """The same for each try of one step of a payment, such as `create` or `capture`."""
    return f"payment-{payment_key}-{step}"


def is_invented(provider_ref: str | None) -> bool:
    """True for a payment of the demo: its provider cannot be asked about it."""
    return (provider_ref or "").startswith(INVENTED)


def _one_of(states: tuple[StrEnum, ...]):
    return text(f"state IN ({', '.join(repr(str(state)) for state in states)})")


_UNDECIDED = _one_of(UNDECIDED)
_REFUND_UNSETTLED = _one_of((RefundState.REQUESTED, RefundState.ACCEPTED))
_DISPUTE_OPEN = _one_of((DisputeState.OPEN, DisputeState.ANSWERED))
_NOT_DONE = _one_of((EventState.WAITING, EventState.UNKNOWN, EventState.FAILED))
_AUTHORISED = _one_of((PaymentState.AUTHORISED,))
_FAULTY = text("fault <> ''")
_IN_DRAWER = text("drawer_id IS NOT NULL")
_IN_USE = text("closed_at IS NULL")


class Payment(db.Model):
    """One attempt to pay, written before a provider hears of it. Amounts are minor units of `currency`.

    `key` makes the idempotency keys under which a provider is called, and names us in its metadata. `amount` is what
    was asked for, `captured` what the provider took, `refunded` what has gone back, `fee` what the provider kept.
    `tendered` is what was handed over in cash. `holds_until` is when a provider lets go of what it holds.
    `settled_at` is when the attempt was decided: paid, failed or cancelled.
    """

    __tablename__ = "payments"
    __table_args__ = (
        UniqueConstraint("provider", "provider_ref"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("captured >= 0 AND refunded >= 0 AND refunded <= captured", name="captured"),
        Index("ix_payments_repair_id", "repair_id", "id"),
        Index("ix_payments_state", "state", "id"),
        Index("ix_payments_provider", "provider", "id"),
        Index("ix_payments_created_at", "created_at", "id"),
        Index("ix_payments_settled_at", "settled_at", "id"),
        Index("ix_payments_charge_ref", "charge_ref"),
        Index("ix_payments_undecided", "created_at", "id", postgresql_where=_UNDECIDED, sqlite_where=_UNDECIDED),
        Index("ix_payments_holds_until", "holds_until", postgresql_where=_AUTHORISED, sqlite_where=_AUTHORISED),
        Index("ix_payments_fault", "id", postgresql_where=_FAULTY, sqlite_where=_FAULTY),
        Index("ix_payments_drawer_id", "drawer_id", "id", postgresql_where=_IN_DRAWER, sqlite_where=_IN_DRAWER),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True, default=new_key)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"))
    provider: Mapped[str] = mapped_column(String(10))
    purpose: Mapped[str] = mapped_column(String(10))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(14), default=PaymentState.CREATED)
    provider_ref: Mapped[str | None] = mapped_column(String(64))
    charge_ref: Mapped[str | None] = mapped_column(String(64))
    method: Mapped[str] = mapped_column(String(40), default="")
    captured: Mapped[int] = mapped_column(BigInteger, default=0)
    refunded: Mapped[int] = mapped_column(BigInteger, default=0)
    fee: Mapped[int] = mapped_column(BigInteger, default=0)
    tendered: Mapped[int | None] = mapped_column(BigInteger)
    failure_code: Mapped[str] = mapped_column(String(60), default="")
    fault: Mapped[str] = mapped_column(String(12), default="")
    livemode: Mapped[bool] = mapped_column(default=False)
    drawer_id: Mapped[int | None] = mapped_column(ForeignKey("drawers.id"))
    actor: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    holds_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=0)

    repair: Mapped[Repair] = relationship()
    refunds: Mapped[list["Refund"]] = relationship(order_by="Refund.id", back_populates="payment")
    disputes: Mapped[list["Dispute"]] = relationship(order_by="Dispute.id", back_populates="payment")

    @property
    def is_invented(self) -> bool:
        return is_invented(self.provider_ref)

    @property
    def is_held(self) -> bool:
        """The customer's bank keeps it for us; nothing is taken yet."""
        return self.purpose == Purpose.HOLD and self.state == PaymentState.AUTHORISED

    def idempotency_key(self, step: str) -> str:
        return idempotency_key(self.key, step)


class Refund(db.Model):
    """One giving back, asked for by us or made at the provider.

    Requested: no money has moved. Accepted: it has left what the provider holds for us. Settled: it has arrived.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        UniqueConstraint("payment_id", "provider_ref"),
        CheckConstraint("amount > 0", name="amount"),
        Index("ix_refunds_provider_ref", "provider_ref"),
        Index("ix_refunds_created_at", "created_at", "id"),
        Index(
            "ix_refunds_unsettled",
            "created_at",
            "id",
            postgresql_where=_REFUND_UNSETTLED,
            sqlite_where=_REFUND_UNSETTLED,
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True, default=new_key)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"))
    amount: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10), default=RefundState.REQUESTED)
    reason: Mapped[str] = mapped_column(String(200), default="")
    provider_ref: Mapped[str | None] = mapped_column(String(64))
    failure_code: Mapped[str] = mapped_column(String(60), default="")
    actor: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    payment: Mapped[Payment] = relationship(back_populates="refunds")

    @property
    def idempotency_key(self) -> str:
        return f"refund-{self.key}"


class Dispute(db.Model):
    """A customer's bank argues about a charge. `due_by` is when our answer must have arrived."""

    __tablename__ = "disputes"
    __table_args__ = (
        UniqueConstraint("payment_id", "provider_ref"),
        Index("ix_disputes_provider_ref", "provider_ref"),
        Index("ix_disputes_open", "due_by", "id", postgresql_where=_DISPUTE_OPEN, sqlite_where=_DISPUTE_OPEN),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"))
    provider_ref: Mapped[str] = mapped_column(String(64))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(60), default="")
    state: Mapped[str] = mapped_column(String(10), default=DisputeState.OPEN)
    due_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    payment: Mapped[Payment] = relationship(back_populates="disputes")


class ProviderEvent(db.Model):
    """A webhook as it came, byte for byte, and what became of it."""

    __tablename__ = "provider_events"
    __table_args__ = (
        UniqueConstraint("provider", "event_id"),
        Index("ix_provider_events_payment_id", "payment_id", "id"),
        Index("ix_provider_events_object_ref", "object_ref"),
        Index("ix_provider_events_received_at", "received_at"),
        Index("ix_provider_events_not_done", "state", "id", postgresql_where=_NOT_DONE, sqlite_where=_NOT_DONE),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    provider: Mapped[str] = mapped_column(String(10))
    event_id: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(80), default="")
    object_ref: Mapped[str] = mapped_column(String(120), default="")
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"))
    headers: Mapped[str] = mapped_column(Text, default="{}")
    body: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(8), default=EventState.WAITING)
    error: Mapped[str] = mapped_column(Text, default="")
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    handled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=0)

    payment: Mapped[Payment | None] = relationship()


class ProviderCall(db.Model):
    """One request to a provider with its answer, both without secrets. `status` is None if no answer came."""

    __tablename__ = "provider_calls"
    __table_args__ = (
        Index("ix_provider_calls_payment_id", "payment_id", "id"),
        Index("ix_provider_calls_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"))
    provider: Mapped[str] = mapped_column(String(10))
    method: Mapped[str] = mapped_column(String(6))
    path: Mapped[str] = mapped_column(String(300))
    idempotency_key: Mapped[str] = mapped_column(String(108), default="")
    status: Mapped[int | None]
    request: Mapped[str] = mapped_column(Text, default="")
    response: Mapped[str] = mapped_column(Text, default="")
    request_id: Mapped[str] = mapped_column(String(80), default="")
    milliseconds: Mapped[int] = mapped_column(default=0)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Reconciliation(db.Model):
    """One comparison of a provider's list of a day with our books. `differences` is JSON: a list of sentences."""

    __tablename__ = "reconciliations"
    __table_args__ = (Index("ix_reconciliations_day", "day", "provider"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(10))
    day: Mapped[date]
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    compared: Mapped[int] = mapped_column(default=0)
    settled: Mapped[int] = mapped_column(default=0)
    found: Mapped[int] = mapped_column(default=0)
    differences: Mapped[str] = mapped_column(Text, default="[]")


class Drawer(db.Model):
    """One session of a branch's cash drawer, from its float to its count.

    `difference` is counted less expected; `banked` is what was taken out at the end, the rest is the next float.
    """

    __tablename__ = "drawers"
    __table_args__ = (
        CheckConstraint("float_amount >= 0 AND minimum_float >= 0", name="float"),
        Index("ix_drawers_location_id", "location_id", "id"),
        # A branch has one drawer in use.
        Index("ux_drawers_in_use", "location_id", unique=True, postgresql_where=_IN_USE, sqlite_where=_IN_USE),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    currency: Mapped[str] = mapped_column(String(3), default="GBP")
    opened_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    float_amount: Mapped[int] = mapped_column(BigInteger, default=0)
    minimum_float: Mapped[int] = mapped_column(BigInteger, default=0)
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    counted: Mapped[int | None] = mapped_column(BigInteger)
    expected: Mapped[int | None] = mapped_column(BigInteger)
    difference: Mapped[int | None] = mapped_column(BigInteger)
    banked: Mapped[int | None] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column(default=0)
