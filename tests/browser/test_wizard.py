"""A repair booked by people: with the keyboard alone, without JavaScript, on a phone in Portuguese."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, assert_accessible, assert_quiet, small_targets, watched

OUTBOX = """
from shop.models.outbox import OutboxMessage
from shop.extensions import db
print([mail.subject for mail in db.session.scalars(db.select(OutboxMessage)) if mail.recipient == {recipient!r}])
"""
PUBLIC = [
    "/",
    "/services",
    "/prices?q=iphone+14",
    "/how-it-works",
    "/privacy",
    "/terms",
    "/track/",
    "/book/",
    "/book/?q=ps5",
]


def press_until(page: Page, selector: str, *, key: str = "Tab", most: int = 60) -> None:
    """Moves the focus with a key, as somebody without a mouse does."""
    for _press in range(most):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press(key)
    pytest.fail(f"{selector} cannot be reached with {key}")


def subjects_to(live_server, recipient: str) -> str:
    """The mails that the running shop has written to an address; waits for the first."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        found = live_server.run(OUTBOX.format(recipient=recipient))
        if found != "[]":
            return found
        time.sleep(0.3)
    return "[]"


def test_repair_is_booked_by_keyboard_in_portuguese_on_a_phone(new_context, live_server):
    page = watched(new_context(viewport=PHONE, locale="pt-BR").new_page())
    page.goto("/book/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("ipone 14pro", delay=30)
    expect(page.locator(".device-option mark").first).to_have_text("iPhone 14 Pro")
    assert_accessible(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    page.wait_for_url("**/fault")
    press_until(page, "input[name=repair_type_ids]")
    page.keyboard.press("Space")
    expect(page.locator("#foot-bar .foot-price")).to_contain_text("189,00")
    assert_accessible(page)
    press_until(page, "#foot-bar button")
    page.keyboard.press("Enter")

    page.wait_for_url("**/service")
    press_until(page, "input[name=slot]:not([disabled])")
    page.keyboard.press("Space")
    expect(page.locator("#price-panel .price-when")).to_be_visible()
    assert_accessible(page)
    press_until(page, "#foot-bar button")
    page.keyboard.press("Enter")

    page.wait_for_url("**/details")
    for field, text in (("name", "João Araújo"), ("email", "joao@example.com"), ("phone", "+55 11 91234 5678")):
        press_until(page, f"[name={field}]")
        page.keyboard.type(text)
    page.keyboard.press("Enter")

    page.wait_for_url("**/review")
    assert_accessible(page)
    press_until(page, "[name=terms]")
    page.keyboard.press("Space")
    press_until(page, "#foot-bar button")
    page.keyboard.press("Enter")

    page.wait_for_url("**/confirmed")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Reservado. Até")
    expect(page.locator(".ticket-number")).to_have_text(re.compile(r"RT-\d+"))
    assert_accessible(page)
    assert_quiet(page)
    assert "Reservado para" in subjects_to(live_server, "joao@example.com")


def test_repair_is_booked_without_javascript(new_context):
    page = new_context(java_script_enabled=False).new_page()
    page.goto("/")
    page.get_by_role("searchbox").fill("PlayStation 5")
    page.get_by_role("button", name="See price").click()
    page.locator(".device-option").first.click()
    page.locator("label.option").first.click()
    page.locator("#price-panel").get_by_role("button", name="Continue").click()
    page.locator("label.option", has_text="Pick-up").click()
    page.get_by_role("button", name="Show the times and the price for this choice").click()
    page.get_by_role("button", name="Later dates").click()
    page.locator("label.slot:not(.slot-full)").last.click()
    page.get_by_label("Address for the rider").fill("3 Brick Lane")
    page.get_by_label("Postcode").fill("e16pu")
    page.locator("#price-panel").get_by_role("button", name="Continue").click()
    page.get_by_label("Name").fill("Leila Haddad")
    page.get_by_label("E-mail").fill("leila@example.com")
    page.get_by_label("Phone").fill("07700 900418")
    page.locator("#price-panel").get_by_role("button", name="Continue").click()
    expect(page.locator(".review")).to_contain_text("3 Brick Lane, E1 6PU")
    page.get_by_label("I accept the terms of repair").check()
    page.locator("#price-panel").get_by_role("button", name="Book the repair").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Booked. The rider comes on")
    page.get_by_role("link", name="Open the tracking page").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("is booked in.")
    expect(page.get_by_text("Pick-up and return by rider")).to_be_visible()


def test_back_refresh_and_another_device_lose_nothing(page, new_context):
    page.goto("/book/?q=iphone+14+pro")
    page.locator(".device-option").first.click()
    page.locator("label.option").first.click()
    expect(page.locator("#price-panel")).to_contain_text("£189.00")
    page.locator("#problem").fill("It fell on the stairs")
    page.locator("#problem").blur()
    expect(page.locator("#price-panel")).to_contain_text("£189.00")
    page.wait_for_load_state("networkidle")
    page.reload()
    expect(page.locator("#problem")).to_have_value("It fell on the stairs")
    page.get_by_role("button", name="Continue").first.click()
    page.wait_for_url("**/service")
    page.go_back()
    expect(page.locator("label.option input").first).to_be_checked()

    page.get_by_role("link", name="Continue on another device").click()
    link = page.locator("#resume-link").input_value()
    other = new_context(viewport=PHONE).new_page()
    other.goto(link)

    expect(other).to_have_url(re.compile("/service$"))
    expect(other.locator("#foot-bar .foot-price")).to_have_text("£189.00")
    assert_quiet(page)


def test_lost_connection_is_said_and_costs_nothing(phone):
    phone.goto("/book/?q=iphone+14+pro")
    phone.locator(".device-option").first.click()
    phone.wait_for_url("**/fault")
    phone.context.set_offline(True)
    phone.locator("label.option").first.click()
    expect(phone.locator("#foot-bar [data-unsent]")).to_be_visible()

    phone.locator("#foot-bar button").click()
    assert phone.url.endswith("/fault")
    expect(phone.locator("label.option input").first).to_be_checked()
    phone.context.set_offline(False)

    expect(phone.locator("#foot-bar .foot-price")).to_have_text("£189.00")
    expect(phone.locator("#foot-bar [data-unsent]")).to_be_hidden()
    phone.locator("#foot-bar button").click()
    phone.wait_for_url("**/service")


def test_phone_has_room_for_the_thumb_on_every_step(phone):
    phone.goto("/book/?q=iphone+14+pro")
    assert small_targets(phone, least=44) == []
    phone.locator(".device-option").first.click()
    phone.locator("label.option").first.click()
    expect(phone.locator("#foot-bar .foot-price")).to_have_text("£189.00")
    assert small_targets(phone, least=44) == []
    phone.locator("#foot-bar button").click()
    phone.wait_for_url("**/service")

    assert small_targets(phone, least=44) == []
    tops = phone.locator("#service_type > label").evaluate_all(
        "ways => ways.map(way => way.getBoundingClientRect().top)"
    )
    assert len(tops) == 3
    assert len(set(tops)) == 1


def test_typing_goes_on_while_the_price_is_worked_out(page):
    page.goto("/book/?q=iphone+14+pro")
    page.locator(".device-option").first.click()
    page.locator("details.more-kinds summary").click()
    page.locator(".more-kinds label.option").first.click()
    page.locator("#problem").press_sequentially("cracked and wet", delay=20)

    expect(page.locator("#price-panel .price-total")).to_be_visible()
    expect(page.locator("#problem")).to_have_value("cracked and wet")
    expect(page.locator("details.more-kinds")).to_have_attribute("open", "")
    assert_quiet(page)


def test_refused_answers_are_read_out_and_reachable(page):
    page.goto("/book/?q=iphone+14+pro")
    page.locator(".device-option").first.click()
    page.get_by_role("button", name="Continue").first.click()

    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("Choose at least one repair")
    assert_accessible(page)


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_public_page_is_accessible(new_context, path, viewport):
    page = watched(new_context(viewport=viewport).new_page())

    page.goto(path)

    assert_accessible(page)
    assert_quiet(page)
