"""Invented shops whose truth is known: each history is a list of (case, activity, moment) in order of time."""

import heapq
import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from shop.models.backtest import Happened

START = datetime(2021, 1, 4, 9, tzinfo=UTC)
OPENS, CLOSES, SUNDAY = 9, 18, 6


@dataclass(frozen=True, slots=True)
class Shop:
    """One shop. Each job has a kind that says how long it takes, and a few steps of work.

    `drift`: how much longer jobs take at the end than at the beginning. `season`: how far a year swings.
    `parts`: the share that waits for a part, which comes late every third quarter. `jump`: (when, how much longer
    from then on). `tail`: the share of steps that go badly wrong. `growth`: the logarithm of how many more arrive.
    """

    cases: int = 1500
    days: int = 540
    kinds: int = 4
    steps: int = 4
    minutes: float = 600
    spread: float = 0.8
    drift: float = 1.0
    season: float = 0.0
    parts: float = 0.0
    jump: tuple[float, float] | None = None
    tail: float = 0.0
    growth: float = 0.0
    closes: bool = True


SHOPS: dict[str, Shop] = {
    "steady": Shop(),
    "slower and slower": Shop(drift=3),
    "faster and faster": Shop(drift=1 / 3),
    "seasons": Shop(season=0.6),
    "parts that come late": Shop(parts=0.3),
    "suddenly 2.5 times slower": Shop(jump=(0.7, 2.5)),
    "suddenly 2.5 times faster": Shop(jump=(0.7, 0.4)),
    "jobs that go wrong": Shop(tail=0.03),
    "few jobs": Shop(cases=300, days=900),
    "many steps": Shop(cases=800, steps=15),
    "open day and night": Shop(closes=False),
    "growing fivefold": Shop(growth=1.6),
}


def shop(kind: Shop, *, seed: int = 1) -> list[Happened]:
    rng, history = random.Random(seed), []
    for number, share in enumerate(sorted(_arrival(rng, kind.growth) for _ in range(kind.cases))):
        moment = START + timedelta(days=kind.days * share)
        if kind.closes:
            moment = _opening(moment)
        history += _job(rng, kind, str(number), share, moment)
    return sorted(history, key=lambda line: line.moment)


def queue(*, cases: int = 2000, benches: int = 3, busy: float = 0.93, seed: int = 1) -> list[Happened]:
    """Jobs wait for a free bench, and arrive in waves: how long it takes depends on how many are there."""
    rng, free, clock, history = random.Random(seed), [0.0] * benches, 0.0, []
    for number in range(cases):
        wave = 1 + 0.5 * math.sin(2 * math.pi * clock / 86_400 / 30)
        clock += rng.expovariate(1 / (8 * 3600 / benches / busy)) / wave
        begin = max(heapq.heappop(free), clock)
        end = begin + rng.lognormvariate(math.log(7 * 3600), 0.45)
        heapq.heappush(free, end)
        for activity, second in (("received", clock), ("begun", begin + 1), ("ready", end + 1)):
            history.append(Happened(str(number), activity, START + timedelta(seconds=second)))
    return sorted(history, key=lambda line: line.moment)


def long_waits(*, cases: int = 3000, seed: int = 1) -> list[Happened]:
    """Few steps, months apart, and two quite different ends: as fines are paid, or handed to a collector."""
    rng, history = random.Random(seed), []
    for number in range(cases):
        day = rng.random() * 4000
        steps = [("written", day)]
        if rng.random() < 0.35:
            steps.append(("paid", day + rng.expovariate(1 / 8)))
        else:
            for activity, wait in (
                ("sent", abs(rng.gauss(90, 20))),
                ("notified", abs(rng.gauss(15, 8))),
                ("raised", 60),
            ):
                day += wait
                steps.append((activity, day))
            paid = rng.random() < 0.4
            steps.append(
                ("paid", day + rng.expovariate(1 / 60)) if paid else ("handed on", day + rng.uniform(300, 900))
            )
        history += [Happened(str(number), activity, START + timedelta(days=when)) for activity, when in steps]
    return sorted(history, key=lambda line: line.moment)


