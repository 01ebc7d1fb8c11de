"""A customer who books in the wizard and pays."""

from playwright.sync_api import Frame, Page, expect

SPEED = {"standard": "Standard", "express": "Express", "same_day": "Same day"}


def come_to_review(page: Page, *, speed: str = "express", email: str = "leila@example.com") -> None:
    """Every answer up to the review: an iPhone's screen, brought in at the first free time."""
    page.goto("/")
    page.get_by_role("searchbox").fill("iPhone 14 Pro")
    page.get_by_role("button", name="See price").click()
    page.locator(".device-option", has_text="iPhone 14 Pro").first.click()
    page.locator("label.option").first.click()
    page.locator("#price-panel").get_by_role("button", name="Continue").click()
    page.locator("label.option", has_text="In store").first.click()
    page.locator("label", has_text=SPEED[speed]).first.click()
    page.locator("label.slot:not(.slot-full)").last.click()
    page.locator("#price-panel").get_by_role("button", name="Continue").click()
    page.get_by_label("Name").fill("Leila Haddad")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Phone").fill("07700 900418")
    page.locator("#price-panel").get_by_role("button", name="Continue").click()
    expect(page.locator(".review")).to_contain_text("Leila Haddad")


def book(page: Page, *, way: str = "") -> None:
    """Presses the button of the review; `way` is a part of the card's title, '' for the one that is proposed."""
    if way:
        page.locator("label.option", has_text=way).click()
    page.get_by_label("I accept the terms of repair").check()
    page.locator("#price-panel").get_by_role("button", name="Book the repair").click()


def card_form(page: Page) -> Frame:
    """The frame of the card form, when it is there."""
    frame = page.wait_for_selector("[data-stripe-element] iframe").content_frame()
    frame.wait_for_selector("input")
    return frame
