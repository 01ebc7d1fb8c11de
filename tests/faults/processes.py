"""Real processes of the shop, started and killed; and clients that keep a journal of what was acknowledged."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).parents[2]
FORM = "application/x-www-form-urlencoded"


class Processes:
    """Web server and worker on one database, each in a process group of its own."""

    def __init__(self, settings, *, port: int, redis_url: str = "", guard: str = "on", relays: tuple = ()):
        self.port = port
        self.environment = {
            **os.environ,
            "DATABASE_URL": settings.DATABASE_URL,
            "SECRET_KEY": settings.SECRET_KEY,
            "SHOP_DATA": str(settings.SHOP_DATA),
            "REDIS_URL": redis_url,
            "PORT": str(port),
            "THREADS": "24",
            "RATE_LIMITS": "off",
            "LOG_LEVEL": "ERROR",
            "GUARD": guard,
        }
        self.commands = {
            "web": [sys.executable, "-m", "gunicorn", "tests.faults.served:app", "--log-level", "critical"]
        }
        self.commands |= {name: [sys.executable, "-m", "tests.faults.served", "relay"] for name in relays}
        if redis_url:
            self.commands["worker"] = [sys.executable, "-m", "tests.faults.served"]
        self.running: dict[str, subprocess.Popen] = {}

    def start(self, name: str) -> None:
        self.running[name] = subprocess.Popen(
            self.commands[name], cwd=ROOT, env=self.environment, start_new_session=True, stderr=subprocess.DEVNULL
        )
        if name == "web":
            self.wait_until_ready()

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def wait_until_ready(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if request(self.port, "GET", "/healthz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("the web server does not answer")


_ROUND = {"expected": "received", "received": "in_repair", "in_repair": "quality_check", "quality_check": "in_repair"}


class Clients:
    """Threads that book and move repairs for as long as they may; `booked` and `moves` are what was acknowledged."""

    def __init__(self, port: int, *, cookie: str, booking: dict, seed: int, number: int = 4):
        self.port, self.cookie, self.booking = port, cookie, booking
        self.stopping = threading.Event()
        self.booked: list[str] = []
        self.moves: list[tuple[str, str]] = []
        self.answers: dict[int, int] = {}
        self.threads = [
            threading.Thread(target=self._live, args=(random.Random(seed + index),)) for index in range(number)
        ]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _live(self, dice: random.Random) -> None:
        while not self.stopping.is_set():
            number = self._book()
            status = "expected"
            for _ in range(dice.randrange(4) if number else 0):
                target = _ROUND[status]
                if not self._move(number, status, target):
                    break
                status = target

    def _book(self) -> str | None:
        """Repeats the same request with the same key until it is answered, as a good client does."""
        key = uuid.uuid4().hex
        while not self.stopping.is_set():
            status, body = self._send("/api/v1/bookings", json.dumps(self.booking), "application/json", key)
            if status == 201:
                self.booked.append(json.loads(body)["number"])
                return self.booked[-1]
            time.sleep(0.02)
        return None

    def _move(self, number: str, seen: str, target: str) -> bool:
        form = urlencode({"seen": seen, "target": target})
        status, _ = self._send(f"/admin/repairs/{number}/move", form, FORM)
        if status == 303:
            self.moves.append((number, target))
        return status == 303

    def _send(self, path: str, body: str, kind: str, key: str = "") -> tuple[int, bytes]:
        headers = {"Content-Type": kind, "Idempotency-Key": key, "Cookie": self.cookie}
        try:
            status, answer = request(self.port, "POST", path, body, headers)
        except (OSError, http.client.HTTPException):
            status, answer = 0, b""
        self.answers[status] = self.answers.get(status, 0) + 1
        return status, answer


def request(port: int, method: str, path: str, body: str = "", headers: dict | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body or None, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
