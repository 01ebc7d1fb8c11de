"""The console without a mouse: nothing here ever points, clicks or taps."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, assert_accessible, assert_quiet
from tests.browser.console import api_booking, change, field_of, is_live, row_of, status_of

PERSON = "tom"


@pytest.fixture
def tom(busy_shop, signed_in):
    """A technician with preferences of his own, as they were before."""
    yield lambda **options: signed_in(PERSON, **options)
    busy_shop.run(f"""
from shop.extensions import db
from shop.services import staff
staff.find_staff("{PERSON}@revivatech.example").preferences = "{{}}"
db.session.commit()
""")


def focused_row(page: Page) -> str | None:
    return page.evaluate("document.activeElement.closest('[data-repair]')?.dataset.repair")


def end_newest_sign_in(server) -> None:
    server.run(f"""
from sqlalchemy import delete, func, select
from shop.extensions import db
from shop.models.staff import SignIn, Staff
newest = select(func.max(SignIn.id)).join(Staff).where(Staff.email == "{PERSON}@revivatech.example").scalar_subquery()
db.session.execute(delete(SignIn).where(SignIn.id == newest))
db.session.commit()
""")


def chosen(page: Page):
    return page.locator('#palette-list [aria-selected="true"]')


def ask_palette(page: Page, words: str) -> None:
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-input")).to_be_focused()
    page.keyboard.type(words)


def press_in_dialog(page: Page, button: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=button, exact=True).press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_day_of_a_technician_by_keys_alone(busy_shop, tom):
    number = api_booking(busy_shop.url)
    page = tom()
    page.goto("/admin/repairs/")
    is_live(page)

    page.keyboard.press("/")
    page.keyboard.type(number[3:])
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{number}")
    page.keyboard.press("s")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("a")
    press_in_dialog(page, "Move")
    expect(page.locator(".ticket-line .pill")).not_to_have_text("Received")
    page.keyboard.press("a")
    expect(page.get_by_role("dialog")).to_be_visible()
    press_in_dialog(page, "Assign")
    page.keyboard.press("n")
    page.keyboard.type("s a j: keys are letters here")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".ticket-notes")).to_contain_text("keys are letters here")
    expect(page.locator("[data-asking]")).to_be_visible()
    page.locator('[data-after="next"]').press("Enter")
    expect(page.locator('[data-after="next"]')).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile(r"/admin/repairs/$"))

    page.keyboard.press("j")
    page.keyboard.press("j")
    second = focused_row(page)
    numbers = page.locator("#queue-rows > tr").evaluate_all("rows => rows.map((row) => row.dataset.repair)")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{second}")
    expect(page.locator("[data-way-place]")).to_contain_text(f"{numbers.index(second) + 1} of")
    page.keyboard.press("n")
    page.keyboard.type("Done, on to the next")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{numbers[numbers.index(second) + 1]}")
    expect(page.locator("#toasts")).to_contain_text(f"{second}: Note added")
    page.keyboard.press("k")
    page.wait_for_url(f"**/{second}")
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile(r"/admin/repairs/$"))
    expect(row_of(page, second).locator("a")).to_be_focused()

    ask_palette(page, f"#{number[3:]}")
    expect(chosen(page)).to_have_attribute("data-ticket", number)
    page.keyboard.press("Tab")
    expect(chosen(page)).to_have_attribute("data-act-does", "status")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=f"Assign {number}")).to_be_visible()
    page.keyboard.press("Escape")
    ask_palette(page, "whitcmobe")
    expect(page.locator("[data-palette-note]")).to_contain_text("Whitcombe")
    expect(page.locator('#palette-list [role="option"]').first).to_contain_text("Whitcombe")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_have_count(1)
    page.keyboard.press("Escape")

    page.keyboard.press("?")
    help_dialog = page.get_by_role("dialog", name="Keys that work here")
    expect(help_dialog).to_contain_text("Change the status")
    expect(help_dialog).not_to_contain_text("Edit the ticket")
    page.keyboard.press("?")
    expect(help_dialog).to_be_hidden()

    page.goto("/admin/account/")
    page.get_by_role("checkbox", name="Single keys").press("Space")
    page.locator("#console ~ form, form:has([name=single_keys])").get_by_role("button", name="Save").press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Saved")
    page.goto("/admin/repairs/")
    page.keyboard.press("j")
    page.keyboard.press("s")
    assert focused_row(page) is None
    assert page.locator("[aria-keyshortcuts='s']").count() == 0
    ask_palette(page, number)
    expect(chosen(page)).to_have_attribute("data-ticket", number)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{number}")
    assert status_of(busy_shop, number) == "diagnosing"
    assert_quiet(page)


def test_scans_pasted_numbers_and_trouble_while_typing(busy_shop, tom):
    first, second = api_booking(busy_shop.url), api_booking(busy_shop.url)
    page = tom(alone=True, permissions=["clipboard-read", "clipboard-write"])
    page.goto("/admin/repairs/?view=late")
    lines = [first, second[3:], "nonsense here", first, *(f"RT-{90_000 + place}" for place in range(26))]

    page.evaluate("text => navigator.clipboard.writeText(text)", "\r\n".join(lines))
    page.keyboard.press("/")
    page.keyboard.press("Control+v")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="2 of 28 numbers were found")).to_be_visible()
    expect(page.locator(".pasted")).to_contain_text("RT-90000, RT-90001")
    expect(page.locator(".pasted")).to_contain_text("nonsense here")
    assert {row_of(page, number).count() for number in (first, second)} == {1}
    assert page.locator("#queue-rows > tr").count() == 2
    expect(page.locator("#selection-bar")).to_contain_text("2 selected")

    page.keyboard.press("j")
    page.keyboard.type(f"{first}\n", delay=5)
    page.wait_for_url(f"**/{first}")
    page.goto("/admin/repairs/")
    page.keyboard.type("490154203237518", delay=5)
    expect(page.locator("#scan")).to_have_value("490154203237518")
    expect(page).to_have_url(re.compile(r"/admin/repairs/$"))
    page.locator("#queue-rows a").first.focus()
    page.keyboard.press("2")
    page.wait_for_url("**view=late")

    page.context.set_offline(True)
    ask_palette(page, "whitco")
    expect(page.locator("[data-palette-trouble]")).to_be_visible()
    expect(page.locator("#palette-input")).to_have_value("whitco")
    page.context.set_offline(False)
    expect(chosen(page)).to_contain_text("Whitco", timeout=15_000)
    expect(page.locator("[data-palette-trouble]")).to_be_hidden()
    end_newest_sign_in(busy_shop)
    page.keyboard.type("mbe")
    page.wait_for_url(re.compile(r"/login\?next=/admin/repairs/"))


def test_live_updates_take_nobody_s_focus(busy_shop, tom):
    number = api_booking(busy_shop.url)
    page = tom()
    page.goto("/admin/repairs/?view=unassigned")
    is_live(page)
    row_of(page, number).locator("a").focus()

    change(busy_shop, number, place="Shelf 1")
    expect(row_of(page, number)).to_contain_text("Shelf 1")
    assert focused_row(page) == number
    page.evaluate("document.dispatchEvent(new Event('shop:reload'))")
    page.wait_for_timeout(1_000)
    assert focused_row(page) == number
    page.locator(".tab-more > summary").press("Enter")
    page.keyboard.press("Tab")
    # The view that has the focus, by its address: the count in its name may move with what else happens.
    in_the_menu = "Boolean(document.activeElement.closest('details[data-menu][open]'))"
    view = "document.activeElement.href"
    inside = page.evaluate(view)
    assert page.evaluate(in_the_menu)
    change(busy_shop, number, place="Shelf 2")
    expect(row_of(page, number)).to_contain_text("Shelf 2")
    assert page.evaluate(in_the_menu)
    assert page.evaluate(view) == inside
    page.keyboard.press("Escape")

    page.goto(f"/admin/repairs/{number}")
    is_live(page)
    page.keyboard.press("n")
    page.keyboard.type("half a sen")
    change(busy_shop, number, place="Shelf 3")
    expect(page.locator(".ticket-who")).to_contain_text("Shelf 3")
    page.keyboard.type("tence")
    expect(page.locator("#note-body")).to_have_value("half a sentence")
    page.keyboard.press("Escape")
    expect(page.locator("#ticket-title")).to_be_focused()
    page.locator('.ticket-acts [data-act="a"]').focus()
    change(busy_shop, number, place="Shelf 4")
    expect(page.locator(".ticket-who")).to_contain_text("Shelf 4")
    assert page.evaluate("document.activeElement.dataset.act") == "a"
    assert field_of(busy_shop, number, "place") == "Shelf 4"
    assert_quiet(page)


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, PHONE], ids=["desktop", "phone"])
def test_palette_and_keys_are_read_out_and_fit(busy_shop, tom, viewport):
    page = tom(viewport=viewport)
    page.goto("/admin/repairs/")

    page.keyboard.press("?")
    expect(page.locator("#key-help")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    ask_palette(page, "iphone")
    expect(chosen(page)).to_have_count(1)
    assert_accessible(page)
    page.keyboard.press("Escape")
    hint = page.locator(".scan-hint:visible")
    assert hint.evaluate("(node) => node.scrollWidth <= node.clientWidth")
    assert_quiet(page)
