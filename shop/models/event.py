"""The event log: what happened, sealed in one order, and what must follow from it."""

import hashlib
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now

SEAL_VERSION = 1
GENESIS = "0" * 64
BigId = BigInteger().with_variant(Integer, "sqlite")


class Event(db.Model):
    """One fact. Everything but position and hashes is written once, by the use case that caused it.

    `body` is the JSON text exactly as sealed; it names no person. Personal details stand in EventDetail
    and are sealed only through their salted hash, so that they can be erased and the chain stays whole.
    """

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("aggregate", "version"),
        Index(
            "ix_events_unsealed", "id", postgresql_where=text("position IS NULL"), sqlite_where=text("position IS NULL")
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    verb: Mapped[str] = mapped_column(String(60))
    aggregate: Mapped[str] = mapped_column(String(60))
    version: Mapped[int]
    actor: Mapped[str] = mapped_column(String(40))
    at: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(Text)
    detail_hash: Mapped[str] = mapped_column(String(64), default="")
    position: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    previous_hash: Mapped[str | None] = mapped_column(String(64))
    hash: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped["EventDetail | None"] = relationship(lazy="joined", uselist=False)


class EventDetail(db.Model):
    """The personal part of an event, beside the sealed part. Erasure deletes this row."""

    __tablename__ = "event_details"

    event_id: Mapped[int] = mapped_column(BigId, ForeignKey("events.id"), primary_key=True)
    salt: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(Text)


class DeliveryState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


ATTEMPTS = 8
_UNFINISHED = text("state IN ('waiting', 'running')")


class Delivery(db.Model):
    """One event owed to one subscriber.

    `due_at` is when it may be claimed: while it runs, that is the end of its lease. Every write after the
    claim names the attempt (fencing), so attempts are counted on and on, also when a dead one is sent again:
    then only `attempts_allowed` grows.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("event_id", "subscriber"),
        Index(
            "ix_deliveries_unfinished",
            "subscriber",
            "ordering_key",
            "id",
            postgresql_where=_UNFINISHED,
            sqlite_where=_UNFINISHED,
        ),
        Index(
            "ix_deliveries_due", "subscriber", "due_at", "id", postgresql_where=_UNFINISHED, sqlite_where=_UNFINISHED
        ),
        Index("ix_deliveries_dead", "id", postgresql_where=text("state = 'dead'"), sqlite_where=text("state = 'dead'")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    event_id: Mapped[int] = mapped_column(BigId, ForeignKey("events.id"))
    subscriber: Mapped[str] = mapped_column(String(30))
    ordering_key: Mapped[str] = mapped_column(String(60))
    state: Mapped[str] = mapped_column(String(12), default=DeliveryState.WAITING)
    attempt: Mapped[int] = mapped_column(default=0)
    attempts_allowed: Mapped[int] = mapped_column(default=ATTEMPTS)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    event: Mapped[Event] = relationship()


def seal(event, *, position: int, previous_hash: str) -> str:
    """SHA-256 over every sealed column, each with its length before it, so that no two records read alike."""
    fields = (
        SEAL_VERSION,
        position,
        previous_hash,
        event.id,
        event.verb,
        event.aggregate,
        event.version,
        event.actor,
        event.at,
        event.detail_hash,
        event.body,
    )
    parts = [str(value).encode() for value in fields]
    return hashlib.sha256(b"".join([len(part).to_bytes(8, "big") + part for part in parts])).hexdigest()


def detail_hash(salt: str, body: str) -> str:
    return hashlib.sha256(f"{salt}:{body}".encode()).hexdigest()
