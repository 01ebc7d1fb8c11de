import json

import pytest

from shop.models.errors import Invalid, NotAllowed
from shop.models.event import Event
from shop.models.location import Location
from shop.models.repair import Priority, Repair
from shop.models.tag import RepairTag, Tag
from shop.services import memory, repairs, triage


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
