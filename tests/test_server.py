"""The real server, as `gunicorn` starts it: sockets, the sweeper, a stop that leaves nobody hanging."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import simple_websocket
from sqlalchemy import update

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.staff import SignIn
from shop.services import repairs
from shop.services.events import record
from tests.faults.processes import request
from tests.ports import port

ROOT = Path(__file__).parent.parent
PORT = port(2)
LIVE_SECONDS = 10


@pytest.fixture
def start(app):
    """`start(at, redis_url)`: the server on the database of the test, killed at its end."""
    running = []

    def go(at: int = PORT, redis_url: str = "", program: tuple = ("-m", "gunicorn")) -> subprocess.Popen:
        settings = app.config["SETTINGS"]
        environment = {
            **os.environ,
            "DATABASE_URL": settings.DATABASE_URL,
            "SECRET_KEY": settings.SECRET_KEY,
            "SHOP_DATA": str(settings.SHOP_DATA),
            "REDIS_URL": redis_url,
            "PORT": str(at),
            "THREADS": "16",
            "LOG_LEVEL": "ERROR",
        }
        process = subprocess.Popen(
            [sys.executable, *program], cwd=ROOT, env=environment, start_new_session=True, stderr=subprocess.DEVNULL
        )
        running.append(process)
        if "gunicorn" in program:
            wait_until_ready(at)
            assert process.poll() is None, f"another server holds port {at}"
        return process

    yield go
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def cookie(browser_of, technician) -> str:
    value = browser_of(technician).get_cookie("session").value
    db.session.rollback()
    return f"session={value}"


class Socket:
    """A browser's socket, spoken by hand: Engine.IO 4 and Socket.IO 5 over a real websocket."""

    def __init__(self, cookie: str, *, port: int = PORT):
        url = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
        # The client names the host without its port, so the page's origin must do so, too.
        self.line = simple_websocket.Client(url, headers={"Cookie": cookie, "Origin": "http://127.0.0.1"})
        # Not after waiting for the server's greeting: the client leaves it unread when it came with the handshake.
        self.line.send("40")

    def hear(self, name: str) -> dict | None:
        """The next message of this name, None if the server says goodbye or stays silent."""
        end = time.monotonic() + LIVE_SECONDS
        while time.monotonic() < end:
            packet = self.line.receive(timeout=max(0.01, end - time.monotonic()))
            if packet == "2":
                self.line.send("3")
            elif packet and packet.startswith("42"):
                heard, *values = json.loads(packet[2:])
                if heard == name:
                    return values[0]
            elif packet and packet.startswith(("41", "44")):
                return None
        return None

    def say(self, name: str, *values) -> None:
        self.line.send(f"42{json.dumps([name, *values])}")


def wait_until_ready(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if request(port, "GET", "/healthz")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the server does not answer")


def append(repair) -> None:
    record("repair.noted", repairs.lock_repair(repair.number), actor=SYSTEM)
    db.session.commit()


def test_change_reaches_a_real_browser_socket(start, cookie, cracked_iphone):
    start()
    socket = Socket(cookie)
    hello = socket.hear("hello")

    append(cracked_iphone)
    news = socket.hear("changes")
    while news and news["position"] < 2:
        news = socket.hear("changes")

    assert hello["position"] in (0, 1)
    assert (news["changes"][-1]["number"], news["position"]) == (cracked_iphone.number, 2)
    socket.line.close()


@pytest.mark.redis
def test_change_reaches_the_sockets_of_every_web_process(start, cookie, cracked_iphone, database, redis_url):
    if database == "sqlite":
        pytest.skip("several processes stand beside PostgreSQL")
    start(PORT, redis_url)
    start(PORT + 1, redis_url)
    start(redis_url=redis_url, program=("worker.py",))
    first, second = Socket(cookie), Socket(cookie, port=PORT + 1)
    positions = [socket.hear("hello")["position"] for socket in (first, second)]

    first.say("watch", {"number": cracked_iphone.number})
    people = second.hear("presence")["people"]
    append(cracked_iphone)
    heard = []
    for socket in (first, second):
        position = 0
        while position < 2 and (news := socket.hear("changes")):
            position = news["position"]
        heard.append(position)

    assert max(positions) <= 1
    assert [person["name"] for person in people] == ["Priya Nair"]
    assert heard == [2, 2]
    first.line.close()
    second.line.close()


def test_what_one_browser_says_is_done_in_the_order_it_was_said(start, cookie, cracked_iphone):
    """Who types is told right behind who watches: a browser that opens a dialog says both at once."""
    start()
    socket = Socket(cookie)
    socket.hear("hello")
    number, fields = cracked_iphone.number, ["note", "", "diagnosis", "", "problem", ""] * 4
    db.session.rollback()

    socket.say("watch", {"number": number})
    for field in fields:
        socket.say("typing", {"number": number, "field": field})
    heard = [socket.hear("presence")["people"][0]["field"] for _ in range(len(fields) + 1)]

    assert heard == ["", *fields]
    socket.line.close()


def test_stranger_and_foreign_page_get_no_socket(start, cookie, app):
    start()

    stranger = Socket("session=nothing")

    headers = {"Cookie": cookie, "Origin": "https://evil.example", "Connection": "Upgrade", "Upgrade": "websocket"}
    foreign = request(PORT, "GET", "/socket.io/?EIO=4&transport=websocket", headers=headers)

    assert stranger.hear("hello") is None
    assert foreign[0] == 400
    stranger.line.close()


def test_ended_sign_in_loses_its_socket_within_two_seconds(start, cookie, app):
    start()
    socket = Socket(cookie)
    socket.hear("hello")

    db.session.execute(update(SignIn).values(ended_at=SignIn.created_at))
    db.session.commit()
    ended = time.monotonic()
    goodbye = socket.hear("anything")
    took = time.monotonic() - ended

    assert goodbye is None
    assert took < 3
    socket.line.close()


def test_junk_on_the_line_hurts_nobody_else(start, cookie, cracked_iphone):
    start()
    good = Socket(cookie)
    good.hear("hello")

    for junk in ("42[", "42{}", "42[]", '42["watch"', "429999999999999[", '451-["watch",{"_placeholder":true,"num":0}]',
                 "9", "", "x", "40/other,", '42/admin,["watch"]', b"\x00\xff", "42" + "[" * 5000):  # fmt: skip
        # How the server ends such a line is its own affair.
        with contextlib.suppress(simple_websocket.ConnectionClosed):
            bad = Socket(cookie)
            bad.hear("hello")
            bad.line.send(junk)
            bad.line.close()
    append(cracked_iphone)

    assert good.hear("changes") is not None
    assert request(PORT, "GET", "/healthz")[0] == 200
    good.line.close()


def test_server_that_stops_hangs_up_and_ends_by_itself(start, cookie):
    process = start()
    socket = Socket(cookie)
    socket.hear("hello")

    process.send_signal(signal.SIGTERM)
    with pytest.raises(simple_websocket.ConnectionClosed):
        socket.hear("anything")

    assert process.wait(timeout=30) == 0
