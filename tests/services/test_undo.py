"""An act taken back: as if it had not been done, with both in the log; refused with a sentence when it is too late."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.booking import Booking
from shop.models.errors import CannotUndo, NotAllowed, NotFound
from shop.models.event import Delivery, DeliveryState, Event
from shop.models.outbox import OutboxMessage
from shop.models.permissions import Role
from shop.models.undo import GRACE_SECONDS, UNDO_SECONDS
from shop.models.workflow import State
from shop.services import (
    appointments,
    deliveries,
    messages,
    relay,
    repairs,
    reversals,  # noqa: F401 - registers how acts are taken back
    slots,
    undo,
)
from tests import factories

ALL_TOLD = sorted(messages.TOLD_BY_MAIL)


def move(repair, target, *, by, send=messages.HELD):
    """The move and its offer, committed."""
    moved = repairs.move(repairs.lock_repair(repair.number), target, actor=by.actor, send=send)
    offer = undo.undoable([moved.step], actor=by.actor)
    db.session.commit()
    return offer


def take_back(offer, *, by):
    undone = undo.undo(offer.token, actor=by.actor)
    db.session.commit()
    return undone


def refusal(offer, *, by) -> str:
    with pytest.raises(CannotUndo) as refused:
        undo.undo(offer.token, actor=by.actor)
    db.session.rollback()
    return refused.value.message


def seal() -> None:
    relay.relay_batch()
    db.session.commit()


def let_time_pass() -> None:
    """Every held message is due."""
    db.session.execute(db.update(Delivery).values(due_at=datetime.now(UTC) - timedelta(seconds=1)))
    db.session.commit()


def mails() -> list[str]:
    return list(db.session.scalars(select(OutboxMessage.template).order_by(OutboxMessage.id)))


def facts_of(repair) -> tuple:
    db.session.refresh(repair)
    return repair.status, repair.status_since, repair.is_open, repair.waiting_on, repair.closed_at


def verbs_of(repair) -> list[tuple[str, dict]]:
    query = select(Event).where(Event.aggregate == f"repair:{repair.id}").order_by(Event.version)
    return [(event.verb, json.loads(event.body)) for event in db.session.scalars(query)]


def last_mail() -> Delivery:
    return db.session.scalars(select(Delivery).order_by(Delivery.event_id.desc())).first()


@pytest.fixture
def tested(app):
    """A repair in quality check whose confirmation has been sent."""
    repair = factories.repair(State.QUALITY_CHECK, diagnosis="Display broken")
    seal()
    deliveries.drain("mail")
    return repair


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "before the relay"])
def test_undone_move_is_as_if_it_had_not_been_and_its_mail_never_leaves(tested, owner, sealed):
    before, sent = facts_of(tested), mails()
    offer = move(tested, State.READY, by=owner)
    if sealed:
        seal()

    undone = take_back(offer, by=owner)
    seal()
    let_time_pass()
    deliveries.drain("mail")

    assert (undone.numbers, undone.refused, undone.held_back) == ((tested.number,), (), 1)
    assert facts_of(tested) == before
    assert mails() == sent
    cancelled = db.session.scalars(select(Delivery).where(Delivery.state == DeliveryState.CANCELLED)).one()
    assert cancelled.error == "Undone before it left"
    (_, moved), (verb, body) = verbs_of(tested)[-2:]
    assert (moved["from"], moved["to"], moved["message"]) == ("quality_check", "ready", "now")
    assert (verb, body) == ("repair.move_undone", {"from": "ready", "to": "quality_check", "undoes": 2})


def test_held_mail_leaves_when_its_time_has_come_and_not_before(tested, owner):
    sent = mails()
    move(tested, State.READY, by=owner)
    seal()

    deliveries.drain("mail")
    held = mails()
    left = (last_mail().due_at - datetime.now(UTC)).total_seconds()
    let_time_pass()
    deliveries.drain("mail")

    assert held == sent
    assert UNDO_SECONDS < left <= UNDO_SECONDS + GRACE_SECONDS
    assert mails() == [*sent, "status_update"]


def test_held_mail_holds_up_nobody_else(tested, owner):
    move(tested, State.READY, by=owner)
    repairs.move(repairs.lock_repair(tested.number), State.COLLECTED, actor=owner.actor)
    db.session.commit()
    seal()

    deliveries.drain("mail")

    assert [mail.subject for mail in db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))][-1].endswith(
        "and your warranty"
    )


def test_move_made_with_the_mail_gone_is_not_undone(tested, owner):
    offer = move(tested, State.READY, by=owner)
    seal()
    let_time_pass()
    deliveries.drain("mail")

    words = refusal(offer, by=owner)

    assert words == f"The message has left: move {tested.number} by hand, and tell the customer."
    assert facts_of(tested)[0] == "ready"


def test_move_whose_mail_a_worker_has_just_claimed_is_not_undone(tested, owner):
    offer = move(tested, State.READY, by=owner)
    seal()
    let_time_pass()
    claims = deliveries.claim("mail")

    assert "has left" in refusal(offer, by=owner)
    assert len(claims) == 1


@pytest.mark.parametrize("send", [messages.NEVER, messages.HELD], ids=["none", "held"])
def test_inner_moves_and_silent_ones_are_undone_at_any_time_within_the_limit(tested, owner, send):
    target = State.IN_REPAIR if send is messages.HELD else State.READY
    offer = move(tested, target, by=owner, send=send)
    seal()
    deliveries.drain("mail")

    take_back(offer, by=owner)

    assert facts_of(tested)[0] == "quality_check"
    assert offer.sends is False


def test_what_a_colleague_changed_again_is_not_undone_but_other_things_may_change(tested, owner, technician):
    offer = move(tested, State.IN_REPAIR, by=owner)
    repairs.assign(repairs.lock_repair(tested.number), technician.id, actor=technician.actor)
    repairs.add_note(repairs.lock_repair(tested.number), "Looked at it.", actor=technician.actor)
    db.session.commit()

    take_back(offer, by=owner)
    later = move(tested, State.IN_REPAIR, by=owner)
    move(tested, State.QUALITY_CHECK, by=technician)
    move(tested, State.IN_REPAIR, by=technician)

    assert "has been changed again since" in refusal(later, by=owner)
    assert (tested.assignee_id, facts_of(tested)[0]) == (technician.id, "in_repair")


def test_undo_is_over_after_its_time(tested, owner, frozen, monkeypatch):
    import time_machine

    offer = move(tested, State.IN_REPAIR, by=owner)

    with time_machine.travel(frozen + timedelta(seconds=UNDO_SECONDS + GRACE_SECONDS + 1), tick=False):
        assert refusal(offer, by=owner) == "The time to undo is over. Change it back by hand."
        assert undo.find_offer(owner.actor) is None


def test_undo_is_the_persons_own_and_works_once(tested, owner, manager):
    offer = move(tested, State.IN_REPAIR, by=owner)

    with pytest.raises(NotFound):
        undo.undo(offer.token, actor=manager.actor)
    db.session.rollback()
    assert undo.find_offer(owner.actor).token == offer.token
    assert undo.find_offer(manager.actor) is None
    take_back(offer, by=owner)

    assert refusal(offer, by=owner) == "This was undone already."
    assert undo.find_offer(owner.actor) is None


@pytest.mark.parametrize("token", ["", "nonsense", "x" * 500, "a\x00b"])
def test_undo_of_nothing_is_not_found(app, owner, token):
    with pytest.raises(NotFound):
        undo.undo(token, actor=owner.actor)


def test_who_has_lost_the_right_undoes_nothing(tested, session):
    desk = factories.staff("Marta Kowal", Role.FRONT_DESK)
    offer = move(tested, State.IN_REPAIR, by=desk)
    desk.role = Role.READ_ONLY
    session.commit()

    with pytest.raises(NotAllowed):
        undo.undo(offer.token, actor=desk.actor)


def test_undone_assignment_is_the_old_one_again(cracked_iphone, owner, technician, manager):
    steps = [
        repairs.assign(repairs.lock_repair(cracked_iphone.number), person.id, actor=owner.actor)
        for person in (technician, manager)
    ]
    offer = undo.undoable([steps[1]], actor=owner.actor)
    db.session.commit()

    take_back(offer, by=owner)

    assert cracked_iphone.assignee_id == technician.id
    assert verbs_of(cracked_iphone)[-1] == (
        "repair.assignment_undone", {"from": manager.id, "to": technician.id, "undoes": 3}
    )  # fmt: skip


def test_assigning_again_is_nothing_to_undo(cracked_iphone, owner, technician):
    repair = repairs.lock_repair(cracked_iphone.number)
    repairs.assign(repair, technician.id, actor=owner.actor)

    assert repairs.assign(repair, technician.id, actor=owner.actor) is None
    assert undo.undoable([], actor=owner.actor) is None


def booked_slot(repair):
    now = datetime.now(UTC)
    views = slots.list_slots(repair.location, "in_store", start=now, end=now + timedelta(days=7))
    slot = slots.take(repair.location, "in_store", starts_at=next(view.start for view in views))
    db.session.add(Booking(repair_id=repair.id, slot_id=slot.id, source="web"))
    db.session.commit()
    return slot


def test_undone_cancellation_has_its_slot_again(cracked_iphone, owner, session):
    slot = booked_slot(cracked_iphone)
    offer = move(cracked_iphone, State.CANCELLED, by=owner)
    session.refresh(slot)
    given_back = slot.taken

    take_back(offer, by=owner)

    session.refresh(slot)
    assert (given_back, slot.taken) == (0, 1)
    assert appointments.find_booking(cracked_iphone).slot_id == slot.id
    assert facts_of(cracked_iphone)[2:] == (True, "us", None)


def test_cancellation_whose_slot_someone_took_is_not_undone(cracked_iphone, owner, session):
    slot = booked_slot(cracked_iphone)
    offer = move(cracked_iphone, State.CANCELLED, by=owner)
    slot.taken = slot.capacity
    session.commit()

    assert "was taken by someone else" in refusal(offer, by=owner)
    seal()
    let_time_pass()
    deliveries.drain("mail")
    assert facts_of(cracked_iphone)[0] == "cancelled"
    assert mails()[-1] == "status_update"


def test_what_was_held_is_dropped_when_the_repair_moves_on_and_waits_again_when_that_is_undone(tested, owner):
    sent = mails()
    move(tested, State.READY, by=owner, send=messages.later(datetime.now(UTC) + timedelta(hours=9)))
    seal()
    offer = move(tested, State.QUALITY_CHECK, by=owner)
    dropped = last_mail()
    state, reason = dropped.state, dropped.error

    take_back(offer, by=owner)
    db.session.refresh(dropped)
    again = dropped.state
    let_time_pass()
    deliveries.drain("mail")

    assert (state, reason) == ("cancelled", "The repair has moved on, so it is no longer true")
    assert (again, facts_of(tested)[0]) == ("waiting", "ready")
    assert mails() == [*sent, "status_update"]


def test_held_mail_that_the_relay_owes_only_after_the_next_move_is_skipped(tested, owner):
    sent = mails()
    move(tested, State.READY, by=owner)
    move(tested, State.QUALITY_CHECK, by=owner)
    seal()
    let_time_pass()
    deliveries.drain("mail")

    assert mails() == sent
    assert last_mail().error == "Skipped: the repair is not ready any more"


def test_undone_arrival_is_expected_again_with_its_old_promise(app, owner, session):
    repair = factories.repair(State.EXPECTED)
    slot = booked_slot(repair)
    booking = appointments.find_booking(repair)
    before = (repair.received_at, repair.due_at, booking.arrived_at, booking.slot_id)
    offer = move(repair, State.RECEIVED, by=owner)
    arrived = booking.arrived_at

    take_back(offer, by=owner)

    session.refresh(booking)
    assert facts_of(repair)[0] == "expected"
    assert (repair.received_at, repair.due_at, booking.arrived_at, booking.slot_id) == before
    assert arrived is not None
    assert booking.slot_id == slot.id


def test_act_on_many_is_undone_where_it_can_be(app, owner, technician):
    many = [factories.repair(State.QUALITY_CHECK) for _ in range(3)]
    moves = [
        repairs.move(repairs.lock_repair(r.number), State.READY, actor=owner.actor, send=messages.HELD) for r in many
    ]
    offer = undo.undoable([moved.step for moved in moves], actor=owner.actor)
    db.session.commit()
    move(many[1], State.COLLECTED, by=technician)

    undone = take_back(offer, by=owner)

    assert undone.numbers == (many[0].number, many[2].number)
    assert [number for number, _ in undone.refused] == [many[1].number]
    assert (undone.held_back, [facts_of(repair)[0] for repair in many]) == (
        2, ["quality_check", "collected", "quality_check"]
    )  # fmt: skip
