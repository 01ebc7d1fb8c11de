"""The forecast's arithmetic, and promises on shops whose truth is known."""

import os
import random
import statistics
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.models.backtest import Happened, replay
from shop.models.forecast import (
    FEWEST,
    LEVELS,
    Correction,
    Window,
    curve_of,
    duration_at,
    level_of,
    load_matters,
    nearest_in_load,
    product_limit,
    remaining,
)
from tests import histories

durations = st.lists(st.floats(0, 1e8), min_size=1, max_size=80).map(sorted)
levels = st.floats(-1, 3)
SHORT = ("slower and slower", "parts that come late", "suddenly 2.5 times faster", "few jobs")
# The long form, by `make faults`, has every shop five times.
FULL = os.environ.get("FAULTS") == "full"
FORMS = [(name, seed) for name in histories.SHOPS for seed in range(1, 6)] if FULL else [(name, 2) for name in SHORT]


@given(durations, levels, levels)
def test_later_level_is_never_an_earlier_date(past, one, other):
    curve = curve_of(past)

    low, high = sorted((one, other))
    assert duration_at(curve, low) <= duration_at(curve, high) * (1 + 1e-12)


@given(durations, levels)
def test_promise_is_never_before_now(past, level):
    assert duration_at(curve_of(past), level) >= 0


@given(st.lists(st.floats(1, 1e7), min_size=1, max_size=80).map(sorted), st.floats(0.01, 2))
def test_level_of_undoes_duration_at(past, level):
    curve = curve_of(past)
    duration = duration_at(curve, level)

    assert duration_at(curve, level_of(curve, duration)) == pytest.approx(duration)


def test_curve_of_known_numbers():
    curve = curve_of(range(1, 100))

    assert duration_at(curve, 0.5) == 50
    assert duration_at(curve, 0.9) == 90
    assert duration_at(curve, 1) == 99
    assert len(curve) == len(LEVELS)


def test_remaining_leaves_out_what_was_ready_by_then():
    assert remaining([1, 4, 9], 4) == [5]


def test_product_limit_without_waiting_is_the_quantile():
    ended = [(-1, place / 100, True) for place in range(1, 100)]

    assert product_limit(ended) == pytest.approx([0.5, 0.9])


def test_product_limit_counts_what_waits_still():
    rng = random.Random(3)
    ends = [(rng.random(), rng.uniform(0, 2)) for _ in range(4000)]
    seen = [(-1, min(end, until), end <= until) for end, until in ends]

    naive = sorted(level for _, level, is_ready in seen if is_ready)

    assert product_limit(seen) == pytest.approx([0.5, 0.9], abs=0.03)
    assert naive[int(0.9 * len(naive))] < 0.87


def test_product_limit_counts_only_what_was_open_while_it_looked():
    rng = random.Random(4)
    jobs = [(rng.uniform(0, 0.6), rng.random()) for _ in range(4000)]
    seen = [(begin, end, True) for begin, end in jobs if end > begin]

    assert product_limit(seen) == pytest.approx([0.5, 0.9], abs=0.04)


def test_product_limit_of_nothing_promises_the_longest():
    assert product_limit([]) == [1.0, 1.0]
    assert product_limit([(-1, 0.2, False)] * 5) == [1.0, 1.0]
    assert product_limit([(0.3, 0.3, True)]) == [0.3, 1.0]


def test_correction_rises_with_misses_and_falls_with_hits():
    correction = Correction(0.9)
    assert correction.apply(0.9) == pytest.approx(0.9)

    for _ in range(20):
        correction.settle(False, waiting=0)
    assert correction.apply(0.9) > 0.94

    for _ in range(400):
        correction.settle(True, waiting=0)
    assert correction.apply(0.9) < 0.9


def test_correction_reaches_beyond_the_longest_when_all_miss():
    correction = Correction(0.9)

    for _ in range(400):
        correction.settle(False, waiting=0)

    assert correction.apply(0.9) > 1


def test_window_forgets_the_oldest():
    window = Window(3)

    for duration in (5, 1, 4, 2):
        window.add(duration)

    assert (len(window), window.durations) == (3, [1, 2, 4])


