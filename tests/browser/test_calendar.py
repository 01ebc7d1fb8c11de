"""The calendar in real browsers: dragged and refused, arrived by one key and taken back; a walk-in by keyboard."""

import json
import re
import urllib.parse
import urllib.request
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.base import utc_now
from shop.models.booking import Slot
from shop.services import slots
from shop.services.bookings import create_booking
from shop.services.locations import home_location
from tests.bookings import request
from tests.browser.conftest import assert_quiet, assert_sound
from tests.browser.console import is_live, shop_at

PAGES = (
    "/admin/calendar/?view=week", "/admin/calendar/?view=day", "/admin/calendar/?view=agenda", "/admin/calendar/block",
    "/admin/opening/", "/admin/check-in/",
)  # fmt: skip


@pytest.fixture
def free_day(busy_shop) -> list[datetime]:
    """Slots of an open day next week on which nobody has booked and nothing is blocked out."""
    with shop_at(busy_shop.url).app_context():
        location, day = home_location(), utc_now().replace(hour=0, minute=0) + timedelta(days=6)
        while True:
            found = slots.list_slots(location, "in_store", start=day, end=day + timedelta(days=1))
            if len(found) > 12 and all(view.taken == 0 and view.capacity for view in found):
                return [view.start for view in found]
            day += timedelta(days=1)


def book(base: str, starts_at: datetime, *, name: str, places: int | None = None) -> str:
    """An appointment made beside the browser; `places` are all that its slot has."""
    with shop_at(base).app_context():
        if places:
            end = starts_at + timedelta(minutes=30)
            slot = {"service_type": "in_store", "starts_at": starts_at, "ends_at": end, "capacity": places}
            db.session.add(Slot(location_id=home_location().id, **slot))
            db.session.flush()
        asked = request(slot_start=starts_at, customer={"name": name})
        number = create_booking(asked, actor=CUSTOMER, source="wizard").number
        db.session.commit()
        return number


def cell(page: Page, starts_at: datetime):
    return page.locator(f'.cal-cell[data-at="{starts_at.isoformat()}"]').first


def entry(page: Page, number: str):
    return page.locator(f"#entry-{number}")


def test_an_appointment_is_dragged_refused_arrived_and_taken_back(busy_shop, signed_in, free_day):
    ten, two, full = free_day[2], free_day[10], free_day[12]
    number = book(busy_shop.url, ten, name="Hannah Whitcombe")
    book(busy_shop.url, full, name="Peter Whitcombe", places=1)
    page, colleague = signed_in("marta"), signed_in("priya")
    for one in (page, colleague):
        one.goto(f"/admin/calendar/?view=week&day={ten:%Y-%m-%d}")
        is_live(one)

    entry(page, number).drag_to(cell(page, full))
    expect(page.get_by_text(f"{number}: Full")).to_be_visible()
    entry(page, number).drag_to(cell(page, two))
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(f'input[value="{two.isoformat()}"]')).to_be_checked()
    expect(dialog.get_by_text("hannah@example.com")).to_be_visible()
    dialog.get_by_role("button", name="Move and send").click()

    expect(cell(page, two).locator(f"#entry-{number}")).to_be_visible()
    expect(cell(colleague, two).locator(f"#entry-{number}")).to_be_visible()
    page.keyboard.press("z")
    expect(cell(page, ten).locator(f"#entry-{number}")).to_be_visible()

    entry(page, number).focus()
    page.keyboard.press("r")
    expect(entry(page, number)).to_have_attribute("data-standing", "arrived")
    expect(entry(colleague, number)).to_have_attribute("data-standing", "arrived")
    page.keyboard.press("z")
    expect(entry(page, number)).to_have_attribute("data-standing", "expected")
    assert_quiet(page)


def test_the_mail_follows_the_chosen_time_and_enter_moves(busy_shop, signed_in, free_day):
    ten, half_past, eleven = free_day[2:5]
    number = book(busy_shop.url, ten, name="Hannah Whitcombe")
    page = signed_in("marta")
    page.goto(f"/admin/calendar/?view=week&day={ten:%Y-%m-%d}")
    is_live(page)
    words = {moment: clock_at(busy_shop.url, moment) for moment in (half_past, eleven)}

    entry(page, number).focus()
    page.keyboard.press("m")
    message = page.locator("dialog [data-message]")
    expect(message).to_contain_text(words[half_past])
    page.keyboard.press("ArrowRight")
    expect(message).to_contain_text(words[eleven])
    expect(message).not_to_contain_text(words[half_past])
    page.keyboard.press("Enter")

    expect(cell(page, eleven).locator(f"#entry-{number}")).to_be_visible()
    assert_quiet(page)


def test_the_dialog_that_moves_an_appointment_is_sound(busy_shop, signed_in, free_day):
    number = book(busy_shop.url, free_day[2], name="Hannah Whitcombe")
    page = signed_in("marta", reduced_motion="reduce")

    page.goto(f"/admin/calendar/?view=agenda&day={free_day[2]:%Y-%m-%d}")
    is_live(page)
    entry(page, number).focus()
    page.keyboard.press("m")
    expect(page.locator("dialog [data-message]")).to_be_visible()

    assert_sound(page)


def clock_at(base: str, moment: datetime) -> str:
    with shop_at(base).app_context():
        return f"{moment.astimezone(home_location().hours.zone):%H:%M}"


def test_a_walk_in_and_a_block_out_by_keyboard_alone(busy_shop, signed_in, free_day):
    page = signed_in("maya")
    page.goto("/admin/calendar/?view=agenda")
    is_live(page)

    page.keyboard.press("c")
    page.wait_for_url("**/admin/check-in/")
    expect(page.locator("#in-phone")).to_be_focused()
    page.keyboard.type("07700 900777")
    page.keyboard.press("Tab")
    page.keyboard.type("Ada Walk")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("ipone 14 pro")
    expect(page.get_by_label("iPhone 14 Pro", exact=False).first).to_be_checked()
    while page.evaluate("document.activeElement.id") != "in-problem":
        page.keyboard.press("Tab")
    page.keyboard.type("Screen stays dark")
    page.keyboard.press("Tab")
    page.keyboard.type("Shelf 9")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/admin/repairs/RT-\d+$"))
    expect(page.locator(".ticket-line .pill")).to_have_text("Received")

    noon = free_day[6]
    assert left(busy_shop.url, noon) > 0
    page.goto(f"/admin/calendar/?view=agenda&day={noon:%Y-%m-%d}")
    is_live(page)
    page.keyboard.press("b")
    page.get_by_label("From").fill(f"{noon:%Y-%m-%dT%H:%M}")
    page.get_by_label("Until").fill(f"{noon + timedelta(minutes=30):%Y-%m-%dT%H:%M}")
    page.get_by_label("Reason, for colleagues").press_sequentially("Fire drill")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Fire drill")).to_be_visible()
    assert left(busy_shop.url, noon) == 0
    assert_quiet(page)


def test_pages_of_the_calendar_are_sound(signed_in):
    page = signed_in("ellie", reduced_motion="reduce")

    for path in PAGES:
        page.goto(path)
        is_live(page)
        assert_sound(page)


def left(base: str, starts_at: datetime) -> int:
    """Places that the public API offers at this time."""
    span = {"from": starts_at.isoformat(), "to": (starts_at + timedelta(minutes=1)).isoformat()}
    query = urllib.parse.urlencode({"service_type": "in_store", **span})
    with urllib.request.urlopen(f"{base}/api/v1/slots?{query}") as answer:
        return json.load(answer)["items"][0]["remaining"]
