from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from shop.models.workflow import OPEN, Party, State
from shop.models.working_time import WorkingTime
from shop.models.workload import LEFT, UNKNOWN_MINUTES, Bench, Pile, days_ahead, minutes_left, stand_at_end, strain

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 24, 9, tzinfo=LONDON)  # Tuesday
FULL = WorkingTime(LONDON, (((time(9), time(17)),),) * 5 + ((), ()))
HALF = WorkingTime(LONDON, (((time(9), time(13)),),) * 5 + ((), ()))
DAYS = days_ahead(NOW, LONDON)


def bench(*due):
    """Minutes due: late, today, tomorrow …"""
    return Bench({Party.US: Pile(len(due), sum(due))}, tuple(due))


def test_every_open_state_has_its_rule():
    assert set(LEFT) == set(OPEN)


@pytest.mark.parametrize(
    ("state", "planned", "left"),
    [
        (State.RECEIVED, 120, 120), (State.IN_REPAIR, 120, 60), (State.QUALITY_CHECK, 120, 12), (State.READY, 120, 0),
        (State.RECEIVED, None, UNKNOWN_MINUTES), (State.COLLECTED, 120, 0),
    ],
)  # fmt: skip
def test_work_left_follows_the_state(state, planned, left):
    assert minutes_left(state, planned) == left


def test_work_left_never_grows_on_the_way_to_the_customer():
    road = [State.RECEIVED, State.DIAGNOSING, State.AWAITING_PARTS, State.IN_REPAIR, State.QUALITY_CHECK, State.READY]

    left = [minutes_left(state, 240) for state in road]

    assert left == sorted(left, reverse=True)


@pytest.mark.parametrize(
    ("day", "ends"),
    [(23, [24, 25, 26, 27, 28, 29, 30]), (27, [28, 29, 30]), (28, [29, 30, 1, 2, 3, 4, 5, 6, 7])],
)
def test_week_ends_on_sunday_and_the_week_end_looks_at_the_next(day, ends):
    days = days_ahead(datetime(2026, 11, day, 18, tzinfo=LONDON), LONDON)

    assert [moment.day for moment in days] == ends
    assert {moment.hour for moment in days} == {0}


def test_days_end_at_midnight_by_the_clock_when_summer_time_ends():
    days = days_ahead(datetime(2026, 10, 24, 9, tzinfo=LONDON), LONDON)

    assert days[1] - days[0] == timedelta(days=1)  # by the clock: 25 hours by the sun
    assert days[1].timestamp() - days[0].timestamp() == 25 * 3600


def test_strain_is_the_day_by_which_most_is_too_much():
    stand = strain(bench(0, 60, 0, 1500, 0, 0, 0), FULL, now=NOW, days=DAYS)

    assert (stand.until.day, stand.work, stand.hours, stand.excess) == (27, 1560, 1440, 120)


def test_where_all_fits_the_week_is_told():
    calm = strain(bench(0, 60, 60, 0), FULL, now=NOW, days=DAYS)

    assert calm == stand_at_end(bench(0, 60, 60, 0), FULL, now=NOW, days=DAYS)
    assert (calm.until.day, calm.excess) == (30, 120 - 4 * 480)


def test_late_work_counts_for_every_day():
    assert strain(bench(300, 300, 0), FULL, now=NOW, days=DAYS).excess == 600 - 480


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("more", [1, 60, 1000])
def test_more_work_or_fewer_hours_never_ease_the_strain(place, more):
    due = [30, 400, 100, 700, 90]
    heavier = [minutes + more * (at == place) for at, minutes in enumerate(due)]

    before = strain(bench(*due), FULL, now=NOW, days=DAYS).excess

    assert strain(bench(*heavier), FULL, now=NOW, days=DAYS).excess >= before
    assert strain(bench(*due), HALF, now=NOW, days=DAYS).excess >= before


def test_what_waits_for_others_is_no_work_now():
    waiting = Bench({Party.PART: Pile(3, 900)}, (0, 0, 0))

    assert strain(waiting, FULL, now=NOW, days=DAYS).work == 0
    assert (waiting.now.jobs, waiting.jobs) == (0, 3)
