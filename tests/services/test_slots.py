from datetime import UTC, datetime, timedelta, timezone

import pytest
import time_machine
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from shop.extensions import db
from shop.models import grid
from shop.models.booking import Slot
from shop.models.errors import Invalid, SlotFull
from shop.models.location import Closure
from shop.services import locations, slots
from tests import factories
from tests.bookings import THURSDAY_1030, slot_with

THURSDAY = datetime(2026, 11, 26, tzinfo=UTC)
DAY = timedelta(days=1)
EVER = {"start": datetime(1, 1, 1, tzinfo=UTC), "end": datetime(9999, 12, 31, tzinfo=timezone(timedelta(hours=-14)))}


def starts(found) -> list[str]:
    return [view.start.strftime("%a %H:%M") for view in found]


def test_list_slots_cuts_the_opening_hours(app, frozen):
    found = slots.list_slots(factories.location(), "in_store", start=THURSDAY, end=THURSDAY + DAY)

    assert len(found) == 19
    assert (found[0].start.hour, found[-1].start.hour, found[-1].end.minute) == (9, 18, 30)
    assert {view.start.hour for view in found if view.capacity == 2} == {12, 13}
    assert found[0].remaining == 4


def test_list_slots_gives_the_rider_windows_that_end_before_closing(app, frozen):
    found = slots.list_slots(factories.location(), "pickup", start=THURSDAY, end=THURSDAY + DAY)

    assert starts(found) == ["Thu 09:00", "Thu 11:00", "Thu 13:00", "Thu 15:00"]


def test_list_slots_has_none_for_parcels(app, frozen):
    assert slots.list_slots(factories.location(), "postal", start=THURSDAY, end=THURSDAY + DAY) == []


def test_list_slots_leaves_out_sundays_and_holidays(app, frozen, session):
    location = factories.location()
    location.closures.append(Closure(day=THURSDAY.date(), name="Stocktaking"))
    session.flush()

    found = slots.list_slots(location, "in_store", **EVER)

    days = {view.start.date().isoformat() for view in found}
    assert days.isdisjoint({"2026-11-26", "2026-11-29", "2026-12-25", "2026-12-28", "2027-01-01"})
    assert "2026-11-27" in days


def test_list_slots_reaches_from_now_to_sixty_days(app, frozen):
    found = slots.list_slots(factories.location(), "in_store", **EVER)

    assert found[0].start == frozen
    assert found[-1].start == datetime(2027, 1, 23, 9, 30, tzinfo=UTC)


def test_list_slots_keeps_local_opening_time_when_the_clocks_change(app):
    with time_machine.travel(datetime(2026, 10, 23, 12, tzinfo=UTC), tick=False):
        found = slots.list_slots(factories.location(), "in_store", **EVER)

    first = {view.start.date().day: view.start.hour for view in reversed(found) if view.start.month == 10}
    assert (first[24], first[26]) == (8, 9)


def test_list_slots_shows_places_taken_in_two_queries(app, frozen):
    location = factories.location()
    slot_with(2)
    slots.take(location, "in_store", starts_at=THURSDAY_1030)
    assert location.hours
    statements = []
    count = lambda *call: statements.append(call[2])  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", count)

    found = slots.list_slots(location, "in_store", start=THURSDAY, end=THURSDAY + DAY)

    assert {view.start: (view.capacity, view.taken, view.remaining) for view in found}[THURSDAY_1030] == (2, 1, 1)
    event.remove(db.engine, "before_cursor_execute", count)
    assert len(statements) == 2


def test_take_counts_up_to_the_capacity_and_no_further(app, frozen, session):
    location = factories.location()
    slot_with(2)

    first, second = (slots.take(location, "in_store", starts_at=THURSDAY_1030) for _ in range(2))

    assert first is second
    assert second.taken == 2
    with pytest.raises(SlotFull):
        slots.take(location, "in_store", starts_at=THURSDAY_1030)
    assert session.get(Slot, first.id).taken == 2


def test_take_counts_each_service_type_by_itself(app, frozen):
    location, nine = factories.location(), THURSDAY.replace(hour=9)

    rider = slots.take(location, "pickup", starts_at=nine)
    counter = slots.take(location, "in_store", starts_at=nine.astimezone(timezone(timedelta(hours=5, minutes=30))))

    assert (rider.taken, counter.taken) == (1, 1)
    assert (rider.ends_at - rider.starts_at, counter.starts_at) == (timedelta(hours=2), nine)


