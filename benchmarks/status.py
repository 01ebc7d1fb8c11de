"""One status change: ours with sign-in, CSRF token, event and deliveries against the limit's bare transaction."""

import time
from dataclasses import dataclass
from urllib.parse import urlencode

from benchmarks import servers
from benchmarks.environment import Database
from benchmarks.load import Client, Load, closed_loop
from benchmarks.servers import Server, running
from benchmarks.session import Browser
from benchmarks.statements import Counter

_TARGETS = ("quality_check", "in_repair")
_TICKETS = 800
_CHUNKS = 5
_SEALED_WITHIN_SECONDS = 120


@dataclass
class StatusResult:
    """`single` and `eight` are at 1 and 8 connections; CPU is per change, app and PostgreSQL, at 8."""

    name: str
    single: Load
    eight: Load
    cpu_ms: float
    statements: int
    sql_ms: float


class Mover:
    """Moves its own tickets to and fro, so that every move is allowed and no two meet."""

    def __init__(self, server: Server, numbers: list[str], browser: Browser | None):
        self.server, self.numbers, self.browser, self.made = server, numbers, browser, 0

    def connect(self) -> Client:
        return Client(self.server.url, self.browser.headers if self.browser else None)

    def ask(self, client: Client, call: int) -> bool:
        round_number, place = divmod(call, len(self.numbers))
        target, seen = _TARGETS[round_number % 2], _TARGETS[(round_number + 1) % 2]
        if self.browser is None:
            return client.post(f"/repairs/{self.numbers[place]}/move", f"target={target}")[0] == 200
        form = urlencode({"csrf_token": self.browser.token, "target": target, "seen": seen})
        page = f"{self.server.url}/admin/repairs/"
        address = f"/admin/repairs/{self.numbers[place]}/move"
        return client.post(address, form, **{"HX-Request": "true", "HX-Current-URL": page})[0] == 204

    def make(self, count: int, *, connections: int) -> Load:
        begin, self.made = self.made, self.made + count
        return closed_loop(
            self.connect, lambda client, number: self.ask(client, begin + number), connections=connections, total=count
        )


def measure(database: Database, *, single: int, eight: int) -> tuple[list[StatusResult], float]:
    """Results of ours and of the limit, and in how many seconds after the load the last event had its place."""
    tickets = _tickets(database)
    statements = _count_statements(database, tickets)
    ours, limit = servers.shop(database), servers.limit(database)
    with running(ours, limit):
        movers = {
            "shop": Mover(ours, tickets[::2], Browser(ours.url)),
            "limit": Mover(limit, tickets[1::2], None),
        }
        for mover in movers.values():
            mover.make(20, connections=1)
        singles = _turn_by_turn(movers, single, connections=1)
        before = {name: mover.server.cpu_seconds() for name, mover in movers.items()}
        eights = _turn_by_turn(movers, eight, connections=8)
        cpu = {name: mover.server.cpu_seconds() - before[name] for name, mover in movers.items()}
        lag = _seconds_until_sealed(database)
    return [
        StatusResult(name, singles[name], eights[name], cpu[name] * 1000 / eight, *statements[name]) for name in movers
    ], lag


def _turn_by_turn(movers: dict[str, Mover], count: int, *, connections: int) -> dict[str, Load]:
    """The median load of several chunks of each, taken in turns; errors are added up."""
    loads: dict[str, list[Load]] = {name: [] for name in movers}
    for _ in range(_CHUNKS):
        for name, mover in movers.items():
            loads[name].append(mover.make(count // _CHUNKS, connections=connections))
    return {name: _middle(found) for name, found in loads.items()}


def _middle(loads: list[Load]) -> Load:
    middle = sorted(loads, key=lambda load: load.p50)[len(loads) // 2]
    return Load(
        requests=sum(load.requests for load in loads), errors=sum(load.errors for load in loads),
        p50=middle.p50, p95=middle.p95, per_second=middle.per_second,
    )  # fmt: skip


def _tickets(database: Database) -> list[str]:
    """Numbers of open tickets, all put into the first state by hand."""
    with database.connect() as connection:
        rows = connection.execute(
            "UPDATE repairs SET status = %s, waiting_on = 'us' "
            "WHERE id IN (SELECT id FROM repairs WHERE is_open ORDER BY id DESC LIMIT %s) RETURNING number",
            [_TARGETS[1], 2 * _TICKETS],
        ).fetchall()
    return [row[0] for row in rows]


def _count_statements(database: Database, tickets: list[str]) -> dict[str, tuple[int, float]]:
    """Statements and their milliseconds of one warm change of each, the least of a few."""
    counter, found = Counter(), {}
    url = database.url(port=counter.port)
    for name, start in {"shop": servers.shop_without_jobs, "limit": servers.limit}.items():
        server = start(database, url=url)
        with running(server):
            mover = Mover(server, tickets[:4], Browser(server.url) if name == "shop" else None)
            client, tries = mover.connect(), []
            for call in range(8):
                time.sleep(0.1)
                counter.reset()
                mover.ask(client, call)
                tries.append((counter.count, counter.milliseconds))
            client.close()
            found[name] = min(tries)
    counter.close()
    return found


def _seconds_until_sealed(database: Database) -> float:
    begun = time.monotonic()
    with database.connect() as connection:
        while connection.execute("SELECT EXISTS (SELECT FROM events WHERE position IS NULL)").fetchone()[0]:
            if time.monotonic() - begun > _SEALED_WITHIN_SECONDS:
                raise SystemExit("The relay did not catch up.")
            time.sleep(0.05)
    return time.monotonic() - begun
