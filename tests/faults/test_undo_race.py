"""Undone at the very moment when the message is claimed: it has left, or the undo has succeeded, and never both.

The handler stands for a provider: what it was given has left, whatever becomes of the transaction. Twin: an undo that
cancels the delivery by its event alone. And a kill while messages are held: whatever is restarted, what was undone
never leaves, and what was not leaves once.
"""

import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest
from sqlalchemy import select, text, update

from shop import database as modes
from shop.extensions import db
from shop.models.errors import CannotUndo
from shop.models.event import Delivery, DeliveryState
from shop.models.workflow import State
from shop.services import (
    deliveries,
    holds,
    messages,
    relay,
    repairs,
    reversals,  # noqa: F401 - registers how acts are taken back
    undo,
)
from shop.services.messages import Send
from tests import factories
from tests.faults.processes import Processes
from tests.ports import port

WORKERS = 3
PROVIDER_SECONDS = 0.002
SETTLE_SECONDS = 60


@pytest.fixture
def provider(monkeypatch):
    """What has left the shop: repair and version of each message."""
    left = []

    def send(delivery) -> None:
        left.append((delivery.event.aggregate, delivery.event.version))
        time.sleep(PROVIDER_SECONDS)

    monkeypatch.setitem(deliveries.HANDLERS, "mail", send)
    return left


