"""The pace of jobs seen from several sides, and the levels at which promises hold."""

import random

import pytest

from shop.models.life_table import BOUNDS, Watch, place_of
from shop.models.pace import Levels, Pace, Restraint

DAY = 86_400.0


def work_off(pace: Pace, watch: Watch, jobs, *, at: float) -> None:
    """Jobs of (views, duration), an hour apart, each ended before the next begins to be known."""
    for number, (views, took) in enumerate(jobs):
        begin = at + number * 40 * DAY
        watch.pass_time(begin)
        outlook = pace.begin(views, at=begin, is_known=number > 5)
        watch.pass_time(begin + took)
        pace.end([outlook])


def test_view_that_tells_jobs_apart_counts_for_more_than_one_that_does_not():
    rng, watch = random.Random(1), Watch()
    pace = Pace(watch)
    kinds = [rng.randrange(2) for _ in range(400)]
    jobs = [
        (((("kind", kind),), (("coin", rng.randrange(2)),)), (1 + 20 * kind) * DAY * rng.uniform(0.7, 1.3))
        for kind in kinds
    ]

    work_off(pace, watch, jobs, at=0)
    quick, slow = (pace.begin(((("kind", kind),), (("coin", 0),)), at=1e10, is_known=True).shares for kind in (0, 1))

    assert place_of(quick, 0.6) < 2 * DAY
    assert 15 * DAY < place_of(slow, 0.5) < 25 * DAY
    assert pace._weights(2)[0] > 0.95


def test_kind_never_seen_is_what_the_wider_kind_is():
    watch = Watch()
    pace = Pace(watch)
    work_off(pace, watch, [((("wide",),), 5 * DAY)] * 200, at=0)

    outlook = pace.begin((("wide", "new"),), at=1e10, is_known=True)

    assert place_of(outlook.shares, 0.5) == pytest.approx(5 * DAY, rel=0.15)


def test_nothing_is_foreseen_while_too_little_is_known():
    outlook = Pace(Watch()).begin((("any",),), at=0, is_known=False)

    assert (outlook.views, outlook.shares) == ([], [])


def levels_after(took, *, promises: int = 1500) -> list[float]:
    """Levels after promises whose outlook was always the same, even between 0 and 51 days."""
    rng, watch = random.Random(3), Watch()
    levels = Levels(watch)
    shares = [min(bound / (51 * DAY), 1.0) for bound in BOUNDS]
    for number in range(promises):
        begin = number * 60 * DAY
        watch.pass_time(begin)
        run, within = levels.begin(shares, at=begin)
        lasted = took(rng)
        watch.pass_time(begin + lasted)
        levels.pass_time(begin + lasted)
        levels.end(run, has_held=lasted <= within[-1])
    return levels.levels


def test_levels_stay_where_promises_hold():
    assert levels_after(lambda rng: rng.uniform(0, 51 * DAY)) == pytest.approx([0.5, 0.9], abs=0.06)


def test_levels_fall_where_jobs_end_sooner_than_foreseen():
    half, nine = levels_after(lambda rng: rng.uniform(0, 25 * DAY))

    assert half < 0.35
    assert nine < 0.6


def test_levels_rise_where_jobs_end_later_than_foreseen():
    half, nine = levels_after(lambda rng: rng.uniform(25 * DAY, 51 * DAY))

    assert half > 0.65
    assert 0.9 < nine <= 0.95


def test_levels_are_the_targets_before_anything_ended():
    assert Levels(Watch()).levels == pytest.approx([0.5, 0.9])


def test_restraint_takes_back_what_holds_too_often_and_never_adds():
    restraint = Restraint(0.9, waiting=2000)

    for _ in range(500):
        restraint.settle(held=True)
    restrained = restraint.apply()
    for _ in range(500):
        restraint.settle(held=False)

    assert 0.86 < restrained < 0.89
    assert restraint.apply() == pytest.approx(0.9)


def test_promise_is_settled_once_by_its_date_or_its_end():
    watch = Watch()
    levels = Levels(watch)
    shares = [min(bound / (51 * DAY), 1.0) for bound in BOUNDS]
    run, within = levels.begin(shares, at=0)

    levels.pass_time(within[1] + 1)
    levels.end(run, has_held=False)
    levels.pass_time(1e9)

    assert levels._restraint.waiting == 0
