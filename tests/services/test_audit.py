"""`verify` walks every link. What it finds in a log tampered with stands in tests/faults/test_tamper.py."""

import pytest
from sqlalchemy import select, text

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.event import GENESIS, Event
from shop.services import audit, relay, repairs
from shop.services.events import record


@pytest.fixture
def five_facts(cracked_iphone):
    """Five sealed events, one of them with personal details."""
    for number in range(4):
        detail = {"place": "Hannah's shelf"} if number == 2 else None
        record("repair.edited", repairs.lock_repair(cracked_iphone.number), actor=SYSTEM, detail=detail)
    db.session.commit()
    relay.relay_batch()
    db.session.commit()


def test_empty_log_is_good(app):
    assert audit.verify() == audit.Verdict(True, 0, "", GENESIS)
    assert audit.verify(outside_head=(0, GENESIS)).good


def test_honest_log_is_good_to_its_head(session, five_facts):
    position, own = relay.head()

    verdict = audit.verify(outside_head=(position, own))

    assert verdict == audit.Verdict(True, 5, "", own)


def test_older_outside_head_is_found_on_the_way(session, five_facts):
    third = session.scalar(select(Event.hash).where(Event.position == 3))

    assert audit.verify(outside_head=(3, third)).good
    assert audit.verify(outside_head=(3, "f" * 64)).position == 3


def test_outside_head_beyond_the_log_convicts_it(five_facts):
    verdict = audit.verify(outside_head=(6, "f" * 64))

    assert (verdict.good, verdict.position) == (False, 6)


def test_erased_details_leave_the_chain_whole(session, five_facts):
    session.execute(text("DELETE FROM event_details"))

    assert audit.verify().good


def test_waiting_events_are_no_fault(session, five_facts, cracked_iphone):
    record("repair.moved", repairs.lock_repair(cracked_iphone.number), actor=SYSTEM)
    session.commit()

    assert (audit.verify().position, audit.counts()) == (5, (5, 1))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_links_between_batches_are_walked_too(five_facts, monkeypatch, size):
    monkeypatch.setattr(audit, "_BATCH", size)

    assert audit.verify().position == 5
