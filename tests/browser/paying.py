"""A customer who books in the wizard and pays."""

from playwright.sync_api import FrameLocator, Page, expect

SPEED = {"standard": "Standard", "express": "Express", "same_day": "Same day"}


def come_to_review(page: Page, *, speed: str = "express", email: str = "leila@example.com") -> None:
    """Every answer up to the review: an iPhone's screen, brought in at the first free time."""
    page.goto("/")
    page.get_by_role("searchbox").fill("iPhone 14 Pro")
    page.get_by_role("button", name="See price").click()
    page.locator(".device-option", has_text="iPhone 14 Pro").first.click()
    page.locator("label.option").first.click()
    go_on(page)
    page.locator("label.option", has_text="In store").first.click()
    page.locator("label", has_text=SPEED[speed]).first.click()
    page.locator("label.slot:not(.slot-full)").last.click()
    go_on(page)
    page.get_by_label("Name").fill("Leila Haddad")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Phone").fill("07700 900418")
    go_on(page)
    expect(page.locator(".review")).to_contain_text("Leila Haddad")


def go_on(page: Page) -> None:
    """The one button that leads on: beside the step, or on a phone at its foot."""
    page.locator("button[name=act]:visible").first.click()


def book(page: Page, *, way: str = "") -> None:
    """Presses the button of the review; `way` is a part of the card's title, '' for the one that is proposed."""
    if way:
        page.locator("label.option", has_text=way).click()
    page.get_by_label("I accept the terms of repair").check()
    go_on(page)


def type_card(page: Page, number: str) -> FrameLocator:
    """Into the card form, when it is there."""
    card = page.frame_locator("[data-stripe-element] iframe")
    card.get_by_label("Card number").fill(number)
    card.get_by_label("Expiry date (MM / YY)").fill("12 / 34")
    card.get_by_label("Security code (CVC)").fill("123")
    return card


def pay(page: Page) -> None:
    page.locator("[data-stripe-form] button").click()
