"""What a customer asks for, with plain defaults: a screen for an iPhone 14 Pro, brought in."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from shop.extensions import db
from shop.models.booking import Slot
from shop.models.catalogue import DeviceModel, RepairType
from shop.services.bookings import BookingRequest, CustomerDetails
from tests import factories

# Thursday, two days after the clock of the fixture `frozen`.
THURSDAY_1030 = datetime(2026, 11, 26, 10, 30, tzinfo=UTC)


def iphone() -> DeviceModel:
    return db.session.scalars(select(DeviceModel).where(DeviceModel.name == "iPhone 14 Pro")).one()


def repair_type(slug: str = "phone-display-original") -> RepairType:
    return db.session.scalars(select(RepairType).where(RepairType.slug == slug)).one()


def request(**changes) -> BookingRequest:
    customer = changes.pop("customer", {})
    facts = {
        "device_id": iphone().id,
        "repair_type_ids": (repair_type().id,),
        "service_type": "in_store",
        "urgency": "standard",
        "currency": "GBP",
        "slot_start": None,
        "problem": "Cracked screen, touch dead along the top",
    }
    return BookingRequest(**{**facts, **changes}, customer=details(**customer))


def details(**changes) -> CustomerDetails:
    values = {"name": "Hannah Whitcombe", "email": "hannah@example.com", "phone": "07700 900418", "locale": "en"}
    return CustomerDetails(**{**values, **changes})


def body(**changes) -> dict:
    """The same as JSON for the API. A value of None leaves the field out."""
    facts = {
        "device_id": iphone().id,
        "repair_type_ids": [repair_type().id],
        "service_type": "in_store",
        "urgency": "standard",
        "problem": "Cracked screen, touch dead along the top",
        "customer": {
            "name": "Hannah Whitcombe",
            "email": "hannah@example.com",
            "phone": "07700 900418",
            "locale": "en",
        },
    }
    return {name: value for name, value in {**facts, **changes}.items() if value is not None}


def slot_with(places: int, *, starts_at: datetime = THURSDAY_1030, service_type: str = "in_store") -> Slot:
    """A slot of the calendar whose capacity somebody has set to `places`; committed."""
    slot = Slot(
        location_id=factories.location().id,
        service_type=service_type,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
        capacity=places,
    )
    db.session.add(slot)
    db.session.commit()
    return slot
