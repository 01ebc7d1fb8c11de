from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from shop.models.next_ticket import Reason, Waiting, order
from shop.models.skills import Fit, Level
from shop.models.workflow import State
from shop.models.working_time import WorkingTime

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 24, 9, tzinfo=LONDON)
HOURS = WorkingTime(LONDON, (((time(9), time(17)),),) * 5 + ((), ()))
PLAIN = Waiting(1, "RT-1", "iPhone", "Dead", State.RECEIVED, 3, NOW + timedelta(days=2), 60, Fit(None, ""))


def ordered(*tickets):
    return [choice.ticket.id for choice in order(tickets, HOURS, now=NOW)]


def ticket(key, **facts):
    level = facts.pop("level", None)
    return replace(PLAIN, id=key, number=f"RT-{key}", fit=Fit(level, ""), **facts)


def test_late_ones_come_first_then_what_must_begin_then_by_spare_time():
    late = ticket(1, due_at=NOW - timedelta(hours=1))
    tight = ticket(2, due_at=NOW + timedelta(hours=2), minutes=120)
    soon = ticket(3, due_at=NOW + timedelta(hours=6))
    later = ticket(4, due_at=NOW + timedelta(days=6))

    assert ordered(later, soon, tight, late) == [1, 2, 3, 4]


def test_night_is_no_time_to_work_in():
    """Due at nine tomorrow, and eight hours of work: it must begin now."""
    [choice] = order([ticket(1, due_at=NOW + timedelta(days=1), minutes=480)], HOURS, now=NOW)

    assert (choice.spare, choice.reasons) == (0, (Reason.MUST_BEGIN,))


def test_skill_decides_between_equals_and_never_is_never_given():
    tickets = [ticket(key, level=level) for key, level in enumerate(
        [Level.LEARNING, Level.EXPERT, Level.NEVER, Level.ABLE, None])]  # fmt: skip

    assert ordered(*tickets) == [1, 3, 4, 0]


def test_urgent_and_begun_work_goes_before_plain():
    assert ordered(ticket(1), ticket(2, priority=1), ticket(3, status=State.QUALITY_CHECK)) == [2, 3, 1]


def test_equals_go_by_due_and_number_however_they_are_asked():
    tickets = [ticket(key) for key in (5, 3, 4)]

    assert ordered(*tickets) == ordered(*reversed(tickets)) == [3, 4, 5]


@pytest.mark.parametrize("hours", range(0, 100, 7))
def test_less_time_never_lowers_the_points(hours):
    points = [
        order([ticket(1, due_at=NOW + timedelta(hours=left))], HOURS, now=NOW)[0].score for left in (hours, hours + 5)
    ]

    assert points[0] >= points[1]


def test_reasons_are_all_told():
    asked = ticket(1, due_at=NOW - timedelta(hours=3), priority=1, status=State.WARRANTY_RETURN, level=Level.EXPERT)

    assert order([asked], HOURS, now=NOW)[0].reasons == (
        Reason.LATE, Reason.PRIORITY, Reason.RETURNED, Reason.EXPERT,
    )  # fmt: skip


def test_nobody_waiting_is_an_empty_list():
    assert order([], HOURS, now=NOW) == []
