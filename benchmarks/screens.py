"""The screens that staff live in, at 10,000, 100,000 and 1,000,000 repairs: the history must cost nothing.

The same amount of work is open in each, for that is what the screens show: a shop that is a hundred times as old
has a longer past, not a fuller bench.
"""

import random
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks import servers
from benchmarks.environment import Database, commit_events
from benchmarks.load import Client, Load
from benchmarks.servers import Server, running
from benchmarks.session import Browser

OPEN = 4_000
SIZES = (10_000, 100_000, 1_000_000)

# Name -> address. A screen that others live in as well is one line more.
SCREENS: dict[str, str] = {
    "queue": "/admin/repairs/",
    "dashboard": "/admin/",
    "load": "/admin/load/",
    "what is next": "/admin/next/",
    "board": "/admin/repairs/board",
    "palette": "/admin/palette/?q=whitc",
    "palette, mistyped": "/admin/palette/?q=hanah",
    "calendar": "/admin/calendar/?view=week",
}


@dataclass
class Screen:
    """One screen at one size; milliseconds of each round's median, right after a change and while nothing changes."""

    name: str
    repairs: int
    kilobytes: float = 0
    changed: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)

    @property
    def after_a_change(self) -> float:
        return statistics.median(self.changed)

    @property
    def unchanged(self) -> float:
        return statistics.median(self.kept)


def databases(sizes: tuple[int, ...] = SIZES) -> list[Database]:
    # The demo command leaves as many open by itself in the largest.
    return [Database(size, open=0 if size == SIZES[-1] else min(OPEN, size // 2)) for size in sizes]


def measure(found: list[Database], *, rounds: int, requests: int) -> list[Screen]:
    """Each screen of each size takes its turn in every round, in shuffled order."""
    with ExitStack() as stack:
        started = {database: servers.shop(database) for database in found}
        stack.enter_context(running(*started.values()))
        headers = {database: Browser(server.url).headers for database, server in started.items()}
        screens = {(name, database): Screen(name, database.repairs) for database in found for name in SCREENS}
        for (name, database), screen in screens.items():
            _warm(screen, started[database], headers[database], SCREENS[name])
        for number in range(rounds):
            for name, database in random.Random(number).sample(list(screens), len(screens)):
                _round(screens[name, database], database, started[database], headers[database], requests)
            print(f"Screens: round {number + 1} of {rounds} done", flush=True)
    return list(screens.values())


def spread(screens: list[Screen], name: str, value) -> float:
    """The slowest size to the quickest."""
    values = [value(screen) for screen in screens if screen.name == name]
    return max(values) / min(values)


def _warm(screen: Screen, server: Server, headers: dict[str, str], path: str) -> None:
    client = Client(server.url, headers)
    for _ in range(3):
        status, _, body = client.send(path)
        if status != 200:
            raise SystemExit(f"{screen.name}: {path} answered {status}")
    client.close()
    screen.kilobytes = len(body) / 1024


def _round(screen: Screen, database: Database, server: Server, headers: dict[str, str], requests: int) -> None:
    client, path = Client(server.url, headers), SCREENS[screen.name]
    with database.connect() as connection:
        changed = [_one(client, path, lambda: commit_events(connection, 1)) for _ in range(requests)]
    client.send(path)
    kept = [_one(client, path) for _ in range(requests)]
    client.close()
    screen.changed.append(Load.of(changed, seconds=1).p50)
    screen.kept.append(Load.of(kept, seconds=1).p50)


def _one(client: Client, path: str, before=None) -> float:
    if before:
        before()
    begun = time.perf_counter()
    status, _, _ = client.send(path)
    if status != 200:
        raise SystemExit(f"{path} answered {status}")
    return (time.perf_counter() - begun) * 1000
