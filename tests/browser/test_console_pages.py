"""Every page of the console: axe, the content security policy, no sideways scroll, targets of 24 px."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, assert_sound
from tests.browser.console import api_booking, change, is_live

TICKET = "/admin/repairs/{number}"
PAGES = [
    "/admin/repairs/",
    "/admin/repairs/?q=nobody+is+called+this",
    "/admin/repairs/?view=lost",
    "/admin/repairs/?view=all",
    "/admin/outbox/waiting",
    "/admin/repairs/views/",
    "/admin/documents/",
    "/admin/documents/new/{number}",
    "/admin/payments/",
    "/admin/payments/?q=nobody",
    "/admin/payments/{payment}",
    "/admin/payments/disputes",
    "/admin/settings/",
    "/admin/settings/payments/stripe",
    "/admin/till/",
    "/admin/till/close",
    "/admin/till/1",
    *[f"{TICKET}{part}" for part in ("", "/edit", "/move", "/assign")],
    *[
        f"/admin/{name}/"
        for name in ("outbox", "audit", "health", "staff", "account", "devices", "price-rules", "style")
    ],
]


@pytest.fixture(scope="module")
def number(busy_shop):
    return api_booking(busy_shop.url)


@pytest.mark.parametrize("path", PAGES)
def test_page_is_sound(signed_in, number, path):
    page = signed_in("ellie", reduced_motion="reduce")

    page.goto(path.format(number=number, payment=1))
    is_live(page)

    assert_sound(page)


def test_sign_in_is_sound(stranger_at):
    page = stranger_at()

    page.goto("/login")
    page.get_by_role("button", name="Sign in").click()

    assert_sound(page)


def test_after_a_refused_password_only_that_is_typed_again(stranger_at):
    page = stranger_at()
    page.goto("/login")
    page.get_by_label("E-mail").fill("nobody@example.com")
    page.get_by_label("Password").fill("wrong")

    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_text("do not match")).to_be_visible()
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.get_by_label("E-mail")).to_have_value("nobody@example.com")


def test_sign_in_on_the_way_to_a_ticket_says_that_its_text_is_kept(stranger_at, number):
    page = stranger_at()

    page.goto(f"/admin/repairs/{number}")

    expect(page.get_by_role("heading", name="Sign in to the shop")).to_be_visible()
    expect(page.get_by_text("What you typed is kept")).to_be_visible()


@pytest.mark.parametrize("key", ["s", "a"])
def test_dialog_is_sound(signed_in, number, key):
    page = signed_in("ellie", reduced_motion="reduce")
    page.goto(f"/admin/repairs/{number}")

    page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_be_visible()

    assert_sound(page)


def test_conflict_is_sound(busy_shop, signed_in):
    number = api_booking(busy_shop.url)
    page = signed_in("ellie")
    page.goto(f"/admin/repairs/{number}/edit")
    change(busy_shop, number, diagnosis="Display broken, frame straight.")
    page.get_by_label("Diagnosis").fill("Display broken, frame bent.")

    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Final text")).to_be_visible()

    assert_sound(page)


def test_selection_is_sound(signed_in):
    page = signed_in("ellie")
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

    box = page.get_by_role("button", name="Start diagnosis").bounding_box()
    assert box["height"] >= 44
    assert box["width"] >= 350
    assert box["y"] < 300


def test_phone_shows_the_tab_one_is_at(signed_in):
    page = signed_in("ellie", viewport=PHONE)

    page.goto("/admin/repairs/?view=closed")
    is_live(page)

    here = page.locator(".page-head [aria-current]:is(.tab)")
    expect(here).to_have_text("Closed")
    expect(here).to_be_in_viewport(ratio=1)


def test_phone_scrolls_the_tabs_to_the_one_that_one_is_at(signed_in):
    page = signed_in("ellie", viewport=PHONE)

    page.goto("/admin/repairs/?view=parts")
    is_live(page)

    expect(page.locator("#queue-tabs [aria-current]")).to_be_in_viewport(ratio=1)


def test_portuguese_queue_has_room_for_its_longer_words(signed_in):
    page = signed_in("ellie", locale="pt-BR")

    page.goto("/admin/repairs/")
    is_live(page)

    assert page.locator("#queue-tabs").evaluate(
        """tabs => {
            for (const count of tabs.querySelectorAll(".tab-count")) count.textContent = "58";
            return tabs.scrollWidth <= tabs.clientWidth;
        }"""
    )
    assert page.locator("#queue-rows .pill").evaluate_all(
        "pills => pills.every(it => it.scrollWidth <= it.clientWidth)"
    )


def test_phone_shows_every_act_for_the_selected_row(signed_in):
    page = signed_in("ellie", viewport=PHONE)
    page.goto("/admin/repairs/")
    is_live(page)

    page.keyboard.press("j")
    page.keyboard.press("x")

    bar = page.locator("#selection-bar")
    expect(bar.get_by_role("button", name="Clear")).to_be_in_viewport(ratio=1)
    assert bar.evaluate("bar => bar.scrollWidth <= bar.clientWidth")


def test_phone_says_in_words_that_the_shop_is_out_of_reach(signed_in):
    page = signed_in("ellie", viewport=PHONE)
    page.goto("/admin/repairs/")
    is_live(page)

    page.context.set_offline(True)

    expect(page.get_by_text("Offline since")).to_be_visible()


def test_back_from_a_ticket_leads_to_the_same_place_in_the_list(signed_in):
    page = signed_in("ellie")
    page.goto("/admin/repairs/?view=all")
    is_live(page)
    pane, row = page.locator("[data-scroll]"), page.locator("#queue-rows > tr").nth(24)
    pane.evaluate("pane => pane.scrollTop = 900")
    row.locator("a").hover()
    left_at, number = pane.evaluate("pane => pane.scrollTop"), row.get_attribute("data-repair")
    row.locator("a").click()
    page.wait_for_url(f"**/{number}")

    page.go_back()

    expect(page.locator(f'[data-repair="{number}"] a')).to_be_focused()
    assert left_at > 500
    # What is above the list may be a pixel higher or lower when the page comes again.
    assert abs(pane.evaluate("pane => pane.scrollTop") - left_at) <= 2


def test_a_closed_ticket_pushes_nobody_on(signed_in):
    page = signed_in("ellie")
    page.goto("/admin/repairs/?view=closed")
    page.locator('#queue-rows [data-status="collected"] a').first.click()

    expect(page.get_by_role("button", name="Open a warranty return")).to_be_visible()
    expect(page.locator(".ticket-acts .button-primary")).to_have_count(0)


def test_the_queue_page_stays_small(signed_in):
    page = signed_in("ellie")

    answer = page.goto("/admin/repairs/?view=all")

    assert page.locator("#queue-rows > tr").count() == 50
    assert len(answer.body()) < 60_000
