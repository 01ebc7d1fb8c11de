"""Cash and the card terminal, the till's sessions, and what the books say of both."""

import json
import threading

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.errors import Invalid, NotAllowed
from shop.models.event import Event
from shop.models.ledger import Account
from shop.models.payment import Drawer, Payment
from shop.services import counter, drawers, ledger, ledger_check
from shop.services.locations import home_location
from shop.services.repairs import lock_repair
from tests import factories


@pytest.fixture
def iphone(cracked_iphone, session):
    cracked_iphone.total = 18_900
    session.commit()
    return cracked_iphone


@pytest.fixture
def till(session, front_desk):
    """Open with 100 pounds in it."""
    drawer = drawers.open_drawer(
        home_location(), currency="GBP", float_amount=10_000, minimum_float=10_000, actor=front_desk.actor
    )
    session.commit()
    return drawer


def take(repair, amount: int, actor, **how) -> counter.Taken:
    how.setdefault("provider", "cash")
    taken = counter.take(lock_repair(repair.number), amount, actor=actor, **how)
    db.session.commit()
    return taken


def close(actor, counts, *, banked=0, note=""):
    drawer = drawers.lock_in_use(home_location().id)
    report = drawers.close_drawer(drawer, counts, banked=banked, note=note, actor=actor)
    db.session.commit()
    return report


def faults_of(call, *values, **named) -> dict:
    with pytest.raises(Invalid) as caught:
        call(*values, **named)
    db.session.rollback()
    return caught.value.fields


def test_cash_gives_change_and_settles_what_is_owed(iphone, till, front_desk, session):
    taken = take(iphone, 18_900, front_desk.actor, tendered=20_000)

    payment = session.scalars(select(Payment)).one()
    assert (taken.change, taken.owed) == (1_100, 0)
    assert (payment.state, payment.captured, payment.tendered, payment.drawer_id) == ("paid", 18_900, 20_000, till.id)
    assert ledger.balance(Account.CASH, currency="GBP") == 10_000 + 18_900
    assert ledger.repair_balance(iphone).owed == 0
    event = session.scalars(select(Event).where(Event.verb == "payment.settled")).one()
    assert (event.aggregate, event.version) == (f"repair:{iphone.id}", iphone.version)
    assert ledger_check.verify() == []


def test_split_payment_is_as_many_rows_as_it_has_parts(iphone, till, front_desk, session):
    take(iphone, 10_000, front_desk.actor)
    taken = take(iphone, 8_900, front_desk.actor, provider="terminal", slip="AUTH 0042")

    paid = session.execute(select(Payment.provider, Payment.amount, Payment.method).order_by(Payment.id)).all()
    assert paid == [("cash", 10_000, ""), ("terminal", 8_900, "AUTH 0042")]
    assert taken.owed == 0
    assert ledger.balance(Account.TERMINAL, currency="GBP") == 8_900


