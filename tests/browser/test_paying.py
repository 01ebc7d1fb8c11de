"""Paying online as a customer does: the card's form, the bank's question, PayPal's window, and without any script."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, assert_accessible, assert_quiet
from tests.browser.paying import book, come_to_review, pay, type_card

VISA, ASKS_THE_BANK, NO_MONEY = "4242424242424242", "4000002760003184", "4000000000009995"


def _money(live_server, email: str) -> dict:
    """What the shop's own books say of this customer's only booking."""
    return json.loads(
        live_server.run(f"""
import json
from sqlalchemy import select
from shop.extensions import db
from shop.models.booking import Booking
from shop.models.customer import Customer
from shop.models.outbox import OutboxMessage
from shop.models.payment import Payment
from shop.models.repair import Repair
from shop.services import ledger, ledger_check
repair = db.session.scalars(select(Repair).join(Customer).where(Customer.email == {email!r})).one()
booking = db.session.scalars(select(Booking).where(Booking.repair_id == repair.id)).one()
payments = db.session.scalars(select(Payment).where(Payment.repair_id == repair.id).order_by(Payment.id)).all()
mails = db.session.scalars(select(OutboxMessage.template).where(OutboxMessage.recipient == {email!r})).all()
balance = ledger.repair_balance(repair)
print(json.dumps(dict(
    states=[payment.state for payment in payments], total=repair.total, paid=balance.paid,
    confirmed=booking.confirmed_at is not None, held=booking.held_until is not None, mails=sorted(mails),
    wrong=ledger_check.verify(), number=repair.number,
)))
""").splitlines()[-1]
    )


def _until(live_server, email: str, is_so) -> dict:
    """The books, as soon as jobs have made them so."""
    for _ in range(40):
        money = _money(live_server, email)
        if is_so(money):
            return money
    raise AssertionError(money)


def _is_done(money: dict) -> bool:
    return money["confirmed"] and "receipt" in money["mails"] and "booking_confirmation" in money["mails"]


def test_deposit_by_card_with_the_banks_question_confirms_the_booking(page, live_server):
    come_to_review(page, email="asked@example.com")
    book(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("to book the time")
    page.troubles.clear()

    type_card(page, ASKS_THE_BANK)
    assert_accessible(page)
    pay(page)
    page.frame_locator("dialog iframe").get_by_role("button", name="Complete").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Booked. See you on")
    expect(page.locator("main")).to_contain_text("Paid")
    money = _until(live_server, "asked@example.com", _is_done)
    assert (money["states"], money["wrong"]) == (["paid"], [])
    assert abs(money["paid"] * 4 - money["total"]) < 4
    assert money["mails"] == ["booking_confirmation", "receipt"]
    assert_quiet(page)


def test_declined_card_says_why_and_the_next_one_pays(page, live_server):
    come_to_review(page, email="declined@example.com")
    book(page, way="Pay all of it now")
    type_card(page, NO_MONEY)
    pay(page)
    expect(page.locator("[data-pay-error]")).to_be_visible()
    assert_accessible(page)

    type_card(page, VISA)
    pay(page)

    expect(page.get_by_role("heading", level=1)).to_contain_text("Booked.")
    money = _until(live_server, "declined@example.com", _is_done)
    assert (money["states"], money["paid"]) == (["paid"], money["total"])


def test_back_from_the_confirmation_and_a_second_tab_pay_nothing_twice(page, live_server):
    come_to_review(page, email="twice@example.com")
    book(page)
    address = page.url
    other = page.context.new_page()
    other.goto(address)
    type_card(other, VISA)
    type_card(page, VISA)
    pay(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Booked.")

    pay(other)
    expect(other.get_by_role("heading", level=1)).to_contain_text("Booked.")
    page.goto(address)

    expect(page.get_by_role("heading", level=1)).to_contain_text("Booked.")
    assert _until(live_server, "twice@example.com", _is_done)["states"] == ["paid"]


def test_paypal_in_its_window(page, live_server):
    come_to_review(page, email="paypal@example.com")
    book(page)
    with page.expect_popup() as opened:
        page.locator("[data-paypal-buttons] button").click()
    opened.value.get_by_role("button", name="Approve").or_(opened.value.locator("button.primary")).first.click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Booked.")
    money = _until(
        live_server, "paypal@example.com", lambda money: _is_done(money) and "created" not in money["states"]
    )
    # The card's attempt that the page had begun is given up.
    assert (money["states"], money["wrong"]) == (["cancelled", "paid"], [])


@pytest.mark.parametrize("way", ["stripe", "paypal"])
def test_without_a_script_on_a_page_of_the_provider(new_context, live_server, way):
    page: Page = new_context(java_script_enabled=False).new_page()
    email = f"plain-{way}@example.com"
    come_to_review(page, email=email)
    book(page)
    page.locator(f"[data-{way}-form] button").click()
    if way == "stripe":
        page.get_by_label("Card number").fill(VISA)
        page.get_by_label("Expiry date (MM / YY)").fill("12 / 34")
        page.get_by_label("Security code (CVC)").fill("123")
    page.locator("button.primary").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Booked.")
    assert _until(live_server, email, _is_done)["states"] == ["paid"]


def test_given_up_payment_leads_back_and_can_be_made_again(page, live_server):
    come_to_review(page, email="later@example.com")
    book(page)
    page.goto("/")

    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_contain_text("to book the time")
    type_card(page, VISA)
    pay(page)

    expect(page.get_by_role("heading", level=1)).to_contain_text("Booked.")
    assert _money(live_server, "later@example.com")["states"] == ["paid"]


def test_rest_is_paid_by_the_private_link(page, live_server):
    come_to_review(page, speed="standard", email="rest@example.com")
    book(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Booked.")
    page.get_by_role("link", name="Open the tracking page").click()
    page.get_by_role("link", name="Pay online").click()
    type_card(page, VISA)
    pay(page)

    expect(page.get_by_text("Thank you: the payment has arrived.")).to_be_visible()
    money = _money(live_server, "rest@example.com")
    assert money["paid"] == money["total"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_payment_pages_fit_and_are_read_out(new_context, size, theme):
    page = new_context(viewport=size, color_scheme=theme).new_page()
    come_to_review(page, email=f"fits-{theme}-{size['width']}@example.com")
    assert_accessible(page)
    book(page)
    page.wait_for_selector("[data-stripe-element] iframe")

    assert_accessible(page)
