"""What is held, kept or asked about when a repair ends or becomes part of another."""

import pytest
from sqlalchemy import update

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.errors import Invalid
from shop.models.event import Delivery, DeliveryState
from shop.models.payment import PaymentState
from shop.models.stored_card import CardState, StoredCard
from shop.models.workflow import State
from shop.services import approvals, ledger, ledger_check, merges, repairs
from shop.services.payments import attempts, charges, held
from tests import factories
from tests.cards import Wallet, approve, charge


@pytest.fixture
def wallet(till) -> Wallet:
    return Wallet(till)


@pytest.fixture
def twin(iphone):
    return factories.repair(customer=iphone.customer, total=5_000)


def a_minute_later(till) -> None:
    """And again for what follows from it."""
    for _ in range(3):
        till.work()
        db.session.execute(update(Delivery).where(Delivery.state == DeliveryState.WAITING).values(due_at=utc_now()))
        db.session.commit()


def cancel(repair, person) -> None:
    repairs.move(repairs.lock_repair(repair.number), "cancelled", actor=person.actor)
    db.session.commit()


def hand_over(repair, till) -> None:
    repair.enter(State.COLLECTED, at=utc_now())
    db.session.commit()
    a_minute_later(till)


def merge(duplicate, stays, person) -> None:
    merges.merge(*repairs.lock_pair(duplicate.number, stays.number), actor=person.actor)
    db.session.commit()


def is_gone(wallet, card: StoredCard) -> bool:
    db.session.commit()
    return (card.state, card.detached_at is not None, wallet.is_attached(card)) == (CardState.REMOVED, True, False)


def test_the_card_of_a_cancelled_repair_is_let_go_of(till, wallet, iphone, manager):
    card = wallet.keep(iphone)
    cancel(iphone, manager)
    till.work()
    before = card.state

    a_minute_later(till)

    assert (before, is_gone(wallet, card)) == (CardState.READY, True)


def test_the_card_stays_while_anything_is_owed_and_goes_when_it_is_paid(till, wallet, iphone):
    card = wallet.keep(iphone)
    approval = approve(iphone, amount=20_000)
    iphone.total = 20_000
    hand_over(iphone, till)
    kept = card.state

    paid = charge(iphone, approval)
    a_minute_later(till)

    assert (kept, paid.state, ledger.repair_balance(iphone).owed) == (CardState.READY, PaymentState.PAID, 0)
    assert is_gone(wallet, card)


def test_a_cancelled_repair_offers_no_charge(wallet, iphone, manager, browser_of):
    wallet.keep(iphone)
    approval = approve(iphone)
    cancel(iphone, manager)

    page = browser_of(manager).get(f"/admin/repairs/{iphone.number}").text

    assert f"/offers/{approval.id}/charge" not in page
    with pytest.raises(Invalid, match="No card is kept"):
        charges.start_charge(
            repairs.lock_repair(iphone.number), approvals.get_approval(iphone, approval.id), after=0,
            actor=manager.actor,
        )  # fmt: skip


def test_the_card_of_a_ticket_that_becomes_part_of_another_is_let_go_of(till, wallet, iphone, twin, manager):
    card = wallet.keep(twin)

    merge(twin, iphone, manager)
    a_minute_later(till)

    assert is_gone(wallet, card)


def test_a_ticket_whose_customer_is_asked_is_not_merged_away(till, wallet, iphone, twin, manager):
    offer = approvals.offer_work(repairs.lock_repair(twin.number), "Battery", 4_900, actor=manager.actor)
    db.session.commit()

    with pytest.raises(Invalid, match="is asked about more work"):
        merge(twin, iphone, manager)
    db.session.rollback()
    approvals.withdraw(repairs.lock_repair(twin.number), offer.id, actor=manager.actor)
    db.session.commit()
    merge(twin, iphone, manager)

    assert twin.status == State.CANCELLED


def test_a_ticket_for_which_an_amount_is_held_is_not_merged_away(till, iphone, twin, manager, front_desk):
    payment = held.ask_to_hold(repairs.lock_repair(twin.number), 5_000, actor=front_desk.actor)
    db.session.commit()

    with pytest.raises(Invalid, match="let it go first"):
        merge(twin, iphone, manager)
    db.session.rollback()
    attempts.cancel_payment(payment.id)
    db.session.commit()
    merge(twin, iphone, manager)

    assert twin.status == State.CANCELLED


def test_money_that_is_won_back_for_a_cancelled_repair_waits_for_a_person(till, iphone, manager):
    payment = till.pay(iphone)
    till.control("/dispute", payment=payment.charge_ref)
    till.settle(payment, disputed=True)
    cancel(iphone, manager)
    till.settle(payment)
    before = payment.fault

    till.control("/close-dispute", dispute=payment.disputes[0].provider_ref, won=True)
    till.settle(payment)

    assert (before, payment.fault, ledger.repair_balance(iphone).owed) == ("", "late", -20_000)
    assert ledger_check.verify() == []
