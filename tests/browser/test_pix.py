"""Pix from the customer's screen to the counter: the drawn code is read as a telephone does."""

import io

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, assert_accessible, assert_quiet, assert_sound
from tests.browser.console import api_booking, is_live


@pytest.fixture
def number(busy_shop):
    """A received repair of 350.07 reais."""
    number = api_booking(busy_shop.url)
    busy_shop.run(f"""
from shop.extensions import db
from shop.models.repair import Repair
repair = db.session.query(Repair).filter_by(number={number!r}).one()
repair.currency, repair.total, repair.lines[0].amount = "BRL", 35_007, 35_007
db.session.commit()
""")
    return number


@pytest.fixture
def pay_path(busy_shop, number):
    token = busy_shop.run(f"from shop.services.repairs import get_repair\nprint(get_repair({number!r}).tracking_token)")
    return f"/track/{token.strip()}/pay"


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_drawn_code_says_what_is_copied(stranger_at, pay_path, viewport):
    page = stranger_at(viewport=viewport, device_scale_factor=2)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(pay_path)

    [read] = zxingcpp.read_barcodes(Image.open(io.BytesIO(page.locator(".pix-drawing").screenshot())))
    page.get_by_role("button", name="Copy the code").click()

    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == read.text == page.locator("#pix-code").input_value()
    assert "5406350.075802BR" in read.text
    assert_accessible(page)
    assert_quiet(page)


def test_pix_is_taken_at_the_counter_by_the_id_of_the_bank(signed_in, number):
    page = signed_in("marta", reduced_motion="reduce")
    page.goto(f"/admin/repairs/{number}")
    is_live(page)
    page.keyboard.press("y")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Pix", exact=True).check()
    expect(dialog.get_by_label("Handed over")).to_be_hidden()
    expect(dialog.get_by_label("Number on the slip")).to_be_hidden()
    dialog.get_by_label("End-to-end id").fill("E123")
    dialog.get_by_role("button", name="Take payment").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Copy the end-to-end id from the bank")
    assert_sound(page)
    dialog.get_by_label("End-to-end id").fill("E12345678202601240959abcDEF12345")

    dialog.get_by_role("button", name="Take payment").click()

    money = page.locator("section.panel", has=page.get_by_role("heading", name="Money", exact=True))
    expect(money).to_contain_text("Pix")
    expect(money).to_contain_text("owed: all of R$350.07 is paid")
