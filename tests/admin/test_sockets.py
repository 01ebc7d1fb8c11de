"""The socket is a door like any other: sign-in, right, form and rate are asked at every event."""

import pytest
from sqlalchemy import select, update

from shop.admin import sockets
from shop.extensions import db, socketio
from shop.models.actor import SYSTEM
from shop.models.repair import Presence
from shop.models.staff import SignIn, Staff
from shop.services import live, relay, repairs
from shop.services.events import record


@pytest.fixture(autouse=True)
def _no_threads(monkeypatch):
    monkeypatch.setattr(sockets, "_start_sweeper", lambda: None)
    yield
    sockets._connections.clear()


@pytest.fixture
def socket_of(app, browser_of):
    """`socket_of(person)`: an open socket of a browser in which that person is signed in."""
    opened = []

    def connect(person):
        opened.append(socketio.test_client(app, flask_test_client=browser_of(person)))
        return opened[-1]

    yield connect
    for client in opened:
        if client.is_connected():
            client.disconnect()


def received(client, name: str) -> list:
    return [message["args"][0] for message in client.get_received() if message["name"] == name]


def ask(client, name: str, *payload):
    return client.emit(name, *payload, callback=True)


def test_stranger_is_refused(app, stranger):
    client = socketio.test_client(app, flask_test_client=stranger)

    assert not client.is_connected()
    assert sockets._connections == {}


def test_ended_sign_in_is_refused(app, browser_of, technician):
    browser = browser_of(technician)
    db.session.execute(update(SignIn).values(ended_at=SignIn.created_at))
    db.session.commit()

    assert not socketio.test_client(app, flask_test_client=browser).is_connected()


@pytest.mark.parametrize("value", [7, ["x"], {"a": 1}, "", "x" * 5000])
def test_forged_session_is_refused(app, stranger, value):
    with stranger.session_transaction() as cookie:
        cookie["_user_id"] = value

    assert not socketio.test_client(app, flask_test_client=stranger).is_connected()


def test_foreign_origin_is_refused(app, browser_of, technician):
    browser = browser_of(technician)
    query = "/socket.io/?EIO=4&transport=websocket"

    foreign = browser.get(query, headers={"Origin": "https://evil.example"})

    assert foreign.status_code == 400
    assert "Not an accepted origin" in foreign.text


def test_hello_says_where_the_log_stands(session, cracked_iphone, technician, socket_of):
    relay.relay_batch()
    session.commit()

    client = socket_of(technician)

    assert received(client, "hello") == [{"position": 1, "you": technician.id}]


def test_changes_reach_the_staff(session, cracked_iphone, read_only, socket_of):
    client = socket_of(read_only)
    record("repair.noted", repairs.lock_repair(cracked_iphone.number), actor=SYSTEM)
    session.commit()

    sealed = relay.relay_batch()
    session.commit()
    live.announce(sealed)

    [news] = received(client, "changes")
    assert ([change["number"] for change in news["changes"]], news["position"]) == ([cracked_iphone.number] * 2, 2)


def test_rooms_are_given_by_the_server(technician, socket_of):
    client = socket_of(technician)

    socketio.emit("private", 1, to=f"user:{technician.id}")
    socketio.emit("private", 2, to="role:technician")
    socketio.emit("private", 3, to="role:owner")

    assert received(client, "private") == [1, 2]


def test_watching_shows_a_person_to_colleagues(cracked_iphone, technician, front_desk, socket_of):
    colleague, client = socket_of(front_desk), socket_of(technician)

    answer = ask(client, "watch", {"number": cracked_iphone.number.lower()})
    ask(client, "typing", {"number": cracked_iphone.number, "field": "diagnosis"})

    person = {"id": technician.id, "name": "Priya Nair", "initials": "PN"}
    assert answer == {"ok": True}
    assert received(colleague, "presence") == [
        {"number": cracked_iphone.number, "people": [{**person, "field": ""}]},
        {"number": cracked_iphone.number, "people": [{**person, "field": "diagnosis"}]},
    ]


@pytest.mark.parametrize("way", ["unwatch", "disconnect"])
def test_leaving_is_told(cracked_iphone, technician, front_desk, socket_of, way):
    colleague, client = socket_of(front_desk), socket_of(technician)
    ask(client, "watch", {"number": cracked_iphone.number})
    colleague.get_received()

    if way == "unwatch":
        ask(client, "unwatch", {"number": cracked_iphone.number})
    else:
        client.disconnect()

    assert received(colleague, "presence") == [{"number": cracked_iphone.number, "people": []}]
    assert db.session.scalars(select(Presence)).all() == []


