"""The log sent to rooms: names and positions only, and everything since a position for those who were away."""

import pytest
from sqlalchemy import select

from shop.extensions import db, socketio
from shop.models.actor import SYSTEM
from shop.models.repair import Repair
from shop.services import live, relay, repairs
from shop.services.events import record


@pytest.fixture
def emitted(monkeypatch):
    """What went to the sockets, as (name, message, room)."""
    sent = []
    monkeypatch.setattr(socketio, "emit", lambda name, message, to: sent.append((name, message, to)))
    return sent


def seal() -> list[relay.Sealed]:
    sealed = relay.relay_batch()
    db.session.commit()
    return sealed


def test_announce_tells_the_staff_numbers_and_positions(cracked_iphone, emitted):
    live.announce(seal())

    change = {"position": 1, "verb": "repair.booked", "number": cracked_iphone.number, "actor": "system"}
    assert emitted == [("changes", {"changes": [change], "after": 0, "position": 1}, "staff")]


def test_announce_moves_the_position_on_when_no_repair_changed(owner, emitted):
    record_staff_event(owner)

    live.announce(seal())

    assert emitted == [("changes", {"changes": [], "after": 0, "position": 1}, "staff")]


def test_announce_never_raises(cracked_iphone, monkeypatch):
    def broken(*_, **__):
        raise ConnectionError("Redis is gone")

    monkeypatch.setattr(socketio, "emit", broken)

    assert live.announce(seal()) is None


def test_changes_since_lists_what_came_after(cracked_iphone):
    seal()
    record("repair.noted", repairs.lock_repair(cracked_iphone.number), actor=SYSTEM)
    seal()

    news = live.changes_since(1)

    assert [change["position"] for change in news["changes"]] == [2]
    assert (news["position"], news["complete"]) == (2, True)


def test_changes_since_the_head_is_nothing(cracked_iphone):
    seal()

    assert live.changes_since(1) == {"changes": [], "position": 1, "complete": True}


def test_changes_since_too_long_ago_asks_for_a_fresh_page(cracked_iphone, monkeypatch):
    monkeypatch.setattr(live, "MOST_CHANGES", 1)
    record("repair.noted", repairs.lock_repair(cracked_iphone.number), actor=SYSTEM)
    seal()

    assert live.changes_since(0) == {"changes": [], "position": 2, "complete": False}


def test_changes_since_a_position_that_a_restore_took_back_asks_for_a_fresh_page(cracked_iphone):
    seal()

    assert live.changes_since(99) == {"changes": [], "position": 1, "complete": False}


def record_staff_event(person) -> None:
    from shop.services import staff

    record("staff.signed_out", staff.lock_staff(person.id), actor=person.actor)
    db.session.commit()
    assert db.session.scalar(select(Repair.id)) is None