@contextmanager
def at_work(app, dice):
    """A relay that sometimes comes late, and workers that all want the same deliveries."""
    stopping, lateness = threading.Event(), [dice.choice((0, 0.01, 0.08)) for _ in range(500)]

    def repeat(act) -> None:
        with app.app_context():
            while not stopping.is_set():
                try:
                    act()
                finally:
                    db.session.rollback()

    def seal() -> None:
        time.sleep(lateness.pop() if lateness else 0.01)
        relay.relay_batch()
        db.session.commit()

    def work() -> None:
        if not deliveries.drain("mail", limit=5):
            time.sleep(0.002)

    threads = [threading.Thread(target=repeat, args=(act,)) for act in (seal, *[work] * WORKERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join(timeout=30)


def move(number: str, actor, *, held: float) -> tuple[str, int]:
    """Moved, committed; the token that takes it back, and the event's place in the life of its repair."""
    moved = repairs.move(repairs.lock_repair(number), State.READY, actor=actor, send=Send(held=held))
    offer = undo.undoable([moved.step], actor=actor)
    db.session.commit()
    return offer.token, moved.step.facts["version"]


def take_back(token: str, actor) -> bool:
    """False if it is refused because the message has left; any other refusal fails the test."""
    try:
        undo.undo(token, actor=actor)
    except CannotUndo as refused:
        db.session.rollback()
        if "has left" not in refused.message:
            raise
        return False
    db.session.commit()
    return True


def race(app, dice, actor, *, rounds: int) -> list[tuple[tuple[str, int], bool]]:
    """For each round the message, by its repair and version, and whether its move was undone."""
    tickets = [factories.repair(State.QUALITY_CHECK) for _ in range(rounds)]
    tickets = [(ticket.number, f"repair:{ticket.id}") for ticket in tickets]
    db.session.remove()
    outcomes = []
    with at_work(app, dice):
        for number, aggregate in tickets:
            held = dice.uniform(0, 0.06)
            token, version = move(number, actor, held=held)
            time.sleep(max(0, held + dice.uniform(-0.03, 0.03)))
            outcomes.append(((aggregate, version), take_back(token, actor)))
        assert settle()
    return outcomes


def settle() -> bool:
    """Waits until every event has its place and nothing waits or runs."""
    end = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end:
        if not read("SELECT id FROM events WHERE position IS NULL LIMIT 1") and not read(
            "SELECT id FROM deliveries WHERE state IN ('waiting', 'running') LIMIT 1"
        ):
            return True
        time.sleep(0.1)
    return False


def read(sql: str) -> list:
    with modes.reading():
        rows = db.session.execute(text(sql)).all()
        db.session.rollback()
    return rows


def test_a_message_has_left_or_its_move_is_undone_and_never_both(app, provider, owner, dice, is_full, figures):
    rounds = 200 if is_full else 40
    outcomes = race(app, dice, owner.actor, rounds=rounds)

    times_left = Counter(provider)
    both = [message for message, undone in outcomes if undone and times_left[message]]
    neither = [message for message, undone in outcomes if not undone and times_left[message] != 1]
    undone = sum(undone for _, undone in outcomes)
    states = Counter(status for (status,) in read("SELECT status FROM repairs"))
    assert (both, neither) == ([], [])
    assert 0 < undone < rounds
    assert states == {"quality_check": undone, "ready": rounds - undone}
    figures(rounds=rounds, undone=undone, left=rounds - undone, both=0, neither=0)


def test_twin_cancelling_without_a_look_at_the_claim_lets_both_happen(
    app, provider, owner, dice, is_full, figures, monkeypatch
):
    def blindly(event_id: int, **_) -> bool:
        by_event = update(Delivery).where(Delivery.event_id == event_id).values(state=DeliveryState.CANCELLED)
        db.session.execute(by_event.execution_options(synchronize_session=False))
        return True

    monkeypatch.setattr(holds, "take_back", blindly)
    rounds = 200 if is_full else 40
    outcomes = race(app, dice, owner.actor, rounds=rounds)

    both = [message for message, undone in outcomes if undone and message in provider]
    assert len(both) > 0
    figures(rounds=rounds, left_and_undone=len(both))


def test_two_undos_at_once_take_back_once(app, owner, dice):
    number = factories.repair(State.QUALITY_CHECK).number
    actor = owner.actor
    token, _ = move(number, actor, held=60)
    db.session.remove()
    answers, start = [], threading.Barrier(4)

    def press() -> None:
        with app.app_context():
            start.wait(timeout=10)
            try:
                undo.undo(token, actor=actor)
                db.session.commit()
                answers.append("undone")
            except CannotUndo as refused:
                db.session.rollback()
                answers.append(refused.message)

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert sorted(answers) == ["This was undone already."] * 3 + ["undone"]
    assert len(read("SELECT id FROM events WHERE verb = 'repair.move_undone'")) == 1


@pytest.fixture
def processes(app, database, request):
    """Embedded on SQLite; with Redis and a worker on PostgreSQL."""
    redis_url = request.getfixturevalue("redis_url") if database == "postgresql" else ""
    shop = Processes(app.config["SETTINGS"], port=port(1), redis_url=redis_url)
    for name in shop.commands:
        shop.start(name)
    yield shop
    shop.stop()


def test_killed_while_messages_are_held_what_is_undone_never_leaves_and_the_rest_leaves_once(
    app, processes, owner, dice, is_full, figures
):
    rounds, kills, actor = (60, 8, owner.actor) if is_full else (12, 2, owner.actor)
    numbers = [factories.repair(State.QUALITY_CHECK).number for _ in range(rounds)]
    db.session.remove()
    moved, undone = {}, set()
    killed_at = set(dice.sample(range(rounds), kills))

    for place, number in enumerate(numbers):
        moved[number], _ = move(number, actor, held=messages.HELD.held / 10)
        if place in killed_at:
            name = dice.choice(sorted(processes.commands))
            processes.kill(name)
            processes.start(name)
        if dice.random() < 0.5 and take_back(moved[number], actor):
            undone.add(number)
    settled = settle()

    query = select(text("number, (SELECT count(*) FROM outbox_messages m JOIN deliveries d ON d.id = m.delivery_id "
                        "JOIN events e ON e.id = d.event_id WHERE e.verb = 'repair.moved' "
                        "AND d.ordering_key = 'repair:' || r.id)")).select_from(text("repairs r"))  # fmt: skip
    with modes.reading():
        sent = dict(db.session.execute(query).all())
        db.session.rollback()
    assert settled, read("SELECT state, count(*) FROM deliveries GROUP BY state")
    assert {number for number, times in sent.items() if times == 0} == undone
    assert {times for number, times in sent.items() if number not in undone} == {1}
    assert 0 < len(undone) < rounds
    figures(rounds=rounds, kills=kills, undone=len(undone), left_though_undone=0, lost=0, doubled=0)
