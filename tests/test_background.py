"""The relay and the deliveries of a web process that works alone."""

import threading
import time
from itertools import pairwise
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from shop import background
from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.event import Delivery, Event
from shop.services import deliveries, housekeeping, live, relay, repairs, wake
from shop.services.events import record


@pytest.fixture
def mails(monkeypatch):
    """Ids of the events that the mail handler was given."""
    seen = []
    monkeypatch.setitem(deliveries.HANDLERS, "mail", lambda owed: seen.append(owed.event.id))
    return seen


@pytest.fixture
def announced(monkeypatch):
    """Positions that were announced to the sockets."""
    positions = []
    monkeypatch.setattr(live, "announce", lambda sealed: positions.extend(fact.position for fact in sealed))
    return positions


@pytest.fixture
def running(app, monkeypatch):
    """Starts relay and deliveries; looks seldom, so that only a wake can be quick."""
    stops = []

    def start(*, look_every: float = 60):
        monkeypatch.setattr(background, "LOOK_EVERY_SECONDS", look_every)
        stops.append(background.start_embedded(app))

    yield start
    for stop in stops:
        wake.relay()
        stop()


def wait_for(condition, seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def append(repair) -> None:
    record("repair.moved", repairs.lock_repair(repair.number), actor=SYSTEM)
    db.session.commit()


def test_what_waits_at_the_start_is_sealed_and_delivered(cracked_iphone, mails, announced, running):
    running()

    assert wait_for(lambda: len(mails) == 1)
    assert announced == [1]


def test_commit_wakes_the_relay(cracked_iphone, mails, announced, running):
    running()
    wait_for(lambda: len(mails) == 1)

    append(cracked_iphone)

    assert wait_for(lambda: len(mails) == 2)
    assert announced == [1, 2]


def test_lost_wake_up_costs_a_look(cracked_iphone, mails, running, monkeypatch):
    running(look_every=0.2)
    wait_for(lambda: len(mails) == 1)
    monkeypatch.setattr(wake, "relay", lambda: None)

    append(cracked_iphone)

    assert wait_for(lambda: len(mails) == 2)


def test_relay_goes_on_after_a_failed_pass(cracked_iphone, mails, running, monkeypatch):
    monkeypatch.setattr(relay, "has_work", lambda: 1 / 0)
    running(look_every=0.1)
    time.sleep(0.3)
    monkeypatch.undo()
    monkeypatch.setitem(deliveries.HANDLERS, "mail", lambda owed: mails.append(owed.event.id))

    wake.relay()

    assert wait_for(lambda: len(mails) == 1)


def test_failing_relay_is_told_once_in_full_then_in_short_and_when_it_works_again(app, monkeypatch):
    looks, lines = [], []

    def note(event: str, **values) -> None:
        lines.append((event, values))

    def has_work() -> bool:
        looks.append(time.monotonic())
        return 1 / 0 if len(looks) < 5 else False

    monkeypatch.setattr(background, "log", SimpleNamespace(warning=note, info=note))
    monkeypatch.setattr(relay, "has_work", has_work)
    monkeypatch.setattr(background, "LOOK_EVERY_SECONDS", 0.1)
    monkeypatch.setattr(background, "LONGEST_PAUSE_SECONDS", 0.3)
    thread = background.Relay(app, lambda _: None)

    thread.start()
    works = wait_for(lambda: len(looks) >= 6)
    thread.stop()

    pauses = [after - before for before, after in pairwise(looks[:5])]
    assert works
    assert [event for event, _ in lines] == ["relay_pass_failed", *["relay_still_fails"] * 3, "relay_works_again"]
    assert ["exc_info" in values for _, values in lines] == [True, False, False, False, False]
    assert all(pause >= least for pause, least in zip(pauses, (0.1, 0.2, 0.3, 0.3), strict=True))


def test_relay_that_rests_after_a_failure_stops_at_once(app, monkeypatch):
    monkeypatch.setattr(relay, "has_work", lambda: 1 / 0)
    monkeypatch.setattr(background, "LOOK_EVERY_SECONDS", 10)
    thread = background.Relay(app, lambda _: None)
    thread.start()
    wait_for(lambda: thread.failures == 1)
    began = time.monotonic()

    thread.stop()

    assert time.monotonic() - began < 2
    assert not thread.is_alive()


def test_relay_tells_of_each_look_that_went_well_and_of_no_other(app, monkeypatch):
    looks, passed = [], []

    def has_work() -> bool:
        looks.append("look")
        return 1 / 0 if len(looks) < 3 else False

    monkeypatch.setattr(relay, "has_work", has_work)
    monkeypatch.setattr(background, "LOOK_EVERY_SECONDS", 0.05)
    thread = background.Relay(app, lambda _: None, passed=lambda: passed.append(len(looks)))

    thread.start()
    told = wait_for(lambda: len(passed) >= 2)
    thread.stop()

    assert told
    assert passed[0] == 3


def test_stop_leaves_no_thread_and_nothing_half_done(app, session, cracked_iphone, mails, monkeypatch):
    stop = background.start_embedded(app)
    begun = {thread.name for thread in threading.enumerate()}
    wait_for(lambda: len(mails) == 1)

    wake.relay()
    stop()

    names = {thread.name.split("_")[0] for thread in threading.enumerate()}
    assert begun >= {"relay", "housekeeper"}
    assert not names & {"relay", "housekeeper", "deliveries"}
    assert session.scalar(select(Delivery.state)) == "done"
    assert session.scalar(select(Event.position)) == 1


def test_dispatcher_runs_a_subscriber_on_one_thread_at_a_time_and_again_when_asked_meanwhile(app, monkeypatch):
    begun, go_on, most = [], threading.Event(), []

    def drain(subscriber, **_):
        begun.append(subscriber)
        most.append(len(begun))
        go_on.wait(5)

    monkeypatch.setattr(deliveries, "drain", drain)
    dispatcher = background.ThreadDispatcher(app)

    for _ in range(5):
        dispatcher("mail")
    wait_for(lambda: begun == ["mail"])
    first = list(begun)
    dispatcher("mail")
    go_on.set()
    again = wait_for(lambda: len(begun) == 2)
    dispatcher.stop()

    assert (first, again, len(begun)) == (["mail"], True, 2)


def test_dispatcher_survives_a_drain_that_fails(app, monkeypatch):
    calls = []

    def drain(subscriber, **_):
        calls.append(subscriber)
        raise ConnectionError("the database is gone")

    monkeypatch.setattr(deliveries, "drain", drain)
    dispatcher = background.ThreadDispatcher(app)

    dispatcher("mail")
    wait_for(lambda: len(calls) == 1 and not dispatcher.busy)
    dispatcher("mail")
    again = wait_for(lambda: len(calls) == 2)
    dispatcher.stop()

    assert again


def test_housekeeper_comes_again_and_outlives_a_failure(app, monkeypatch):
    visits = []

    def forget_old(**_) -> housekeeping.Forgotten:
        visits.append("visit")
        return 1 / 0 if len(visits) == 1 else housekeeping.Forgotten(sign_ins=1)

    monkeypatch.setattr(housekeeping, "forget_old", forget_old)
    monkeypatch.setattr(background, "TIDY_FIRST_AFTER_SECONDS", 0.05)
    monkeypatch.setattr(background, "TIDY_EVERY_SECONDS", 0.05)
    thread = background.Housekeeper(app)

    thread.start()
    came_again = wait_for(lambda: len(visits) >= 3)
    thread.stop()

    assert came_again
    assert not thread.is_alive()


def test_reads_take_no_write_lock(app, cracked_iphone, database):
    answers = []
    with db.engine.begin() as writer:
        writer.exec_driver_sql("UPDATE repairs SET place = 'B2'")

        thread = threading.Thread(target=lambda: answers.append(_reading(app)))
        thread.start()
        thread.join(timeout=5)

    assert answers == [True]


def _reading(app) -> bool:
    with app.app_context():
        return background._reads(relay.has_work)
