"""The counter: cash with change by keys alone, the card terminal, money back, and the till from count to report."""

import re

import pytest
from playwright.sync_api import Page, expect

from shop.services.demo import PASSWORD
from tests.browser.conftest import assert_sound
from tests.browser.console import api_booking, is_live
from tests.browser.test_sudo import FORGET, confirm


@pytest.fixture
def number(busy_shop):
    """A received repair of £189."""
    return api_booking(busy_shop.url)


def money_of(page: Page):
    return page.locator("section.panel", has=page.get_by_role("heading", name="Money", exact=True))


def open_ticket(page: Page, number: str) -> None:
    page.goto(f"/admin/repairs/{number}")
    is_live(page)


def ask_to_pay(page: Page, number: str) -> None:
    open_ticket(page, number)
    page.keyboard.press("y")
    expect(page.get_by_role("dialog")).to_contain_text("Owed")


def tab_to(page: Page, selector: str) -> None:
    for _step in range(15):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to {selector} by the Tab key")


def pay(page: Page, number: str, *, way: str, amount: str = "189") -> None:
    ask_to_pay(page, number)
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Amount").fill(amount)
    dialog.get_by_label(way).check()
    dialog.get_by_role("button", name="Take payment").click()
    expect(money_of(page)).to_contain_text(way)


def test_cash_with_change_is_taken_by_keys_alone(signed_in, number):
    page = signed_in("marta", reduced_motion="reduce")
    ask_to_pay(page, number)
    assert_sound(page)

    tab_to(page, "#pay-tendered")
    page.keyboard.type("200")
    expect(page.locator("[data-pay-change]")).to_contain_text("Change: £11.00")
    page.keyboard.press("Enter")
    expect(page.locator(".change-sum")).to_have_text("£11.00")
    assert_sound(page)
    tab_to(page, "[data-close-dialog]")
    page.keyboard.press("Enter")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(money_of(page)).to_contain_text("£189.00")
    expect(page.get_by_role("link", name="Take payment")).to_have_count(0)


def test_too_little_cash_is_refused_in_the_dialog(signed_in, number):
    page = signed_in("marta")
    ask_to_pay(page, number)

    page.locator("#pay-tendered").fill("100")
    expect(page.locator("[data-pay-change]")).to_contain_text("£89.00 short")
    page.keyboard.press("Enter")

    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("That is less than the amount")


def test_a_part_by_the_terminal_leaves_the_rest(signed_in, number):
    page = signed_in("marta")

    pay(page, number, way="Card terminal", amount="100")

    expect(money_of(page)).to_contain_text("£89.00")
    expect(page.get_by_role("link", name="Take payment")).to_be_visible()


def test_money_goes_back_after_the_password(busy_shop, signed_in, number):
    page = signed_in("ellie", alone=True)
    pay(page, number, way="Card terminal")
    busy_shop.run(FORGET)

    money_of(page).get_by_role("link", name="Give back").click()
    expect(page.get_by_role("heading", name="Confirm it is you")).to_be_visible()
    confirm(page, PASSWORD)
    # Back on the ticket, where it was begun.
    money_of(page).get_by_role("link", name="Give back").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Amount").fill("50")
    dialog.get_by_role("button", name="Give back").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Say why")
    dialog.get_by_label("Reason").fill("A scratch on the frame")
    dialog.get_by_role("button", name="Give back").click()

    expect(money_of(page)).to_contain_text("£50.00")
    expect(money_of(page)).to_contain_text("still owed of £189.00")


def test_who_counts_sees_no_figure_before(signed_in):
    page = signed_in("marta")

    page.goto("/admin/till/")

    expect(page.get_by_role("heading", name=re.compile("Open since"))).to_be_visible()
    expect(page.get_by_text("Expected in the drawer")).to_have_count(0)


def test_the_till_is_counted_closed_reported_and_opened_again(signed_in):
    page = signed_in("ellie", reduced_motion="reduce")
    page.goto("/admin/till/")
    assert_sound(page)
    page.get_by_role("link", name="Count and close").click()
    expect(page.get_by_text("Expected in the drawer")).to_have_count(0)

    page.get_by_label("£50.00", exact=True).fill("3")
    expect(page.locator("tr", has=page.locator("#coin-5000")).locator("[data-coin-sum]")).to_have_text("£150.00")
    assert_sound(page)
    page.get_by_role("button", name="Close the till").click()
    expect(page.get_by_role("heading", name=re.compile(r"Z report \d+"))).to_be_visible()
    expect(page.locator(".sums")).to_contain_text("£150.00")
    assert_sound(page)

    page.get_by_role("link", name="Back to the till").click()
    expect(page.get_by_text("The last session left £150.00.")).to_be_visible()
    assert_sound(page)
    page.get_by_label("In the drawer now").fill("150")
    page.get_by_role("button", name="Open the till").click()
    expect(page.get_by_role("heading", name=re.compile("Open since"))).to_be_visible()
    page.get_by_role("link", name="X report").click()
    expect(page.get_by_role("heading", name="X report")).to_be_visible()
