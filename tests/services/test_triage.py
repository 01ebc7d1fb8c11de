import json
from datetime import timedelta

import pytest
import time_machine

from shop.models.actor import CUSTOMER
from shop.models.booking import Slot
from shop.models.errors import Invalid, NotAllowed
from shop.models.event import Event
from shop.models.location import Closure, Location
from shop.models.repair import Priority, Repair
from shop.models.tag import RepairTag, Tag
from shop.services import (
    appointments,
    memory,
    messages,
    repairs,
    reversals,  # noqa: F401 - registers how acts are taken back
    triage,
    undo,
)
from shop.services.bookings import create_booking
from shop.services.undo import Step
from tests.bookings import THURSDAY_1030, request


@pytest.fixture
def camden(session):
    branch = Location(name="RevivaTech Camden", slug="camden")
    session.add(branch)
    session.commit()
    return branch


@pytest.fixture
def change(session, technician, cracked_iphone):
    """`change(triage.tag, "Liquid damage")`: done to the locked repair and committed; gives the stored repair."""

    def act(service, *arguments, actor=technician.actor) -> Repair:
        service(repairs.lock_repair(cracked_iphone.number), *arguments, actor=actor)
        session.commit()
        return session.get_one(Repair, cracked_iphone.id)

    return act


def log_of(session, repair):
    """(verb, body, personal detail) of everything after the booking."""
    events = session.query(Event).filter(Event.aggregate == f"repair:{repair.id}", Event.version > 1)
    return [
        (event.verb, json.loads(event.body), json.loads(event.detail.body) if event.detail else {})
        for event in events.order_by(Event.version)
    ]


def test_priority_is_stored_and_logged_once(session, change):
    repair = change(triage.set_priority, 1)
    change(triage.set_priority, 1)

    assert (repair.priority, repair.version) == (Priority.URGENT, 2)
    assert log_of(session, repair) == [("repair.prioritised", {"from": 3, "to": 1}, {})]


@pytest.mark.parametrize("priority", [0, 4, -1])
def test_priority_that_is_none_is_refused(change, priority):
    with pytest.raises(Invalid, match="Choose urgent"):
        change(triage.set_priority, priority)


def test_move_to_another_branch_forgets_the_old_shelf(session, change, cracked_iphone, camden):
    cracked_iphone.place, home = "Shelf A2", cracked_iphone.location_id
    session.commit()

    repair = change(triage.move_to_location, camden.id)
    change(triage.move_to_location, camden.id)

    assert (repair.location_id, repair.place, repair.version) == (camden.id, "", 2)
    assert log_of(session, repair) == [
        ("repair.relocated", {"from": home, "to": camden.id}, {"place": ["Shelf A2", ""]})
    ]


def test_move_to_a_branch_that_is_none_is_refused(change):
    with pytest.raises(Invalid, match="branches"):
        change(triage.move_to_location, 987)


def test_tag_is_made_once_however_it_is_written(session, change):
    change(triage.tag, "Liquid damage")
    change(triage.tag, " liquid  DAMAGE ")
    repair = change(triage.tag, "Business")

    assert [tag.name for tag in session.query(Tag).order_by(Tag.id)] == ["Liquid damage", "Business"]
    assert repair.tags == "Business, Liquid damage"
    assert [verb for verb, _, _ in log_of(session, repair)] == ["repair.tagged"] * 2
    assert log_of(session, repair)[0][2] == {"tag": "Liquid damage"}


def test_tag_is_found_by_the_search(change):
    repair = change(triage.tag, "Liquid damage")

    assert "liquid damage" in repair.search_text


def test_untag_takes_it_off_and_out_of_the_search(session, change):
    change(triage.tag, "Liquid damage")
    repair = change(triage.untag, "liquid-damage")
    change(triage.untag, "liquid-damage")

    assert (repair.tags, session.query(RepairTag).count(), session.query(Tag).count()) == ("", 0, 1)
    assert "liquid" not in repair.search_text
    assert [verb for verb, _, _ in log_of(session, repair)] == ["repair.tagged", "repair.untagged"]


@pytest.mark.parametrize("name", ["", "  ", "!?", "x" * 41, "\x00"])
def test_tag_that_cannot_be_one_is_refused(session, change, name):
    with pytest.raises(Invalid):
        change(triage.tag, name)

    assert session.query(Tag).count() == 0


def test_ticket_has_a_most_of_tags(change):
    for number in range(triage.MOST_TAGS):
        change(triage.tag, f"Tag {number}")

    with pytest.raises(Invalid, match="Take one off first"):
        change(triage.tag, "One more")


