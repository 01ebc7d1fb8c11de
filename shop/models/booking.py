"""How a repair arrives: slots, bookings, and the wizard's unfinished drafts."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.repair import Repair

_MISSED = text("misses > 0")


class Slot(db.Model):
    """One stretch of the counter's or the rider's time. The database itself refuses the place too many."""

    __tablename__ = "slots"
    __table_args__ = (
        UniqueConstraint("location_id", "service_type", "starts_at"),
        CheckConstraint("taken >= 0 AND taken <= capacity", name="capacity"),
        Index("ix_slots_location_starts", "location_id", "starts_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    location_id: Mapped[int] = mapped_column(ForeignKey("locations.id"))
    service_type: Mapped[str] = mapped_column(String(10))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    capacity: Mapped[int]
    taken: Mapped[int] = mapped_column(default=0)


class Booking(db.Model):
    """How a repair arrives. A walk-in has none.

    Whether it is expected, arrived or cancelled says the status of its repair; here stands when. A booking holds a
    place in its slot for as long as it names it, so `slots.taken` is the number of bookings that name the slot.
    `moves` counts changes of the time: the SEQUENCE of its calendar file (RFC 5545, 3.8.7.4). Where `due_now` minor
    units are to be paid first, the place is kept until `held_until`; with the payment that becomes None and
    `confirmed_at` is noted.
    """

    __tablename__ = "bookings"
    __table_args__ = (
        Index("ix_bookings_slot_id", "slot_id"),
        Index("ix_bookings_missed", "repair_id", postgresql_where=_MISSED, sqlite_where=_MISSED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    repair_id: Mapped[int] = mapped_column(ForeignKey("repairs.id"), unique=True)
    slot_id: Mapped[int | None] = mapped_column(ForeignKey("slots.id"))
    source: Mapped[str] = mapped_column(String(10))
    address: Mapped[str] = mapped_column(Text, default="")
    postcode: Mapped[str] = mapped_column(String(10), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    arrived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    missed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    misses: Mapped[int] = mapped_column(default=0, server_default="0")
    moves: Mapped[int] = mapped_column(default=0, server_default="0")
    due_now: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    repair: Mapped[Repair] = relationship()
    slot: Mapped[Slot | None] = relationship()


_BOOKED = text("repair_id IS NOT NULL")


class BookingDraft(db.Model):
    """What a visitor has filled in so far, under an unguessable link that works on any device."""

    __tablename__ = "booking_drafts"
    __table_args__ = (
        Index("ix_booking_drafts_expires_at", "expires_at"),
        Index("ix_booking_drafts_repair_id", "repair_id", postgresql_where=_BOOKED, sqlite_where=_BOOKED),
    )

    token: Mapped[str] = mapped_column(String(32), primary_key=True)
    data: Mapped[str] = mapped_column(Text, default="{}")
    # What is being typed and was not sent yet, by step: JSON, see services/drafts.py.
    typed: Mapped[str] = mapped_column(Text, default="{}", server_default="{}")
    locale: Mapped[str] = mapped_column(String(5), default="en")
    repair_id: Mapped[int | None] = mapped_column(ForeignKey("repairs.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=0)


class IdempotencyKey(db.Model):
    """The answer once given to a key, so that a repeated request is answered from memory."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("ix_idempotency_keys_created_at", "created_at"),)

    scope: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    answer: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
