"""The queue page: ours, the peers' lists and the limit, on the same rows, turn by turn in one run."""

import random
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks import servers
from benchmarks.environment import PEERS, Database, commit_events
from benchmarks.load import Client, Load, run
from benchmarks.servers import Server, running
from benchmarks.session import Browser
from benchmarks.statements import Counter

CASES = ("first", "deep", "filter", "search common", "search rare")
# Every request comes after a change, so that nothing which was kept for the last one holds.
CHANGED = "first, just changed"
COMMON, STATUS = "screen", "in_repair"
DJANGO_SESSION = {"Cookie": "sessionid=" + "b" * 32}
_VERY_SLOW_SECONDS = 2


@dataclass
class Target:
    """One page under one load generator. `runs` maps connections to what was measured in each round."""

    name: str
    case: str
    server: Server
    path: str
    headers: dict[str, str]
    database: Database
    probe: float = 0
    kilobytes: float = 0
    statements: int = 0
    sql_ms: float = 0
    runs: dict[int, list[tuple[Load, float, float]]] = field(default_factory=dict)

    def median(self, connections: int, value) -> float | None:
        """Of the rounds; `value` takes (load, app CPU ms, PostgreSQL CPU ms)."""
        rounds = self.runs.get(connections)
        return statistics.median(value(*one) for one in rounds) if rounds else None

    def p50(self, connections: int = 1) -> float | None:
        return self.median(connections, lambda load, _app, _sql: load.p50)

    def p95(self, connections: int = 1) -> float | None:
        return self.median(connections, lambda load, _app, _sql: load.p95)

    def per_second(self, connections: int = 8) -> float | None:
        return self.median(connections, lambda load, _app, _sql: load.per_second)

    def cpu(self, connections: int = 1) -> float | None:
        return self.median(connections, lambda _load, app, sql: app + sql)


