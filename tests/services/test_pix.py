"""Pix that has arrived, taken by a person: once, into the bank, with a receipt; and given back."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotAllowed
from shop.models.ledger import Account
from shop.models.outbox import OutboxMessage
from shop.models.payment import Payment
from shop.models.repair import Repair
from shop.services import counter, dashboard, deliveries, drawers, ledger, ledger_check, payment_list, relay
from shop.services.locations import home_location
from shop.services.memory import log_state
from shop.services.payment_list import Filters
from shop.services.repairs import lock_repair
from shop.services.subscriptions import MAIL, PAYMENTS
from tests import factories

ARRIVED, ANOTHER = "E12345678202601240959abcDEF12345", "E87654321202601241001ZYXWVU98765"


@pytest.fixture
def brazilian(session) -> Repair:
    """A repair of 350.07 reais."""
    return factories.repair(currency="BRL", total=35_007)


@pytest.fixture
def till_of_reais(session, front_desk):
    drawer = drawers.open_drawer(
        home_location(), currency="BRL", float_amount=10_000, minimum_float=0, actor=front_desk.actor
    )
    session.commit()
    return drawer


def take(repair: Repair, amount: int, actor, *, end_to_end: str = ARRIVED) -> counter.Taken:
    taken = counter.take(lock_repair(repair.number), amount, provider="pix", actor=actor, end_to_end=end_to_end)
    db.session.commit()
    return taken


def faults_of(call, *values, **named) -> dict:
    with pytest.raises(Invalid) as caught:
        call(*values, **named)
    db.session.rollback()
    return caught.value.fields


def test_pix_is_in_the_bank_to_the_centavo_without_any_till(brazilian, front_desk, session):
    taken = take(brazilian, 35_007, front_desk.actor)

    payment = session.scalars(select(Payment)).one()
    assert (payment.provider, payment.state, payment.captured) == ("pix", "paid", 35_007)
    assert (payment.provider_ref, payment.drawer_id) == (ARRIVED.upper(), None)
    assert (taken.change, taken.owed) == (0, 0)
    assert ledger.balance(Account.BANK, currency="BRL") == 35_007
    assert ledger.balance(Account.CASH, currency="BRL") == ledger.balance(Account.ROUNDING, currency="BRL") == 0
    assert ledger.repair_balance(brazilian).owed == 0
    assert ledger_check.verify() == []


def test_receipt_is_mailed_and_says_by_what(brazilian, front_desk, session):
    take(brazilian, 35_007, front_desk.actor)

    for subscriber in (PAYMENTS, MAIL):
        relay.relay_batch()
        session.commit()
        deliveries.drain(subscriber)

    mails = session.scalars(select(OutboxMessage).where(OutboxMessage.template == "receipt")).all()
    assert [mail.recipient for mail in mails] == [brazilian.customer.email]
    assert "R$350.07" in mails[0].text


def test_same_pix_is_taken_once_for_any_ticket(brazilian, front_desk, session):
    other = factories.repair(currency="BRL", total=50_000)
    take(brazilian, 10_000, front_desk.actor)

    again = faults_of(take, brazilian, 25_007, front_desk.actor)
    elsewhere = faults_of(take, other, 10_000, front_desk.actor, end_to_end=ARRIVED.lower())
    take(brazilian, 25_007, front_desk.actor, end_to_end=ANOTHER)

    assert again == elsewhere == {"end_to_end": f"This Pix was taken already, for {brazilian.number}."}
    assert session.scalars(select(Payment.amount).order_by(Payment.id)).all() == [10_000, 25_007]
    assert ledger.repair_balance(other).paid == 0


def test_two_who_take_the_same_pix_for_two_tickets_at_once_take_it_once(app, front_desk, monkeypatch):
    """Both have looked before either has written: the database decides."""
    numbers = [factories.repair(currency="BRL", total=10_000).number for _ in range(2)]
    actor, barrier, refused = front_desk.actor, threading.Barrier(2), []
    looked = counter._pix_faults
    db.session.commit()

    def look_together(end_to_end: str) -> dict:
        found = looked(end_to_end)
        # SQLite has one writer at a time: there nobody looks before the other has written.
        if not app.config["SETTINGS"].is_sqlite:
            barrier.wait(10)
        return found

    def take_one(number: str):
        with app.app_context():
            try:
                counter.take(lock_repair(number), 10_000, provider="pix", actor=actor, end_to_end=ARRIVED)
                db.session.commit()
            except Invalid as error:
                db.session.rollback()
                refused.append(list(error.fields))
            finally:
                db.session.remove()

    monkeypatch.setattr(counter, "_pix_faults", look_together)
    threads = [threading.Thread(target=take_one, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert refused == [["end_to_end"]]
    assert db.session.scalars(select(Payment.provider_ref)).all() == [ARRIVED.upper()]


@pytest.mark.parametrize(
    ("amount", "end_to_end", "field"),
    [(0, ARRIVED, "amount"), (100, "", "end_to_end"), (100, "E123", "end_to_end")],
)
def test_what_cannot_have_arrived_is_refused(brazilian, front_desk, session, amount, end_to_end, field):
    assert list(faults_of(take, brazilian, amount, front_desk.actor, end_to_end=end_to_end)) == [field]
    assert session.scalars(select(Payment)).all() == []


def test_more_than_is_owed_is_in_the_bank_and_so_in_the_books(brazilian, front_desk, manager, session):
    taken = take(brazilian, 35_008, front_desk.actor, end_to_end=ARRIVED)
    session.commit()
    before = taken.owed, taken.payment.fault, ledger.repair_balance(brazilian).owed

    lock_repair(brazilian.number)
    counter.give_back(taken.payment, 1, reason="Sent back by the bank", actor=manager.actor)
    session.commit()

    assert before == (-1, "overpaid", -1)
    assert (taken.payment.fault, ledger.repair_balance(brazilian).owed, ledger_check.verify()) == ("", 0, [])


def test_pounds_do_not_come_by_pix(cracked_iphone, front_desk, session):
    cracked_iphone.total = 18_900
    session.commit()

    assert list(faults_of(take, cracked_iphone, 18_900, front_desk.actor)) == ["provider"]


def test_who_may_not_take_money_takes_no_pix(brazilian, technician):
    with pytest.raises(NotAllowed):
        take(brazilian, 100, technician.actor)


def test_pix_is_given_back_with_a_right_and_a_reason(brazilian, front_desk, manager, session):
    payment = take(brazilian, 35_007, front_desk.actor).payment
    lock_repair(brazilian.number)

    with pytest.raises(NotAllowed):
        counter.give_back(payment, 5_000, reason="Cheaper part", actor=front_desk.actor)
    assert list(faults_of(counter.give_back, payment, 5_000, reason="", actor=manager.actor)) == ["reason"]
    lock_repair(brazilian.number)
    refund = counter.give_back(payment, 5_000, reason="Cheaper part", actor=manager.actor)
    session.commit()

    assert (refund.state, payment.refunded) == ("settled", 5_000)
    assert ledger.balance(Account.BANK, currency="BRL") == 30_007
    assert ledger_check.verify() == []


def test_report_of_a_till_of_reais_names_pix_and_expects_no_cash_of_it(
    brazilian, till_of_reais, front_desk, manager, session
):
    payment = take(brazilian, 35_007, front_desk.actor).payment
    lock_repair(brazilian.number)
    counter.give_back(payment, 7, reason="Too much", actor=manager.actor)
    session.commit()

    report = drawers.report(till_of_reais)

    assert [(one.provider, one.number, one.amount, one.refunded) for one in report.takings] == [("pix", 1, 35_007, 7)]
    assert report.expected == 10_000


def test_till_of_pounds_knows_nothing_of_reais(brazilian, front_desk, session):
    till = drawers.open_drawer(home_location(), currency="GBP", float_amount=0, minimum_float=0, actor=front_desk.actor)

    take(brazilian, 35_007, front_desk.actor)

    assert drawers.report(till).takings == ()


def test_dashboard_and_list_know_pix(brazilian, front_desk, session):
    payment = take(brazilian, 35_007, front_desk.actor).payment

    today = dashboard.taken_today(front_desk.actor, day_ends=utc_now() + timedelta(hours=1), state=log_state())
    by_way = payment_list.read_page(Filters(provider="pix"), zone="Europe/London", actor=front_desk.actor).rows
    by_id = payment_list.read_page(Filters(q=ARRIVED.lower()), zone="Europe/London", actor=front_desk.actor).rows

    assert today.came == (("pix", "BRL", 35_007),)
    assert [row.id for row in by_way] == [row.id for row in by_id] == [payment.id]
