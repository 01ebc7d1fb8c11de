"""The table of docs/promises.md: promised against kept, on simulated shops whose truth is known and on real logs.

    python benchmarks/promises.py [LOG.csv …] [--seeds 5] [--zone Europe/London]

A line is the middle of the seeds for a simulated shop, and the one truth for a log. The simulated shops are in
tests/histories.py. Nothing is timed, so it may run beside other work.
"""

import argparse
import sys
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[1]))

from shop.models.backtest import Happened, replay
from shop.services.backtest import read_history
from tests import histories

HEAD = (
    "| history | promises | 50 % held | 90 % held | days at 90 % | naive days | naive held | miss cost, naive = 1 |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|"
)
DAY = 86_400


def main() -> None:
    options = _options()
    print(HEAD)
    for path in options.logs:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            print(_line(path.name, [_judge(list(read_history(lines, zone=ZoneInfo(options.zone))))]))
    seeds = range(1, options.seeds + 1)
    for name, kind in histories.SHOPS.items():
        print(_line(name, [_judge(histories.shop(kind, seed=seed)) for seed in seeds]))
    print(_line("jobs wait for a bench", [_judge(histories.queue(seed=seed)) for seed in seeds]))
    print(_line("months between steps", [_judge(histories.long_waits(seed=seed)) for seed in seeds]))


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
    parser.add_argument("--zone", default="Europe/London")
    return parser.parse_args()


if __name__ == "__main__":
    main()