@pytest.mark.parametrize(
    ("service", "argument"),
    [(triage.set_priority, 1), (triage.move_to_location, 1), (triage.tag, "Odd"), (triage.untag, "Odd")],
)
def test_read_only_staff_sort_nothing(change, read_only, service, argument):
    with pytest.raises(NotAllowed):
        change(service, argument, actor=read_only.actor)


def test_new_tag_and_new_branch_change_the_state_that_choices_are_kept_for(session, change, cracked_iphone):
    seen = [memory.log_state().of_staff()]
    change(triage.set_priority, 1)
    seen.append(memory.log_state().of_staff())
    change(triage.tag, "Liquid damage")
    seen.append(memory.log_state().of_staff())
    session.add(Location(name="RevivaTech Camden", slug="camden"))
    session.commit()
    seen.append(memory.log_state().of_staff())

    assert seen[0] == seen[1]
    assert len(set(seen)) == 3


@pytest.fixture
def expected(session, frozen):
    """Booked for Thursday 10:30 in the first branch."""
    repair = create_booking(request(slot_start=THURSDAY_1030), actor=CUSTOMER, source="wizard")
    session.commit()
    return repair


def places(session) -> dict[int, int]:
    """Branch -> places taken on Thursday 10:30."""
    session.expire_all()
    return {slot.location_id: slot.taken for slot in session.query(Slot) if slot.starts_at == THURSDAY_1030}


def hand_over(session, repair, branch, actor):
    step, told = triage.hand_over(repairs.lock_repair(repair.number), branch.id, actor=actor, send=messages.HELD)
    session.commit()
    return step, told


def test_appointment_goes_along_to_another_branch(session, expected, technician, camden):
    home = expected.location_id

    _step, told = hand_over(session, expected, camden, technician.actor)

    assert told
    assert places(session) == {home: 0, camden.id: 1}
    assert appointments.find_booking(expected).slot.location_id == expected.location_id == camden.id
    assert [verb for verb, _body, _detail in log_of(session, expected)] == ["repair.relocated", "repair.rebooked"]


def test_appointment_that_went_along_is_taken_back_as_one(session, expected, technician, camden):
    home, due_at = expected.location_id, expected.due_at
    step, _told = hand_over(session, expected, camden, technician.actor)

    undo.reverse(Step(step.kind, step.repair_id, json.loads(json.dumps(step.facts))), actor=technician.actor)
    session.commit()

    assert places(session) == {home: 1, camden.id: 0}
    assert appointments.find_booking(expected).slot.location_id == expected.location_id == home
    assert expected.due_at == due_at


@pytest.mark.parametrize("why", ["closed", "full"])
def test_branch_that_takes_nobody_then_is_refused_and_nothing_is_changed(session, expected, technician, camden, why):
    home = expected.location_id
    if why == "closed":
        session.add(Closure(location_id=camden.id, day=THURSDAY_1030.date(), name="Stock taking"))
    else:
        end = THURSDAY_1030 + timedelta(minutes=30)
        values = {"service_type": "in_store", "starts_at": THURSDAY_1030, "ends_at": end, "capacity": 0}
        session.add(Slot(location_id=camden.id, **values))
    session.commit()

    with pytest.raises(Invalid, match="Camden takes nobody at the time of the appointment"):
        hand_over(session, expected, camden, technician.actor)
    session.rollback()

    assert places(session)[home] == 1
    assert session.get_one(Repair, expected.id).location_id == home


def test_many_at_once_leave_an_appointment_to_be_handed_over_by_itself(session, expected, technician, camden):
    with pytest.raises(Invalid, match="It has an appointment"):
        triage.move_to_location(repairs.lock_repair(expected.number), camden.id, actor=technician.actor)


def test_device_that_is_here_leaves_its_appointment_as_it_was(session, expected, technician, camden):
    home = expected.location_id
    repairs.move(repairs.lock_repair(expected.number), "received", actor=technician.actor)
    session.commit()

    _step, told = hand_over(session, expected, camden, technician.actor)

    assert (told, expected.location_id) == (False, camden.id)
    assert places(session) == {home: 1}


def test_time_that_has_passed_is_no_appointment_any_more(session, expected, technician, camden):
    with time_machine.travel(THURSDAY_1030 + timedelta(hours=1), tick=False):
        _step, told = hand_over(session, expected, camden, technician.actor)

    assert (told, expected.location_id) == (False, camden.id)
