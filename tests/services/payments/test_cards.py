"""A card is kept once, as Stripe says, and is let go of when it is taken back."""

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.errors import Invalid, NotAllowed, NotFound, ProviderDown
from shop.models.event import Event
from shop.models.payment import EventState, ProviderEvent
from shop.models.stored_card import MANDATE_VERSION, CardState, StoredCard
from shop.models.workflow import State
from shop.services import removals, repairs, tracking
from shop.services.payments import cards, webhooks
from tests import factories
from tests.cards import THREE_D_SECURE, Wallet


def card_verbs() -> list[str]:
    query = select(Event.verb).where(Event.verb.startswith("repair.card")).order_by(Event.id)
    return list(db.session.scalars(query))


def test_the_row_is_there_before_stripe_hears_of_it(wallet, iphone):
    card = wallet.start(iphone)

    assert (card.state, card.customer_id, card.mandate_version) == (
        CardState.PENDING, iphone.customer_id, MANDATE_VERSION,
    )  # fmt: skip
    assert (card.setup_ref, wallet.there("setup_intents")) == (None, [])
    assert card_verbs() == ["repair.card_agreed"]


def test_a_card_is_kept_with_what_may_be_shown_of_it(wallet, iphone):
    card = wallet.keep(iphone)

    assert (card.state, card.brand, card.last4) == (CardState.READY, "visa", "4242")
    assert all((card.method_ref, card.customer_ref, card.expires_month, card.expires_year))
    assert cards.find_ready(iphone).id == card.id
    assert card_verbs() == ["repair.card_agreed", "repair.card_kept"]


def test_stripe_hears_no_name_and_no_address_of_ours(wallet, iphone):
    card = wallet.keep(iphone)

    customer = wallet.stripe.v1.customers.retrieve(card.customer_ref)
    assert (customer.name, customer.email, customer.phone) == (None, None, None)
    assert customer.metadata.to_dict() == {"card": card.key, "repair": iphone.number}


def test_two_clicks_are_one_card(wallet, iphone):
    first, second = wallet.open(iphone), wallet.open(iphone)

    assert first.card.id == second.card.id
    assert first.client_secret == second.client_secret
    assert len(wallet.there("setup_intents")) == 1


def test_a_bank_that_asks_is_answered_first(wallet, iphone):
    opened = wallet.open(iphone)
    wallet.enter(opened, THREE_D_SECURE)

    assert wallet.settle(opened.card).state == CardState.PENDING
    wallet.answer_bank(opened)
    assert wallet.settle(opened.card).state == CardState.READY


def test_a_bank_that_says_no_leaves_the_card_to_be_tried_again(wallet, iphone):
    opened = wallet.open(iphone)
    wallet.enter(opened, THREE_D_SECURE)
    wallet.answer_bank(opened, result="fail")

    card = wallet.settle(opened.card)
    assert (card.state, card.failure_code) == (CardState.FAILED, "setup_intent_authentication_failure")
    again = wallet.open(iphone)
    assert again.card.id == card.id
    wallet.enter(again, "pm_card_visa")
    assert wallet.settle(again.card).state == CardState.READY


def test_settling_often_says_it_once(wallet, iphone):
    card = wallet.keep(iphone)

    for _ in range(3):
        wallet.settle(card)

    assert card_verbs() == ["repair.card_agreed", "repair.card_kept"]


def test_a_new_card_takes_the_place_of_the_old(wallet, iphone, till):
    old = wallet.keep(iphone)
    new = wallet.keep(iphone, "pm_card_mastercard")
    till.work()

    db.session.refresh(old)
    assert cards.find_ready(iphone).id == new.id
    assert (old.state, wallet.is_attached(old)) == (CardState.REMOVED, False)
    assert wallet.is_attached(new)


def test_a_removed_card_is_let_go_of_by_stripe_and_stays_removed(wallet, iphone, till):
    card = wallet.keep(iphone)

    cards.remove_card(tracking.lock_tracked(iphone.tracking_token), card.id, actor=CUSTOMER)
    cards.remove_card(iphone, card.id, actor=CUSTOMER)
    db.session.commit()
    assert cards.find_ready(iphone) is None
    till.work()
    wallet.settle(card)

    assert (card.state, wallet.is_attached(card)) == (CardState.REMOVED, False)
    assert card.detached_at is not None
    assert card_verbs().count("repair.card_removed") == 1


