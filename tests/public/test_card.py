"""Keeping a card by the private link, the way back from the bank, and taking the card back."""

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.approval import Approval
from shop.models.payment import Payment, PaymentState
from shop.models.stored_card import CardState, StoredCard
from shop.services import approvals, repairs
from tests import factories
from tests.cards import ASKS_EACH_TIME, THREE_D_SECURE, Wallet

JSON = {"Accept": "application/json"}


@pytest.fixture
def wallet(till) -> Wallet:
    return Wallet(till)


def path(repair, rest: str = "") -> str:
    return f"/track/{repair.tracking_token}/card{rest}"


def stored() -> StoredCard:
    db.session.rollback()
    return db.session.scalars(select(StoredCard)).one()


def test_the_repair_leads_to_the_page_and_the_page_says_what_is_agreed_to(stranger, iphone):
    assert path(iphone) in stranger.get(f"/track/{iphone.tracking_token}").text

    page = stranger.get(path(iphone)).text

    assert f"only for work on {iphone.number} that you approve" in page
    assert "take the card back at any time" in page
    assert "This is a test: no money moves." in page
    assert db.session.scalar(select(StoredCard.id)) is None


def test_the_script_is_told_how_to_go_on(stranger, iphone, wallet):
    told = stranger.post(path(iphone), headers=JSON).json

    card = stored()
    assert told["client_secret"].startswith(card.setup_ref)
    assert told["return_url"].endswith(path(iphone, f"/return?card={card.key}"))


