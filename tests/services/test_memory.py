"""Answers that are kept while nothing is committed."""

import threading

import pytest
from sqlalchemy import insert, select

from shop import database
from shop.extensions import db
from shop.models.actor import Actor
from shop.models.permissions import Role
from shop.models.promise import LogPlace
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import memory, relay, repairs, staff_admin
from tests import factories

OWNER = Actor(kind="staff", id=1, name="Ellie Frost", role=Role.OWNER)


@pytest.fixture
def count(app):
    """`count()`: how many repairs are received, remembered; `count.made` says how often it was really counted."""

    def count():
        with database.reading():
            try:
                return memory.recall(memory.log_state(), "received", make)
            finally:
                db.session.rollback()

    def make():
        count.made += 1
        return len(db.session.scalars(select(Repair.id).where(Repair.status == State.RECEIVED)).all())

    count.made = 0
    return count


def move(number: str, target: State) -> None:
    repairs.move(repairs.lock_repair(number), target, actor=OWNER)


def test_answer_is_made_once_while_nothing_is_committed(session, count, cracked_iphone):
    assert [count(), count(), count()] == [1, 1, 1]
    assert count.made == 1


def test_commit_is_seen_before_and_after_the_relay_has_sealed_it(session, count, cracked_iphone):
    assert count() == 1
    move(cracked_iphone.number, State.DIAGNOSING)
    session.commit()
    assert count() == 0

    relay.relay_batch()
    session.commit()

    assert count() == 0
    assert count.made == 3


def test_nothing_is_kept_of_what_is_not_committed(session, count, cracked_iphone):
    move(cracked_iphone.number, State.DIAGNOSING)
    session.flush()
    assert memory.recall(memory.log_state(), "received", lambda: "not committed") == "not committed"
    session.rollback()

    assert count() == 1


def test_many_who_ask_at_once_wait_for_one_answer(app, count, cracked_iphone):
    state = memory.LogState(position=1, hash="a" * 64, waiting="")
    begun, release, made, answers = threading.Event(), threading.Event(), [], []

    def make():
        made.append(threading.get_ident())
        begun.set()
        release.wait(5)
        return "answer"

    def ask():
        with app.app_context(), database.reading():
            answers.append(memory.recall(state, "slow", make))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    threads[0].start()
    begun.wait(5)
    for thread in threads[1:]:
        thread.start()
    release.set()
    for thread in threads:
        thread.join()

    assert answers == ["answer"] * 5
    assert len(made) == 1


def test_failure_is_not_kept(app, count):
    state = memory.LogState(position=1, hash="b" * 64, waiting="")

    def fail():
        raise ValueError("once")

    with database.reading():
        with pytest.raises(ValueError, match="once"):
            memory.recall(state, "failing", fail)
        assert memory.recall(state, "failing", lambda: "well") == "well"


def test_nothing_is_kept_while_more_events_wait_than_can_be_named(session, count, monkeypatch):
    monkeypatch.setattr(memory, "_MOST_WAITING", 3)
    for _ in range(3):
        repair = factories.repair()
        move(repair.number, State.DIAGNOSING)
    session.commit()

    assert not memory.log_state().certain
    assert [count(), count()] == [0, 0]
    assert count.made == 2


def test_state_of_the_staff_changes_with_the_staff_only(session, app, owner, technician, cracked_iphone):
    before = memory.log_state()
    move(cracked_iphone.number, State.DIAGNOSING)
    session.commit()
    after_a_move = memory.log_state()
    staff_admin.change_role(technician.id, Role.MANAGER, actor=owner.actor)
    session.commit()
    after_a_change_of_role = memory.log_state()

    assert before != after_a_move
    assert before.of_staff() == after_a_move.of_staff() != after_a_change_of_role.of_staff()


def test_what_was_foreseen_since_is_another_state(session, cracked_iphone):
    before = memory.log_state()
    session.execute(insert(LogPlace).values(reader="forecasts", position=before.position + 1))
    session.commit()

    assert memory.log_state() != before
