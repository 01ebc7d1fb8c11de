"""Whatever happens to the browser, nothing typed over two seconds ago is gone; whatever is sent twice acts once."""

import re

import pytest
from playwright.sync_api import expect

from shop.services.demo import PASSWORD
from tests.browser.conftest import DESKTOP, assert_accessible, assert_quiet, watched
from tests.browser.console import api_booking

TEXT = "Display assembly broken, frame straight. Front camera bracket bent but reusable."
TWO_SECONDS = 2_000


@pytest.fixture
def number(busy_shop):
    return api_booking(busy_shop.url)


@pytest.fixture
def enter(chromium, busy_shop):
    """`enter("priya", path)`: a browser profile of its own, signed in by hand, at that page."""
    opened = []

    def make(name: str, path: str):
        context = chromium.new_context(base_url=busy_shop.url, locale="en-GB", viewport=DESKTOP)
        opened.append(context)
        page = watched(context.new_page())
        page.goto(f"/login?next={path}")
        page.get_by_label("E-mail").fill(f"{name}@revivatech.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**{path}")
        return page

    yield make
    for context in opened:
        context.close()


def test_browser_killed_while_typing_loses_nothing_that_is_two_seconds_old(enter, number):
    ticket, device = f"/admin/repairs/{number}/edit", "/admin/devices/new/"
    typed = {"priya": (ticket, "Diagnosis"), "maya": (device, "Family")}
    for name, (path, label) in typed.items():
        page = enter(name, path)
        page.get_by_label(label).press_sequentially(TEXT[:70], delay=10)
        page.wait_for_timeout(TWO_SECONDS)
        page.context.close()

    for name, (path, label) in typed.items():
        page = enter(name, path)
        expect(page.get_by_label(label)).to_have_value(TEXT[:70])
        expect(page.locator("[data-draft-note]")).to_contain_text(re.compile(r"Restored from \d\d:\d\d, one field"))
        assert_accessible(page)
        assert_quiet(page)
        page.get_by_role("button", name="Discard").click()
        expect(page.get_by_label(label)).not_to_have_value(TEXT[:70])
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_label(label)).to_have_value(TEXT[:70])

    page.goto("/admin/recover/")
    expect(page.locator(".unfinished-row")).to_contain_text("Add a device")
    assert_accessible(page)
    page.get_by_role("link", name="Go on").click()
    expect(page.get_by_label("Family")).to_have_value(TEXT[:70])
