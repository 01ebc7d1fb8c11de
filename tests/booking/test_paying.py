"""How the wizard asks for money: the ways that are offered, the page to pay on, and what is left of it afterwards."""

import re

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.booking import Booking, Slot
from shop.models.repair import Repair
from shop.services import booking_payments, drafts, repairs


def come_to_review(visitor, urgency: str = "express"):
    visitor.come_to("service")
    visitor.choose_service(place=10, urgency=urgency)
    visitor.give_details()
    return visitor


@pytest.fixture
def urgent(visitor):
    """Somebody at the review of an express repair."""
    return come_to_review(visitor)


@pytest.fixture
def held(urgent) -> Repair:
    """The express repair is booked and waits for its deposit."""
    urgent.book()
    return the_repair()


def the_repair() -> Repair:
    db.session.rollback()
    return db.session.scalars(select(Repair)).one()


def ways(page: str) -> list[str]:
    return re.findall(r'name="pay"[^>]*value="(\w+)"', page) or re.findall(r'value="(\w+)"[^>]*name="pay"', page)


def end_unpaid(repair: Repair) -> None:
    assert booking_payments.give_up_unpaid(repair.id)
    db.session.commit()


@pytest.mark.parametrize(
    ("urgency", "offered", "proposed"),
    [("standard", ["later", "full"], "Pay in store"), ("express", ["deposit", "full"], "Pay a deposit now"),
     ("same_day", ["deposit", "full"], "Pay a deposit now")],
)  # fmt: skip
def test_review_offers_the_ways_to_pay_and_proposes_the_first(visitor, urgency, offered, proposed):
    page = come_to_review(visitor, urgency).page("review").text

    assert ways(page) == offered
    chosen = re.search(r"<label[^>]*>(?:(?!</label>).)*checked(?:(?!</label>).)*</label>", page, re.S)[0]
    assert proposed in chosen


def test_review_says_what_is_due_now(urgent):
    total = int(urgent.shown_total())

    page = urgent.page("review").text

    assert f"£{round(total * 0.25) / 100:.2f}" in page
    assert f"£{total / 100:.2f}" in page


def test_standard_booking_is_confirmed_without_a_payment(visitor):
    answer = come_to_review(visitor, "standard").book(pay="later")

    assert answer.headers["Location"] == f"/book/{visitor.token}/confirmed"
    assert visitor.page("confirmed").status_code == 200
    assert visitor.page("pay").headers["Location"] == f"/book/{visitor.token}/confirmed"


@pytest.mark.parametrize(("pay", "share"), [("", 0.25), ("deposit", 0.25), ("full", 1)])
def test_express_booking_leads_to_the_payment_of_what_was_chosen(urgent, pay, share):
    urgent.book(pay=pay)

    answer = urgent.client.get(f"/book/{urgent.token}/confirmed", follow_redirects=True)
    repair = the_repair()
    due = round(repair.total * share)
    assert answer.request.path == f"/book/{urgent.token}/pay"
    assert f"£{due / 100:.2f}" in re.search(r"<h1>(.*?)</h1>", answer.text)[1]
    assert "This is a test: no money moves." in answer.text
    assert db.session.scalar(select(Booking.due_now)) == due


@pytest.mark.parametrize("pay", ["later", "free", "<script>"])
def test_a_forged_way_to_pay_books_nothing_and_keeps_the_time(urgent, pay):
    answer = urgent.book(pay=pay)

    assert answer.status_code == 422
    assert "Choose one of the ways to pay that are offered." in answer.text
    assert ways(answer.text) == ["deposit", "full"]
    assert "<script>" not in answer.text.split("</head>")[1].replace("<script ", "")
    assert db.session.scalars(select(Repair)).all() == []
    assert db.session.scalars(select(Slot.taken)).all() in ([], [0])
    assert drafts.answers_of(drafts.get_draft(urgent.token)).slot is not None

    assert urgent.book(pay="deposit").status_code == 303


def test_a_price_that_changed_meanwhile_is_shown_before_anything_is_due(urgent):
    answer = urgent.book(total="1", pay="deposit")

    assert answer.status_code == 409
    assert "The price has changed since you saw it." in answer.text
    assert ways(answer.text) == ["deposit", "full"]
    assert db.session.scalars(select(Repair)).all() == []


def test_where_nothing_can_be_paid_online_nobody_is_asked_for_a_deposit(urgent, app, monkeypatch):
    for name in ("STRIPE_SECRET_KEY", "PAYPAL_CLIENT_ID"):
        monkeypatch.setattr(app.config["SETTINGS"], name, "")

    assert ways(urgent.page("review").text) == ["later"]
    urgent.book()

    assert the_repair().waiting_on == "customer"


def test_the_page_to_pay_needs_a_booking(urgent):
    answer = urgent.page("pay")

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/book/{urgent.token}/review")
    assert urgent.client.post(f"/book/{urgent.token}/pay/stripe").status_code == 303
    assert urgent.client.get("/book/unknown-token/pay").status_code == 410


def test_after_the_payment_the_page_leads_to_the_confirmation(urgent, held, till):
    till.pay(held, purpose="deposit")

    answer = urgent.client.get(f"/book/{urgent.token}/pay", follow_redirects=True)

    assert answer.request.path == f"/book/{urgent.token}/confirmed"
    assert held.number in answer.text


def test_after_the_end_of_the_hold_the_page_says_so(urgent, held):
    end_unpaid(held)

    answer = urgent.page("pay")

    assert answer.status_code == 410
    assert "This booking was not finished" in answer.text
    assert urgent.page("confirmed").headers["Location"] == f"/book/{urgent.token}/pay"


def test_a_payment_begun_after_the_end_is_refused_with_a_sentence(urgent, held):
    end_unpaid(held)

    answer = urgent.client.post(f"/book/{urgent.token}/pay/stripe", follow_redirects=True)

    assert answer.status_code == 410
    assert "This booking was cancelled. Nothing is to be paid." in answer.text


def test_a_device_that_was_brought_unpaid_leads_to_the_confirmation(urgent, held, front_desk):
    repairs.move(repairs.lock_repair(held.number), "received", actor=front_desk.actor)
    db.session.commit()

    assert urgent.page("pay").headers["Location"] == f"/book/{urgent.token}/confirmed"
    assert urgent.page("confirmed").status_code == 200


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_without_a_script_the_button_leads_to_the_provider(urgent, held, till, provider):
    answer = urgent.client.post(f"/book/{urgent.token}/pay/{provider}")
    again = urgent.client.post(f"/book/{urgent.token}/pay/{provider}")

    assert answer.status_code == 303
    assert re.match(r"http://127\.0\.0\.1:\d+/", answer.headers["Location"])
    assert answer.headers["Location"] == again.headers["Location"]


def test_a_provider_that_is_down_is_said_and_nothing_is_lost(urgent, held, till, app, monkeypatch):
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", "http://127.0.0.1:9")
    monkeypatch.setitem(app.extensions, "shop_gateways", {})

    answer = urgent.client.post(f"/book/{urgent.token}/pay/stripe", follow_redirects=True)

    assert answer.request.path == f"/book/{urgent.token}/pay"
    assert answer.status_code == 200
    assert "does not answer" in answer.text
    assert the_repair().status == "expected"
