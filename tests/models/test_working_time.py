from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from shop.models.working_time import WorkingTime, dump_week, load_week, overlapping, week_minutes

LONDON = ZoneInfo("Europe/London")
DAY = ((time(9), time(12, 30)), (time(13), time(17, 30)))
NIGHT = ((time(22), time(6)),)
OFF = ()


def at(day, hour=0, minute=0):
    return datetime(2026, 11, day, hour, minute, tzinfo=LONDON)


def working(week=(DAY,) * 5 + (OFF, OFF), **facts):
    return WorkingTime(LONDON, week, **facts)


def test_minutes_are_counted_inside_the_shifts():
    hours = working()

    assert hours.minutes(at(23), at(24)) == 480
    assert hours.minutes(at(23, 10), at(23, 13, 30)) == 180
    assert hours.minutes(at(28), at(30)) == 0
    assert hours.minutes(at(24), at(23)) == 0


def test_holiday_of_the_branch_takes_the_day_away():
    assert working(closed=frozenset({date(2026, 11, 24)})).minutes(at(23), at(26)) == 2 * 480


@pytest.mark.parametrize(
    ("away", "minutes"),
    [
        ([(at(23), at(24))], 0),
        ([(at(23, 9), at(23, 10))], 420),
        ([(at(23, 12), at(23, 14))], 480 - 30 - 60),
        ([(at(20), at(23, 9, 30)), (at(23, 17), at(27))], 480 - 30 - 30),
        ([(at(23, 9), at(23, 11)), (at(23, 10), at(23, 12))], 480 - 180),
    ],
)
def test_absences_are_cut_out_also_where_they_overlap(away, minutes):
    assert working(away=tuple(away)).minutes(at(23), at(24)) == minutes


def test_night_shift_belongs_to_the_day_it_begins_and_is_seen_from_the_next():
    hours = working((NIGHT,) + (OFF,) * 6)

    assert list(hours.stretches(at(24), at(24, 4))) == [(at(24), at(24, 4))]
    assert hours.minutes(at(23), at(25)) == 480


def test_night_at_the_end_of_summer_time_is_an_hour_longer_and_at_its_begin_shorter():
    nights = working((NIGHT,) * 7)

    autumn = nights.minutes(datetime(2026, 10, 24, 12, tzinfo=LONDON), datetime(2026, 10, 25, 12, tzinfo=LONDON))
    spring = nights.minutes(datetime(2027, 3, 27, 12, tzinfo=LONDON), datetime(2027, 3, 28, 12, tzinfo=LONDON))

    assert (autumn, spring) == (9 * 60, 7 * 60)


def test_next_stretch_is_the_running_one_or_none_where_nothing_comes():
    hours = working()

    assert hours.next_stretch(at(28, 12)) == (at(30, 9), at(30, 12, 30))
    assert hours.next_stretch(at(23, 10)) == (at(23, 10), at(23, 12, 30))
    assert working((OFF,) * 7).next_stretch(at(23)) is None


def test_stretches_are_told_in_utc():
    first, _ = next(working().stretches(datetime(2026, 7, 6, tzinfo=UTC), datetime(2026, 7, 7, tzinfo=UTC)))

    assert first == datetime(2026, 7, 6, 8, tzinfo=UTC)
    assert first.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("week", "faults"),
    [
        ((DAY,) * 7, []),
        (((*DAY, (time(17), time(18))),) + (OFF,) * 6, [0]),
        ((NIGHT, ((time(5), time(9)),)) + (OFF,) * 5, [1]),
        ((NIGHT, ((time(6), time(9)),)) + (OFF,) * 5, []),
        ((((time(1), time(3)),),) + (OFF,) * 5 + (NIGHT,), [0]),
        ((OFF,) * 7, []),
    ],
)
def test_overlaps_are_found_also_over_midnight_and_sunday(week, faults):
    assert overlapping(week) == faults


def test_week_is_the_same_after_it_was_stored():
    week = (DAY, NIGHT, *(OFF,) * 5)

    assert load_week(dump_week(week)) == week
    assert week_minutes(week) == 480 * 2
