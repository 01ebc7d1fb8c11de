"""Facts enter the log only under the lock of their aggregate, and savepoints take theirs with them."""

import json

import pytest
from sqlalchemy import event as sa_event
from sqlalchemy import func, select

from shop.models.actor import SYSTEM
from shop.models.event import Event, EventDetail, detail_hash
from shop.services import events, repairs, wake
from shop.services.events import NotLocked, hold, record


@pytest.fixture
def wakes(monkeypatch):
    """How often the relay was woken."""
    calls = []
    monkeypatch.setattr(wake, "relay", lambda: calls.append("woken"))
    return calls


def log_size(session) -> int:
    return session.scalar(select(func.count()).select_from(Event))


def test_record_bumps_the_version_and_writes_the_fact(session, cracked_iphone, technician):
    repair = repairs.lock_repair(cracked_iphone.number)

    fact = record("repair.edited", repair, actor=technician.actor, body={"fields": ["place"]}, detail={"place": "A1"})
    session.commit()
    event = session.get(Event, fact.id)

    assert (event.aggregate, event.version, event.actor) == (f"repair:{repair.id}", 2, f"staff:{technician.id}")
    assert (fact.aggregate, fact.version) == (event.aggregate, event.version)
    assert (json.loads(event.body), repair.version) == ({"fields": ["place"]}, 2)
    assert event.detail_hash == detail_hash(event.detail.salt, event.detail.body)


def test_record_keeps_what_is_personal_out_of_the_sealed_body(session, cracked_iphone, technician):
    repair = repairs.lock_repair(cracked_iphone.number)

    fact = record("repair.edited", repair, actor=technician.actor, detail={"name": "Hannah Whitcombe"})
    session.commit()

    assert session.get(Event, fact.id).body == "{}"
    assert json.loads(session.get(EventDetail, fact.id).body) == {"name": "Hannah Whitcombe"}


def test_record_refuses_a_row_that_is_not_locked(cracked_iphone):
    with pytest.raises(NotLocked):
        record("repair.moved", cracked_iphone, actor=SYSTEM)


def test_record_refuses_a_row_when_no_transaction_has_begun(session, cracked_iphone):
    _ = cracked_iphone.id
    session.expunge(cracked_iphone)
    session.rollback()

    with pytest.raises(NotLocked):
        record("repair.moved", cracked_iphone, actor=SYSTEM)


def test_hold_refuses_when_no_transaction_has_begun(session, cracked_iphone):
    _ = cracked_iphone.id
    session.expunge(cracked_iphone)
    session.rollback()

    with pytest.raises(NotLocked):
        hold(cracked_iphone)


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_lock_of_one_transaction_is_not_good_in_the_next(session, cracked_iphone, end):
    repair = repairs.lock_repair(cracked_iphone.number)
    getattr(session, end)()
    repair = repairs.get_repair(cracked_iphone.number) if end != "close" else session.merge(repair)

    with pytest.raises(NotLocked):
        record("repair.moved", repair, actor=SYSTEM)


def test_record_refuses_a_verb_that_nobody_has_put_into_the_table(cracked_iphone):
    repair = repairs.lock_repair(cracked_iphone.number)

    with pytest.raises(KeyError):
        record("repair.teleported", repair, actor=SYSTEM)


def test_savepoint_that_is_rolled_back_takes_its_event_and_its_version_with_it(session, cracked_iphone):
    repair = repairs.lock_repair(cracked_iphone.number)
    before = log_size(session)

    savepoint = session.begin_nested()
    record("repair.moved", repair, actor=SYSTEM)
    session.flush()
    savepoint.rollback()
    session.commit()

    assert (log_size(session), repair.version) == (before, 1)


def test_lock_taken_in_a_savepoint_is_lost_with_it(session, cracked_iphone):
    savepoint = session.begin_nested()
    repairs.lock_repair(cracked_iphone.number)
    savepoint.rollback()

    with pytest.raises(NotLocked):
        record("repair.moved", cracked_iphone, actor=SYSTEM)


def test_lock_taken_before_a_savepoint_outlives_it(session, cracked_iphone):
    repairs.lock_repair(cracked_iphone.number)
    savepoint = session.begin_nested()
    repairs.lock_repair(cracked_iphone.number)
    savepoint.rollback()

    fact = record("repair.moved", cracked_iphone, actor=SYSTEM)
    session.commit()

    assert fact.version == 2


def test_lock_taken_in_a_savepoint_that_is_released_is_kept(session, cracked_iphone):
    with session.begin_nested(), session.begin_nested():
        repairs.lock_repair(cracked_iphone.number)

    fact = record("repair.moved", cracked_iphone, actor=SYSTEM)
    session.commit()

    assert fact.version == 2


def test_commit_wakes_the_relay_once(session, cracked_iphone, wakes):
    repair = repairs.lock_repair(cracked_iphone.number)
    record("repair.moved", repair, actor=SYSTEM)
    record("repair.moved", repair, actor=SYSTEM)

    session.commit()

    assert wakes == ["woken"]


def test_release_of_a_savepoint_does_not_wake_the_relay(session, cracked_iphone, wakes):
    repair = repairs.lock_repair(cracked_iphone.number)

    with session.begin_nested():
        record("repair.moved", repair, actor=SYSTEM)
    woken_before_the_end = list(wakes)
    session.rollback()

    assert (woken_before_the_end, wakes) == ([], [])


def test_commit_without_an_event_wakes_nobody(session, cracked_iphone, wakes):
    cracked_iphone.place = "Shelf B2"

    session.commit()

    assert wakes == []


def test_hook_that_raises_does_not_lose_the_event(session, cracked_iphone, monkeypatch):
    def broken():
        raise RuntimeError("no one to wake")

    monkeypatch.setattr(wake, "relay", broken)
    repair = repairs.lock_repair(cracked_iphone.number)
    record("repair.moved", repair, actor=SYSTEM)

    with pytest.raises(RuntimeError):
        session.commit()
    session.close()

    assert session.scalar(select(func.max(Event.version)).where(Event.aggregate == f"repair:{cracked_iphone.id}")) == 2


def test_hook_listens_once(app):
    assert sa_event.contains(events.Session, "after_commit", events._after_commit)
