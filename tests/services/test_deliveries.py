"""Claimed once, in order per ticket, retried, set aside when poisonous, and fenced against those who come late."""

import threading

import pytest
import time_machine
from sqlalchemy import select, update

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.base import database_now, utc_now
from shop.models.errors import NotFound, ProviderDown
from shop.models.event import ATTEMPTS, Delivery, DeliveryState
from shop.models.repair import Repair
from shop.services import deliveries, leases, relay, repairs
from shop.services.events import record
from tests import factories

MAIL = "mail"


@pytest.fixture
def seen(monkeypatch):
    """What the mail handler was given, as (aggregate, version)."""
    calls = []
    monkeypatch.setitem(
        deliveries.HANDLERS, MAIL, lambda owed: calls.append((owed.event.aggregate, owed.event.version))
    )
    return calls


@pytest.fixture
def two_repairs(cracked_iphone):
    """Two tickets with three deliveries each, sealed."""
    other = factories.repair(customer=cracked_iphone.customer)
    for repair in (cracked_iphone, other) * 2:
        record("repair.moved", repairs.lock_repair(repair.number), actor=SYSTEM)
        db.session.commit()
    relay.relay_batch()
    db.session.commit()
    return cracked_iphone, other


def owe(repair) -> None:
    record("repair.moved", repairs.lock_repair(repair.number), actor=SYSTEM)
    relay.relay_batch()
    db.session.commit()


def all_due_now() -> None:
    db.session.execute(update(Delivery).values(due_at=database_now(-1)))
    db.session.commit()


def states() -> list[str]:
    return list(db.session.scalars(select(Delivery.state).order_by(Delivery.id)))


def fails_with(error):
    def handler(_delivery):
        raise error

    return handler


def test_drain_runs_everything_in_the_order_of_each_ticket(two_repairs, seen):
    ran = deliveries.drain(MAIL)

    assert ran == 6
    for repair in two_repairs:
        assert [version for name, version in seen if name == f"repair:{repair.id}"] == [1, 2, 3]
    assert states() == ["done"] * 6


def test_claim_takes_only_the_oldest_of_each_ticket(two_repairs):
    first = deliveries.claim(MAIL)
    second = deliveries.claim(MAIL)

    assert ([attempt for _, attempt in first], second) == ([1, 1], [])


def test_claim_takes_no_more_than_asked_for(two_repairs):
    assert len(deliveries.claim(MAIL, at_once=1)) == 1


def test_drain_stops_at_its_limit(two_repairs, seen):
    assert (deliveries.drain(MAIL, limit=3), len(seen)) == (3, 3)


def test_delivery_that_waits_for_its_retry_holds_its_own_ticket_only(two_repairs, monkeypatch):
    repair, _ = two_repairs
    seen = []

    def handler(owed):
        if owed.event.aggregate == f"repair:{repair.id}":
            raise ConnectionError("no mail server")
        seen.append(owed.event.version)

    monkeypatch.setitem(deliveries.HANDLERS, MAIL, handler)

    deliveries.drain(MAIL)

    assert seen == [1, 2, 3]
    assert sorted(states()) == ["done"] * 3 + ["waiting"] * 3


def test_failure_is_kept_with_its_reason_and_tried_again_later(session, cracked_iphone, monkeypatch):
    relay.relay_batch()
    session.commit()
    monkeypatch.setitem(deliveries.HANDLERS, MAIL, fails_with(ConnectionError("no mail server")))

    deliveries.drain(MAIL)
    again = deliveries.drain(MAIL)

    owed = session.scalar(select(Delivery))
    assert (owed.state, owed.attempt, owed.error) == (DeliveryState.WAITING, 1, "ConnectionError: no mail server")
    assert again == 0
    assert deliveries.due_subscribers() == []


@pytest.mark.parametrize("handler", [fails_with(ValueError("unreadable payload")), None], ids=["raises", "unknown"])
def test_poison_dies_after_its_attempts_and_holds_nobody_up_any_more(session, cracked_iphone, monkeypatch, handler):
    relay.relay_batch()
    session.commit()
    if handler:
        monkeypatch.setitem(deliveries.HANDLERS, MAIL, handler)
    else:
        monkeypatch.delitem(deliveries.HANDLERS, MAIL, raising=False)

    for _ in range(ATTEMPTS):
        deliveries.drain(MAIL)
        all_due_now()
    monkeypatch.setitem(deliveries.HANDLERS, MAIL, lambda owed: None)
    owe(cracked_iphone)
    deliveries.drain(MAIL)

    dead, later = session.scalars(select(Delivery).order_by(Delivery.id)).all()
    assert (dead.state, dead.attempt, bool(dead.error), bool(dead.finished_at)) == ("dead", ATTEMPTS, True, True)
    assert later.state == DeliveryState.DONE


