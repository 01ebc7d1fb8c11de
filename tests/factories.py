"""Plain defaults for the things that tests speak of."""

import secrets
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from flask_migrate import upgrade
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.catalogue import DeviceModel
from shop.models.customer import Customer, Device
from shop.models.location import Block, Location
from shop.models.permissions import Role
from shop.models.repair import Repair
from shop.models.staff import SignIn, Staff
from shop.models.workflow import State
from shop.services import staff as staff_service
from shop.services.events import hold, record
from shop.services.passwords import hash_password
from shop.services.repairs import next_repair_id
from shop.services.seed import load_reference_data

PASSWORD = "correct horse battery"


def migrate_and_seed() -> None:
    upgrade()
    load_reference_data()
    db.session.commit()


def staff(name: str = "Priya Nair", role: Role = Role.TECHNICIAN, **values) -> Staff:
    email = f"{name.split()[0].lower()}@revivatech.example"
    person = Staff(name=name, email=email, role=role, password_hash=_password_hash(), version=0, **values)
    db.session.add(person)
    db.session.commit()
    return person


def signed_in_client(app, person: Staff, *, sudo: bool = True):
    """A browser in which the person has just signed in; without `sudo`, a while ago."""
    token, now = secrets.token_urlsafe(32), datetime.now(UTC)
    row = SignIn(token_hash=staff_service._hash(token), staff_id=person.id, expires_at=now + timedelta(hours=1))
    row.sudo_at = now if sudo else now - staff_service.SUDO_LIFE
    db.session.add(row)
    db.session.commit()
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
        cookie["_fresh"] = True
    return client


def customer(name: str = "Hannah Whitcombe", **values) -> Customer:
    values = {"email": "hannah@example.com", "phone": "+447700900418", **values}
    person = Customer(name=name, **values)
    db.session.add(person)
    db.session.flush()
    return person


def repair(status: State = State.RECEIVED, **values) -> Repair:
    """A repair with one event, as a booking or check-in leaves it; committed."""
    owner = values.pop("customer", None) or customer()
    label = values.pop("label", "iPhone 14 Pro")
    model = db.session.scalar(select(DeviceModel).where(DeviceModel.name == label))
    device = Device(
        customer_id=owner.id,
        label=label,
        model_id=model.id if model else None,
        imei=values.pop("imei", ""),
        serial=values.pop("serial", ""),
    )
    db.session.add(device)
    db.session.flush()
    key = next_repair_id()
    row = Repair(
        id=key,
        number=f"RT-{key + 10_000}",
        customer_id=owner.id,
        device_id=device.id,
        **{
            "problem": "Cracked screen, touch dead along the top",
            "due_at": datetime.now(UTC) + timedelta(days=1),
            "location_id": location().id,
            **values,
        },
    )
    row.version = 0
    row.customer, row.device = owner, device
    row.enter(status, at=datetime.now(UTC))
    row.refresh_search_text()
    db.session.add(row)
    db.session.flush()
    hold(row)
    record("repair.booked", row, actor=SYSTEM, body={"status": status})
    db.session.commit()
    return row


def block(*, starts_at: datetime, minutes: int = 30, places: int | None = None, **values) -> Block:
    """A stretch in which the first branch takes nobody new; not committed."""
    row = Block(
        location_id=location().id, starts_at=starts_at, ends_at=starts_at + timedelta(minutes=minutes), places=places,
        **{"reason": "Stocktaking", **values},
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    return row


def location() -> Location:
    return db.session.scalars(select(Location).order_by(Location.id)).first()


@lru_cache
def _password_hash() -> str:
    return hash_password(PASSWORD)
