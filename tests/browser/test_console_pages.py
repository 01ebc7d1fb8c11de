"""Every page of the console: axe, the content security policy, no sideways scroll, targets of 24 px."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, assert_accessible, assert_quiet
from tests.browser.console import api_booking, change, is_live

NARROWEST = {"width": 360, "height": 740}
TICKET = "/admin/repairs/{number}"
PAGES = [
    "/admin/repairs/",
    "/admin/repairs/?q=nobody+is+called+this",
    "/admin/repairs/?view=lost",
    "/admin/repairs/?view=all",
    *[f"{TICKET}{part}" for part in ("", "/edit", "/move", "/assign")],
    *[
        f"/admin/{name}/"
        for name in ("outbox", "audit", "health", "staff", "account", "devices", "price-rules", "style")
    ],
]

# Measured by what can be pressed: a label for its box, a row of the queue for its link. Links in running text are free.
SMALL_TARGETS = """() => {
  const controls = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary");
  const inText = (node) => node.matches("a") && getComputedStyle(node).display === "inline";
  return [...controls].filter((node) => node.checkVisibility() && !inText(node)).map((node) => {
    const area = node.closest("label, [data-repair]:has(a)") ?? node;
    const box = area.getBoundingClientRect();
    return { html: node.outerHTML.slice(0, 120), width: box.width, height: box.height };
  }).filter(({ width, height }) => width > 1 && height > 1 && (width < 23.5 || height < 23.5));
}"""


@pytest.fixture(scope="module")
def number(busy_shop):
    return api_booking(busy_shop.url)


@pytest.fixture(params=["light", "dark"])
def theme(request):
    return request.param


def assert_sound(page):
    """At both widths axe is content, and at the narrowest nothing is cut off or too small to press."""
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        assert_accessible(page)
        assert page.evaluate(SMALL_TARGETS) == []
    page.set_viewport_size(NARROWEST)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert_quiet(page)


@pytest.mark.parametrize("path", PAGES)
def test_page_is_sound(signed_in, number, theme, path):
    page = signed_in("ellie", color_scheme=theme, reduced_motion="reduce")

    page.goto(path.format(number=number))
    is_live(page)

    assert_sound(page)


def test_sign_in_is_sound(stranger_at, theme):
    page = stranger_at(color_scheme=theme)

    page.goto("/login")
    page.get_by_role("button", name="Sign in").click()

    assert_sound(page)


@pytest.mark.parametrize("key", ["s", "a"])
def test_dialog_is_sound(signed_in, number, theme, key):
    page = signed_in("ellie", color_scheme=theme, reduced_motion="reduce")
    page.goto(f"/admin/repairs/{number}")

    page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_be_visible()

    assert_sound(page)


def test_conflict_is_sound(busy_shop, signed_in, theme):
    number = api_booking(busy_shop.url)
    page = signed_in("ellie", color_scheme=theme)
    page.goto(f"/admin/repairs/{number}/edit")
    change(busy_shop, number, diagnosis="Display broken, frame straight.")
    page.get_by_label("Diagnosis").fill("Display broken, frame bent.")

    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Final text")).to_be_visible()

    assert_sound(page)


def test_selection_is_sound(signed_in, theme):
    page = signed_in("ellie", color_scheme=theme)
    page.goto("/admin/repairs/")

    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#selection-bar")).to_be_visible()

    assert_sound(page)


def test_phone_opens_the_side_with_every_place(signed_in):
    page = signed_in("ellie", viewport=PHONE)
    page.goto("/admin/repairs/")

    page.get_by_role("button", name="More").click()
    page.locator("#side").get_by_role("link", name="Audit log").click()

    expect(page).to_have_url(re.compile("/admin/audit/"))


def test_phone_moves_with_one_big_button(signed_in, number):
    page = signed_in("ellie", viewport=PHONE)

    page.goto(f"/admin/repairs/{number}")

    box = page.get_by_role("button", name="Move to").bounding_box()
    assert box["height"] >= 44
    assert box["width"] >= 350
    assert box["y"] < 300


def test_the_queue_page_stays_small(signed_in):
    page = signed_in("ellie")

    answer = page.goto("/admin/repairs/?view=all")

    assert page.locator("#queue-rows > tr").count() == 50
    assert len(answer.body()) < 40_000
