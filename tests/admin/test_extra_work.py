"""More work as staff see it: offered, answered by phone, charged to the kept card, and the card removed."""

import re

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.approval import Approval, ApprovalState
from shop.models.payment import Payment, PaymentState
from shop.models.stored_card import CardState, StoredCard
from tests.cards import ASKS_EACH_TIME, Wallet, approve
from tests.payments import iphone, simulator, till  # noqa: F401

HTMX = {"HX-Request": "true"}


@pytest.fixture
def wallet(till) -> Wallet:  # noqa: F811
    return Wallet(till)


@pytest.fixture
def desk(browser_of, front_desk):
    return browser_of(front_desk)


def path(repair, rest: str = "") -> str:
    return f"/admin/repairs/{repair.number}{rest}"


def text_of(html: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", html).split())


def only(model):
    db.session.rollback()
    return db.session.scalars(select(model)).one()


def test_an_offer_stands_on_the_ticket_and_waits_for_its_answer(desk, iphone, simulator):  # noqa: F811
    answer = desk.post(path(iphone, "/offers"), data={"text": "New battery", "amount": "49.00"})

    page = text_of(desk.get(answer.location).text)
    assert (answer.status_code, answer.location) == (303, path(iphone))
    assert "New battery Offered, no answer yet £49.00 Write down the answer Take the offer back" in page
    assert path(iphone, '/offers"') not in desk.get(path(iphone)).text
    assert only(Approval).amount == 4_900


def test_an_offer_is_taken_back_after_a_question(desk, iphone, simulator):  # noqa: F811
    desk.post(path(iphone, "/offers"), data={"text": "New battery", "amount": "49"})
    where = path(iphone, f"/offers/{only(Approval).id}/withdraw")

    asked = text_of(desk.get(where, headers=HTMX).text)
    answers = [desk.post(where).status_code for _ in range(2)]
    page = text_of(desk.get(path(iphone)).text)

    assert "New battery, £49.00" in asked
    assert answers == [303, 303]
    assert "New battery Taken back £49.00" in page
    assert "Offer of more work taken back: £49.00" in page
    assert path(iphone, '/offers"') in desk.get(path(iphone)).text


def test_an_answered_offer_is_not_taken_back(desk, iphone, simulator):  # noqa: F811
    where = path(iphone, f"/offers/{approve(iphone).id}/withdraw")

    answer = desk.post(where, headers=HTMX)

    assert (answer.status_code, only(Approval).state) == (422, "approved")
    assert "answered before" in answer.text


@pytest.mark.parametrize(("form", "words"), [
    ({"text": "", "amount": "49"}, "Write what is to be done"),
    ({"text": "Battery", "amount": "lots"}, "Enter an amount, such as 20.00."),
])  # fmt: skip
def test_a_bad_offer_comes_back_with_words(desk, iphone, form, words):  # noqa: F811
    answer = desk.post(path(iphone, "/offers"), data=form, headers=HTMX)

    assert answer.status_code == 422
    assert words in answer.text
    assert db.session.scalar(select(Approval.id)) is None


@pytest.mark.parametrize(("said", "state", "total"), [
    ("yes", ApprovalState.APPROVED, 24_900), ("no", ApprovalState.DECLINED, 20_000),
])  # fmt: skip
def test_an_answer_by_phone_is_written_down(desk, iphone, simulator, said, state, total):  # noqa: F811
    desk.post(path(iphone, "/offers"), data={"text": "New battery", "amount": "49"})
    where = path(iphone, f"/offers/{only(Approval).id}/answer")
    assert "The customer says yes" in desk.get(where).text

    answer = desk.post(where, data={"name": "Hannah", "how": "phone", "answer": said}, headers=HTMX)

    offer = only(Approval)
    assert answer.status_code == 204
    assert (offer.state, offer.name, offer.how, offer.repair.total) == (state, "Hannah", "phone", total)


def test_an_answer_without_a_name_is_refused(desk, iphone, simulator):  # noqa: F811
    desk.post(path(iphone, "/offers"), data={"text": "New battery", "amount": "49"})
    where = path(iphone, f"/offers/{only(Approval).id}/answer")

    answer = desk.post(where, data={"name": "", "how": "phone", "answer": "yes"}, headers=HTMX)

    assert (answer.status_code, "Write the name of who answers" in answer.text) == (422, True)
    assert only(Approval).state == ApprovalState.OFFERED


def test_the_kept_card_is_charged_once_however_often_it_is_pressed(desk, iphone, wallet):  # noqa: F811
    wallet.keep(iphone)
    where = path(iphone, f"/offers/{approve(iphone).id}/charge")
    assert "£49.00 will be taken from the card ending 4242." in text_of(desk.get(where).text)

    answers = [desk.post(where, data={"after": "0"}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [303] * 3
    assert (only(Payment).state, only(Payment).captured) == (PaymentState.PAID, 4_900)
    page = text_of(desk.get(path(iphone)).text)
    assert "£49.00 taken from the card" in page
    assert "Charge the card ending" not in page
    for words in ("A card is kept for approved work", "More work offered: £49.00 New battery",
                  "More work approved: £49.00 Hannah", "Charge of the kept card asked for: £49.00"):  # fmt: skip
        assert words in page


def test_staff_see_that_the_bank_wants_the_customer(desk, iphone, wallet):  # noqa: F811
    wallet.keep(iphone, ASKS_EACH_TIME)
    where = path(iphone, f"/offers/{approve(iphone).id}/charge")

    desk.post(where, data={"after": "0"})

    page = text_of(desk.get(path(iphone)).text)
    assert "The bank wants to ask the customer. They get an e-mail with a link to pay." in page
    assert "Charge the card ending 3184" in page


def test_staff_are_told_what_became_of_a_charge(desk, iphone, wallet, session):  # noqa: F811
    wallet.keep(iphone, ASKS_EACH_TIME)
    where = path(iphone, f"/offers/{approve(iphone).id}/charge")
    desk.post(where, data={"after": "0"})
    iphone.customer.email = ""
    session.commit()
    asked = text_of(desk.get(path(iphone)).text)
    desk.post(f"/admin/payments/{only(Payment).id}/give-up")

    page = text_of(desk.get(path(iphone)).text)

    assert "The bank wants to ask the customer. There is no e-mail: send them the link to pay." in asked
    assert "Given up: nothing was taken from the card" in page
    assert "is on its way" not in page


def test_a_card_that_stripe_knows_no_more_is_not_called_declined(desk, iphone, wallet):  # noqa: F811
    card = wallet.keep(iphone)
    where = path(iphone, f"/offers/{approve(iphone).id}/charge")
    wallet.stripe.v1.payment_methods.detach(card.method_ref)

    desk.post(where, data={"after": "0"})

    page = text_of(desk.get(path(iphone)).text)
    assert "The card could not be charged, nothing was taken" in page
    assert "The bank refused" not in page


def test_a_stripe_that_does_not_answer_is_said(desk, iphone, wallet, app, monkeypatch):  # noqa: F811
    wallet.keep(iphone)
    where = path(iphone, f"/offers/{approve(iphone).id}/charge")
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", "http://127.0.0.1:9")
    monkeypatch.setitem(app.extensions, "shop_gateways", {})

    page = desk.post(where, data={"after": "0"}, follow_redirects=True).text

    assert "do not take the money another way" in page
    assert only(Payment).state == PaymentState.CREATED


def test_without_a_card_there_is_nothing_to_charge(desk, iphone, simulator):  # noqa: F811
    where = path(iphone, f"/offers/{approve(iphone).id}/charge")

    answer = desk.post(where, data={"after": "0"}, headers=HTMX)

    assert (answer.status_code, "No card is kept" in answer.text) == (422, True)


def test_the_card_is_removed_when_the_customer_asks_for_it(desk, iphone, wallet, till):  # noqa: F811
    card = wallet.keep(iphone)
    where = path(iphone, f"/cards/{card.id}/remove")
    assert "Stripe lets go of the card" in desk.get(where).text

    desk.post(where)
    till.work()

    assert (only(StoredCard).state, wallet.is_attached(only(StoredCard))) == (CardState.REMOVED, False)
    assert "Card kept" not in desk.get(path(iphone)).text


def test_a_technician_offers_and_neither_answers_nor_charges(browser_of, technician, iphone, simulator):  # noqa: F811
    bench = browser_of(technician)

    assert bench.post(path(iphone, "/offers"), data={"text": "Battery", "amount": "49"}).status_code == 303
    offer = only(Approval)
    for way in ("answer", "charge"):
        assert bench.post(path(iphone, f"/offers/{offer.id}/{way}"), data={"answer": "yes"}).status_code == 404
    page = bench.get(path(iphone)).text
    assert "Write down the answer" not in page