def test_load_is_heeded_only_where_it_matters():
    rng = random.Random(5)
    busy = [(load * rng.uniform(8, 12), load) for load in range(1, 200)]
    by_chance = [(rng.random(), rng.random()) for _ in range(200)]

    assert load_matters(busy)
    assert not load_matters(by_chance)
    assert not load_matters(busy[: FEWEST - 1])
    assert not load_matters([(1, 1)] * 200)
    assert max(nearest_in_load(busy, 1)) < 105 * 12


@pytest.mark.parametrize(("name", "seed"), FORMS)
def test_promises_hold_as_often_as_they_say(name, seed):
    _judge(replay(histories.shop(histories.SHOPS[name], seed=seed)))


def test_promises_hold_where_jobs_wait_for_a_bench():
    _judge(replay(histories.queue(cases=900, busy=0.9)), lowest=0.84)


def test_promises_hold_where_months_lie_between_steps():
    _judge(replay(histories.long_waits(cases=1500)), lowest=0.82)


@pytest.mark.parametrize("seed", range(1, 6) if FULL else (1,))
def test_promises_without_any_signal_cost_no_more_than_naive_ones(seed):
    judged = _judge(replay(histories.no_signal(seed=seed)))

    assert _cost(judged, ours=True) < 1.06 * _cost(judged, ours=False)


@pytest.mark.parametrize("seed", range(1, 6) if FULL else (1,))
def test_record_of_what_was_closed_lately_is_no_sign_of_years_to_come(seed):
    judged = _judge(replay(histories.tidied(seed=seed)), lowest=0.86, median=(0.42, 0.58))

    took = sorted(promise.took for promise in judged)
    assert statistics.median(promise.within[1] for promise in judged) < 1.5 * took[int(0.9 * len(took))]


@pytest.mark.parametrize("seed", range(1, 6) if FULL else (1,))
def test_record_that_is_cut_short_costs_less_than_naive_promises(seed):
    judged = replay(histories.cut_short(seed=seed))
    judged = judged[len(judged) // 2 :]

    assert sum(promise.held(1) for promise in judged) / len(judged) < 0.96
    assert _cost(judged, ours=True) < 0.8 * _cost(judged, ours=False)


def test_nothing_is_known_before_it_happens():
    """A promise made at a moment is the same whatever happens later."""
    history = histories.shop(histories.Shop(cases=250, days=100), seed=4)
    moment = history[len(history) * 2 // 3].moment

    again = [line if line.moment <= moment else _later(line) for line in history]

    made = {(p.case, p.moment): p.within for p in replay(history) if p.moment <= moment}
    made_again = {(p.case, p.moment): p.within for p in replay(again) if p.moment <= moment}
    assert made == made_again
    assert len(made) > 300


def test_replay_of_one_event_cases_promises_nothing():
    assert replay([Happened(str(n), "a", histories.START + timedelta(hours=n)) for n in range(200)]) == []


def test_replay_waits_for_enough_history():
    promises = replay(histories.shop(histories.Shop(cases=200, days=100)))
    first = promises[0].moment

    ended = [p for p in promises if p.moment < first]
    assert ended == []
    assert first > histories.START + timedelta(days=5)
    assert all(0 <= p.within[0] <= p.within[1] for p in promises)


def _later(line: Happened) -> Happened:
    return replace(line, moment=line.moment + timedelta(days=9))


def _judge(promises, *, lowest: float = 0.87, highest: float = 0.93, median: tuple[float, float] = (0.45, 0.55)):
    """The later half, if as many held as were promised."""
    judged = promises[len(promises) // 2 :]
    shares = [sum(promise.held(target) for promise in judged) / len(judged) for target in (0, 1)]
    assert median[0] <= shares[0] <= median[1]
    assert lowest <= shares[1] <= highest
    return judged


def _cost(judged, *, ours: bool) -> float:
    """Pinball loss at 90 %."""
    late = [promise.took - (promise.within[1] if ours else promise.naive) for promise in judged]
    return sum(0.9 * days if days > 0 else -0.1 * days for days in late)
