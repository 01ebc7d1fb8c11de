"""Clock times in the hour that comes twice: both 01:30 of 25 October 2026 can be told apart wherever they are shown."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from shop import filters
from shop.admin.load_words import short_moment
from shop.extensions import db
from shop.models.workflow import State
from shop.services import risk
from shop.services.clock import zone_mark
from tests import factories

FIRST, SECOND = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
DAY_BEFORE = datetime(2026, 10, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize("write", [filters.local_datetime, filters.local_time, filters.label_time, filters.due_words,
                                   short_moment, lambda at: risk.when_words(at, DAY_BEFORE)])  # fmt: skip
def test_each_way_to_write_a_time_tells_the_two_apart(app, write):
    with app.test_request_context(), time_machine.travel(DAY_BEFORE, tick=False):
        texts = [write(moment) for moment in (FIRST, SECOND)]

    assert [text[-9:] for text in texts] == ["01:30 BST", "01:30 GMT"]


@pytest.mark.parametrize(
    ("moment", "mark"),
    [
        (FIRST - timedelta(minutes=31), ""), (FIRST - timedelta(minutes=30), " BST"),
        (SECOND + timedelta(minutes=29), " GMT"), (SECOND + timedelta(minutes=30), ""),
        (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), ""), (datetime(2026, 11, 24, 1, 30, tzinfo=UTC), ""),
    ],
)  # fmt: skip
def test_only_the_hour_that_comes_twice_is_marked(app, moment, mark):
    assert zone_mark(moment, ZoneInfo("Europe/London")) == mark


def test_half_an_hour_that_comes_twice_is_marked_too(app):
    """Lord Howe Island puts its clocks back by thirty minutes."""
    zone = ZoneInfo("Australia/Lord_Howe")
    again = datetime(2026, 4, 4, 15, 10, tzinfo=UTC)

    assert [zone_mark(again + timedelta(minutes=minutes), zone) for minutes in (-41, -40, 10, 20)] == [
        "", " +11", " +1030", "",
    ]  # fmt: skip


@pytest.mark.parametrize(("due", "words"), [(FIRST, "01:30 BST"), (SECOND, "01:30 GMT")])
def test_console_and_tracking_page_say_which_of_the_two_is_meant(app, browser_of, stranger, owner, due, words):
    with time_machine.travel(DAY_BEFORE, tick=False):
        repair = factories.repair(State.IN_REPAIR, due_at=due)
        db.session.commit()
        browser = browser_of(owner)
        pages = [browser.get(url).text for url in (f"/admin/repairs/{repair.number}", "/admin/repairs/",
                                                   "/admin/repairs/board")]  # fmt: skip
        pages.append(stranger.get(f"/track/{repair.tracking_token}").text)

    for page in pages:
        assert words in page
        assert not re.search(r"01:30(?! BST| GMT)", page)
