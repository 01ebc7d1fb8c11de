"""A customer makes an account from the confirmation, without JavaScript and with the keyboard alone."""

import re
import secrets
import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, assert_accessible, assert_quiet, small_targets, watched

LINKS = """
from shop.models.outbox import OutboxMessage
from shop.extensions import db
mails = db.session.scalars(db.select(OutboxMessage).where(OutboxMessage.template == "account_link"))
print([mail.text for mail in mails if mail.recipient == {recipient!r}])
"""


def book(page: Page, email: str) -> None:
    """The shortest way: by post, so that no time has to be chosen."""
    page.goto("/book/?q=iphone+14+pro")
    page.locator(".device-option").first.click()
    page.locator("label.option").first.click()
    _go_on(page)
    page.locator("label.option", has_text="Post").click()
    _go_on(page)
    page.get_by_label("Name").fill("Ada Byron")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Phone").fill("07700 900418")
    _go_on(page)
    page.get_by_label("I accept the terms of repair").check()
    page.locator("button[name=act]:visible").last.click()
    page.wait_for_url("**/confirmed")


def _go_on(page: Page) -> None:
    page.locator("button[value=continue]:visible").last.click()


def mailed_link(live_server, recipient: str) -> str:
    """The path that the newest mail leads to; waits for the first."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if found := re.findall(r"/account/set-password/[\w-]+", live_server.run(LINKS.format(recipient=recipient))):
            return found[-1]
        time.sleep(0.3)
    pytest.fail("no link was mailed")


@pytest.fixture
def email() -> str:
    """An address that no test has used: a link is mailed once in five minutes."""
    return f"ada.{secrets.token_hex(4)}@example.com"


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_account_from_the_confirmation_to_ones_repairs(new_context, live_server, email, viewport):
    page = watched(new_context(viewport=viewport).new_page())
    book(page, email)
    assert_accessible(page)
    page.get_by_role("button", name="Create an account").press("Enter")
    expect(page.get_by_role("status").filter(has_text="We have sent a link")).to_be_visible()
    assert_accessible(page)

    page.goto(mailed_link(live_server, email))
    expect(page).to_have_url(re.compile("/account/set-password$"))
    assert_accessible(page)
    page.get_by_label("New password").fill("short")
    page.keyboard.press("Enter")
    expect(page.locator(".field-error")).to_have_text("Use a password of 10 to 256 characters.")
    assert_accessible(page)
    page.get_by_label("New password").fill("four words, no relation")
    page.keyboard.press("Enter")

    page.wait_for_url("**/account/")
    expect(page.locator(".repair-option")).to_have_count(1)
    # Anew, without the toast: while it fades in or out, its contrast is nobody's fault.
    page.reload()
    assert_accessible(page)
    assert small_targets(page, least=24) == []
    page.get_by_role("button", name="Sign out").press("Enter")
    page.wait_for_url("**/account/sign-in")
    page.reload()
    assert_accessible(page)
    assert_quiet(page)


def test_account_needs_no_script(new_context, live_server, email):
    page = watched(new_context(java_script_enabled=False).new_page())
    book(page, email)
    page.get_by_role("button", name="Create an account").click()
    expect(page.get_by_text(f"We have sent a link to {email}.")).to_be_visible()
    page.goto(mailed_link(live_server, email))
    page.get_by_label("New password").fill("four words, no relation")
    page.get_by_role("button", name="Set the password").click()

    expect(page.get_by_role("heading", name="My repairs")).to_be_visible()
    expect(page.locator(".repair-option")).to_have_count(1)


@pytest.mark.parametrize("path", ["/account/sign-in", "/account/forgot", "/account/set-password"])
def test_pages_of_the_account_are_accessible(new_context, path):
    page = watched(new_context(viewport=PHONE).new_page())
    page.goto(path)

    assert_accessible(page)
    assert small_targets(page, least=24) == []
    assert_quiet(page)
