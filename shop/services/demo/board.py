"""Today's board: which of the newest repairs are still open, in which state, and when they are promised."""

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shop.models.workflow import State
from shop.services.demo.hours import OpenTime
from shop.services.demo.story import OPEN_SHARES

# Of a hundred open repairs: how many are late, at risk, and due later today or on the next opening days.
_LATE, _AT_RISK, _TODAY, _NEXT_DAY = 10, 8, 22, 28
_HALF_A_DAY = 285
_CLOSES = 18.5


def choose_open(
    newest: int, count: int, *, now: datetime, zone: ZoneInfo, time: OpenTime, rng: random.Random
) -> dict[int, tuple[State, datetime]]:
    """State and due moment of `count` open repairs, by their place among the `newest`, oldest first.

    The longer ago a repair came in, the further on and the sooner due it is, more or less.
    """
    # Of two that came in, the later one is more likely to be here still.
    places = sorted(range(newest), key=lambda place: rng.random() * (1 + 2 * place / newest))[newest - count :]
    states = _shares(count)
    dues = sorted(_due(rng, now=now, zone=zone, time=time) for _ in range(count))
    return dict(
        zip(sorted(places), zip(_shaken(states, rng, by=0.5), _shaken(dues, rng, by=0.15), strict=True), strict=True)
    )


def _shares(count: int) -> list[State]:
    """`count` states in their shares; rounding goes to the newest."""
    total, states = sum(OPEN_SHARES.values()), []
    for state, share in OPEN_SHARES.items():
        states += [state] * round(count * share / total)
    return (states + [State.RECEIVED] * count)[:count]


def _shaken(values: list, rng: random.Random, *, by: float) -> list:
    """Nearly in order: each moves by up to `by` of the length."""
    keys = {place: place / len(values) + rng.uniform(-by, by) for place in range(len(values))}
    return [values[place] for place in sorted(keys, key=keys.__getitem__)]


def _due(rng: random.Random, *, now: datetime, zone: ZoneInfo, time: OpenTime) -> datetime:
    roll = rng.uniform(0, 100)
    if roll < _LATE:
        return _on_the_quarter(time.at(max(time.minute_of(now) - rng.uniform(20, 3 * _HALF_A_DAY), 0)))
    if roll < _LATE + _AT_RISK:
        return now + timedelta(minutes=rng.uniform(15, 115))
    if roll < _LATE + _AT_RISK + _TODAY:
        return _today(rng, now=now, zone=zone)
    begin = time.minute_of(now)
    next_day = time.starts[time.index_of(begin) + 1]
    if roll < _LATE + _AT_RISK + _TODAY + _NEXT_DAY:
        return _on_the_quarter(time.at(next_day + rng.uniform(60, 2 * _HALF_A_DAY - 20)))
    return _on_the_quarter(time.at(next_day + rng.uniform(2, 7) * _HALF_A_DAY))


def _today(rng: random.Random, *, now: datetime, zone: ZoneInfo) -> datetime:
    """Later today, by closing time where that is still ahead."""
    local = now.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    closing, end = midnight + timedelta(hours=_CLOSES), midnight + timedelta(hours=23, minutes=59)
    latest = closing if closing > local + timedelta(hours=2) else end
    return _on_the_quarter(now + (latest.astimezone(now.tzinfo) - now) * rng.uniform(0.3, 1))


def _on_the_quarter(moment: datetime) -> datetime:
    """People promise a quarter of an hour, not a second."""
    return moment - timedelta(minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond)
