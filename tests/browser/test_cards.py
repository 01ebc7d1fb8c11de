"""A customer keeps a card, answers the bank, approves more work by the link, and sees it charged."""

import json

from playwright.sync_api import expect

from tests.browser.conftest import PHONE, assert_accessible, assert_quiet
from tests.browser.paying import book, come_to_review, type_card

ASKS_ONCE = "4000002500003155"
_OFFER = """
import json
from sqlalchemy import select
from shop.extensions import db
from shop.models.actor import Actor
from shop.models.customer import Customer
from shop.models.permissions import Role
from shop.models.repair import Repair
from shop.services import approvals, repairs
number = db.session.scalar(select(Repair.number).join(Customer).where(Customer.email == "cards@example.com"))
repair = repairs.lock_repair(number)
approvals.offer_work(repair, "New battery", 4900, actor=Actor("staff", None, "Owner", Role.OWNER))
db.session.commit()
print(json.dumps(dict(token=repair.tracking_token, number=number)))
"""
_MONEY = """
import json
from sqlalchemy import select
from shop.extensions import db
from shop.models.payment import Payment
from shop.models.repair import Repair
query = select(Payment).join(Repair).where(Repair.number == {number!r}, Payment.purpose == "approved")
print(json.dumps([[payment.state, payment.captured] for payment in db.session.scalars(query)]))
"""


def test_a_kept_card_pays_for_work_that_is_approved_by_the_link(page, live_server):
    come_to_review(page, speed="standard", email="cards@example.com")
    book(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Booked.")
    offered = json.loads(live_server.run(_OFFER).splitlines()[-1])
    page.set_viewport_size(PHONE)
    page.goto(f"/track/{offered['token']}")
    page.get_by_role("link", name="Keep a card for work that I approve").click()
    expect(page.locator("main")).to_contain_text("never more than the amount that you approve")
    assert_accessible(page)

    page.get_by_role("button", name="I agree: enter the card").click()
    type_card(page, ASKS_ONCE)
    page.get_by_role("button", name="Keep this card").click()
    page.frame_locator("dialog iframe").get_by_role("button", name="Complete").click()
    expect(page.locator("main")).to_contain_text("Card kept, ending 3155")
    assert_accessible(page)

    page.get_by_label("Your name").fill("Leila Haddad")
    page.get_by_label("charge my card ending 3155 now").check()
    page.get_by_role("button", name="Approve £49.00").click()

    expect(page.get_by_text("Your card was charged £49.00.")).to_be_visible()
    expect(page.locator("main")).to_contain_text("New battery")
    assert json.loads(live_server.run(_MONEY.format(**offered)).splitlines()[-1]) == [["paid", 4_900]]
    assert_quiet(page)
