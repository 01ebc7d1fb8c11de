"""One announcement to 200 signed-in browsers: until the last has it, against a plain broadcast of the same text."""

import statistics
import time
from dataclasses import dataclass

from benchmarks import servers
from benchmarks.environment import HERE, Database, peers_python
from benchmarks.load import Client
from benchmarks.servers import Server, running
from benchmarks.session import Browser
from benchmarks.websocket import Crowd, WebSocket, event_of, join_shop

CLIENTS = 200
_THREADS = 260
_WARM = 2
_WAIT_SECONDS = 10
_PAUSE_SECONDS = 0.05


@dataclass
class FanoutResult:
    """Milliseconds until the last and the median client had the message, of every announcement."""

    name: str
    last: list[float]
    middle: list[float]

    def p50(self) -> float:
        return statistics.median(self.last)

    def p95(self) -> float:
        return sorted(self.last)[int(0.95 * len(self.last))]


def measure(database: Database, *, rounds: int, announcements: int) -> list[FanoutResult]:
    found = {name: FanoutResult(name, [], []) for name in ("broadcast", "shop")}
    ours = servers.shop(database, threads=_THREADS, module="benchmarks.apps.announcing_shop:app")
    plain = [peers_python(), HERE / "apps" / "websocket_floor.py", "{port}"]
    floor = Server("broadcast", plain, environment={})
    with running(ours, floor):
        headers = Browser(ours.url).headers
        for _ in range(rounds):
            _round(found["broadcast"], [WebSocket(floor.port, "/") for _ in range(CLIENTS)], _shout, announcements)
            crowd = [join_shop(ours.port, headers) for _ in range(CLIENTS)]
            bell = Client(ours.url, headers)
            _round(found["shop"], crowd, lambda _, bell=bell: bell.send("/bench/announce"), announcements)
            bell.close()
    return list(found.values())


def _shout(clients: list[WebSocket]) -> None:
    clients[0].send("emit")


def _round(result: FanoutResult, clients: list[WebSocket], announce, announcements: int) -> None:
    crowd = Crowd(clients)
    for number in range(announcements + _WARM):
        announce(clients)
        times = _times(crowd)
        if number >= _WARM:
            result.last.append(times[-1])
            result.middle.append(times[len(times) // 2])
        time.sleep(_PAUSE_SECONDS)
    crowd.close()


def _times(crowd: Crowd) -> list[float]:
    times = []
    for at, _, message in crowd.arrivals(seconds=_WAIT_SECONDS):
        name, value = event_of(message)
        if name == "changes" and "t" in value:
            times.append((at - value["t"]) * 1000)
        if len(times) == len(crowd.clients):
            return sorted(times)
    raise SystemExit(f"Only {len(times)} of {len(crowd.clients)} browsers heard it.")
