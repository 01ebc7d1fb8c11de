"""What the shop repairs and which repairs it offers."""

import json
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now


class DeviceCategory(StrEnum):
    SMARTPHONE = "smartphone"
    TABLET = "tablet"
    LAPTOP = "laptop"
    DESKTOP = "desktop"
    CONSOLE = "console"
    WEARABLE = "wearable"


class DeviceModel(db.Model):
    """A model somebody can own. A customer's own device, with its serial number, is not this."""

    __tablename__ = "device_models"
    __table_args__ = (UniqueConstraint("brand", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    category: Mapped[str] = mapped_column(String(16), index=True)
    brand: Mapped[str] = mapped_column(String(60))
    family: Mapped[str] = mapped_column(String(80), default="")
    name: Mapped[str] = mapped_column(String(160))
    model_numbers: Mapped[str] = mapped_column(Text, default="")
    release_year: Mapped[int | None]
    tier: Mapped[str] = mapped_column(String(4))
    specs: Mapped[str] = mapped_column(Text, default="{}")
    search_text: Mapped[str] = mapped_column(Text, default="")
    popularity: Mapped[int] = mapped_column(default=0)
    source: Mapped[str] = mapped_column(Text, default="")
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, onupdate=utc_now, index=True)
    version: Mapped[int] = mapped_column(default=0)

    @property
    def model_number_list(self) -> list[str]:
        return [number for number in self.model_numbers.split(";") if number]

    @property
    def specs_dict(self) -> dict:
        return json.loads(self.specs or "{}")

    @property
    def is_retired(self) -> bool:
        return self.retired_at is not None


class ServiceCategory(db.Model):
    """One of the eight shelves of the shop. `name` and `description` are English msgids."""

    __tablename__ = "service_categories"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    icon: Mapped[str] = mapped_column(String(40))
    position: Mapped[int]
    description: Mapped[str] = mapped_column(String(200), default="")

    repair_types: Mapped[list["RepairType"]] = relationship(back_populates="category", order_by="RepairType.position")


class RepairType(db.Model):
    """A repair the shop offers. `name` and `description` are English msgids.

    `fits` holds device categories or, where a category is too wide, tiers, parted by ';'.
    """

    __tablename__ = "repair_types"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("service_categories.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    description: Mapped[str] = mapped_column(String(200), default="")
    position: Mapped[int]
    duration_minutes: Mapped[int]
    warranty_days: Mapped[int]
    needs_part: Mapped[bool]
    fits: Mapped[str] = mapped_column(String(200))
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    category: Mapped[ServiceCategory] = relationship(back_populates="repair_types")

    def fits_device(self, device: DeviceModel) -> bool:
        return not {device.category, device.tier}.isdisjoint(self.fits.split(";"))
