"""`make bench`: our pages beside the peers' and the limit, in one run, on data of our own demo command.

Needs PostgreSQL (TEST_POSTGRESQL_URL, a role that may create databases) with pg_trgm. The databases are
named bench_<repairs> and kept for the next run; `--fresh` fills them again.
"""

import argparse
import signal
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import effort, environment, fanout, jobs, live, money, pages, report, screens, staff, status
from benchmarks.environment import Database

PARTS = ("list", "screens", "status", "fanout", "live", "jobs", "money", "staff", "effort")


def main() -> None:
    # Stopped by `kill`, it still ends its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options = _options()
    environment.BUILD.mkdir(parents=True, exist_ok=True)
    large, small = Database(20_000 if options.quick else 1_000_000), Database(2_000 if options.quick else 10_000)
    for database in (small, large):
        if options.fresh:
            environment.drop(database)
        environment.prepare(database, with_peers=database is large and "list" in options.only and not options.no_peers)
    sections, goals, raw = {}, [], {}
    for part in options.only:
        print(f"Measuring: {part}", flush=True)
        title, table, found, figures = _MEASURES[part](large, small, options)
        sections[title], raw[part] = table, figures
        goals += found
        print(f"\n{report.goals_table(found)}\n\n{table}\n", flush=True)
    report.write(
        sections, goals, large, raw, keep=not (options.quick or options.no_peers) and set(options.only) == set(PARTS)
    )


def _list(large, small, options):
    targets = pages.measure(
        large, small, rounds=options.rounds, seconds=1 if options.quick else 2, with_peers=not options.no_peers
    )
    figures = [
        {"name": t.name, "case": t.case, "kB": t.kilobytes, "statements": t.statements, "runs": t.runs} for t in targets
    ]
    return "Queue page", report.pages_table(targets), report.page_goals(targets), figures


def _screens(_large, _small, options):
    found = screens.databases((2_000, 20_000) if options.quick else screens.SIZES)
    for database in found:
        if options.fresh:
            environment.drop(database)
        environment.prepare(database, with_peers=False)
    measured = screens.measure(found, rounds=options.rounds, requests=20 if options.quick else 60)
    figures = [asdict(screen) for screen in measured]
    return "Screens by size of the shop", report.screens_table(measured), report.screens_goals(measured), figures


def _status(large, _small, options):
    changes = 1_000 if options.quick else 10_000
    results, lag = status.measure(large, single=100 if options.quick else 500, eight=changes)
    goals = report.status_goals(results, changes=changes)
    return "Status change", report.status_table(results, lag), goals, [asdict(result) for result in results]


def _fanout(_large, small, options):
    results = fanout.measure(small, rounds=options.rounds, announcements=12)
    return (
        "Fan-out to 200 browsers",
        report.fanout_table(results),
        report.fanout_goals(results),
        [asdict(result) for result in results],
    )


def _live(large, _small, options):
    result = live.measure(large, moves=10 if options.quick else 40)
    return "Live, to 50 browsers", report.live_table(result), report.live_goals(result), asdict(result)


def _jobs(_large, small, options):
    result = jobs.measure(small, rounds=options.rounds, count=300 if options.quick else 1_000)
    return "Relay and deliveries", report.jobs_table(result), report.jobs_goals(result), asdict(result)


def _money(large, small, options):
    result = money.measure(large, small, burst=200 if options.quick else 1_000, rounds=options.rounds)
    return "Money", report.money_table(result), report.money_goals(result), asdict(result)


def _staff(large, _small, options):
    result = staff.measure(large, seconds=20 if options.quick else 300)
    title = f"{result.people} people at work for {result.seconds:.0f} seconds"
    return title, report.staff_table(result), report.staff_goals(result), vars(result)


def _effort(large, _small, options):
    efforts = effort.measure(large, runs=3 if options.quick else 20)
    if not options.quick:
        report.keep_efforts(efforts, large)
    figures = [asdict(one) for one in efforts]
    return "Twelve daily tasks", report.effort_table(efforts), report.effort_goals(efforts), figures


_MEASURES = {
    "list": _list, "screens": _screens, "status": _status, "fanout": _fanout, "live": _live, "jobs": _jobs,
    "money": _money, "staff": _staff, "effort": _effort,
}  # fmt: skip


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="20,000 repairs and few rounds: to try the benchmark itself"
    )
    parser.add_argument("--only", type=_parts, default=PARTS, metavar="PARTS", help=f"of {','.join(PARTS)}")
    parser.add_argument("--fresh", action="store_true", help="fill the databases again")
    parser.add_argument(
        "--no-peers", action="store_true", help="only ours and the limit: minutes instead of a quarter hour"
    )
    parser.add_argument("--rounds", type=int, help="how often each target takes its turn (3, quick 2)")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 3)
    return options


def _parts(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if unknown := set(chosen) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(unknown))}")
    return chosen


if __name__ == "__main__":
    main()
