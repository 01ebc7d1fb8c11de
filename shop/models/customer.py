"""Customers and the physical devices they bring."""

import re
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now


class Customer(db.Model):
    __tablename__ = "customers"
    __table_args__ = (Index("ix_customers_email", "email"), Index("ix_customers_phone", "phone"))

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    email: Mapped[str] = mapped_column(String(254), default="")
    phone: Mapped[str] = mapped_column(String(20), default="")
    locale: Mapped[str] = mapped_column(String(5), default="en")
    # Whether they want mails about the status of a repair; who said so last ('' while nobody has), and when.
    may_email: Mapped[bool] = mapped_column(default=True, server_default=true())
    may_email_source: Mapped[str] = mapped_column(String(20), default="", server_default="")
    may_email_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Device(db.Model):
    """A customer's own device. `label` is what it was called at intake, whatever the catalogue says later."""

    __tablename__ = "devices"
    __table_args__ = (
        Index("ix_devices_customer_id", "customer_id"),
        Index("ix_devices_model_id", "model_id"),
        Index("ix_devices_imei", "imei"),
        Index("ix_devices_serial", "serial"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    model_id: Mapped[int | None] = mapped_column(ForeignKey("device_models.id"))
    label: Mapped[str] = mapped_column(String(160))
    serial: Mapped[str] = mapped_column(String(40), default="")
    imei: Mapped[str] = mapped_column(String(16), default="")
    customer: Mapped[Customer] = relationship()


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def is_imei(text: str) -> bool:
    """Fifteen digits whose last is the Luhn check digit (3GPP TS 23.003, annex B)."""
    if not re.fullmatch(r"\d{15}", text):
        return False
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(text)]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