def test_second_tab_keeps_a_person_present(cracked_iphone, technician, socket_of):
    first, second = socket_of(technician), socket_of(technician)
    for client in (first, second):
        ask(client, "watch", {"number": cracked_iphone.number})

    first.disconnect()

    assert db.session.scalar(select(Presence.staff_id)) == technician.id


BAD = [(), (None,), (7,), ("RT-10001",), ([],), ({},), ({"number": None},), ({"number": ["RT-10001"]},),
       ({"number": {"$gt": ""}},), ({"number": "x" * 5000},), ({"number": "RT\x00"},), ({"number": "ＲＴ"},),
       ({"number": "RT-1"}, {"number": "RT-1"}), ({"number": "RT-99999999"},), ({"number": "'; DROP--"},)]  # fmt: skip


@pytest.mark.parametrize("name", ["watch", "unwatch", "typing"])
@pytest.mark.parametrize("payload", BAD, ids=[str(number) for number in range(len(BAD))])
def test_bad_payload_is_ignored_with_an_error(cracked_iphone, technician, socket_of, name, payload):
    client = socket_of(technician)

    answer = ask(client, name, *payload)

    assert set(answer) == {"error"} or (name, answer) == ("unwatch", {"ok": True})
    assert client.is_connected()
    assert db.session.scalars(select(Presence)).all() == []


@pytest.mark.parametrize("field", [7, None, ["a"], "x" * 41, "<b>", "a b"])
def test_bad_field_is_ignored(cracked_iphone, technician, socket_of, field):
    client = socket_of(technician)
    ask(client, "watch", {"number": cracked_iphone.number})

    answer = ask(client, "typing", {"number": cracked_iphone.number, "field": field})

    assert answer == {"error": "bad_field"}


def test_event_that_fails_inside_is_an_error_and_not_an_exception(cracked_iphone, technician, socket_of, monkeypatch):
    client = socket_of(technician)
    monkeypatch.setattr(sockets.presence, "see", lambda *_, **__: 1 / 0)

    assert ask(client, "watch", {"number": cracked_iphone.number}) == {"error": "failed"}


def test_one_who_sends_faster_than_a_person_is_slowed_down(cracked_iphone, technician, socket_of, monkeypatch):
    monkeypatch.setattr(sockets, "BURST", 2)
    monkeypatch.setattr(sockets, "PER_SECOND", 0)
    client = socket_of(technician)

    answers = [ask(client, "watch", {"number": cracked_iphone.number}) for _ in range(4)]

    assert answers == [{"ok": True}] * 2 + [{"error": "slow_down"}] * 2
    assert client.is_connected()


def test_one_who_waits_may_send_again():
    connection = sockets.Connection("token", None, allowance=0)

    connection.counted_at -= 1

    assert [connection.spend() for _ in range(sockets.PER_SECOND + 1)] == [True] * sockets.PER_SECOND + [False]


def test_one_who_watches_too_much_is_refused(technician, socket_of, monkeypatch, cracked_iphone):
    monkeypatch.setattr(sockets, "MOST_WATCHED", 0)
    client = socket_of(technician)

    assert ask(client, "watch", {"number": cracked_iphone.number}) == {"error": "too_many"}


ENDS = {
    "sign-in ended": lambda: update(SignIn).values(ended_at=SignIn.created_at),
    "sign-in ran out": lambda: update(SignIn).values(expires_at=SignIn.created_at),
    "person disabled": lambda: update(Staff).values(disabled_at=Staff.created_at),
    "role changed": lambda: update(Staff).values(role="read_only"),
}


@pytest.mark.parametrize("end", ENDS)
def test_sweeper_hangs_up_when_the_right_ends(technician, socket_of, end):
    client = socket_of(technician)
    sockets.sweep()
    before = client.is_connected()

    db.session.execute(ENDS[end]())
    db.session.commit()
    sockets.sweep()

    assert (before, client.is_connected(), sockets._connections) == (True, False, {})


@pytest.mark.parametrize("end", ENDS)
def test_event_after_the_right_has_ended_does_nothing(cracked_iphone, technician, socket_of, end):
    client = socket_of(technician)
    db.session.execute(ENDS[end]())
    db.session.commit()

    ask(client, "watch", {"number": cracked_iphone.number})

    assert not client.is_connected()
    assert db.session.scalars(select(Presence)).all() == []


def test_beat_tells_of_those_who_vanished(cracked_iphone, technician, front_desk, socket_of):
    colleague = socket_of(front_desk)
    long_ago = cracked_iphone.received_at.replace(year=2000)
    db.session.add(Presence(repair_id=cracked_iphone.id, staff_id=technician.id, seen_at=long_ago))
    db.session.commit()

    sockets.beat()

    assert received(colleague, "presence") == [{"number": cracked_iphone.number, "people": []}]
