"""A shop's whole staff at work for some minutes: each reads, searches, opens, moves, assigns and notes like a person,
with every change told to all the others, whose pages then ask for the changed rows as queue.js does."""

import http.client
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from benchmarks import servers
from benchmarks.environment import Database
from benchmarks.load import Client, Turn
from benchmarks.servers import running
from benchmarks.session import Browser
from benchmarks.websocket import Crowd, event_of, join_shop

PEOPLE = 50
MOST_SECONDS = 600
EMAILS = ("ellie", "maya", "priya", "tom", "ola")
_THREADS = 160
_TICKETS_EACH = 8
# Between two acts of one person: about ten a minute, which is more than anybody keeps up all day.
_PAUSE_SECONDS = (3, 9)
_LAST_NEWS_SECONDS = 10
_TARGETS = ("quality_check", "in_repair")


@dataclass
class StaffResult:
    """Milliseconds of each kind of request; `missed` are live events that a browser did not get in order."""

    people: int
    seconds: float
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    changes: int = 0
    told: int = 0
    missed: int = 0

    def p95(self, name: str | None = None) -> float:
        times = sorted(self.times[name] if name else [one for some in self.times.values() for one in some])
        return times[int(0.95 * len(times))]

    def p50(self, name: str) -> float:
        return sorted(self.times[name])[len(self.times[name]) // 2]


def measure(database: Database, *, seconds: float, people: int = PEOPLE) -> StaffResult:
    seconds = min(seconds, MOST_SECONDS)
    result, words = StaffResult(people, seconds), _words(database)
    numbers = _tickets(database, people * _TICKETS_EACH)
    server = servers.shop(database, threads=_THREADS)
    with running(server):
        browsers = [Browser(server.url, email=f"{name}@revivatech.example") for name in EMAILS]
        crew = [
            _Colleague(server, browsers[place % len(browsers)], numbers[place::people], words, result, seed=place)
            for place in range(people)
        ]
        news = _News(server, crew, result)
        deadline = time.monotonic() + seconds
        for colleague in crew:
            colleague.start(deadline)
        for colleague in crew:
            colleague.wait()
        news.finish()
        for colleague in crew:
            colleague.close()
    return result


class _Colleague:
    """One person: hands that act, and an open list that asks for rows when it is told of changes."""

    def __init__(
        self, server, browser: Browser, numbers: list[str], words: "_Words", result: StaffResult, *, seed: int
    ):
        self.browser, self.numbers, self._words, self._result = browser, numbers, words, result
        self._choice, self._turn = random.Random(seed), 0
        self._hands = Client(server.url, browser.headers)
        self._list = Client(server.url, {**browser.headers, "HX-Request": "true"})
        self._page = {"HX-Request": "true", "HX-Current-URL": f"{server.url}/admin/repairs/"}
        self._changed: set[str] = set()
        self._turn_to_ask = Turn()
        self._told = threading.Condition()
        self._open = True
        self._threads = [threading.Thread(target=self._follow, daemon=True)]
        # (weight, name, act): mostly reading, as people do.
        self._acts: list[tuple[int, str, Callable[[], tuple[int, int]]]] = [
            (4, "queue", lambda: self._get("/admin/repairs/")),
            (2, "view", lambda: self._get(f"/admin/repairs/?view={self._choice.choice(('late', 'mine', 'ready'))}")),
            (2, "board", lambda: self._get("/admin/repairs/board")),
            (2, "dashboard", lambda: self._get("/admin/")),
            (1, "calendar", lambda: self._get("/admin/calendar/")),
            (3, "search", lambda: self._get(f"/admin/repairs/?q={quote(self._choice.choice(words.names))}")),
            (5, "ticket", lambda: self._get(f"/admin/repairs/{self._choice.choice(words.open)}")),
            (5, "move", self._move),
            (2, "assign", self._assign),
            (3, "note", self._note),
        ]  # fmt: skip

    def start(self, deadline: float) -> None:
        self._threads.append(threading.Thread(target=self._work, args=(deadline,), daemon=True))
        for thread in self._threads:
            thread.start()

    def tell(self, numbers: set[str]) -> None:
        with self._told:
            self._changed |= numbers
            self._told.notify()

    def wait(self) -> None:
        self._threads[1].join()

    def close(self) -> None:
        self._open = False
        self.tell(set())
        self._threads[0].join()
        self._hands.close()
        self._list.close()

    def _work(self, deadline: float) -> None:
        time.sleep(self._choice.uniform(0, _PAUSE_SECONDS[1]))
        while time.monotonic() < deadline:
            ((_, name, act),) = self._choice.choices(self._acts, weights=[weight for weight, *_ in self._acts])
            self._time(name, act)
            time.sleep(self._choice.uniform(*_PAUSE_SECONDS))

    def _follow(self) -> None:
        while self._open:
            with self._told:
                self._told.wait_for(lambda: self._changed or not self._open)
            self._turn_to_ask.wait()
            with self._told:
                numbers, self._changed = sorted(self._changed)[:100], set()
            if numbers:
                begun = time.perf_counter()
                self._time("rows", lambda asked=",".join(numbers): self._rows(asked))
                self._turn_to_ask.note(time.perf_counter() - begun)

    def _rows(self, numbers: str) -> tuple[int, int]:
        return self._list.send(f"/admin/repairs/rows?numbers={numbers}")[0], 200

    def _time(self, name: str, act: Callable[[], tuple[int, int]]) -> None:
        begun = time.perf_counter()
        try:
            status, expected = act()
        except (OSError, http.client.HTTPException) as error:
            self._result.errors.append(f"{name}: {error!r}")
            return
        self._result.times[name].append((time.perf_counter() - begun) * 1000)
        if status != expected:
            self._result.errors.append(f"{name} answered {status}")

    def _get(self, path: str) -> tuple[int, int]:
        return self._hands.send(path)[0], 200

    def _move(self) -> tuple[int, int]:
        round_number, place = divmod(self._turn, len(self.numbers))
        self._turn += 1
        form = {"target": _TARGETS[round_number % 2], "seen": _TARGETS[(round_number + 1) % 2]}
        return self._post(f"{self.numbers[place]}/move", form)

    def _assign(self) -> tuple[int, int]:
        person = self._choice.choice([*self._words.people, ""])
        return self._post(f"{self._choice.choice(self.numbers)}/assign", {"assignee": person}, counts=False)

    def _note(self) -> tuple[int, int]:
        return self._post(f"{self._choice.choice(self.numbers)}/notes", {"body": "Rang, no answer. Try after five."})

    def _post(self, path: str, form: dict[str, str], *, counts: bool = True) -> tuple[int, int]:
        body = urlencode({"csrf_token": self.browser.token, **form})
        status = self._hands.post(f"/admin/repairs/{path}", body, **self._page)[0]
        self._result.changes += counts and status == 204
        return status, 204


class _News:
    """All sockets, read by one thread: whoever is told has the next position, or has missed something."""

    def __init__(self, server, crew: list[_Colleague], result: StaffResult):
        self._result = result
        self._sockets = {join_shop(server.port, colleague.browser.headers): colleague for colleague in crew}
        self._crowd, self._at = Crowd(list(self._sockets)), {}
        self._ends = time.monotonic() + MOST_SECONDS + 60
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Waits until nothing more comes; whoever then stands behind the others has missed the rest."""
        self._ends = time.monotonic() + _LAST_NEWS_SECONDS
        self._thread.join()
        last = max(self._at.values(), default=0)
        self._result.missed += sum(self._at.get(socket, 0) != last for socket in self._sockets)
        self._crowd.close()

    def _read(self) -> None:
        while time.monotonic() < self._ends:
            for _, socket, message in self._crowd.arrivals(seconds=1):
                name, value = event_of(message)
                if name == "changes":
                    self._heard(socket, value)

    def _heard(self, socket, value: dict) -> None:
        self._result.told += 1
        self._result.missed += self._at.get(socket, value["after"]) != value["after"]
        self._at[socket] = value["position"]
        self._sockets[socket].tell({change["number"] for change in value["changes"]})


@dataclass(frozen=True)
class _Words:
    names: list[str]
    open: list[str]
    people: list[str]


def _words(database: Database) -> _Words:
    with database.connect() as connection:
        names = connection.execute("SELECT name FROM customers ORDER BY id DESC LIMIT 200").fetchall()
        numbers = connection.execute(
            "SELECT number FROM repairs WHERE is_open ORDER BY due_at, id LIMIT 200"
        ).fetchall()
        people = connection.execute("SELECT id FROM staff WHERE role = 'technician' AND disabled_at IS NULL").fetchall()
    return _Words([row[0] for row in names], [row[0] for row in numbers], [str(row[0]) for row in people])


def _tickets(database: Database, count: int) -> list[str]:
    """Numbers of open tickets, all put into the first state by hand, so that every move is allowed."""
    with database.connect() as connection:
        rows = connection.execute(
            "UPDATE repairs SET status = %s, waiting_on = 'us' "
            "WHERE id IN (SELECT id FROM repairs WHERE is_open AND status <> 'expected' ORDER BY id DESC LIMIT %s) "
            "RETURNING number",
            [_TARGETS[1], count],
        ).fetchall()
    return sorted(row[0] for row in rows)