@pytest.mark.parametrize(
    ("amount", "how", "field"),
    [
        (0, {}, "amount"),
        (-500, {}, "amount"),
        (18_901, {}, "amount"),
        (10**15, {}, "amount"),
        (5_000, {"tendered": 4_999}, "tendered"),
        (5_000, {"provider": "stripe"}, "provider"),
        (5_000, {"provider": "terminal", "slip": "x" * 41}, "slip"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_nothing_is_written(iphone, till, front_desk, session, amount, how, field):
    assert list(faults_of(take, iphone, amount, front_desk.actor, **how)) == [field]
    assert session.scalars(select(Payment)).all() == []
    assert ledger.repair_balance(iphone).paid == 0


def test_nothing_is_taken_twice_when_it_was_paid(iphone, till, front_desk):
    take(iphone, 18_900, front_desk.actor)

    assert faults_of(take, iphone, 1, front_desk.actor) == {"amount": "Nothing is owed for this repair."}


def test_without_an_open_till_there_is_no_cash(iphone, front_desk):
    assert list(faults_of(take, iphone, 5_000, front_desk.actor)) == ["drawer"]


def test_who_may_not_take_money_takes_none(iphone, till, technician):
    with pytest.raises(NotAllowed):
        counter.take(lock_repair(iphone.number), 100, provider="cash", actor=technician.actor)


def test_refund_needs_a_reason_the_right_and_cash_in_the_till(iphone, till, front_desk, manager, session):
    payment = take(iphone, 18_900, front_desk.actor).payment
    lock_repair(iphone.number)
    give = counter.give_back

    assert list(faults_of(give, payment, 1_000, reason=" ", actor=manager.actor)) == ["reason"]
    assert list(faults_of(give, payment, 18_901, reason="Cracked again", actor=manager.actor)) == ["amount"]
    with pytest.raises(NotAllowed):
        give(payment, 1_000, reason="Cracked again", actor=front_desk.actor)
    lock_repair(iphone.number)
    refund = give(payment, 18_900, reason="Cracked again", actor=manager.actor)
    session.commit()

    assert (refund.state, payment.refunded) == ("settled", 18_900)
    assert ledger.repair_balance(iphone).paid == 0
    assert drawers.expected_in(till) == 10_000
    lock_repair(iphone.number)
    assert list(faults_of(give, payment, 1, reason="Once more", actor=manager.actor)) == ["amount"]
    assert ledger_check.verify() == []


def test_cash_that_is_not_in_the_till_is_not_given_back(iphone, till, front_desk, manager, session):
    payment = take(iphone, 18_900, front_desk.actor).payment
    drawers.move_cash(drawers.lock_in_use(home_location().id), -28_000, reason="To the bank", actor=front_desk.actor)
    session.commit()
    lock_repair(iphone.number)

    faults = faults_of(counter.give_back, payment, 18_900, reason="Cracked again", actor=manager.actor)
    assert faults == {"amount": "There is not so much in the drawer."}


def test_session_is_counted_blind_and_its_difference_stands_in_the_books(iphone, till, front_desk, session):
    take(iphone, 10_000, front_desk.actor, tendered=10_000)
    take(iphone, 8_900, front_desk.actor, provider="terminal")

    report = close(front_desk.actor, {5_000: 2, 2_000: 4, 1_000: 1, 500: 1}, banked=9_500, note="Five short or long?")

    assert (report.number, report.expected, till.counted, till.difference) == (1, 20_000, 19_500, -500)
    assert [(one.provider, one.number, one.amount) for one in report.takings] == [
        ("cash", 1, 10_000),
        ("terminal", 1, 8_900),
    ]
    assert ledger.balance(Account.CASH, currency="GBP") == 10_000
    assert ledger.balance(Account.ROUNDING, currency="GBP") == 500
    assert drawers.carried_over(home_location().id, currency="GBP") == 10_000
    assert ledger_check.verify() == []


def open_with(amount: int, actor, **how) -> Drawer:
    drawer = drawers.open_drawer(
        home_location(), currency="GBP", float_amount=amount, minimum_float=0, actor=actor, **how
    )
    db.session.commit()
    return drawer


def test_next_session_begins_with_what_the_last_one_left(till, front_desk, session):
    close(front_desk.actor, {5_000: 2}, banked=2_000)

    drawer = open_with(8_000, front_desk.actor)

    assert drawers.report(drawer).differed is None
    assert ledger.balance(Account.CASH, currency="GBP") == 8_000
    assert ledger.balance(Account.BANK, currency="GBP") == -8_000


@pytest.mark.parametrize(("amount", "word"), [(7_000, "less"), (9_000, "more")])
def test_float_that_differs_from_what_was_left_needs_a_reason_and_stands_on_record(
    till, front_desk, session, amount, word
):
    close(front_desk.actor, {5_000: 2}, banked=2_000)

    refused = faults_of(open_with, amount, front_desk.actor, reason=" ")
    drawer = open_with(amount, front_desk.actor, reason="Change from the baker")

    assert list(refused) == ["reason"]
    assert f"That is {word} than the last session left." in refused["reason"]
    differed = drawers.report(drawer).differed
    assert (differed.amount, differed.reason) == (amount - 8_000, "Change from the baker")
    assert (drawers.expected_in(drawer), ledger.balance(Account.CASH, currency="GBP")) == (amount, amount)
    opened = session.scalars(select(Event.body).where(Event.verb == "drawer.opened").order_by(Event.id)).all()
    assert json.loads(opened[-1]) == {"float": amount, "currency": "GBP", "left": 8_000}
    assert ledger_check.verify() == []


def test_report_of_a_closed_session_never_changes(iphone, till, front_desk, session):
    close(front_desk.actor, {5_000: 2}, banked=10_000)
    before = drawers.report(till)
    open_with(0, front_desk.actor)
    take(iphone, 5_000, front_desk.actor)

    assert drawers.report(till) == before


@pytest.mark.parametrize(
    ("counts", "banked", "field"),
    [({7: 1}, 0, "counts"), ({5_000: -1}, 0, "counts"), ({5_000: 10**7}, 0, "counts"), ({500: 1}, 501, "banked")],
)
def test_count_that_cannot_be_is_refused(till, front_desk, counts, banked, field):
    assert list(faults_of(close, front_desk.actor, counts, banked=banked)) == [field]


@pytest.mark.parametrize(("amount", "reason", "field"), [(0, "x", "amount"), (500, " ", "reason")])
def test_movement_by_hand_needs_an_amount_and_a_reason(till, front_desk, amount, reason, field):
    drawer = drawers.lock_in_use(home_location().id)

    assert list(faults_of(drawers.move_cash, drawer, amount, reason=reason, actor=front_desk.actor)) == [field]


def test_who_counts_blind_does_not_learn_by_trying_what_is_in_the_drawer(till, front_desk, manager, session):
    def move(actor) -> None:
        drawers.move_cash(drawers.lock_in_use(home_location().id), -10_001, reason="To the bank", actor=actor)

    assert faults_of(move, manager.actor) == {"amount": "There is not so much in the drawer."}
    move(front_desk.actor)
    session.commit()
    report = close(front_desk.actor, {})

    assert (report.expected, till.difference) == (-1, 1)
    assert [(one.amount, one.reason) for one in report.moves] == [(-10_001, "To the bank")]
    assert ledger_check.verify() == []


@pytest.fixture
def brazilian(session, front_desk):
    """A repair of 1.01 real at a branch whose till holds reais."""
    drawers.open_drawer(home_location(), currency="BRL", float_amount=10_000, minimum_float=0, actor=front_desk.actor)
    repair = factories.repair(currency="BRL", total=101)
    session.commit()
    return repair


def test_cash_that_no_coin_can_pay_is_refused(brazilian, front_desk, manager):
    assert list(faults_of(take, brazilian, 2, front_desk.actor)) == ["amount"]
    payment = take(brazilian, 101, front_desk.actor).payment

    lock_repair(brazilian.number)
    assert list(faults_of(counter.give_back, payment, 2, reason="Scratched", actor=manager.actor)) == ["amount"]


def test_cash_is_given_back_out_of_a_till_of_its_own_currency(iphone, till, front_desk, manager, session):
    payment = take(iphone, 5_000, front_desk.actor).payment
    close(front_desk.actor, {5_000: 3})
    drawers.open_drawer(home_location(), currency="BRL", float_amount=90_000, minimum_float=0, actor=front_desk.actor)
    session.commit()

    lock_repair(iphone.number)
    assert list(faults_of(counter.give_back, payment, 5_000, reason="Cracked", actor=manager.actor)) == ["drawer"]


def test_two_who_open_the_till_at_once_open_one(app, front_desk):
    actor, barrier, refused = front_desk.actor, threading.Barrier(2), []
    db.session.commit()

    def open_one():
        with app.app_context():
            barrier.wait()
            try:
                drawers.open_drawer(home_location(), currency="GBP", float_amount=5_000, minimum_float=0, actor=actor)
                db.session.commit()
            except Invalid as error:
                refused.append(list(error.fields))
            finally:
                db.session.remove()

    threads = [threading.Thread(target=open_one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert refused == [["drawer"]]
    assert len(db.session.scalars(select(Drawer)).all()) == 1