def no_signal(*, cases: int = 1500, seed: int = 1) -> list[Happened]:
    """What is left is the same at every point and for every job: nothing in the history tells one from another."""
    rng, history = random.Random(seed), []
    for number in range(cases):
        day = rng.random() * 400
        history.append(Happened(str(number), "received", START + timedelta(days=day)))
        is_ready = False
        while not is_ready:
            day += rng.expovariate(1 / 2)
            is_ready = rng.random() < 0.3
            activity = "ready" if is_ready else f"step {rng.randrange(4)}"
            history.append(Happened(str(number), activity, START + timedelta(days=day)))
    return sorted(history, key=lambda line: line.moment)


def tidied(*, cases: int = 2500, seed: int = 1) -> list[Happened]:
    """A record of what was closed in its last three weeks: jobs of two years, more and more, and all of them closed."""
    rng, history = random.Random(seed), []
    for number in range(cases):
        arrived = 730 * rng.random() ** 0.15
        closed = max(arrived + rng.expovariate(1 / 4), rng.uniform(710, 731))
        steps = sorted(arrived + (closed - arrived) * rng.random() ** 2 for _ in range(rng.randint(1, 6)))
        for activity, day in zip(
            ["queued", *["accepted"] * len(steps), "closed"], [arrived, *steps, closed], strict=True
        ):
            history.append(Happened(str(number), activity, START + timedelta(days=day)))
    return sorted(history, key=lambda line: line.moment)


def cut_short(*, cases: int = 2000, seed: int = 1) -> list[Happened]:
    """A record that stops one day: half of the jobs of its last month look complete at whatever happened last."""
    rng, history = random.Random(seed), []
    for number in range(cases):
        day = rng.random() * 150
        steps = [day, *sorted(day + rng.uniform(0, 30) for _ in range(rng.randint(1, 4)))]
        if rng.random() < 0.6:
            steps.append(day + rng.uniform(29, 31))
        for place, when in enumerate(steps):
            if when < 150:
                history.append(Happened(str(number), f"call {min(place, 3)}", START + timedelta(days=when)))
    return sorted(history, key=lambda line: line.moment)


def _arrival(rng: random.Random, growth: float) -> float:
    share = rng.random()
    return math.log(1 + share * (math.exp(growth) - 1)) / growth if growth else share


def _job(rng: random.Random, kind: Shop, case: str, share: float, moment: datetime):
    sort = rng.randrange(kind.kinds)
    acts = [f"received {sort}", *(f"step {rng.choice((1, 1, 1, 2, 3))}" for _ in range(rng.randint(1, kind.steps)))]
    late = int(share * kind.days) // 90 % 3 == 0
    if rng.random() < kind.parts * (2 if late else 0.3):
        acts.insert(rng.randint(1, len(acts)), "part")
    acts.append("ready")
    scale = kind.minutes * (0.4 + sort) * _trend(kind, share) / len(acts)
    yield Happened(case, acts[0], moment)
    for before, activity in pairwise(acts):
        minutes = rng.lognormvariate(math.log(scale), kind.spread)
        if before == "step 3":
            minutes *= 3
        if before == "part":
            minutes += rng.lognormvariate(math.log(3000), 0.6)
        if rng.random() < kind.tail:
            minutes *= 5 * rng.paretovariate(1.1)
        moment = _work(moment, minutes) if kind.closes else moment + timedelta(minutes=minutes)
        yield Happened(case, activity, moment)


def _trend(kind: Shop, share: float) -> float:
    trend = kind.drift**share * (1 + kind.season * math.sin(2 * math.pi * share * kind.days / 365))
    return trend * kind.jump[1] if kind.jump and share > kind.jump[0] else trend


def _opening(moment: datetime) -> datetime:
    """The same moment, or the next at which the shop opens."""
    while moment.weekday() == SUNDAY or not OPENS <= moment.hour < CLOSES:
        if moment.hour >= CLOSES or moment.weekday() == SUNDAY:
            moment += timedelta(days=1)
        moment = moment.replace(hour=OPENS, minute=0, second=0, microsecond=0)
    return moment


def _work(moment: datetime, minutes: float) -> datetime:
    day = (CLOSES - OPENS) * 60
    moment = _opening(moment)
    while True:
        left = (moment.replace(hour=CLOSES, minute=0, second=0, microsecond=0) - moment).total_seconds() / 60
        if minutes < left:
            return moment + timedelta(minutes=minutes)
        moment = _opening(moment + timedelta(minutes=left))
        minutes -= left
        if minutes > 400 * day:
            return moment + timedelta(minutes=minutes)