def test_the_silence_of_a_provider_uses_no_attempt_up_for_some_hours(session, cracked_iphone, monkeypatch):
    relay.relay_batch()
    session.commit()
    monkeypatch.setitem(deliveries.HANDLERS, MAIL, fails_with(ProviderDown("away")))
    for _ in range(3 * ATTEMPTS):
        deliveries.drain(MAIL)
        all_due_now()
    waits = session.scalar(select(Delivery.state))

    with time_machine.travel(utc_now() + deliveries.SILENCE_LASTS):
        deliveries.drain(MAIL)

    assert (waits, session.scalar(select(Delivery.state))) == (DeliveryState.WAITING, DeliveryState.DEAD)


def test_a_provider_that_answers_at_last_ends_it(session, cracked_iphone, monkeypatch, seen):
    relay.relay_batch()
    session.commit()
    listens = deliveries.HANDLERS[MAIL]
    monkeypatch.setitem(deliveries.HANDLERS, MAIL, fails_with(ProviderDown("away")))
    for _ in range(2 * ATTEMPTS):
        deliveries.drain(MAIL)
        all_due_now()
    monkeypatch.setitem(deliveries.HANDLERS, MAIL, listens)

    deliveries.drain(MAIL)

    assert (session.scalar(select(Delivery.state)), len(seen)) == (DeliveryState.DONE, 1)


def test_delivery_that_kills_its_process_each_time_dies(session, cracked_iphone, seen):
    relay.relay_batch()
    session.commit()

    for _ in range(ATTEMPTS):
        deliveries.claim(MAIL)
        all_due_now()
    deliveries.drain(MAIL)

    owed = session.scalar(select(Delivery))
    assert (owed.state, owed.error, seen) == (DeliveryState.DEAD, "The process died each time.", [])


def test_dead_delivery_gets_a_new_life_with_all_its_attempts(session, cracked_iphone, monkeypatch):
    relay.relay_batch()
    session.commit()
    monkeypatch.setitem(deliveries.HANDLERS, MAIL, fails_with(ConnectionError("down")))
    for _ in range(ATTEMPTS):
        deliveries.drain(MAIL)
        all_due_now()

    deliveries.resend(session.scalar(select(Delivery.id)))
    session.commit()
    deliveries.drain(MAIL)

    dead = session.scalar(select(Delivery))
    assert (dead.state, dead.attempt, dead.attempts_allowed) == (DeliveryState.WAITING, ATTEMPTS + 1, 2 * ATTEMPTS)


def test_resend_refuses_what_is_not_dead(session, cracked_iphone):
    relay.relay_batch()
    session.commit()

    with pytest.raises(NotFound):
        deliveries.resend(session.scalar(select(Delivery.id)))


def test_attempt_of_an_earlier_life_stays_fenced_out_after_a_resend(session, cracked_iphone, seen):
    relay.relay_batch()
    session.commit()
    [(key, attempt)] = deliveries.claim(MAIL)
    session.execute(update(Delivery).values(state=DeliveryState.DEAD))
    deliveries.resend(key)
    session.commit()
    deliveries.claim(MAIL)

    deliveries.run(key, attempt=attempt)

    assert (seen, states()) == ([], ["running"])


def test_what_a_handler_writes_commits_with_the_finish(session, cracked_iphone, monkeypatch):
    relay.relay_batch()
    session.commit()

    def handler(owed):
        db.session.execute(update(Repair).values(place="Shelf B2"))

    monkeypatch.setitem(deliveries.HANDLERS, MAIL, handler)

    deliveries.drain(MAIL)

    session.expire_all()
    assert (cracked_iphone.place, states()) == ("Shelf B2", ["done"])


def test_what_a_late_handler_writes_is_rolled_back(session, cracked_iphone, monkeypatch):
    relay.relay_batch()
    session.commit()

    def handler(owed):
        with db.engine.begin() as other:
            other.execute(update(Delivery).values(attempt=Delivery.attempt + 1))
        db.session.execute(update(Repair).values(place="Shelf B2"))

    monkeypatch.setitem(deliveries.HANDLERS, MAIL, handler)

    deliveries.drain(MAIL)

    session.expire_all()
    assert (cracked_iphone.place, states()) == ("", ["running"])


