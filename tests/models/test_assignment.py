import random
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from shop.models.assignment import Candidate, Obstacle, Task, rank, score
from shop.models.skills import Fit, Level

LONDON = ZoneInfo("Europe/London")
THURSDAY = datetime(2026, 11, 26, 15, tzinfo=LONDON)
TASK = Task(120, THURSDAY)
LEVELS = [Level.NEVER, None, Level.LEARNING, Level.ABLE, Level.EXPERT]


def person(name="Priya", level=Level.ABLE, *, hours=960, free=480, bench=240, **facts):
    return Candidate(
        facts.pop("id", 1), name, Fit(level, "device:smartphone"), hours=hours, free=free, bench=bench, **facts
    )


def names(proposals):
    return [one.candidate.name for one in proposals]


def test_expert_with_time_comes_first():
    proposals = rank([person("Tom", Level.LEARNING, free=900), person("Ola"), person("Priya", Level.EXPERT)], TASK)

    assert names(proposals) == ["Priya", "Ola", "Tom"]
    assert [one.obstacle for one in proposals] == [None, None, Obstacle.SKILL]


@pytest.mark.parametrize(
    ("facts", "obstacle"),
    [
        ({"level": Level.NEVER, "free": 0}, Obstacle.NEVER),
        ({"level": Level.LEARNING, "free": 0}, Obstacle.SKILL),
        ({"level": None}, Obstacle.SKILL),
        ({"hours": 0, "free": 0}, Obstacle.ABSENT),
        ({"free": 119}, Obstacle.FULL),
        ({"free": 120}, None),
    ],
)
def test_first_thing_that_speaks_against_somebody_is_named(facts, obstacle):
    [proposal] = rank([person(**facts)], TASK)

    assert proposal.obstacle == obstacle
    assert proposal.is_suitable is (obstacle is None)


def test_whoever_suits_comes_before_any_other_score():
    busy_expert = person("Priya", Level.EXPERT, free=110)
    idle_able = person("Ola", Level.ABLE, free=130, bench=4000)

    assert score(busy_expert, TASK) > score(idle_able, TASK)
    assert names(rank([busy_expert, idle_able], TASK)) == ["Ola", "Priya"]


def test_who_never_does_it_comes_last():
    assert names(rank([person("Tom", Level.NEVER, free=2000), person("Ola", None, hours=0, free=-500)], TASK)) == [
        "Ola", "Tom",
    ]  # fmt: skip


def test_where_no_skill_was_ever_entered_only_time_is_weighed():
    proposals = rank([person("Ola", None, free=60), person("Tom", None, free=300)], TASK, skills_known=False)

    assert names(proposals) == ["Tom", "Ola"]
    assert proposals[0].is_suitable


def test_order_does_not_depend_on_the_order_of_asking():
    people = [person(f"P{key}", random.Random(key).choice(LEVELS), id=key, free=key % 4 * 100) for key in range(12)]
    expected = rank(people, TASK)

    for seed in range(5):
        shuffled = random.Random(seed).sample(people, len(people))
        assert rank(shuffled, TASK) == expected


def test_equals_go_by_bench_then_name():
    twins = [person("Zoe", id=1), person("Ann", id=2), person("Mia", id=3, bench=239)]

    assert names(rank(twins, TASK)) == ["Mia", "Ann", "Zoe"]


def random_person(rng):
    hours = rng.randrange(0, 3000, 15)
    return person(level=rng.choice(LEVELS), hours=hours, free=hours - rng.randrange(0, 3000, 15),
                  bench=rng.randrange(0, 5000))  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_more_load_never_raises_a_score_and_a_better_skill_never_lowers_it(seed):
    rng = random.Random(seed)
    one, more = random_person(rng), rng.randrange(1, 2000)
    task = Task(rng.randrange(1, 600), THURSDAY)
    before = score(one, task)

    assert score(replace(one, free=one.free - more), task) <= before
    assert score(replace(one, bench=one.bench + more), task) <= before
    assert score(one, replace(task, minutes=task.minutes + more)) <= before
    better = LEVELS[min(LEVELS.index(one.fit.level) + 1, 4)]
    assert score(replace(one, fit=Fit(better, "")), task) >= before
    assert 0 <= before <= 100


def test_score_falls_gently_as_time_runs_short():
    scores = [score(person(free=free), TASK) for free in range(700, -300, -10)]

    assert scores == sorted(scores, reverse=True)
    assert max(a - b for a, b in pairwise(scores)) <= 3
