"""Confirming that it is you: on the way to a form, and after one that was sent too late."""

import pytest
from playwright.sync_api import expect

from shop.services.demo import PASSWORD
from tests.browser.conftest import assert_sound

FORGET = """
from sqlalchemy import update
from shop.extensions import db
from shop.models.staff import SignIn
db.session.execute(update(SignIn).values(sudo_at=None))
db.session.commit()
"""


@pytest.fixture
def page(signed_in):
    return signed_in("ellie", alone=True, reduced_motion="reduce")


def confirm(page, password: str) -> None:
    page.get_by_label("Your password").fill(password)
    page.get_by_role("button", name="Confirm").click()


def test_page_that_asks_is_sound_and_leads_on_or_back(busy_shop, page):
    page.goto("/admin/account/")
    busy_shop.run(FORGET)

    page.get_by_role("link", name="Turn on").click()
    expect(page.get_by_role("heading", name="Confirm it is you")).to_be_visible()
    expect(page.get_by_label("Your password")).to_be_focused()
    assert_sound(page)
    page.get_by_role("link", name="Not now").click()
    page.wait_for_url("**/admin/account/")
    page.get_by_role("link", name="Turn on").click()
    confirm(page, PASSWORD)

    expect(page.get_by_role("heading", name="Turn on two-step sign-in")).to_be_visible()


def test_form_that_was_sent_too_late_is_stored_after_the_password(busy_shop, page):
    name = "Late Starter"
    page.goto("/admin/staff/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("E-mail", exact=True).fill(f"{name.replace(' ', '.')}@example.com")
    page.get_by_label("Role", exact=True).select_option("read_only")
    page.get_by_label("First password").fill("five quiet words here")
    busy_shop.run(FORGET)

    page.get_by_role("button", name="Add").click()
    confirm(page, "not this one")
    expect(page.get_by_text("This does not match")).to_be_visible()
    confirm(page, PASSWORD)

    expect(page.get_by_role("heading", name=name)).to_be_visible()
