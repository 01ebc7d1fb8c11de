"""The invoice that nobody asks for when a device is handed over, and the credit note when money goes back."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.base import utc_now
from shop.models.document import Document
from shop.models.event import Delivery
from shop.models.outbox import OutboxMessage
from shop.models.payment import Payment, Refund, RefundState
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import (
    accounts,
    billing,
    counter,
    deliveries,
    documents,
    drawers,
    ledger,
    ledger_check,
    merges,
    messages,
    relay,
    repairs,
    reversals,  # noqa: F401 - reversals register themselves
    undo,
)
from shop.services.payments import refunds
from shop.services.subscriptions import PAYMENTS
from tests import factories
from tests.factories import PASSWORD

BOOKED = "booking_confirmation"
WAY = (State.IN_REPAIR, State.QUALITY_CHECK, State.READY)


@pytest.fixture
def ready(session) -> Repair:
    """A finished repair of £200 that waits for its owner."""
    return factories.repair(State.READY, total=20_000)


def move(repair: Repair, *states: State, by, send=messages.AT_ONCE) -> repairs.Moved:
    for state in states:
        moved = repairs.move(repairs.lock_repair(repair.number), state, actor=by.actor, send=send)
        db.session.commit()
    return moved


def work(*, a_minute_later: bool = True) -> None:
    """As the background does, when the minute is over in which a move can be undone."""
    for _round in range(3):
        relay.relay_batch()
        db.session.commit()
        if a_minute_later:
            db.session.execute(
                update(Delivery).where(Delivery.state == "waiting").values(due_at=utc_now() - timedelta(seconds=1))
            )
            db.session.commit()
        deliveries.drain(PAYMENTS)
        deliveries.drain("mail")


def papers(kind: str = "invoice") -> list[Document]:
    db.session.rollback()
    return list(db.session.scalars(select(Document).where(Document.kind == kind).order_by(Document.id)))


def mails() -> list[str]:
    """But for that of the booking, with which every ticket of these tests begins."""
    return sorted(name for name in db.session.scalars(select(OutboxMessage.template)) if name != BOOKED)


@pytest.fixture
def till_open(front_desk):
    drawers.open_drawer(
        factories.location(), currency="GBP", float_amount=50_000, minimum_float=2_000, actor=front_desk.actor
    )
    db.session.commit()


def take(repair: Repair, amount: int, *, by) -> Payment:
    taken = counter.take(repairs.lock_repair(repair.number), amount, provider="cash", actor=by.actor)
    db.session.commit()
    return taken.payment


def give_back(payment: Payment, amount: int, *, by, reason: str = "The screen was scratched again") -> None:
    repairs.lock_repair(payment.repair.number)
    counter.give_back(refunds.lock_payment(payment.id), amount, reason=reason, actor=by.actor)
    db.session.commit()


@pytest.mark.parametrize("state", [State.COLLECTED, State.SHIPPED])
def test_a_repair_that_leaves_is_billed_once_and_the_customer_gets_it(ready, technician, state):
    move(ready, state, by=technician)

    work()
    work()

    [invoice] = papers()
    assert (invoice.repair_id, invoice.gross) == (ready.id, 20_000)
    assert mails() == ["invoice", "status_update"]
    assert ledger.repair_balance(ready).billed == 20_000
    assert ledger_check.verify() == []


def test_inside_the_house_nothing_is_billed_and_nothing_is_owed(session, technician):
    repair = factories.repair(State.IN_REPAIR, total=20_000)
    move(repair, State.QUALITY_CHECK, State.READY, by=technician)

    work()

    assert papers() == []
    assert db.session.scalars(select(Delivery.id).where(Delivery.subscriber == PAYMENTS)).all() == []


def test_a_device_that_could_not_be_repaired_is_not_billed(session, technician):
    repair = factories.repair(State.UNREPAIRABLE, total=20_000)
    move(repair, State.COLLECTED, by=technician)

    work()

    assert papers() == []


def test_what_costs_nothing_is_not_billed(session, technician):
    repair = factories.repair(State.READY, total=0)
    move(repair, State.COLLECTED, by=technician)

    work()

    assert papers() == []


@pytest.mark.parametrize("send", [messages.AT_ONCE, messages.HELD, messages.NEVER])
def test_the_invoice_waits_until_nobody_can_undo(ready, technician, send):
    move(ready, State.COLLECTED, by=technician, send=send)

    work(a_minute_later=False)

    waits = db.session.scalars(select(Delivery).where(Delivery.subscriber == PAYMENTS)).one()
    assert papers() == []
    assert timedelta(seconds=50) < waits.due_at - utc_now() <= repairs.BILLED_AFTER


@pytest.mark.parametrize("send", [messages.HELD, messages.NEVER])
def test_a_move_that_was_undone_is_not_billed(ready, technician, send):
    moved = move(ready, State.COLLECTED, by=technician, send=send)
    offer = undo.undoable([moved.step], actor=technician.actor)
    db.session.commit()
    undo.undo(offer.token, actor=technician.actor)
    db.session.commit()

    work()

    assert (ready.status, papers()) == ("ready", [])


def test_undone_and_done_again_is_billed_once(ready, technician):
    moved = move(ready, State.COLLECTED, by=technician, send=messages.NEVER)
    offer = undo.undoable([moved.step], actor=technician.actor)
    db.session.commit()
    undo.undo(offer.token, actor=technician.actor)
    db.session.commit()
    move(ready, State.COLLECTED, by=technician, send=messages.NEVER)

    work()

    assert len(papers()) == 1


def test_a_warranty_case_is_not_billed_again(ready, technician):
    move(ready, State.COLLECTED, by=technician)
    work()
    move(ready, State.WARRANTY_RETURN, *WAY, State.COLLECTED, by=technician)

    work()

    assert len(papers()) == 1


def test_an_invoice_that_was_asked_for_stays_the_only_one(ready, technician):
    asked = documents.issue_invoice(ready, actor=SYSTEM, mailed=False)
    db.session.commit()
    move(ready, State.COLLECTED, by=technician)

    work()

    assert [invoice.id for invoice in papers()] == [asked.id]


def test_a_ticket_that_is_cancelled_or_merged_is_not_billed(session, technician, manager):
    cancelled = factories.repair(State.CANCELLED, total=20_000)
    merged, stays = factories.repair(total=20_000), factories.repair()
    merges.merge(*repairs.lock_pair(merged.number, stays.number), actor=manager.actor, other_customer=True)
    db.session.commit()

    assert [billing.bill_handed_over(repair.id, version=1) for repair in (cancelled, merged)] == [None, None]
    assert billing.bill_handed_over(2**31 - 1, version=1) is None


def test_a_customer_without_an_address_still_gets_an_invoice_on_file(session, technician):
    nobody = factories.customer("Walk In", email="")
    repair = factories.repair(State.READY, total=20_000, customer=nobody)
    move(repair, State.COLLECTED, by=technician)

    work()

    assert (len(papers()), mails()) == (1, [])


@pytest.mark.usefixtures("till_open")
def test_money_that_goes_back_after_the_invoice_is_credited_once(ready, manager, front_desk):
    payment = take(ready, 20_000, by=front_desk)
    move(ready, State.COLLECTED, by=manager)
    work()
    give_back(payment, 5_000, by=manager, reason="He shouted at Marta")
    give_back(payment, 1_000, by=manager)

    work()
    work()

    first, second = papers("credit_note")
    assert [(note.gross, note.corrects_id) for note in (first, second)] == [
        (5_000, papers()[0].id), (1_000, papers()[0].id),
    ]  # fmt: skip
    assert first.key.endswith(f":refund:{payment.refunds[0].id}")
    assert "Marta" not in first.content
    assert ledger.repair_balance(ready).owed == 0
    assert mails() == ["credit_note", "credit_note", "invoice", "receipt", "status_update"]
    assert ledger_check.verify() == []


@pytest.mark.usefixtures("till_open")
def test_money_that_goes_back_before_the_invoice_is_not_credited(ready, manager, front_desk):
    give_back(take(ready, 20_000, by=front_desk), 5_000, by=manager)
    work()
    move(ready, State.COLLECTED, by=manager)

    work()

    assert (len(papers()), papers("credit_note")) == (1, [])
    assert ledger.repair_balance(ready).owed == 5_000


def test_money_back_without_a_credit_note_has_one_mail_of_its_own(ready, manager, front_desk, till_open):
    ready.customer.locale = "pt_BR"
    payment = take(ready, 10_000, by=front_desk)
    give_back(payment, 2_500, by=manager)

    work()
    work()

    [mail] = db.session.scalars(select(OutboxMessage).where(OutboxMessage.template == "refund")).all()
    assert (mail.recipient, mail.locale) == (ready.customer.email, "pt_BR")
    assert all("25,00" in part for part in (mail.subject, mail.text, mail.html))
    assert "scratched" not in mail.text + mail.html
    assert (papers("credit_note"), mails()) == ([], ["receipt", "refund"])


def test_refund_is_told_once_however_often_its_work_is_done(ready, manager, front_desk, till_open):
    payment = take(ready, 10_000, by=front_desk)
    give_back(payment, 2_500, by=manager)
    [refund_id] = db.session.scalars(select(Refund.id)).all()

    told = []
    for _again in range(3):
        told.append(billing.tell_of_refund(refund_id))
        db.session.commit()

    assert told == [True, False, False]


def test_refund_with_a_credit_note_has_no_second_mail(ready, manager, front_desk, till_open):
    payment = take(ready, 20_000, by=front_desk)
    move(ready, State.COLLECTED, by=front_desk)
    work()
    give_back(payment, 2_500, by=manager)
    work()
    [refund_id] = db.session.scalars(select(Refund.id)).all()

    again = billing.credit_refund(refund_id, at=utc_now())

    assert billing.tell_of_refund(refund_id) is False
    assert [again.id] == [paper.id for paper in papers("credit_note")]
    assert mails().count("credit_note") == 1
    assert "refund" not in mails()


def test_refund_that_is_only_accepted_is_told_when_it_arrives(ready, front_desk, till_open):
    payment = take(ready, 10_000, by=front_desk)
    refund = Refund(payment_id=payment.id, amount=2_500, state=RefundState.ACCEPTED, actor="system")
    db.session.add(refund)
    db.session.commit()

    too_early = billing.tell_of_refund(refund.id)
    refund.state = RefundState.SETTLED
    db.session.commit()

    assert (too_early, billing.tell_of_refund(refund.id)) == (False, True)


@pytest.mark.usefixtures("till_open")
def test_what_was_credited_by_hand_is_not_credited_again(ready, manager, front_desk):
    payment = take(ready, 20_000, by=front_desk)
    move(ready, State.COLLECTED, by=manager)
    work()
    documents.issue_credit_note(papers()[0], reason="Scratch", key="by hand", actor=manager.actor, amount=5_000)
    db.session.commit()
    give_back(payment, 5_000, by=manager)

    work()

    assert [note.gross for note in papers("credit_note")] == [5_000]


def test_an_online_refund_is_credited_and_what_the_provider_refuses_is_not(ready, technician, manager, till):
    payment = till.pay(ready)
    move(ready, State.COLLECTED, by=technician)
    work()
    refunds.request_refund(payment.id, 4_000, "Late", actor=manager.actor)
    db.session.commit()

    work()

    assert [note.gross for note in papers("credit_note")] == [4_000]
    assert billing.credit_refund(2**31 - 1, at=utc_now()) is None


@pytest.mark.usefixtures("till_open")
def test_the_link_of_an_invoice_leads_to_the_payment_while_something_is_owed(ready, front_desk, app, monkeypatch):
    take(ready, 5_000, by=front_desk)
    owed = json.loads(documents.issue_invoice(ready, actor=SYSTEM).content)
    db.session.commit()
    paid_up = factories.repair(State.READY, total=5_000)
    take(paid_up, 5_000, by=front_desk)
    receipt = json.loads(documents.issue_receipt(db.session.scalars(
        select(Payment).where(Payment.repair_id == paid_up.id)).one(), actor=SYSTEM).content)  # fmt: skip

    assert owed["pay"]["url"] == f"http://127.0.0.1:8000/track/{ready.tracking_token}/pay"
    assert owed["pay"]["shown"] == f"127.0.0.1:8000/track/{ready.tracking_token}/pay"
    assert "/pay" not in json.dumps(receipt)
    for name in ("STRIPE_SECRET_KEY", "PAYPAL_CLIENT_ID"):
        monkeypatch.setattr(app.config["SETTINGS"], name, "")
    assert documents._link(ready).endswith(f"/track/{ready.tracking_token}")


@pytest.mark.usefixtures("till_open")
def test_the_first_receipt_offers_the_account_and_no_password(ready, front_desk, stranger):
    take(ready, 5_000, by=front_desk)
    work()
    take(ready, 5_000, by=front_desk)
    work()

    first, second = db.session.scalars(
        select(OutboxMessage).where(OutboxMessage.template == "receipt").order_by(OutboxMessage.id)
    )
    address = "http://127.0.0.1:8000/account/forgot"
    assert [address in mail.text for mail in (first, second)] == [True, False]
    assert [address in mail.html for mail in (first, second)] == [True, False]
    assert stranger.get("/account/forgot").status_code == 200


@pytest.mark.usefixtures("till_open")
def test_who_has_a_password_is_offered_no_account(ready, front_desk):
    link = accounts.issue_link(ready.customer.email)
    accounts.set_password(link.token, PASSWORD)
    db.session.commit()
    take(ready, 5_000, by=front_desk)

    work()

    receipt = db.session.scalars(select(OutboxMessage).where(OutboxMessage.template == "receipt")).one()
    assert "/account/forgot" not in receipt.text + receipt.html
