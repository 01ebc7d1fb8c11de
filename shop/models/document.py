"""Invoices, receipts and credit notes, kept as they were printed."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.event import BigId

# A tax document is kept for so long; then `content` may be set to ERASED, and nothing else ever.
YEARS_KEPT = 6
ERASED = "{}"

_OF_REPAIR = text("repair_id IS NOT NULL")
_OF_PAYMENT = text("payment_id IS NOT NULL")


class DocumentKind(StrEnum):
    INVOICE = "invoice"
    RECEIPT = "receipt"
    CREDIT_NOTE = "credit_note"


class Document(db.Model):
    """One document as it was issued. `content` is JSON of all that is printed; `key` makes issuing it twice one."""

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("series", "year", "number"),
        CheckConstraint("net + tax = gross", name="gross"),
        CheckConstraint("number > 0", name="number"),
        Index("ix_documents_repair_id", "repair_id", "id", postgresql_where=_OF_REPAIR, sqlite_where=_OF_REPAIR),
        Index("ix_documents_payment_id", "payment_id", postgresql_where=_OF_PAYMENT, sqlite_where=_OF_PAYMENT),
        Index("ix_documents_corrects_id", "corrects_id"),
        Index("ix_documents_kind", "kind", "id"),
        Index("ix_documents_issued_at", "issued_at", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    series: Mapped[str] = mapped_column(String(10))
    year: Mapped[int]
    number: Mapped[int]
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))
    payment_id: Mapped[int | None] = mapped_column(ForeignKey("payments.id"))
    corrects_id: Mapped[int | None] = mapped_column(ForeignKey("documents.id"))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    currency: Mapped[str] = mapped_column(String(3))
    net: Mapped[int] = mapped_column(BigInteger)
    tax: Mapped[int] = mapped_column(BigInteger)
    gross: Mapped[int] = mapped_column(BigInteger)
    locale: Mapped[str] = mapped_column(String(5), default="en")
    content: Mapped[str] = mapped_column(Text, default=ERASED)


class DocumentCounter(db.Model):
    """The last number given in a series and year. Locked by whoever takes the next one, until they commit."""

    __tablename__ = "document_counters"

    series: Mapped[str] = mapped_column(String(10), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(default=0)