@dataclass(frozen=True)
class Words:
    """What the cases ask for, looked up in the data."""

    middle_id: int
    middle_page: int
    rare: str

    @classmethod
    def of(cls, database: Database) -> "Words":
        half = database.repairs // 2
        with database.connect() as connection:
            middle = connection.execute("SELECT id FROM repairs ORDER BY id DESC OFFSET %s LIMIT 1", [half]).fetchone()
            rare = connection.execute(
                "SELECT split_part(email, '@', 1) FROM customers WHERE id > %s AND length(email) > 24 "
                "ORDER BY id LIMIT 1",
                [half // 4],
            ).fetchone()
        return cls(middle[0], half // 50, rare[0])


def measure(large: Database, small: Database, *, rounds: int, seconds: float, with_peers: bool) -> list[Target]:
    peers = PEERS if with_peers else ()
    with ExitStack() as stack:
        targets = _targets(large, small, peers, stack)
        for target in targets:
            _warm(target)
        _count_statements(large, peers, targets)
        for number in range(rounds):
            for connections in (1, 8):
                for target in random.Random(number * 10 + connections).sample(targets, len(targets)):
                    if _is_due(target, number, connections):
                        _round(target, connections, seconds)
            print(f"Pages: round {number + 1} of {rounds} done", flush=True)
    return targets


def paths(words: Words) -> dict[str, dict[str, str]]:
    """Kind of server -> case -> address."""
    ours = f"/admin/repairs/?view=all&after={words.middle_id}"
    django, flask = "/admin/django_shop/repair/?_facets=True", "/admin/repair/"
    return {
        "shop": _cases("/admin/repairs/", ours, f"?status={STATUS}", "?q={}", words, "/admin/repairs/"),
        "limit": _cases(
            "/repairs/", f"/repairs/?after={words.middle_id}", f"?status={STATUS}", "?q={}", words, "/repairs/"
        ),
        "flask-admin": _cases(
            flask, f"{flask}?page={words.middle_page - 1}", f"?flt0_2={STATUS}", "?search={}", words, flask
        ),
        "django": _cases(django, f"{django}&p={words.middle_page}", f"&status__exact={STATUS}", "&q={}", words, django),
    }


def _cases(first: str, deep: str, status: str, search: str, words: Words, base: str) -> dict[str, str]:
    found = (first, deep, base + status, base + search.format(COMMON), base + search.format(words.rare))
    return dict(zip(CASES, found, strict=True))


def _targets(large: Database, small: Database, peers: tuple[str, ...], stack: ExitStack) -> list[Target]:
    started = _start(large, peers)
    stack.enter_context(running(*started.values()))
    little = {"shop 10k": servers.shop(small), "limit 10k": servers.limit(small)}
    stack.enter_context(running(*little.values()))
    targets, words = [], Words.of(large)
    for name, server in started.items():
        headers, addresses = _headers(name, server), paths(words)[_kind(name)]
        targets += [Target(name, case, server, path, headers, large) for case, path in addresses.items()]
    for name in ("shop", "limit"):
        targets.append(
            Target(name, CHANGED, started[name], paths(words)[name]["first"], _headers(name, started[name]), large)
        )
    for name, server in little.items():
        path = paths(words)[_kind(name)]["first"]
        targets.append(Target(name, "first", server, path, _headers(name, server), small))
    return targets


def _start(database: Database, peers: tuple[str, ...], url: str | None = None) -> dict[str, Server]:
    ours = servers.shop_without_jobs(database, url=url) if url else servers.shop(database)
    found = {"shop": ours, "limit": servers.limit(database, url=url)}
    for peer in peers:
        found[f"flask-admin {peer}"] = servers.flask_admin(database, peer, url=url)
        found[f"django {peer}"] = servers.django(database, peer, url=url)
    return found


def _kind(name: str) -> str:
    return name.split()[0]


def _headers(name: str, server: Server) -> dict[str, str]:
    if _kind(name) == "shop":
        return Browser(server.url).headers
    return DJANGO_SESSION if _kind(name) == "django" else {}


def _warm(target: Target) -> None:
    client = Client(target.server.url, target.headers)
    for _ in range(2):
        begun = time.perf_counter()
        status, _, body = client.send(target.path)
        target.probe = time.perf_counter() - begun
        if target.probe > _VERY_SLOW_SECONDS:
            break
    client.close()
    if status != 200:
        raise SystemExit(f"{target.name} {target.case}: {target.path} answered {status}")
    target.kilobytes = len(body) / 1024
    print(f"{target.name:18} {target.case:14} {target.kilobytes:6.1f} kB {target.probe * 1000:9.1f} ms", flush=True)


def _count_statements(database: Database, peers: tuple[str, ...], targets: list[Target]) -> None:
    """One request of each after a change, through a proxy that reads the protocol, on servers of their own."""
    counter = Counter()
    started = _start(database, peers, database.url(port=counter.port))
    with running(*started.values()):
        for name, server in started.items():
            client = Client(server.url, _headers(name, server))
            for target in targets:
                if target.name == name:
                    if target.probe < _VERY_SLOW_SECONDS:
                        client.send(target.path)
                        time.sleep(0.05)
                    # After a change: then nothing that was kept holds, and all must be read.
                    with database.connect() as connection:
                        commit_events(connection, 1)
                    counter.reset()
                    client.send(target.path)
                    target.statements, target.sql_ms = counter.count, counter.milliseconds
            client.close()
    counter.close()


def _is_due(target: Target, number: int, connections: int) -> bool:
    """Slow pages take part in fewer rounds: seconds each, and their ratios are plain anyway."""
    if target.case == CHANGED:
        return connections == 1
    if target.probe > _VERY_SLOW_SECONDS:
        return number == 0 and connections == 1
    return target.probe < 0.4 or number == 0


def _round(target: Target, connections: int, seconds: float) -> None:
    app, sql = target.server.pids(), servers.backends(target.database)
    before = servers.cpu_seconds(app), servers.cpu_seconds(sql)
    if target.case == CHANGED:
        load = _after_changes(target, seconds=seconds)
    else:
        address = target.server.url + target.path
        load = run(address, target.headers, connections=connections, seconds=seconds, probe=target.probe)
    after = servers.cpu_seconds(app), servers.cpu_seconds(sql)
    each = [(new - old) * 1000 / max(1, load.requests) for old, new in zip(before, after, strict=True)]
    target.runs.setdefault(connections, []).append((load, *each))


def _after_changes(target: Target, *, seconds: float) -> Load:
    """One request at a time, each right after an event was committed, which is not in its time."""
    client, times, errors = Client(target.server.url, target.headers), [], 0
    deadline = time.perf_counter() + seconds
    with target.database.connect() as connection:
        while time.perf_counter() < deadline:
            commit_events(connection, 1)
            begun = time.perf_counter()
            errors += client.send(target.path)[0] != 200
            times.append((time.perf_counter() - begun) * 1000)
    client.close()
    return Load.of(times, seconds=sum(times) / 1000, errors=errors)
