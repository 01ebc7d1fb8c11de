"""What the tests of the console share: bookings through the API, and facts from the database."""

import json
import urllib.request
import uuid
from functools import cache
from pathlib import Path

from flask import Flask
from playwright.sync_api import Locator, Page, expect

from shop import create_app
from shop.config import load_settings
from shop.extensions import db
from shop.models.workflow import State
from shop.services import repairs, staff

# Address of a running shop -> the folder of its data.
SERVERS: dict[str, Path] = {}


def api_booking(
    base: str, *, name: str = "Hannah Whitcombe", problem: str = "Cracked screen", arrived: bool = True
) -> str:
    """Books a screen for an iPhone 14 Pro as a customer's site would, and hands it over; returns the ticket number."""
    device = _get(f"{base}/api/v1/devices?q=iphone+14+pro&limit=1")["items"][0]
    screens = _get(f"{base}/api/v1/services/categories")["items"][0]
    body = {
        "device_id": device["id"],
        "repair_type_ids": [screens["repair_types"][0]["id"]],
        "service_type": "in_store",
        "urgency": "standard",
        "problem": problem,
        "customer": {"name": name, "email": "hannah@example.com", "phone": "07700 900418", "locale": "en"},
    }
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    request = urllib.request.Request(f"{base}/api/v1/bookings", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        number = json.load(answer)["number"]
    if arrived:
        hand_over(base, number)
    return number


def hand_over(base: str, number: str) -> None:
    """The front desk takes the device in, beside the browser."""
    with shop_at(base).app_context():
        marta = staff.find_staff("marta@revivatech.example") or staff.find_staff("ellie@revivatech.example")
        repairs.move(repairs.lock_repair(number), State.RECEIVED, actor=marta.actor)
        db.session.commit()


@cache
def shop_at(base: str) -> Flask:
    """The shop's own code on the data of that server."""
    return create_app(load_settings(SHOP_DATA=SERVERS[base], SECRET_KEY="tests" * 8, LOG_LEVEL="ERROR", REDIS_URL=""))


def status_of(server, number: str) -> str:
    return server.run(f"from shop.services.repairs import get_repair\nprint(get_repair({number!r}).status)")


def field_of(server, number: str, field: str) -> str:
    code = (
        f"from shop.services import repairs\nprint(repairs.editable_values(repairs.get_repair({number!r}))[{field!r}])"
    )
    return server.run(code)


def change(server, number: str, **fields: str) -> None:
    """A colleague's edit, made beside the browser."""
    server.run(f"""
from shop.extensions import db
from shop.services import repairs, staff
repair = repairs.lock_repair({number!r})
base = repairs.editable_values(repair)
owner = staff.find_staff("ellie@revivatech.example")
repairs.edit(repair, {fields!r}, base=base, actor=owner.actor)
db.session.commit()
""")


def move(server, number: str, target: str) -> None:
    """A colleague's step, made beside the browser."""
    server.run(f"""
from shop.extensions import db
from shop.services import repairs, staff
owner = staff.find_staff("ellie@revivatech.example")
repairs.move(repairs.lock_repair({number!r}), {str(target)!r}, actor=owner.actor)
db.session.commit()
""")


def sign_out_everywhere(server, name: str) -> None:
    server.run(f"""
from sqlalchemy import delete, select
from shop.extensions import db
from shop.models.staff import SignIn, Staff
person = select(Staff.id).where(Staff.name == {name!r}).scalar_subquery()
db.session.execute(delete(SignIn).where(SignIn.staff_id == person))
db.session.commit()
""")


def row_of(page: Page, number: str) -> Locator:
    return page.locator(f'#queue-rows > [data-repair="{number}"]')


def is_live(page: Page) -> None:
    expect(page.locator(".topbar [data-connection]")).to_have_attribute("data-connection", "live", timeout=15_000)


def _get(url: str) -> dict:
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)
