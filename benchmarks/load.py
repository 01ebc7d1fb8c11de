"""Load: wrk where it is installed and the page is quick, else as many requests as are asked for, by threads."""

import http.client
import json
import random
import shutil
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks.environment import HERE

WRK = shutil.which("wrk")
SLOW_SECONDS = 0.4
_TIMEOUT = 300


@dataclass(frozen=True)
class Load:
    requests: int
    errors: int
    p50: float
    p95: float
    per_second: float

    @classmethod
    def of(cls, milliseconds: list[float], *, seconds: float, errors: int = 0) -> "Load":
        ordered = sorted(milliseconds)
        return cls(
            requests=len(ordered), errors=errors, p50=statistics.median(ordered),
            p95=ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], per_second=len(ordered) / seconds,
        )  # fmt: skip


class Client:
    """One kept connection; opened anew after so many idle seconds, before the server closes it."""

    _IDLE = 4.0

    def __init__(self, url: str, headers: dict[str, str] | None = None):
        self.headers, self._used_at = headers or {}, time.monotonic()
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname, place.port, timeout=_TIMEOUT)

    def send(self, path: str, *, method: str = "GET", body: str | None = None, **headers):
        """(status, headers, body)."""
        if time.monotonic() - self._used_at > self._IDLE:
            self._connection.close()
        self._connection.request(method, path, body, {**self.headers, **headers})
        response = self._connection.getresponse()
        answer = response.status, response.headers, response.read()
        self._used_at = time.monotonic()
        return answer

    def post(self, path: str, body: str, **headers):
        return self.send(
            path, method="POST", body=body, **{"Content-Type": "application/x-www-form-urlencoded", **headers}
        )

    def close(self) -> None:
        self._connection.close()


class Turn:
    """When a browser asks for rows that changed, as static/js/pace.js and rows.js have it."""

    _TOGETHER, _MOST, _TIMES, _NEWEST = 0.06, 0.3, 3, 0.3

    def __init__(self):
        self._took = 0.0

    def wait(self) -> None:
        time.sleep(self._TOGETHER + random.random() * min(self._TIMES * self._took, self._MOST))

    def note(self, seconds: float) -> None:
        self._took += self._NEWEST * (seconds - self._took)


def run(url: str, headers: dict[str, str], *, connections: int, seconds: float, probe: float) -> Load:
    """Load on one address for `seconds`; a page that took `probe` seconds and is slow gets a few requests only."""
    if probe > SLOW_SECONDS or WRK is None:
        enough = 3 if probe > SLOW_SECONDS else max(20, int(seconds / probe))
        return _count(url, headers, connections=connections, total=max(connections, enough))
    command = [
        WRK, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "60s",
        "-s", HERE / "wrk_latency.lua",
    ]  # fmt: skip
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    output = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    found = json.loads(output.split("JSON ", 1)[1])
    if not found["n"]:
        return _count(url, headers, connections=connections, total=connections)
    return Load(found["n"], found["err"], found["p50"], found["p95"], found["n"] / found["us"] * 1e6)


def _count(url: str, headers: dict[str, str], *, connections: int, total: int) -> Load:
    place = urlsplit(url)
    path = f"{place.path}?{place.query}"

    def ask(client: Client, _: int) -> bool:
        return client.send(path)[0] == 200

    return closed_loop(lambda: Client(url, headers), ask, connections=connections, total=total)


def closed_loop(connect, ask, *, connections: int, total: int) -> Load:
    """`total` calls of `ask(client, number)` over so many connections, each waiting for its answer."""
    numbers, times, wrong, guard = iter(range(total)), [], [], threading.Lock()

    def work() -> None:
        client = connect()
        while True:
            with guard:
                number = next(numbers, None)
            if number is None:
                break
            begun = time.perf_counter()
            good = ask(client, number)
            times.append((time.perf_counter() - begun) * 1000)
            if not good:
                wrong.append(number)
        client.close()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load.of(times, seconds=time.perf_counter() - begun, errors=len(wrong) + total - len(times))
