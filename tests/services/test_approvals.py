"""More work is asked about once, and a yes raises the price by what was approved."""

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.approval import ApprovalState, How
from shop.models.errors import Invalid, NotAllowed, NotFound
from shop.models.event import Event
from shop.models.workflow import State
from shop.services import approvals, documents, ledger, repairs
from tests import factories


@pytest.fixture
def iphone(cracked_iphone, session, technician, manager, read_only):
    cracked_iphone.total = 20_000
    session.commit()
    return repairs.lock_repair(cracked_iphone.number)


@pytest.fixture
def offer(iphone, technician):
    return approvals.offer_work(iphone, " New\nbattery ", 4_900, actor=technician.actor)


def answer(repair, offer, *, approved=True, name="Hannah", how=How.LINK, actor=CUSTOMER):
    return approvals.decide(repair, offer.id, approved=approved, name=name, how=how, actor=actor)


def verbs() -> list[str]:
    return list(db.session.scalars(select(Event.verb).where(Event.verb.like("repair.work%")).order_by(Event.id)))


def test_an_offer_changes_no_price(iphone, offer):
    assert (offer.text, offer.state, iphone.total) == ("New battery", ApprovalState.OFFERED, 20_000)
    assert approvals.find_open(iphone) is offer


def test_a_yes_raises_the_price_and_what_is_owed(iphone, offer):
    approval = answer(iphone, offer)

    assert (approval.state, approval.name, approval.how) == (ApprovalState.APPROVED, "Hannah", How.LINK)
    assert approval.decided_at is not None
    assert (iphone.total, ledger.repair_balance(iphone).owed) == (24_900, 24_900)
    assert [line.amount for line in iphone.lines] == [20_000, 4_900]
    assert verbs() == ["repair.work_offered", "repair.work_approved"]


def test_an_offer_that_is_taken_back_is_answered_no_more_and_makes_room(iphone, offer, technician):
    for _twice in range(2):
        approvals.withdraw(iphone, offer.id, actor=technician.actor)

    assert (offer.state, offer.decided_by) == (ApprovalState.RECALLED, technician.actor.reference)
    with pytest.raises(Invalid, match="taken this offer back"):
        answer(iphone, offer)
    assert iphone.total == 20_000
    assert verbs() == ["repair.work_offered", "repair.work_withdrawn"]
    assert approvals.offer_work(iphone, "New speaker", 2_500, actor=technician.actor).state == ApprovalState.OFFERED


def test_what_was_answered_is_not_taken_back(iphone, offer, technician, read_only):
    with pytest.raises(NotAllowed):
        approvals.withdraw(iphone, offer.id, actor=read_only.actor)
    answer(iphone, offer)

    with pytest.raises(Invalid, match="answered before"):
        approvals.withdraw(iphone, offer.id, actor=technician.actor)
    assert offer.state == ApprovalState.APPROVED


def test_the_same_answer_again_is_harmless_and_another_one_is_refused(iphone, offer):
    answer(iphone, offer)
    answer(iphone, offer)

    with pytest.raises(Invalid, match="answered before"):
        answer(iphone, offer, approved=False)
    assert iphone.total == 24_900
    assert verbs().count("repair.work_approved") == 1


def test_a_no_changes_no_price_and_lets_the_next_be_offered(iphone, offer, manager):
    answer(iphone, offer, approved=False, how=How.PHONE, actor=manager.actor)
    again = approvals.offer_work(iphone, "A cheaper one", 2_000, actor=manager.actor)

    assert (offer.state, offer.decided_by, iphone.total) == (ApprovalState.DECLINED, manager.actor.reference, 20_000)
    assert approvals.find_open(iphone) is again


def test_one_question_at_a_time(iphone, offer, manager):
    with pytest.raises(Invalid, match="not answered the last offer"):
        approvals.offer_work(iphone, "More", 100, actor=manager.actor)


@pytest.mark.parametrize(("text", "amount", "field"), [
    ("", 100, "text"), ("x" * 201, 100, "text"), ("Battery", 0, "amount"), ("Battery", -5, "amount"),
    ("Battery", 2**31, "amount"),
])  # fmt: skip
def test_bad_offers_are_refused(iphone, manager, text, amount, field):
    with pytest.raises(Invalid) as refusal:
        approvals.offer_work(iphone, text, amount, actor=manager.actor)

    assert list(refusal.value.fields) == [field]


@pytest.mark.parametrize(("name", "how", "field"), [("", How.PHONE, "name"), ("Hannah", How.LINK, "how")])
def test_staff_say_who_answered_and_how(iphone, offer, manager, name, how, field):
    with pytest.raises(Invalid) as refusal:
        answer(iphone, offer, name=name, how=how, actor=manager.actor)

    assert list(refusal.value.fields) == [field]
    assert iphone.total == 20_000


def test_rights(iphone, offer, read_only, technician):
    with pytest.raises(NotAllowed):
        approvals.offer_work(iphone, "More", 100, actor=read_only.actor)
    with pytest.raises(NotAllowed):
        answer(iphone, offer, how=How.PHONE, actor=technician.actor)
    with pytest.raises(NotFound):
        answer(factories.repair(), offer)


def test_an_invoiced_repair_is_refused(iphone, offer, manager):
    documents.issue_invoice(iphone, actor=manager.actor, mailed=False)

    with pytest.raises(Invalid, match="invoiced already"):
        answer(iphone, offer)
    answer(iphone, offer, approved=False)
    with pytest.raises(Invalid, match="invoiced already"):
        approvals.offer_work(iphone, "More", 100, actor=manager.actor)
    assert iphone.total == 20_000


def test_a_closed_repair_is_refused(iphone, offer, manager):
    repairs.move(iphone, State.CANCELLED, actor=manager.actor)

    with pytest.raises(Invalid, match="closed"):
        answer(iphone, offer)


def test_the_invoice_names_the_approved_work(iphone, offer, manager):
    answer(iphone, offer)

    invoice = documents.issue_invoice(iphone, actor=manager.actor, mailed=False)

    assert invoice.gross == 24_900
    assert "New battery" in invoice.content
