"""Staff hold an amount on a customer's card, take it and let it go, in the console."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.event import Event
from shop.models.payment import Payment
from tests import factories
from tests.payments import iphone, simulator, till  # noqa: F401


@pytest.fixture
def desk(browser_of, front_desk):
    return browser_of(front_desk)


@pytest.fixture
def held(desk, till, iphone):  # noqa: F811
    """150 pounds, held on the customer's card."""
    return till.hold(iphone, desk, "150")


def fresh(payment: Payment) -> Payment:
    db.session.rollback()
    return db.session.get(Payment, payment.id, populate_existing=True)


def actors_of(verb: str) -> list[str]:
    return list(db.session.scalars(select(Event.actor).where(Event.verb == verb)))


def test_hold_is_asked_for_from_the_ticket(desk, till, iphone, front_desk):  # noqa: F811
    path = f"/admin/repairs/{iphone.number}/hold"
    form = desk.get(path).text

    over = desk.post(path, data={"amount": "200.01"})
    asked = desk.post(path, data={"amount": "150"})

    assert 'value="200.00"' in form
    assert (over.status_code, asked.status_code) == (422, 303)
    assert "at most what is owed" in over.text
    payment = db.session.scalars(select(Payment)).one()
    assert (payment.purpose, payment.provider, payment.amount, payment.state) == ("hold", "stripe", 15_000, "created")
    page = desk.get(f"/admin/repairs/{iphone.number}").text
    assert f'href="/track/{iphone.tracking_token}/pay"' in page
    assert "to be held when the customer agrees" in page
    assert actors_of("payment.hold_asked") == [front_desk.actor.reference]


def test_ticket_and_payment_say_held_and_until_when(desk, iphone, held):  # noqa: F811
    ticket = desk.get(f"/admin/repairs/{iphone.number}").text
    page = desk.get(f"/admin/payments/{held.id}").text

    assert "held, not paid" in ticket
    assert "Hold an amount" not in ticket
    assert "Held until" in page
    assert f'href="/admin/repairs/{iphone.number}/payments/{held.id}/take"' in ticket
    assert f'href="/admin/repairs/{iphone.number}/payments/{held.id}/take"' in page


def test_part_is_taken_once_however_often_it_is_clicked(desk, till, iphone, held, front_desk):  # noqa: F811
    path = f"/admin/repairs/{iphone.number}/payments/{held.id}/take"
    over = desk.post(path, data={"amount": "150.01"})

    first, second = (desk.post(path, data={"amount": "100"}) for _ in range(2))

    assert (over.status_code, first.status_code, second.status_code) == (422, 303, 422)
    assert "Nothing is held any more" in second.text
    taken = fresh(held)
    assert (taken.state, taken.captured) == ("paid", 10_000)
    assert till.books("stripe") == till.balance("stripe") == 10_000 - taken.fee
    assert actors_of("payment.take_asked") == [front_desk.actor.reference]


def test_provider_that_is_down_takes_nothing_and_the_next_try_takes_once(desk, till, iphone, held):  # noqa: F811
    path = f"/admin/repairs/{iphone.number}/payments/{held.id}/take"
    till.control("", faults={"stripe": {"fail_after": 50}})
    down = desk.post(path, data={"amount": "100"})
    till.control("", faults={"stripe": {"fail_after": 0}})

    again = desk.post(path, data={"amount": "100"})

    assert (down.status_code, again.status_code) == (422, 303)
    assert "Stripe does not answer." in down.text
    assert till.books("stripe") == till.balance("stripe") == 10_000 - fresh(held).fee


def test_let_go_names_who_did(desk, till, held, front_desk):  # noqa: F811
    answer = desk.post(f"/admin/payments/{held.id}/give-up")

    assert answer.status_code == 303
    assert fresh(held).state == "cancelled"
    assert till.balance("stripe") == 0
    assert actors_of("payment.release_asked") == [front_desk.actor.reference]


def test_what_is_given_up_names_who_did(desk, till, iphone, front_desk):  # noqa: F811
    opened = till.start(iphone)

    desk.post(f"/admin/payments/{opened.payment.id}/give-up")

    assert fresh(opened.payment).state == "cancelled"
    assert actors_of("payment.release_asked") == [front_desk.actor.reference]


def test_all_of_it_taken_names_who_did(desk, iphone, held, front_desk):  # noqa: F811
    desk.post(f"/admin/repairs/{iphone.number}/payments/{held.id}/take", data={"amount": "150"})

    assert fresh(held).captured == 15_000
    assert actors_of("payment.take_asked") == [front_desk.actor.reference]


@pytest.mark.parametrize(("hours", "is_said"), [(23, True), (25, False)])
def test_hold_that_ends_within_a_day_stands_on_the_dashboard_and_in_the_list(desk, held, hours, is_said):
    payment = fresh(held)
    payment.holds_until = utc_now() + timedelta(hours=hours)
    db.session.commit()

    home, listed = desk.get("/admin/").text, desk.get("/admin/payments/?state=ending").text

    assert ("1 held amount ends within a day" in home) == is_said
    assert (f"/admin/payments/{held.id}" in listed) == is_said
    assert f"/admin/payments/{held.id}" in desk.get("/admin/payments/?state=authorised").text


def test_another_tickets_hold_is_not_found(desk, held):
    other = factories.repair(customer=factories.customer("Ana Lima", email="ana@example.com"))
    db.session.commit()

    assert desk.get(f"/admin/repairs/{other.number}/payments/{held.id}/take").status_code == 404
    assert desk.post(f"/admin/repairs/{other.number}/payments/{held.id}/take").status_code == 404


def test_page_of_a_hold_leads_to_the_dialog_that_takes_no_more_than_is_owed(desk, held):
    answer = desk.post(f"/admin/payments/{held.id}/capture")

    assert answer.status_code == 303
    assert answer.location.endswith(f"/payments/{held.id}/take")
    assert fresh(held).captured == 0
