"""From one person's click to the row in fifty other browsers: the move, its commit, the relay, the socket, the row."""

import statistics
import threading
import time
from dataclasses import dataclass
from queue import SimpleQueue
from urllib.parse import urlencode

from benchmarks import servers
from benchmarks.environment import Database
from benchmarks.load import Client, Turn
from benchmarks.servers import running
from benchmarks.session import Browser
from benchmarks.websocket import Crowd, WebSocket, event_of, join_shop

BROWSERS = 50
_THREADS = 120
_TARGETS = ("quality_check", "in_repair")
_EVERY_SECONDS = 1.0
_WAIT_SECONDS = 10


@dataclass
class LiveResult:
    """Milliseconds from the sending of the move to the changed row, over all browsers and moves."""

    rows: list[float]
    told: list[float]

    def p50(self) -> float:
        return statistics.median(self.rows)

    def p95(self) -> float:
        return sorted(self.rows)[int(0.95 * len(self.rows))]


def measure(database: Database, *, moves: int) -> LiveResult:
    server = servers.shop(database, threads=_THREADS)
    with running(server):
        browser, number = Browser(server.url), _ticket(database)
        crowd = Crowd([join_shop(server.port, browser.headers) for _ in range(BROWSERS)])
        readers = {client: _Reader(server.url, browser.headers) for client in crowd.clients}
        mover, result = Client(server.url, browser.headers), LiveResult([], [])
        for move in range(moves):
            _one(move, number, browser, mover, crowd, readers, result)
            time.sleep(_EVERY_SECONDS)
        for reader in readers.values():
            reader.close()
        mover.close()
        crowd.close()
    return result


def _one(move, number, browser, mover, crowd, readers, result) -> None:
    target, seen = _TARGETS[move % 2], _TARGETS[(move + 1) % 2]
    form = urlencode({"csrf_token": browser.token, "target": target, "seen": seen})
    headers = {"HX-Request": "true", "HX-Current-URL": f"{browser.url}/admin/repairs/"}
    begun = time.perf_counter()
    sender = threading.Thread(target=mover.post, args=(f"/admin/repairs/{number}/move", form), kwargs=headers)
    sender.start()
    told: set[WebSocket] = set()
    for at, client, message in crowd.arrivals(seconds=_WAIT_SECONDS):
        name, value = event_of(message)
        if name == "changes" and any(change["number"] == number for change in value["changes"]):
            told.add(client)
            result.told.append((at - begun) * 1000)
            readers[client].ask(number, f'data-status="{target}"')
        if len(told) == len(crowd.clients):
            break
    else:
        raise SystemExit(f"Only {len(told)} of {len(crowd.clients)} browsers were told.")
    sender.join()
    for reader in readers.values():
        result.rows.append((reader.answered() - begun) * 1000)


class _Reader:
    """What queue.js does in one browser: waits a moment, asks for the changed rows, has them."""

    def __init__(self, url: str, headers: dict[str, str]):
        self._client = Client(url, {**headers, "HX-Request": "true"})
        self._wanted, self._answers, self._turn = SimpleQueue(), SimpleQueue(), Turn()
        threading.Thread(target=self._work, daemon=True).start()

    def ask(self, number: str, expected: str) -> None:
        self._wanted.put((number, expected))

    def answered(self) -> float:
        return self._answers.get(timeout=_WAIT_SECONDS)

    def close(self) -> None:
        self._wanted.put(None)

    def _work(self) -> None:
        while wanted := self._wanted.get():
            number, expected = wanted
            self._turn.wait()
            begun = time.perf_counter()
            status, _, body = self._client.send(f"/admin/repairs/rows?numbers={number}")
            if status != 200 or expected not in body.decode():
                raise SystemExit(f"The row of {number} is not as it was moved ({status})")
            self._turn.note(time.perf_counter() - begun)
            self._answers.put(time.perf_counter())
        self._client.close()


def _ticket(database: Database) -> str:
    with database.connect() as connection:
        return connection.execute(
            "UPDATE repairs SET status = %s, waiting_on = 'us' "
            "WHERE id = (SELECT id FROM repairs WHERE is_open ORDER BY due_at, id LIMIT 1) RETURNING number",
            [_TARGETS[1]],
        ).fetchone()[0]
