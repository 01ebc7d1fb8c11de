"""A day at the counter and the bench, in real browsers."""

import json
import re
import urllib.request

from playwright.sync_api import expect

from shop.services.demo import PASSWORD
from shop.services.subscriptions import TOLD_BY_MAIL
from tests.browser.conftest import assert_quiet
from tests.browser.console import api_booking, status_of


def test_wrong_password_is_refused_and_the_right_one_leads_on(stranger_at):
    page = stranger_at()

    page.goto("/admin/repairs/?view=late")
    page.get_by_label("E-mail").fill("marta@revivatech.example")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    refused = page.get_by_text("do not match").is_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    assert refused
    expect(page).to_have_url(re.compile(r"/admin/repairs/\?view=late$"))
    expect(page.get_by_role("heading", name="Repairs")).to_be_visible()
    assert_quiet(page)


def test_a_booking_is_worked_to_collection_by_keyboard_alone(busy_shop, signed_in):
    page = signed_in("priya")
    page.goto("/admin/repairs/")
    expect(page.locator("[data-connection=live]").first).to_be_attached()

    number = api_booking(busy_shop.url)
    row = page.locator(f'[data-repair="{number}"]')
    expect(row).to_have_attribute("data-status", "received")
    while page.evaluate("document.querySelector('[data-cursor]')?.dataset.repair") != number:
        page.keyboard.press("j")
    for target in ("diagnosing", "in_repair", "quality_check", "ready", "collected"):
        page.keyboard.press("s")
        expect(page.get_by_role("dialog")).to_be_visible()
        if target == "in_repair":
            page.get_by_label("Diagnosis").press_sequentially("Display broken, frame straight. s a x")
        page.keyboard.press("Tab")
        page.get_by_role("dialog").get_by_role("button", name="Move", exact=True).press("Enter")
        if target in TOLD_BY_MAIL:
            expect(page.get_by_role("button", name="Move and send")).to_be_focused()
            page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(row).to_have_attribute("data-status", target)
        assert page.evaluate("document.activeElement.closest('[data-repair]')?.dataset.repair") == number

    expect(row).to_have_attribute("data-gone", "")
    assert status_of(busy_shop, number) == "collected"
    assert_quiet(page)


def test_keys_move_select_and_open_but_not_while_typing(signed_in):
    page = signed_in("priya")
    page.goto("/admin/repairs/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("x")
    number = page.locator("[data-cursor]").get_attribute("data-repair")

    expect(page.locator("#selection-bar")).to_be_visible()
    expect(page.locator("[data-selected]")).to_have_text(number)
    page.keyboard.press("Escape")
    expect(page.locator("#selection-bar")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("jxsa")
    expect(page.locator("#scan")).to_have_value("jxsa")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.locator("[data-cursor] a").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/admin/repairs/{number}$"))
    page.go_back()
    expect(page.locator("#queue-rows")).to_be_visible()
    assert_quiet(page)


def test_escape_closes_a_dialog_and_the_row_has_the_focus_again(signed_in):
    page = signed_in("priya")
    page.goto("/admin/repairs/")
    page.keyboard.press("j")
    number = page.locator("[data-cursor]").get_attribute("data-repair")

    for key in ("s", "a"):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        assert page.evaluate("document.activeElement.closest('[data-repair]')?.dataset.repair") == number


def test_assigning_from_the_queue_shows_the_person(busy_shop, signed_in):
    number = api_booking(busy_shop.url)
    page = signed_in("marta")
    page.goto("/admin/repairs/?view=unassigned")
    page.locator(f'[data-repair="{number}"] .avatar').click()

    page.get_by_role("dialog").get_by_text("Tom Adeyemi").click()
    page.get_by_role("dialog").get_by_role("button", name="Assign").click()

    expect(page.locator(f'[data-repair="{number}"] .avatar')).to_have_text("TA")
    expect(page.locator(f'[data-repair="{number}"]')).to_have_attribute("data-gone", "")


def test_a_double_click_on_move_moves_once(busy_shop, signed_in):
    number = api_booking(busy_shop.url)
    page = signed_in("priya")
    page.goto(f"/admin/repairs/{number}")

    page.get_by_role("button", name="Start diagnosis").dblclick(delay=20)

    expect(page.locator(".ticket-line .pill")).to_have_text("Diagnosing")
    page.wait_for_timeout(500)
    assert status_of(busy_shop, number) == "diagnosing"


def test_read_only_looks_and_is_offered_nothing_else(busy_shop, signed_in):
    number = api_booking(busy_shop.url)
    page = signed_in("olu")
    page.goto(f"/admin/repairs/?q={number}")
    page.keyboard.press("j")
    page.keyboard.press("s")
    page.keyboard.press("a")
    page.locator(f'[data-repair="{number}"] .pill').click(force=True)

    expect(page).to_have_url(re.compile(f"/admin/repairs/{number}$"))
    for name in ("Edit", "Assign", "Other status", "Start diagnosis", "Add note"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    assert_quiet(page)


def test_a_strange_ticket_breaks_no_page(busy_shop, signed_in):
    texts = {
        "problem": "🔥 " + "مرحبا بالعالم " * 50 + "W" * 3000,
        "name": "محمد " + "Wolfeschlegelsteinhausenberger" * 2,
    }
    number = api_booking(busy_shop.url, **texts)
    page = signed_in("priya")

    for path in ("/admin/repairs/", f"/admin/repairs/{number}", f"/admin/repairs/{number}/edit"):
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
    assert_quiet(page)


def test_the_api_answers_what_the_queue_shows(busy_shop, signed_in):
    number = api_booking(busy_shop.url)
    page = signed_in("priya")

    page.goto(f"/admin/repairs/?q={number}")

    assert page.locator("#queue-rows > [data-repair]").count() == 1
    with urllib.request.urlopen(f"{busy_shop.url}/api/v1/devices?limit=1") as answer:
        assert json.load(answer)["items"]
