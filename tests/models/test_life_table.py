"""Life tables: the pace of what ends, from what has ended and from what has not."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.models.life_table import (
    BOUNDS,
    UNSEEN,
    LifeTable,
    Memory,
    Run,
    Watch,
    likelihood_of,
    place_of,
    pooled,
    shares_of,
)

DAY = 86_400.0
FEW = (1.0, 3.0, 4.0, 9.0, 20.0)
hazards = st.lists(st.floats(0.001, 0.9), min_size=len(FEW), max_size=len(FEW))


def median_by(table: LifeTable, memory: Memory) -> float:
    return place_of(shares_of(table.hazards(UNSEEN, [memory.weight] * len(BOUNDS))), 0.5)


def lived_through(jobs, *, until: float, span: float = 1e6) -> tuple[LifeTable, Memory]:
    """A table that watched (begin, duration) until then."""
    watch, memory = Watch(), Memory(span)
    table = memory.table()
    moments = sorted([(at, 0, at, took) for at, took in jobs] + [(at + took, 1, at, took) for at, took in jobs])
    runs = {}
    for moment, is_end, at, took in moments:
        if moment > until:
            break
        watch.pass_time(moment)
        if is_end:
            memory.tick()
            runs[at, took].end()
        else:
            runs[at, took] = watch.begin(Run(at, BOUNDS, [table], memory))
    return table, memory


def test_table_that_saw_nothing_knows_what_the_wider_one_knows():
    assert Memory(10).table().hazards(UNSEEN, [3.0] * len(BOUNDS)) == pytest.approx(UNSEEN)


def test_table_is_drawn_to_the_wider_one_by_its_credit():
    table = LifeTable(1)
    table.seen, table.ended = [30.0], [15.0]

    assert table.hazards([0.1], [10.0]) == [pytest.approx((15 + 1) / 40)]


def test_jobs_still_open_count_as_far_as_they_have_come():
    rng = random.Random(1)
    jobs = [(rng.uniform(0, 30 * DAY), rng.expovariate(math.log(2) / (20 * DAY))) for _ in range(4000)]

    ended = sorted(took for at, took in jobs if at + took < 30 * DAY)

    assert median_by(*lived_through(jobs, until=30 * DAY)) == pytest.approx(20 * DAY, rel=0.1)
    assert ended[len(ended) // 2] < 9 * DAY


def test_record_without_any_end_says_nothing_about_the_pace():
    """Where a record holds only what was closed lately, the years before its first end are no sign of slowness."""
    rng = random.Random(2)
    old = [(rng.uniform(-900, -100) * DAY, 0) for _ in range(300)]
    jobs = [(at, took - at + 0.0) for at, took in ((at, rng.uniform(0, DAY)) for at, _ in old)]
    jobs += [(rng.uniform(0, 20 * DAY), rng.expovariate(math.log(2) / (2 * DAY))) for _ in range(600)]

    assert median_by(*lived_through(jobs, until=21 * DAY)) < 3 * DAY


def test_old_counts_fade():
    slow = [(number * DAY / 10, 8 * DAY) for number in range(2000)]
    quick = [(250 * DAY + number * DAY / 10, 2 * DAY) for number in range(500)]

    assert median_by(*lived_through(slow + quick, until=310 * DAY, span=100)) == pytest.approx(2 * DAY, rel=0.15)
    assert median_by(*lived_through(slow + quick, until=310 * DAY, span=1e6)) == pytest.approx(8 * DAY, rel=0.15)


def test_memory_never_overflows():
    memory = Memory(1)
    table = memory.table()

    for _ in range(3000):
        memory.tick()
        table.seen[0] += memory.weight
        table.ended[0] += memory.weight / 2

    assert memory.weight < 1e201
    assert table.hazards(UNSEEN, [0.01 * memory.weight] * len(BOUNDS))[0] == pytest.approx(0.5, abs=0.02)


def test_run_that_is_over_is_seen_no_more():
    watch, memory = Watch(), Memory(10)
    table = memory.table()
    memory.tick()
    watch.begin(Run(0, BOUNDS, [table], memory)).end()

    watch.pass_time(1e9)

    assert (sum(table.seen), sum(table.ended)) == (1, 1)


@given(hazards, st.floats(0, 1.2), st.floats(0, 1.2))
def test_higher_level_is_never_an_earlier_place(found, one, other):
    shares = shares_of(found)

    low, high = sorted((one, other))
    assert 0 <= place_of(shares, low, FEW) <= place_of(shares, high, FEW) * (1 + 1e-9) <= FEW[-1] * (1 + 1e-9)


@given(hazards)
def test_likelihoods_of_all_ends_are_the_whole(found):
    ends = [math.exp(likelihood_of(found, cell)) for cell in range(len(found) + 1)]

    assert sum(ends) == pytest.approx(1)


def test_pooled_is_the_weighted_mean_of_the_views():
    assert pooled([[0.2, 0.4], [0.6, 0.0]], [0.75, 0.25]) == pytest.approx([0.3, 0.3])


def test_counts_fade_no_faster_than_a_tenth_of_those_that_wait():
    quick, slow = Memory(10), Memory(10)
    for _ in range(21):
        quick.tick(waiting=100)
        slow.tick(waiting=2_000)

    assert (quick.weight, slow.weight) == pytest.approx((math.exp(20 / 10), math.exp(20 / 200)))