@pytest.mark.parametrize(
    "starts_at",
    [
        THURSDAY_1030 + timedelta(minutes=1),
        THURSDAY_1030.replace(hour=8),
        THURSDAY_1030.replace(hour=18),
        THURSDAY_1030 + 3 * DAY,
        THURSDAY_1030 - 3 * DAY,
        THURSDAY_1030 + 63 * DAY,
        THURSDAY_1030.replace(tzinfo=None),
        datetime(1900, 1, 1, 10, 30, tzinfo=UTC),
        EVER["start"].replace(tzinfo=timezone(timedelta(hours=14))),
        EVER["end"],
    ],
    ids=["off the grid", "before opening", "at closing", "sunday", "past", "far", "naive", "1900", "0001", "9999"],
)
def test_take_refuses_what_is_no_slot(app, frozen, session, starts_at):
    with pytest.raises(Invalid) as refusal:
        slots.take(factories.location(), "in_store", starts_at=starts_at)

    assert list(refusal.value.fields) == ["slot_start"]
    assert session.query(Slot).count() == 0


def test_take_refuses_a_service_without_slots(app, frozen):
    with pytest.raises(Invalid):
        slots.take(factories.location(), "postal", starts_at=THURSDAY_1030)


def test_a_rollback_gives_the_place_back(app, frozen, session):
    slot_with(1)
    slots.take(factories.location(), "in_store", starts_at=THURSDAY_1030)
    session.rollback()

    again = slots.take(factories.location(), "in_store", starts_at=THURSDAY_1030)

    assert again.taken == 1


def test_release_gives_one_place_back_and_never_more_than_were_taken(app, frozen):
    slot = slots.take(factories.location(), "in_store", starts_at=THURSDAY_1030)

    slots.release(slot)
    slots.release(slot)

    assert slot.taken == 0


@pytest.mark.parametrize(("places", "remaining"), [(None, 0), (1, 3), (9, 0)])
def test_a_block_takes_places_away_at_once(app, frozen, places, remaining):
    factories.block(starts_at=THURSDAY_1030, places=places)

    found = slots.list_slots(factories.location(), "in_store", start=THURSDAY, end=THURSDAY + DAY)

    views = {view.start: view.remaining for view in found}
    assert (views[THURSDAY_1030], views[THURSDAY_1030 + timedelta(minutes=30)]) == (remaining, 4)
    if not remaining:
        with pytest.raises(SlotFull):
            slots.take(factories.location(), "in_store", starts_at=THURSDAY_1030)


def test_a_colleague_who_is_away_leaves_the_rider_alone(app, frozen):
    factories.block(starts_at=THURSDAY.replace(hour=9), minutes=600, places=1)

    found = slots.list_slots(factories.location(), "pickup", start=THURSDAY, end=THURSDAY + DAY)

    assert {view.remaining for view in found} == {3, 2}


def test_a_branch_cuts_its_time_as_it_likes(app, frozen):
    location = factories.location()
    location.grids = grid.dumps({"in_store": grid.Grid(minutes=45, capacity=1, lunch=0)})

    found = slots.list_slots(location, "in_store", start=THURSDAY, end=THURSDAY + DAY)

    assert (starts(found)[:2], found[0].capacity) == (["Thu 09:00", "Thu 09:45"], 1)
    assert grid.loads(location.grids)["pickup"] == grid.DEFAULTS["pickup"]
    db.session.rollback()


@pytest.fixture
def may_lock(app):
    """`may_lock(how)`: whether another connection gets this lock on the first branch at once."""

    def ask(how: str) -> bool:
        with db.engine.connect() as rival:
            try:
                rival.execute(text(f"SELECT id FROM locations ORDER BY id LIMIT 1 {how} NOWAIT"))
            except OperationalError:
                return False
            return True

    return ask


def test_who_changes_the_plan_holds_up_bookings_and_nothing_that_only_names_the_branch(app, database, may_lock):
    if database == "sqlite":
        pytest.skip("SQLite has one writer")
    locations.lock_plan(factories.location().id)
    while_changed = may_lock("FOR SHARE"), may_lock("FOR KEY SHARE")
    db.session.rollback()
    locations.share_plan(factories.location())
    while_booked = may_lock("FOR NO KEY UPDATE"), may_lock("FOR SHARE")
    db.session.rollback()

    # As a foreign key asks for it: a repair that is written while it holds a place must not wait for the plan.
    assert while_changed == (False, True)
    assert while_booked == (False, True)