def test_a_card_that_is_removed_before_it_was_entered_cannot_be_entered_any_more(wallet, iphone, till):
    opened = wallet.open(iphone)
    cards.remove_card(tracking.lock_tracked(iphone.tracking_token), opened.card.id, actor=CUSTOMER)
    db.session.commit()
    till.work()

    assert wallet.stripe.v1.setup_intents.retrieve(opened.card.setup_ref).status == "canceled"
    assert wallet.open(iphone).card.id != opened.card.id


def test_a_card_that_stripe_lets_go_of_is_not_ready_any_more(wallet, iphone):
    card = wallet.keep(iphone)
    wallet.stripe.v1.payment_methods.detach(card.method_ref)

    assert wallet.settle(card).state == CardState.REMOVED


def test_staff_need_the_right_and_the_card_must_be_of_the_repair(wallet, iphone, technician, manager):
    card, other = wallet.keep(iphone), factories.repair()
    repair = repairs.lock_repair(iphone.number)

    with pytest.raises(NotAllowed):
        cards.remove_card(repair, card.id, actor=technician.actor)
    with pytest.raises(NotFound):
        cards.remove_card(other, card.id, actor=manager.actor)
    cards.remove_card(repair, card.id, actor=manager.actor)
    assert card.state == CardState.REMOVED


def test_a_closed_repair_keeps_no_card(wallet, iphone, manager):
    repairs.move(repairs.lock_repair(iphone.number), State.CANCELLED, actor=manager.actor)
    db.session.commit()

    with pytest.raises(Invalid):
        wallet.start(iphone)


def test_a_ticket_with_a_card_is_not_deleted(wallet, iphone):
    wallet.start(iphone)

    assert "keeps a card" in removals.find_obstacle(iphone)


@pytest.mark.parametrize("point", ["before_call", "after_call_before_answer", "after_answer_before_commit"])
def test_who_dies_around_the_opening_makes_one_place_for_a_card(wallet, iphone, till, point):
    card = wallet.start(iphone)
    card_id = card.id
    if point == "after_call_before_answer":
        till.control("", faults={"stripe": {"fail_after": 50}})
        with pytest.raises(ProviderDown):
            cards.open_card(card_id)
        till.control("", faults={"stripe": {"fail_after": 0}})
    if point == "after_answer_before_commit":
        cards.open_card(card_id)
    db.session.rollback()

    opened = wallet.open(iphone)

    assert opened.card.id == card_id
    assert len(wallet.there("setup_intents")) == 1
    assert len(wallet.there("customers")) == 1


@pytest.mark.parametrize("name_is_lost", [False, True])
def test_webhooks_settle_a_card_whose_customer_never_came_back(
    wallet, iphone, till, simulator, app, session, name_is_lost
):
    opened = wallet.open(iphone)
    wallet.enter(opened, "pm_card_visa")
    if name_is_lost:
        opened.card.setup_ref = None
        db.session.commit()
    heard = simulator.listener.wait_for_kind("setup_intent.succeeded")

    assert webhooks.take("stripe", heard.headers, heard.body)
    db.session.commit()
    till.work()

    assert session.get(StoredCard, opened.card.id, populate_existing=True).state == CardState.READY
    assert session.scalar(select(ProviderEvent.state)) == EventState.DONE


def test_a_setup_of_somebody_else_changes_nothing(wallet, iphone):
    opened = wallet.open(iphone)
    other = wallet.stripe.v1.setup_intents.create({"confirm": True, "payment_method": "pm_card_visa"})
    opened.card.setup_ref = None
    db.session.commit()

    cards.settle_card(opened.card.id, ref=other.id)
    db.session.commit()

    assert (opened.card.state, opened.card.setup_ref) == (CardState.PENDING, None)


@pytest.fixture
def wallet(till) -> Wallet:
    return Wallet(till)
