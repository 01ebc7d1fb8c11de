"""The life of a booking: another time, nobody came, the device is here; and places that never lie."""

import json
from datetime import datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.booking import Booking, Slot
from shop.models.errors import CannotUndo, Invalid, NotAllowed, SlotFull, Stale
from shop.models.event import Event
from shop.models.outbox import OutboxMessage
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import appointments, deliveries, messages, relay, repairs, reversals, undo
from shop.services.bookings import create_booking
from tests import factories
from tests.bookings import THURSDAY_1030, request, slot_with

ELEVEN = THURSDAY_1030 + timedelta(minutes=30)
HALF_AN_HOUR = timedelta(minutes=30)


def book(starts_at: datetime | None = THURSDAY_1030, **changes) -> Repair:
    repair = create_booking(request(slot_start=starts_at, **changes), actor=CUSTOMER, source="wizard")
    db.session.commit()
    return repair


def locked(repair: Repair) -> Repair:
    return repairs.lock_repair(repair.number)


def taken(starts_at: datetime = THURSDAY_1030) -> int:
    return db.session.scalar(select(Slot.taken).where(Slot.starts_at == starts_at)) or 0


def last_event(verb: str) -> dict:
    query = select(Event.body).where(Event.verb == verb).order_by(Event.id.desc()).limit(1)
    return json.loads(db.session.scalar(query))


