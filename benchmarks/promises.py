"""The table of docs/promises.md: promised against kept, on simulated shops whose truth is known and on real logs.

    python benchmarks/promises.py [LOG.csv …] [--seeds 5] [--zone Europe/London]
    python benchmarks/promises.py --late 7 LOG.csv …

A line is the middle of the seeds for a simulated shop, and the one truth for a log. The simulated shops are in
tests/histories.py. Nothing is timed, so it may run beside other work.

`--late` says how much of a result is the one way in which things went on: of the earlier half of the judged promises,
how many held, and how many of the very same would have held if all that was open after the last of them had ended so
many days later. What was known when they were made is the same, so any method would have promised the same in both.
"""

import argparse
import sys
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[1]))

from shop.models.backtest import Happened, Promise, replay
from shop.services.backtest import read_history
from tests import histories

HEAD = (
    "| history | promises | 50 % held | 90 % held | days at 90 % | naive days | naive held | miss cost, naive = 1 |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|"
)
LATE_HEAD = (
    "| history | promises | still open after the last | 50 % held | had they ended later | 90 % held |"
    " had they ended later |\n|---|---:|---:|---:|---:|---:|---:|"
)
DAY = 86_400


def main() -> None:
    options = _options()
    if options.late:
        print(LATE_HEAD)
        for path in options.logs:
            print(_late(path.name, replay(_read(path, options.zone)), options.late))
        return
    print(HEAD)
    for path in options.logs:
        print(_line(path.name, [_judge(_read(path, options.zone))]))
    seeds = range(1, options.seeds + 1)
    for name, kind in histories.SHOPS.items():
        print(_line(name, [_judge(histories.shop(kind, seed=seed)) for seed in seeds]))
    print(_line("jobs wait for a bench", [_judge(histories.queue(seed=seed)) for seed in seeds]))
    print(_line("months between steps", [_judge(histories.long_waits(seed=seed)) for seed in seeds]))


def _read(path: Path, zone: str) -> list[Happened]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(read_history(lines, zone=ZoneInfo(zone)))


def _late(name: str, promises: list[Promise], days: float) -> str:
    judged = promises[len(promises) // 2 :]
    early = judged[: len(judged) // 2]
    last = early[-1].at
    is_open = [promise.at + promise.took > last for promise in early]
    shares = [
        sum(
            promise.took + late * waits <= promise.within[target] for promise, waits in zip(early, is_open, strict=True)
        )
        / len(early)
        for late in (0, days * DAY)
        for target in (0, 1)
    ]
    half, nine, half_late, nine_late = shares
    made = f"{len(early):,} of {len(judged):,} | {sum(is_open) / len(early):.0%}"
    return f"| {name} | {made} | {half:.1%} | {half_late:.1%} | {nine:.1%} | {nine_late:.1%} |"


def _judge(history: list[Happened]) -> list[float]:
    """One row: n, held at 50 and 90, median days of ours and of naive, how many of the naive held, relative cost."""
    promises = replay(history)
    promises = promises[len(promises) // 2 :]
    naive_held = sum(promise.took <= promise.naive for promise in promises) / len(promises)
    ours = sum(_cost(promise.took, promise.within[1]) for promise in promises)
    naive = sum(_cost(promise.took, promise.naive) for promise in promises)
    return [
        len(promises),
        sum(promise.held(0) for promise in promises) / len(promises),
        sum(promise.held(1) for promise in promises) / len(promises),
        median(promise.within[1] for promise in promises) / DAY,
        median(promise.naive for promise in promises) / DAY,
        naive_held,
        ours / naive,
    ]


def _cost(took: float, promised: float) -> float:
    """The pinball loss at 90 %: what a quantile is judged by; a day too late costs nine times a day too long."""
    return 0.9 * (took - promised) if took > promised else 0.1 * (promised - took)


def _line(name: str, rows: list[list[float]]) -> str:
    n, half, nine, days, naive, naive_held, cost = (median(column) for column in zip(*rows, strict=True))
    return f"| {name} | {n:,.0f} | {half:.1%} | {nine:.1%} | {days:.2f} | {naive:.2f} | {naive_held:.1%} | {cost:.2f} |"


def _options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", nargs="*", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--late", type=float, default=0.0, metavar="DAYS")
    parser.add_argument("--zone", default="Europe/London")
    return parser.parse_args()


if __name__ == "__main__":
    main()
