from datetime import UTC, datetime

import pytest

from shop.services.promises import due_at
from tests import factories

TUESDAY_10 = datetime(2026, 11, 24, 10, tzinfo=UTC)


def due(day: int, clock: str, **changes) -> str:
    """Due of work handed in on a day of November 2026 at a time of day."""
    hour, minute = map(int, clock.split(":"))
    moment = datetime(2026, 11, day, hour, minute, tzinfo=UTC)
    facts = {"urgency": "standard", "minutes_of_work": 60, "service_type": "in_store", "slot_start": moment}
    return due_at(factories.location(), received_at=TUESDAY_10, **{**facts, **changes}).strftime("%a %d %H:%M")


@pytest.mark.parametrize(
    ("urgency", "day", "clock", "expected"),
    [
        ("same_day", 26, "10:30", "Thu 26 18:30"),
        ("same_day", 26, "18:00", "Fri 27 09:30"),
        ("same_day", 29, "12:00", "Mon 30 18:30"),
        ("express", 26, "10:30", "Fri 27 10:30"),
        ("express", 28, "17:00", "Mon 30 17:00"),
        ("standard", 23, "10:30", "Thu 26 10:30"),
        ("standard", 27, "10:30", "Tue 01 10:30"),
    ],
)
def test_due_at_follows_the_table_in_opening_hours(app, urgency, day, clock, expected):
    assert due(day, clock, urgency=urgency) == expected


def test_due_at_leaves_time_for_the_work(app):
    assert due(26, "10:30", urgency="same_day", minutes_of_work=20 * 60) == "Sat 28 11:30"


def test_due_at_counts_from_when_the_device_reaches_us(app):
    assert due(26, "09:00", service_type="pickup", urgency="express") == "Fri 27 11:00"
    assert due(26, "09:00", service_type="postal", urgency="express", slot_start=None) == "Fri 27 10:00"
    assert due(26, "09:00", urgency="express", slot_start=None) == "Wed 25 10:00"
