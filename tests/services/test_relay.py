"""Places without a gap, a chain, one delivery per subscriber, and nothing that one bad event can hold up."""

from types import SimpleNamespace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.event import GENESIS, Delivery, DeliveryState, Event, seal
from shop.services import deliveries, relay, repairs, subscriptions
from shop.services.events import record
from tests import factories


def append(repair, verb="repair.moved", *, times=1):
    for _ in range(times):
        record(verb, repairs.lock_repair(repair.number), actor=SYSTEM)
    db.session.commit()


def run_relay() -> list[relay.Sealed]:
    sealed = relay.relay_batch()
    db.session.commit()
    return sealed


def test_relay_gives_places_without_a_gap_and_a_chain(session, cracked_iphone):
    append(cracked_iphone, times=4)

    run_relay()

    facts = session.scalars(select(Event).order_by(Event.position)).all()
    assert [fact.position for fact in facts] == [1, 2, 3, 4, 5]
    assert [fact.previous_hash for fact in facts] == [GENESIS, *(fact.hash for fact in facts[:-1])]
    assert all(fact.hash == seal(fact, position=fact.position, previous_hash=fact.previous_hash) for fact in facts)


def test_relay_owes_each_event_to_each_subscriber_of_the_table(session, cracked_iphone):
    append(cracked_iphone, "repair.noted")
    append(cracked_iphone, "repair.moved")

    run_relay()

    owed = session.execute(
        select(Event.verb, Delivery.subscriber, Delivery.state, Delivery.ordering_key)
        .join(Delivery, Delivery.event_id == Event.id)
        .order_by(Delivery.id)
    ).all()
    key = f"repair:{cracked_iphone.id}"
    assert owed == [("repair.booked", "mail", "waiting", key), ("repair.moved", "mail", "waiting", key)]


def test_relay_run_again_finds_nothing(session, cracked_iphone):
    run_relay()

    again = run_relay()

    assert (again, session.query(Delivery).count()) == ([], 1)


def test_relay_that_is_rolled_back_leaves_nothing(session, cracked_iphone):
    relay.relay_batch()
    session.rollback()

    assert relay.head() == (0, GENESIS)
    assert session.query(Delivery).count() == 0


def test_relay_works_in_batches(session, cracked_iphone, monkeypatch):
    monkeypatch.setattr(relay, "BATCH", 2)
    append(cracked_iphone, times=4)

    batches = [[fact.position for fact in run_relay()] for _ in range(4)]

    assert batches == [[1, 2], [3, 4], [5], []]


def test_second_relay_cannot_give_a_place_twice(session, cracked_iphone):
    append(cracked_iphone)
    run_relay()
    append(cracked_iphone)

    with pytest.raises(IntegrityError):
        session.execute(text("UPDATE events SET position = 1 WHERE position IS NULL"))
    session.rollback()


def test_has_work_only_while_an_event_waits(cracked_iphone):
    before = relay.has_work()
    run_relay()

    assert (before, relay.has_work()) == (True, False)


def test_lag_is_the_age_of_the_oldest_waiting_event(cracked_iphone):
    waiting = relay.lag_seconds()
    run_relay()

    assert 0 < waiting < 10
    assert relay.lag_seconds() == 0.0


def test_verb_of_another_release_holds_nothing_up_and_is_owed_once_it_is_known(session, cracked_iphone, monkeypatch):
    monkeypatch.setitem(subscriptions.SUBSCRIPTIONS, "repair.weighed", ("mail",))
    append(cracked_iphone, "repair.weighed")
    monkeypatch.delitem(subscriptions.SUBSCRIPTIONS, "repair.weighed")

    sealed = run_relay()
    deliveries.drain(relay.UNROUTED)
    waiting = session.scalar(select(Delivery).where(Delivery.subscriber == relay.UNROUTED))
    failed = (waiting.state, waiting.error)
    monkeypatch.setitem(subscriptions.SUBSCRIPTIONS, "repair.weighed", ("mail",))
    session.execute(text("UPDATE deliveries SET due_at = created_at WHERE subscriber = 'unrouted'"))
    session.commit()
    deliveries.drain(relay.UNROUTED)

    assert [fact.verb for fact in sealed] == ["repair.booked", "repair.weighed"]
    assert failed == (DeliveryState.WAITING, "KeyError: 'repair.weighed'")
    owed = session.execute(select(Delivery.subscriber, Delivery.state).order_by(Delivery.id)).all()
    assert owed == [("mail", "waiting"), ("unrouted", "done"), ("mail", "waiting")]


def test_in_order_sorts_by_version_inside_an_aggregate_only():
    facts = [
        SimpleNamespace(aggregate=name, version=version)
        for name, version in (("repair:1", 2), ("repair:2", 7), ("repair:1", 1), ("repair:2", 6), ("repair:3", 1))
    ]

    ordered = [(fact.aggregate, fact.version) for fact in relay.in_order(facts)]

    assert ordered == [("repair:1", 1), ("repair:2", 6), ("repair:1", 2), ("repair:2", 7), ("repair:3", 1)]


def test_relay_statements_do_not_grow_with_the_events(cracked_iphone, statements_of):
    append(cracked_iphone)
    few = statements_of(run_relay)
    append(factories.repair(customer=cracked_iphone.customer), times=10)

    many = statements_of(run_relay)

    assert len(few) == len(many)