def mails() -> list[OutboxMessage]:
    relay.relay_batch()
    db.session.commit()
    deliveries.drain("mail")
    return list(db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def test_a_booking_is_expected_and_never_late_until_it_arrives(app, frozen):
    repair = book()

    assert (repair.status, repair.waiting_on, repair.is_open) == ("expected", "customer", True)


def test_arrival_makes_it_received_and_counts_the_promise_from_the_hand_over(app, frozen, front_desk):
    repair = book()
    an_hour_late = THURSDAY_1030 + timedelta(hours=1)

    with time_machine.travel(an_hour_late, tick=False):
        repairs.move(locked(repair), State.RECEIVED, actor=front_desk.actor, seen=State.EXPECTED)
        db.session.commit()

    booking = appointments.find_booking(repair)
    assert (repair.status, repair.waiting_on, repair.received_at) == ("received", "us", an_hour_late)
    assert repair.due_at == an_hour_late + timedelta(days=4)
    assert (booking.arrived_at, booking.slot.starts_at, taken()) == (an_hour_late, THURSDAY_1030, 1)
    assert last_event("repair.moved")["due_at"] == repair.due_at.isoformat()


def test_rebook_takes_the_new_place_gives_the_old_one_back_and_moves_the_promise(app, frozen, front_desk):
    repair = book()

    booking = appointments.rebook(
        locked(repair), ELEVEN, actor=front_desk.actor, seen=THURSDAY_1030.isoformat()
    ).booking
    db.session.commit()

    assert (booking.slot.starts_at, booking.moves, taken(), taken(ELEVEN)) == (ELEVEN, 1, 0, 1)
    assert repair.due_at == ELEVEN + timedelta(days=4)
    assert last_event("repair.rebooked") == {
        "before": THURSDAY_1030.isoformat(), "slot": ELEVEN.isoformat(),
        "due_at": repair.due_at.isoformat(),
    }  # fmt: skip


def test_rebook_to_the_same_time_changes_nothing(app, frozen, front_desk):
    repair = book()

    appointments.rebook(locked(repair), THURSDAY_1030, actor=front_desk.actor)
    db.session.commit()

    assert (appointments.find_booking(repair).moves, taken(), repair.version) == (0, 1, 1)


def test_rebook_tells_the_customer_in_their_language_unless_asked_not_to(app, frozen, front_desk):
    repair = book(customer={"locale": "pt_BR"})
    appointments.rebook(locked(repair), ELEVEN, actor=front_desk.actor)
    db.session.commit()
    appointments.rebook(locked(repair), THURSDAY_1030, actor=front_desk.actor, send=messages.NEVER)
    db.session.commit()

    told = [mail for mail in mails() if mail.template == "appointment_moved"]

    assert [mail.locale for mail in told] == ["pt_BR"]
    assert f"/track/{repair.tracking_token}/calendar.ics" in told[0].html
    assert "10:30" in told[0].text


def test_rebook_refuses_a_full_time_and_keeps_the_old_one(app, frozen, front_desk):
    slot_with(1, starts_at=ELEVEN)
    book(ELEVEN)
    repair = book(customer={"name": "Peter Whitcombe"})

    with pytest.raises(SlotFull):
        appointments.rebook(locked(repair), ELEVEN, actor=front_desk.actor)
    db.session.rollback()

    assert (taken(), taken(ELEVEN)) == (1, 1)


@pytest.mark.parametrize("changed", [{"hour": 20}, {"day": 29}, {"day": 20}], ids=["closed", "sunday", "past"])
def test_rebook_refuses_closed_and_past_times(app, frozen, front_desk, changed):
    repair = book()

    with pytest.raises(Invalid) as refused:
        appointments.rebook(locked(repair), THURSDAY_1030.replace(**changed), actor=front_desk.actor)

    assert set(refused.value.fields) == {"slot_start"}


def test_rebook_says_so_when_a_colleague_moved_it_first(app, frozen, front_desk, manager):
    repair = book()
    appointments.rebook(locked(repair), ELEVEN, actor=manager.actor)
    db.session.commit()

    with pytest.raises(Stale) as stale:
        appointments.rebook(
            locked(repair), ELEVEN + HALF_AN_HOUR, actor=front_desk.actor, seen=THURSDAY_1030.isoformat()
        )

    assert stale.value.conflicts["slot_start"][1] == ELEVEN.isoformat()


def test_rebook_needs_the_right_and_a_device_that_is_not_here_yet(app, frozen, front_desk, read_only):
    repair = book()
    with pytest.raises(NotAllowed):
        appointments.rebook(locked(repair), ELEVEN, actor=read_only.actor)
    repairs.move(locked(repair), State.RECEIVED, actor=front_desk.actor)

    with pytest.raises(Invalid) as refused:
        appointments.rebook(repair, ELEVEN, actor=front_desk.actor)

    assert set(refused.value.fields) == {"status"}


def test_a_parcel_has_no_time_to_move(app, frozen, front_desk):
    repair = book(None, service_type="postal")

    with pytest.raises(Invalid):
        appointments.rebook(locked(repair), ELEVEN, actor=front_desk.actor)


def test_miss_is_counted_once_keeps_the_place_and_writes_with_the_way_back(app, frozen, front_desk):
    repair = book()

    with time_machine.travel(ELEVEN, tick=False):
        for _ in range(2):
            appointments.miss(locked(repair), actor=front_desk.actor)
            db.session.commit()
        booking = appointments.find_booking(repair)

    [mail] = [mail for mail in mails() if mail.template == "appointment_missed"]
    assert (booking.misses, booking.missed_at, repair.status, taken()) == (1, ELEVEN, "expected", 1)
    assert f"/track/{repair.tracking_token}/appointment" in mail.text


def test_nobody_can_have_missed_what_is_still_to_come(app, frozen, front_desk):
    repair = book()

    with pytest.raises(Invalid):
        appointments.miss(locked(repair), actor=front_desk.actor)


def test_a_new_time_after_a_miss_keeps_the_count(app, frozen, front_desk):
    repair = book()
    with time_machine.travel(ELEVEN, tick=False):
        appointments.miss(locked(repair), actor=front_desk.actor, send=messages.NEVER)
        booking = appointments.rebook(repair, ELEVEN + timedelta(days=1), actor=front_desk.actor).booking

    assert (booking.misses, booking.missed_at, taken()) == (1, None, 0)


@pytest.mark.parametrize(("hours", "may"), [(-48, True), (-2, True), (-1.9, False), (1, False)])
def test_customers_change_it_themselves_until_two_hours_before(app, frozen, hours, may):
    repair = book()

    with time_machine.travel(THURSDAY_1030 + timedelta(hours=hours), tick=False):
        assert appointments.may_change(appointments.find_booking(repair)) is may


def test_cancelling_frees_the_place_once_and_only_while_it_is_of_use(app, frozen, owner):
    repair, late = book(), book(customer={"name": "Peter Whitcombe"})
    repairs.move(locked(repair), State.CANCELLED, actor=owner.actor)
    db.session.commit()

    with time_machine.travel(ELEVEN, tick=False):
        repairs.move(locked(late), State.CANCELLED, actor=owner.actor)
        db.session.commit()

    assert taken() == 1


def take_back(step, person) -> undo.Undone:
    assert reversals
    offer = undo.undoable([step], actor=person.actor)
    db.session.commit()
    undone = undo.undo(offer.token, actor=person.actor)
    db.session.commit()
    return undone


def test_a_new_time_can_be_taken_back_and_its_mail_never_leaves(app, frozen, front_desk):
    repair = book()
    due_at = repair.due_at
    changed = appointments.rebook(locked(repair), ELEVEN, actor=front_desk.actor, send=messages.HELD)

    take_back(changed.step, front_desk)

    booking = appointments.find_booking(repair)
    assert (booking.slot.starts_at, taken(), taken(ELEVEN), repair.due_at) == (THURSDAY_1030, 1, 0, due_at)
    assert booking.moves == 2
    assert [mail.template for mail in mails()] == ["booking_confirmation"]


def test_a_new_time_taken_back_locks_both_places_before_it_writes(app, frozen, front_desk, database, statements_of):
    """Two colleagues who swap two appointments and both take that back must not wait for each other in a ring."""
    repair = book()
    changed = appointments.rebook(locked(repair), ELEVEN, actor=front_desk.actor, send=messages.HELD)
    db.session.commit()

    sent = statements_of(lambda: undo.reverse(changed.step, actor=front_desk.actor))

    of_slots = [one for one in sent if "slots" in one and ("UPDATE slots" in one or "ORDER BY slots.id" in one)]
    assert [one.split()[0] for one in of_slots] == ["SELECT", "UPDATE", "UPDATE"]
    assert database == "sqlite" or "FOR UPDATE" in of_slots[0]


def test_a_new_time_stays_when_the_old_place_has_gone(app, frozen, front_desk):
    slot_with(1)
    repair = book()
    changed = appointments.rebook(locked(repair), ELEVEN, actor=front_desk.actor, send=messages.HELD)
    db.session.commit()
    book(customer={"name": "Peter Whitcombe"})

    with pytest.raises(CannotUndo):
        take_back(changed.step, front_desk)
    db.session.rollback()

    assert (taken(), taken(ELEVEN)) == (1, 1)


def test_a_miss_can_be_taken_back(app, frozen, front_desk):
    repair = book()
    with time_machine.travel(ELEVEN, tick=False):
        changed = appointments.miss(locked(repair), actor=front_desk.actor, send=messages.HELD)
        take_back(changed.step, front_desk)

    booking = appointments.find_booking(repair)
    assert (booking.missed_at, booking.misses) == (None, 0)
    assert "appointment_missed" not in {mail.template for mail in mails()}


def living(slot: Slot) -> int:
    return db.session.scalar(select(func.count()).select_from(Booking).where(Booking.slot_id == slot.id))


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_places_taken_are_the_bookings_that_hold_one(app, frozen, owner, seed):
    """Random lives of bookings over three slots: never more than the capacity, never a place that nobody holds."""
    import random

    dice, times = random.Random(seed), [THURSDAY_1030 + HALF_AN_HOUR * step for step in range(3)]
    for starts_at in times:
        slot_with(2, starts_at=starts_at)
    booked: list[Repair] = []

    def act() -> None:
        kind = dice.choice(["book", "book", "move", "move", "cancel", "arrive", "block"])
        if kind == "book":
            asked = request(slot_start=dice.choice(times), customer={"name": f"Guest {len(booked)}"})
            booked.append(create_booking(asked, actor=CUSTOMER, source="api"))
        elif kind == "block":
            factories.block(starts_at=dice.choice(times), places=dice.choice([1, 1, None]))
        elif booked:
            one = locked(dice.choice(booked))
            if kind == "move":
                appointments.rebook(one, dice.choice(times), actor=owner.actor, send=messages.NEVER)
            else:
                repairs.move(one, State.CANCELLED if kind == "cancel" else State.RECEIVED, actor=owner.actor)

    for _ in range(40):
        try:
            act()
        except (SlotFull, Invalid):
            db.session.rollback()
            booked = list(db.session.scalars(select(Repair).order_by(Repair.id)))
        else:
            db.session.commit()
        slots = db.session.scalars(select(Slot)).all()
        assert [(slot.taken, slot.taken <= slot.capacity) for slot in slots] == [(living(slot), True) for slot in slots]