def test_handler_that_fails_half_way_leaves_nothing(session, cracked_iphone, monkeypatch):
    relay.relay_batch()
    session.commit()

    def handler(owed):
        db.session.begin_nested()
        db.session.execute(update(Repair).values(place="Shelf B2"))
        raise ValueError

    monkeypatch.setitem(deliveries.HANDLERS, MAIL, handler)

    deliveries.drain(MAIL)

    session.expire_all()
    assert (cracked_iphone.place, states()) == ("", ["waiting"])


def test_handler_runs_outside_any_transaction(session, cracked_iphone, monkeypatch):
    relay.relay_batch()
    session.commit()
    inside = []
    monkeypatch.setitem(deliveries.HANDLERS, MAIL, lambda owed: inside.append(db.session().in_transaction()))

    deliveries.drain(MAIL)

    assert inside == [False]


def test_stopping_gives_back_what_was_claimed_without_counting_it(session, two_repairs, seen):
    deliveries.drain(MAIL, is_stopping=lambda: len(seen) == 1)

    again = deliveries.drain(MAIL)

    assert (again, len(seen)) == (5, 6)
    assert max(owed.attempt for owed in session.scalars(select(Delivery))) == 2
    assert all(owed.attempts_allowed - owed.attempt == ATTEMPTS - 1 for owed in session.scalars(select(Delivery)))


def test_heartbeat_extends_what_is_held_and_nothing_else(session, cracked_iphone, app):
    relay.relay_batch()
    session.commit()
    [(key, attempt)] = deliveries.claim(MAIL)
    all_due_now()

    leases.extend(db.engine, [(key, attempt - 1)])
    stolen = deliveries.due_subscribers()
    session.rollback()
    leases.extend(db.engine, [(key, attempt)])

    assert (stolen, deliveries.due_subscribers()) == ([MAIL], [])


def test_slow_handler_keeps_its_lease_and_those_of_its_batch(two_repairs, monkeypatch):
    monkeypatch.setattr(leases, "LEASE", 1.5)
    monkeypatch.setattr(leases, "_heartbeat", leases._Heartbeat())
    monkeypatch.setattr(deliveries, "backoff", lambda _failures: 600.0)
    stolen, pause = [], threading.Event()

    def handler(owed):
        pause.wait(3.5)
        stolen.extend(deliveries.claim(MAIL))
        raise ConnectionAbortedError

    monkeypatch.setitem(deliveries.HANDLERS, MAIL, handler)

    ran = deliveries.drain(MAIL, limit=2)

    assert (ran, stolen) == (2, [])


def test_hanging_handler_loses_its_lease(two_repairs, monkeypatch):
    monkeypatch.setattr(leases, "LEASE", 0.3)
    monkeypatch.setattr(leases, "LONGEST_RUN", 0.0)
    monkeypatch.setattr(leases, "_heartbeat", leases._Heartbeat())
    stolen, pause = [], threading.Event()

    def handler(owed):
        pause.wait(0.8)
        stolen.extend(deliveries.claim(MAIL))

    monkeypatch.setitem(deliveries.HANDLERS, MAIL, handler)

    deliveries.drain(MAIL, limit=1)

    assert stolen


def test_workers_at_once_run_each_delivery_once(app, two_repairs, monkeypatch):
    seen, guard = [], threading.Lock()

    def handler(owed):
        with guard:
            seen.append(owed.id)

    monkeypatch.setitem(deliveries.HANDLERS, MAIL, handler)

    def work():
        with app.app_context():
            deliveries.drain(MAIL)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deliveries.drain(MAIL)

    assert len(seen) == len(set(seen)) == 6


def test_backoff_grows_and_stays_bounded():
    waits = [deliveries.backoff(failures) for failures in range(1, 40)]

    assert 1 <= waits[0] <= 2
    assert max(waits) <= 600


@pytest.mark.parametrize("statement", ["claim", "due_subscribers"])
def test_database_reads_unfinished_deliveries_through_their_partial_index(session, app, statements_of, statement):
    call = {"claim": lambda: deliveries.claim(MAIL), "due_subscribers": deliveries.due_subscribers}[statement]

    [sql] = statements_of(call)

    assert "state IN ('waiting', 'running')" in sql