def test_a_second_press_after_a_cut_network_is_told_the_same(stranger, iphone, wallet):
    """The page sends the key of its form again; the first answer holds what nobody keeps."""
    form = {"request_key": "a-key-of-this-form-1234"}

    first, second = (stranger.post(path(iphone), data=form, headers=JSON) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json["client_secret"] == second.json["client_secret"] != ""


def test_a_place_for_a_card_that_stripe_forgot_makes_room_for_another(stranger, iphone, wallet):
    stranger.post(path(iphone), headers=JSON)
    first = stored().setup_ref
    with wallet.till.simulator.app.extensions["simulator"].store.write() as tx:
        tx.remove(first)

    refused = stranger.post(path(iphone), headers=JSON)
    again = stranger.post(path(iphone), headers=JSON)

    assert (refused.status_code, again.status_code) == (422, 200)
    assert first not in again.json["client_secret"]


def test_each_offer_has_a_form_of_its_own(stranger, iphone, manager):
    """The page is brought up to date in place, and what is typed stays: an answer must not go to another offer."""
    first = approvals.offer_work(repairs.lock_repair(iphone.number), "Battery", 3_000, actor=manager.actor)
    db.session.commit()

    page = stranger.get(f"/track/{iphone.tracking_token}").text

    assert f'id="offer-form-{first.id}" hx-preserve' in page


def test_without_a_script_the_way_leads_to_the_simulators_page(stranger, iphone, wallet):
    answer = stranger.post(path(iphone))

    assert answer.status_code == 303
    assert f"/simulator/pay/{stored().setup_ref}?" in answer.headers["Location"]


def test_without_a_script_a_real_stripe_says_that_it_needs_one(stranger, iphone, wallet, app, monkeypatch):
    monkeypatch.setitem(app.config["SETTINGS"].__pydantic_private__, "_simulated", frozenset())

    assert stranger.post(path(iphone)).headers["Location"] == path(iphone)
    page = stranger.get(path(iphone))
    assert page.text.count("Keeping a card needs JavaScript.") == 2
    assert "https://js.stripe.com" in page.headers["Content-Security-Policy"]


def test_coming_back_keeps_the_card_and_shows_its_last_digits_alone(stranger, iphone, wallet):
    opened = wallet.open(iphone)
    wallet.enter(opened, "pm_card_visa")

    answer = stranger.get(path(iphone, f"/return?card={opened.card.key}&redirect_status=failed"))

    assert answer.headers["Location"] == f"/track/{iphone.tracking_token}"
    assert stored().state == CardState.READY
    page = stranger.get(f"/track/{iphone.tracking_token}").text
    assert "Your card ending 4242 is kept." in page
    assert "Card kept, ending 4242" in page


@pytest.mark.parametrize(("result", "words"), [
    ("fail", "Your bank could not make sure that it is you."),
    (None, "The card was not kept. Nothing was taken."),
])  # fmt: skip
def test_coming_back_with_a_bank_that_did_not_agree(stranger, iphone, wallet, result, words):
    opened = wallet.open(iphone)
    wallet.enter(opened, THREE_D_SECURE)
    if result:
        wallet.answer_bank(opened, result)

    answer = stranger.get(path(iphone, f"/return?card={opened.card.key}&redirect_status=succeeded"))

    assert answer.headers["Location"] == path(iphone)
    assert words in stranger.get(path(iphone)).text


def test_a_stripe_that_is_down_is_said(stranger, iphone, wallet, app, monkeypatch):
    opened = wallet.open(iphone)
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_API_BASE", "http://127.0.0.1:9")
    monkeypatch.setitem(app.extensions, "shop_gateways", {})

    answer = stranger.post(path(iphone), headers=JSON)
    stranger.get(path(iphone, f"/return?card={opened.card.key}"))

    assert answer.status_code == 422
    assert answer.json["detail"].startswith("Stripe does not answer.")
    assert "Stripe does not answer." in stranger.get(path(iphone)).text


def test_the_customer_takes_the_card_back(stranger, iphone, wallet, till):
    card = wallet.keep(iphone)

    answer = stranger.post(path(iphone, f"/{card.key}/remove"))
    till.work()

    assert answer.headers["Location"] == path(iphone)
    assert (stored().state, wallet.is_attached(stored())) == (CardState.REMOVED, False)
    assert "The card is removed" in stranger.get(path(iphone)).text


def test_another_repairs_link_neither_shows_nor_removes_it(stranger, iphone, wallet):
    card, other = wallet.keep(iphone), factories.repair(customer=iphone.customer)
    db.session.commit()

    assert "4242" not in stranger.get(f"/track/{other.tracking_token}").text
    assert stranger.post(path(other, f"/{card.key}/remove")).status_code == 404
    assert stranger.get(path(other, f"/return?card={card.key}")).status_code == 404
    assert stored().state == CardState.READY


def test_where_stripe_is_not_offered_no_card_is_kept(stranger, iphone, app, monkeypatch):
    monkeypatch.setattr(app.config["SETTINGS"], "STRIPE_SECRET_KEY", "")

    assert path(iphone) not in stranger.get(f"/track/{iphone.tracking_token}").text
    assert "A card cannot be kept for this repair." in stranger.get(path(iphone)).text
    assert stranger.post(path(iphone), headers=JSON).status_code == 422


def offered(repair, manager) -> Approval:
    offer = approvals.offer_work(repairs.lock_repair(repair.number), "New battery", 4_900, actor=manager.actor)
    db.session.commit()
    return offer


def answer(browser, repair, offer, said: str = "approve", **form):
    where = f"/track/{repair.tracking_token}/offers/{offer.id}"
    return browser.post(where, data={"name": "Hannah", "answer": said, **form})


def seen(browser, repair) -> str:
    return browser.get(f"/track/{repair.tracking_token}").text


def test_the_offer_stands_on_the_private_page_until_it_is_answered(stranger, iphone, simulator, manager):
    offer = offered(iphone, manager)
    assert "May we do this too?" in seen(stranger, iphone)
    assert "charge my card" not in seen(stranger, iphone)

    answer(stranger, iphone, offer)

    page = seen(stranger, iphone)
    assert "Thank you: we do it." in page
    assert "May we do this too?" not in page
    assert "£249.00" in page
    db.session.rollback()
    assert (offer.state, offer.name, offer.how, offer.decided_by) == ("approved", "Hannah", "link", "customer")


def test_a_no_leaves_the_price(stranger, iphone, simulator, manager):
    offer = offered(iphone, manager)

    answer(stranger, iphone, offer, "decline", charge="1")

    db.session.rollback()
    assert (offer.state, iphone.total) == ("declined", 20_000)
    assert "Thank you: we leave it as it is." in seen(stranger, iphone)


def test_two_tabs_that_answer_otherwise_count_the_first(stranger, iphone, simulator, manager):
    offer = offered(iphone, manager)
    answer(stranger, iphone, offer)

    answer(stranger, iphone, offer, "decline")

    db.session.rollback()
    assert (offer.state, iphone.total) == ("approved", 24_900)
    assert "This offer was answered before." in seen(stranger, iphone)


def test_without_a_name_nothing_is_answered(stranger, iphone, simulator, manager):
    offer = offered(iphone, manager)

    answer(stranger, iphone, offer, name=" ")

    db.session.rollback()
    assert offer.state == "offered"
    assert "Write the name of who answers" in seen(stranger, iphone)


def test_approved_and_charged_at_once_and_once(stranger, iphone, wallet, manager):
    wallet.keep(iphone)
    offer = offered(iphone, manager)
    assert "charge my card ending 4242 now" in seen(stranger, iphone)

    for _ in range(2):
        answer(stranger, iphone, offer, charge="1")

    db.session.rollback()
    payment = db.session.scalars(select(Payment)).one()
    assert (payment.state, payment.captured, payment.actor) == (PaymentState.PAID, 4_900, "customer")
    assert "Your card was charged £49.00." in seen(stranger, iphone)


@pytest.mark.parametrize(("method", "words"), [
    (ASKS_EACH_TIME, "Your bank wants to ask you."), ("pm_card_chargeCustomerFail", "Your card was declined."),
])  # fmt: skip
def test_a_bank_that_says_no_leaves_the_yes(stranger, iphone, wallet, manager, method, words):
    wallet.keep(iphone, method)
    offer = offered(iphone, manager)

    answer(stranger, iphone, offer, charge="1")

    db.session.rollback()
    assert (offer.state, offer.payment.state, iphone.total) == ("approved", PaymentState.FAILED, 24_900)
    assert words in seen(stranger, iphone)


def test_another_repairs_link_answers_nothing(stranger, iphone, simulator, manager):
    offer, other = offered(iphone, manager), factories.repair()
    db.session.commit()

    assert answer(stranger, other, offer).status_code == 404
    db.session.rollback()
    assert offer.state == "offered"


def test_yes_counts_though_the_card_is_gone_meanwhile(stranger, iphone, wallet, manager):
    card, offer = wallet.keep(iphone), offered(iphone, manager)
    stranger.post(path(iphone, f"/{card.key}/remove"))

    answer(stranger, iphone, offer, charge="1")

    assert "No card is kept for this repair that can be charged." in seen(stranger, iphone)
    db.session.rollback()
    assert offer.state == "approved"
    assert db.session.scalar(select(Payment)) is None
