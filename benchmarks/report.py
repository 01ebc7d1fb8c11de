"""What was measured as tables, and every goal with its verdict."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.environment import BUILD, PROJECT, Database
from benchmarks.fanout import FanoutResult
from benchmarks.jobs import JobsResult
from benchmarks.live import LiveResult
from benchmarks.money import MoneyResult
from benchmarks.pages import CHANGED, Target
from benchmarks.screens import Screen, spread
from benchmarks.staff import StaffResult
from benchmarks.status import StatusResult

DOCUMENT, EFFORT = PROJECT / "docs" / "performance.md", PROJECT / "docs" / "effort.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
_PEERS = ("flask-admin stock", "flask-admin tuned", "django stock", "django tuned")


@dataclass(frozen=True)
class Goal:
    """One line of the issue: `most` or `least` bounds the measured value."""

    measure: str
    value: float
    most: float | None = None
    least: float | None = None
    unit: str = "x"

    @property
    def is_met(self) -> bool:
        return self.value <= self.most if self.most is not None else self.value >= self.least

    @property
    def missed_by(self) -> str:
        if self.is_met:
            return ""
        bound = self.most if self.most is not None else self.least
        return f"{abs(self.value / bound - 1):.0%}" if bound else _number(self.value)

    def row(self) -> str:
        bound = f"at most {_number(self.most)}" if self.most is not None else f"at least {_number(self.least)}"
        verdict = "met" if self.is_met else f"**missed by {self.missed_by}**"
        return f"| {self.measure} | {_number(self.value)} {self.unit} | {bound} {self.unit} | {verdict} |"


def page_goals(targets: list[Target]) -> list[Goal]:
    found = {(target.name, target.case): target for target in targets}
    ours, limit = found["shop", "first"], found["limit", "first"]
    peers = [found[peer, "first"].p50() for peer in _PEERS if (peer, "first") in found]
    small = found["shop 10k", "first"]
    return [
        Goal("Queue page, median, to the limit", ours.p50() / limit.p50(), most=1.6),
        Goal("Queue page, CPU of app and PostgreSQL, to the limit", ours.cpu() / limit.cpu(), most=1.6),
        Goal(
            "Queue page, requests a second at 8 connections, to the limit",
            ours.per_second() / limit.per_second(),
            least=0.6,
        ),
        Goal(
            "Queue page right after a change, median, to the limit",
            found["shop", CHANGED].p50() / found["limit", CHANGED].p50(),
            most=1.6,
        ),
        *(Goal("Best peer's median to our queue page's", least / ours.p50(), least=6) for least in sorted(peers)[:1]),
        Goal("Queue page, statements", ours.statements, most=4, unit=""),
        Goal("Queue page, HTML", ours.kilobytes, most=40, unit="kB"),
        Goal("Deep page to the first", found["shop", "deep"].p50() / ours.p50(), most=1.2),
        Goal("Filter to the first", found["shop", "filter"].p50() / ours.p50(), most=1.1),
        Goal("Search for a common word to the first", found["shop", "search common"].p50() / ours.p50(), most=2.5),
        Goal("Search for a rare word to the first", found["shop", "search rare"].p50() / ours.p50(), most=1.5),
        Goal("Queue page at the large size to the small one", ours.p50() / small.p50(), most=1.3),
    ]


def screens_goals(screens: list[Screen]) -> list[Goal]:
    """Of the slowest size to the quickest, right after a change: then all is read."""
    names = dict.fromkeys(screen.name for screen in screens)
    return [
        Goal(f"{name.capitalize()}, slowest size to the quickest", spread(screens, name, _after_a_change), most=1.2)
        for name in names
    ]


def _after_a_change(screen: Screen) -> float:
    return screen.after_a_change


def status_goals(results: list[StatusResult], *, changes: int) -> list[Goal]:
    ours, limit = results
    return [
        Goal("Status change, median, to the limit", ours.single.p50 / limit.single.p50, most=1.4),
        Goal(f"Errors in {changes:,} changes at 8 connections", ours.eight.errors, most=0, unit=""),
    ]


def fanout_goals(results: list[FanoutResult]) -> list[Goal]:
    plain, ours = results
    return [Goal("Fan-out to 200 browsers, last one, to a plain broadcast", ours.p50() / plain.p50(), most=3)]


def live_goals(result: LiveResult) -> list[Goal]:
    return [Goal("From the click to the row of 50 other browsers, 95th percentile", result.p95(), most=300, unit="ms")]


def jobs_goals(result: JobsResult) -> list[Goal]:
    rate = result.median("both") / result.median("bare")
    return [Goal("Relay and deliveries a second, to a bare SKIP LOCKED loop", rate, least=0.8)]


def money_goals(result: MoneyResult) -> list[Goal]:
    # A day of the large shop holds more rows: that one is shown, not compared.
    compared = [sizes for name, sizes in result.lists.items() if name != "a day"]
    slowest = max(max(sizes.values()) / min(sizes.values()) for sizes in compared)
    return [
        Goal("Webhook, 95th percentile, one after the other", result.p95("single"), most=50, unit="ms"),
        Goal(f"Burst of {len(result.burst)} webhooks, lost", result.lost, most=0, unit=""),
        Goal("The same, not dealt with by a job", result.unhandled, most=0, unit=""),
        Goal("List of payments, a million to the small shop, the worst case", slowest, most=1.3),
    ]


def money_table(result: MoneyResult) -> str:
    single, burst = sorted(result.single), sorted(result.burst)
    sizes = next(iter(result.lists.values()))
    lines = [
        "| | p50 / p95 ms |",
        "|---|---|",
        f"| webhook, one after the other | {single[len(single) // 2]:.1f} / {result.p95('single'):.1f} |",
        f"| webhook, in the burst over 8 connections | {burst[len(burst) // 2]:.1f} / {result.p95('burst'):.1f} |",
        "",
        f"| list of payments | {' | '.join(f'{size:,} ms' for size in sizes)} |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {' | '.join(f'{one:.1f}' for one in row.values())} |" for name, row in result.lists.items()]
    return "\n".join(lines)


def staff_goals(result: StaffResult) -> list[Goal]:
    return [
        Goal(f"{result.people} people at work, errors", len(result.errors), most=0, unit=""),
        Goal(f"{result.people} people at work, live events missed", result.missed, most=0, unit=""),
        Goal(f"{result.people} people at work, 95th percentile of all requests", result.p95(), most=300, unit="ms"),
    ]


def effort_goals(efforts: list[Effort]) -> list[Goal]:
    most = max(effort.after_text for effort in efforts)
    return [
        Goal("Daily tasks, interactions after the search text, the most of any", most, most=4, unit=""),
        Goal("Daily tasks, page loads, the most of any", max(e.loads for e in efforts), most=1, unit=""),
        *(
            Goal(f"{effort.task}: result shown, 95th percentile", effort.p95(), most=300, unit="ms")
            for effort in efforts
        ),
    ]


def goals_table(goals: list[Goal]) -> str:
    return "\n".join(["| measure | here | goal | |", "|---|---|---|---|", *(goal.row() for goal in goals)])


def pages_table(targets: list[Target]) -> str:
    lines = [
        "| case | page | kB | statements | SQL ms | 1: p50 / p95 ms | to the limit | 8: p50 ms | 8: requests/s "
        "| CPU ms app + PostgreSQL |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    limits = {target.case: target.p50() for target in targets if target.name == "limit"}
    order = {case: place for place, case in enumerate(limits)}
    lines += [_page_row(target, limits[target.case]) for target in sorted(targets, key=lambda t: order[t.case])]
    return "\n".join(lines)


def _page_row(target: Target, limit: float) -> str:
    app = target.median(1, lambda _load, app, _sql: app)
    sql = target.median(1, lambda _load, _app, sql: sql)
    at_eight = f"{target.p50(8):.1f} | {target.per_second():.1f}" if target.runs.get(8) else "- | -"
    statements = f"{target.statements} | {target.sql_ms:.1f}" if target.statements else "- | -"
    at_one = f"{target.p50():.1f} / {target.p95():.1f}"
    return (
        f"| {target.case} | {target.name} | {target.kilobytes:.0f} | {statements} | {at_one} "
        f"| {target.p50() / limit:.1f} x | {at_eight} | {app:.1f} + {sql:.1f} |"
    )


def screens_table(screens: list[Screen]) -> str:
    lines = ["| screen | repairs | kB | right after a change ms | unchanged ms |", "|---|---|---|---|---|"]
    ordered = sorted(screens, key=lambda screen: (screen.name, screen.repairs))
    lines += [
        f"| {screen.name} | {screen.repairs:,} | {screen.kilobytes:.0f} | {screen.after_a_change:.1f} "
        f"| {screen.unchanged:.1f} |"
        for screen in ordered
    ]
    return "\n".join(lines)


def status_table(results: list[StatusResult], lag: float) -> str:
    lines = [
        "| change | statements | SQL ms | 1: p50 / p95 ms | 8: p50 / p95 ms | 8: changes/s | app CPU ms | errors |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        one, eight = result.single, result.eight
        lines.append(
            f"| {result.name} | {result.statements} | {result.sql_ms:.1f} | {one.p50:.1f} / {one.p95:.1f} "
            f"| {eight.p50:.1f} / {eight.p95:.1f} | {eight.per_second:.0f} | {result.cpu_ms:.1f} | {eight.errors} |"
        )
    return "\n".join([*lines, "", f"The relay had every event in its place {lag:.1f} s after the last change."])


def fanout_table(results: list[FanoutResult]) -> str:
    lines = ["| server | last browser p50 / p95 ms | median browser ms |", "|---|---|---|"]
    for result in results:
        middle = sorted(result.middle)[len(result.middle) // 2]
        lines.append(f"| {result.name} | {result.p50():.1f} / {result.p95():.1f} | {middle:.1f} |")
    return "\n".join(lines)


def live_table(result: LiveResult) -> str:
    told = sorted(result.told)
    return (
        "| | p50 / p95 ms |\n|---|---|\n"
        f"| told by the socket | {told[len(told) // 2]:.0f} / {told[int(0.95 * len(told))]:.0f} |\n"
        f"| row on the page | {result.p50():.0f} / {result.p95():.0f} |"
    )


def jobs_table(result: JobsResult) -> str:
    names = {
        "bare": "bare SKIP LOCKED loop",
        "relay": "relay alone",
        "deliveries": "deliveries alone",
        "both": "relay and deliveries",
    }
    lines = ["| | per second |", "|---|---|"]
    return "\n".join([*lines, *(f"| {words} | {result.median(name):.0f} |" for name, words in names.items())])


def staff_table(result: StaffResult) -> str:
    lines = ["| request | times | p50 / p95 ms |", "|---|---|---|"]
    lines += [
        f"| {name} | {len(times):,} | {result.p50(name):.0f} / {result.p95(name):.0f} |"
        for name, times in sorted(result.times.items())
    ]
    total = sum(len(times) for times in result.times.values())
    lines.append(f"| all | {total:,} | p95 {result.p95():.0f} |")
    told = (
        f"{result.changes:,} changes, told {result.told:,} times to {result.people} browsers; {result.missed} missed."
    )
    return "\n".join([*lines, "", told, *sorted(set(result.errors))[:5]])


def effort_table(efforts: list[Effort]) -> str:
    lines = [
        "| task | keys | interactions | after the text | page loads | p50 / p95 ms |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.task} | {one.keys} | {one.interactions} | {one.after_text} | {one.loads} "
        f"| {one.p50():.0f} / {one.p95():.0f} |"
        for one in efforts
    ]
    return "\n".join(lines)


def keep_efforts(efforts: list[Effort], database: Database) -> None:
    _keep(EFFORT, f"{_machine(database)} Each task {len(efforts[0].times)} times.\n\n{effort_table(efforts)}")


def write(sections: dict[str, str], goals: list[Goal], database: Database, raw: dict, *, keep: bool) -> None:
    """Prints all goals and writes all figures as JSON; a whole run is kept in the document, between its markers."""
    text = "\n\n".join(
        [_machine(database), "### Goals", goals_table(goals), *(f"### {t}\n\n{b}" for t, b in sections.items())]
    )
    print(f"{_machine(database)}\n\n{goals_table(goals)}\n")
    (BUILD / "results.json").write_text(
        json.dumps({"goals": [asdict(goal) for goal in goals], **raw}, indent=1, default=str)
    )
    print(f"All figures: {BUILD / 'results.json'}")
    if not keep:
        return
    _keep(DOCUMENT, text)


def _keep(path: Path, text: str) -> None:
    """Puts the text between the markers of that document."""
    before, rest = path.read_text().split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")


def _machine(database: Database) -> str:
    with database.connect() as connection:
        version = connection.execute("SHOW server_version").fetchone()[0].split()[0]
        opened = connection.execute("SELECT count(*) FROM repairs WHERE is_open").fetchone()[0]
    load = os.getloadavg()[0]
    return (
        f"Run of {datetime.now(UTC):%d %B %Y}, {database.repairs:,} repairs, {opened:,} of them open; "
        f"{os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}, PostgreSQL {version}; "
        f"load average at the end {load:.1f}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:.2f}"
