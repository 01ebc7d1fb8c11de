import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.assignment import Obstacle
from shop.models.errors import NotAllowed
from shop.models.event import Event
from shop.models.repair import Repair
from shop.models.roster import Absence
from shop.models.workflow import State
from shop.services import (
    assignment,
    bookings,
    next_tickets,
    repairs,
    reversals,  # noqa: F401 - says how an assignment is taken back
    skills,
    staff_admin,
    undo,
)
from tests import factories
from tests.bookings import request

SOON = timedelta(days=3)


@pytest.fixture
def bench(app, manager, technician):
    """Priya is an expert of phones, Tom does laptops, Ola is able and away."""
    tom, ola = factories.staff("Tom Adeyemi"), factories.staff("Ola Berg")
    skills.set_skills(technician.id, {"device:smartphone": "expert"}, actor=manager.actor)
    skills.set_skills(tom.id, {"device:laptop": "expert", "device:smartphone": "learning"}, actor=manager.actor)
    skills.set_skills(ola.id, {"device:smartphone": "able"}, actor=manager.actor)
    now = datetime.now(UTC)
    db.session.add(Absence(staff_id=ola.id, kind="holiday", starts_at=now - SOON, ends_at=now + 3 * SOON))
    db.session.commit()
    return {"priya": technician, "tom": tom, "ola": ola}


def suggested(repair):
    found = assignment.suggest(repair)
    return [(one.candidate.name.split()[0], one.obstacle) for one in found.proposals]


def test_expert_is_proposed_and_of_the_others_it_is_said_why_not(bench, cracked_iphone):
    cracked_iphone.due_at = datetime.now(UTC) + SOON

    assert suggested(cracked_iphone) == [("Priya", None), ("Tom", Obstacle.SKILL), ("Ola", Obstacle.ABSENT)]
    assert assignment.suggest(cracked_iphone).best.candidate.id == bench["priya"].id


def test_full_bench_gives_way(bench, cracked_iphone):
    cracked_iphone.due_at = datetime.now(UTC) + SOON
    for _ in range(20):
        factories.repair(assignee_id=bench["priya"].id, work_minutes=300, due_at=datetime.now(UTC) + timedelta(hours=1))

    found = assignment.suggest(cracked_iphone)

    assert found.best is None
    assert dict(suggested(cracked_iphone))["Priya"] == Obstacle.FULL


def test_own_work_on_the_ticket_does_not_count_twice(bench):
    repair = factories.repair(assignee_id=bench["priya"].id, work_minutes=300, due_at=datetime.now(UTC) + SOON)

    priya = next(one.candidate for one in assignment.suggest(repair).proposals if one.candidate.has_it)

    assert (priya.bench, priya.free) == (0, priya.hours)


def test_nobody_at_the_bench_is_no_proposal(app, owner, cracked_iphone):
    found = assignment.suggest(cracked_iphone)

    assert (found.proposals, found.best, found.skills_known) == ((), None, False)


def test_disabled_person_is_not_proposed(bench, owner, cracked_iphone):
    staff_admin.disable(bench["priya"].id, actor=owner.actor)
    db.session.commit()

    assert "Priya" not in dict(suggested(cracked_iphone))


def test_lines_of_a_booking_decide(bench, manager):
    skills.set_skills(bench["priya"].id, {"type:phone-display-original": "never"}, actor=manager.actor)
    repair = bookings.create_booking(request(), actor=CUSTOMER, source="wizard")

    assert dict(suggested(repair))["Priya"] == Obstacle.NEVER


def test_suggestion_takes_the_same_statements_for_any_number_of_repairs(bench, cracked_iphone, statements_of):
    repair = repairs.get_repair(cracked_iphone.number)
    few = len(statements_of(lambda: assignment.suggest(repair)))
    for _ in range(5):
        factories.repair(assignee_id=bench["tom"].id)
    repair = repairs.get_repair(cracked_iphone.number)

    assert len(statements_of(lambda: assignment.suggest(repair))) == few <= 12


def test_take_gives_the_most_urgent_to_whoever_asks(bench):
    later = factories.repair(due_at=datetime.now(UTC) + SOON)
    late = factories.repair(due_at=datetime.now(UTC) - timedelta(hours=2))

    taken = next_tickets.take(bench["priya"].actor)
    db.session.commit()

    assert taken.repair.number == late.number
    assert db.session.get(Repair, late.id).assignee_id == bench["priya"].id
    assert db.session.get(Repair, later.id).assignee_id is None
    event = db.session.scalars(select(Event).where(Event.verb == "repair.assigned")).one()
    assert (event.aggregate, event.actor) == (f"repair:{late.id}", f"staff:{bench['priya'].id}")


@pytest.mark.parametrize(
    "state", [State.EXPECTED, State.AWAITING_PARTS, State.AWAITING_APPROVAL, State.READY, State.COLLECTED]
)
def test_what_waits_for_others_is_not_taken(bench, state):
    factories.repair(state)

    assert next_tickets.take(bench["priya"].actor) is None


def test_what_somebody_has_is_not_taken(bench):
    factories.repair(assignee_id=bench["tom"].id)

    assert next_tickets.take(bench["priya"].actor) is None


def test_who_does_not_do_it_is_not_given_it(bench, manager, cracked_iphone):
    skills.set_skills(bench["priya"].id, {"device:smartphone": "never"}, actor=manager.actor)
    db.session.commit()

    assert next_tickets.take(bench["priya"].actor) is None
    assert next_tickets.take(bench["tom"].actor).repair.number == cracked_iphone.number


def test_front_desk_and_readers_take_nothing(app, front_desk, read_only, cracked_iphone):
    for person in (front_desk, read_only):
        with pytest.raises(NotAllowed):
            next_tickets.take(person.actor)


def test_taking_can_be_undone(bench, cracked_iphone):
    taken = next_tickets.take(bench["priya"].actor)
    offer = undo.undoable([taken.step], actor=bench["priya"].actor)
    db.session.commit()

    undo.undo(offer.token, actor=bench["priya"].actor)
    db.session.commit()

    assert db.session.get(Repair, cracked_iphone.id).assignee_id is None


def test_choice_takes_three_statements_beside_what_is_kept(bench, statements_of):
    few = statements_of(lambda: next_tickets.choices(bench["priya"].actor))
    for _ in range(6):
        factories.repair()
    many = statements_of(lambda: next_tickets.choices(bench["priya"].actor))

    assert sum(" repairs" in text for text in many) == 2
    assert len(many) == len(few) + 2


@pytest.mark.parametrize("rounds", range(3))
def test_people_who_press_at_the_same_moment_get_different_tickets(app, rounds):
    people = [factories.staff(f"Person{key} Lee") for key in range(6)]
    for _ in range(5):
        factories.repair()
    actors = [person.actor for person in people]
    db.session.remove()
    start, found = threading.Barrier(len(actors)), []

    def press(actor) -> None:
        with app.app_context():
            start.wait(timeout=20)
            taken = next_tickets.take(actor)
            found.append(taken.repair.number if taken else None)
            db.session.commit()
            db.session.remove()

    threads = [threading.Thread(target=press, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=40)

    numbers = [number for number in found if number]
    assert (len(found), len(numbers), len(set(numbers))) == (6, 5, 5)
    assert db.session.scalars(select(Repair.id).where(Repair.assignee_id.is_(None))).all() == []
