"""What the calendar reads: bookings, places, blocks, whoever is expected; the same statements for any number."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from shop.admin.calendar_grid import agenda, day_grid, to_be_moved, week_grid
from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.errors import NotFound
from shop.models.location import Closure
from shop.models.workflow import State
from shop.services import appointments, arrivals, calendar, repairs
from shop.services.bookings import create_booking
from shop.services.calendar import Standing
from tests import factories
from tests.bookings import THURSDAY_1030, request, slot_with

THURSDAY = date(2026, 11, 26)
MONDAY = date(2026, 11, 23)
HALF_AN_HOUR = timedelta(minutes=30)


def book(starts_at=THURSDAY_1030, **changes):
    repair = create_booking(request(slot_start=starts_at, **changes), actor=CUSTOMER, source="wizard")
    db.session.commit()
    return repair


def cells_at(grid, label: str) -> list:
    return next(row.cells for row in grid.rows if row.label == label)


def test_week_shows_bookings_at_their_time_with_the_places_that_are_left(app, frozen):
    slot_with(2)
    repair = book()

    stretch = calendar.read_days("", MONDAY, 7)
    grid = week_grid(stretch, list(stretch.entries), now=frozen)

    cell = cells_at(grid, "10:30")[3]
    assert [entry.number for entry in cell.entries] == [repair.number]
    assert (cell.taken, cell.capacity, cell.free["in_store"], cell.state) == (1, 2, 1, "open")
    assert [column.booked for column in grid.columns] == [0, 0, 0, 1, 0, 0, 0]
    assert grid.columns[6].closed == "Closed"


def test_cells_say_why_nothing_can_be_dropped(app, frozen):
    slot_with(1)
    book()
    factories.block(starts_at=THURSDAY_1030 + HALF_AN_HOUR, reason="Stocktaking")
    db.session.commit()

    stretch = calendar.read_days("", MONDAY, 7)
    grid = week_grid(stretch, list(stretch.entries), now=frozen)

    assert cells_at(grid, "10:30")[3].why == "Full"
    assert cells_at(grid, "11:00")[3].why == "Blocked out: Stocktaking"
    assert cells_at(grid, "09:00")[1].why == "This time has passed."
    assert "in_store" not in cells_at(grid, "11:00")[3].free
    assert "pickup" in cells_at(grid, "13:00")[3].free


def test_a_colleague_who_is_away_takes_nothing_in_their_column(app, frozen, technician, front_desk):
    factories.block(starts_at=THURSDAY_1030, places=1, staff_id=technician.id, reason="Dentist")
    db.session.commit()

    stretch = calendar.read_days("", THURSDAY, 1)
    grid = day_grid(stretch, [], now=frozen)

    whys = {column.who: cell.why for column, cell in zip(grid.columns, cells_at(grid, "10:30"), strict=True)}
    assert whys == {None: "", technician.id: "Priya Nair is away: Dentist", front_desk.id: ""}
    assert cells_at(grid, "10:30")[0].free["in_store"] == 3


def test_whoever_would_find_the_door_shut_is_listed(app, frozen, session):
    repair, free = book(), book(THURSDAY_1030 + timedelta(days=1), customer={"name": "Peter Whitcombe"})
    factories.block(starts_at=THURSDAY_1030 - HALF_AN_HOUR, minutes=60)
    session.commit()

    stretch = calendar.read_days("", MONDAY, 7)

    assert [entry.number for entry in to_be_moved(stretch, list(stretch.entries), now=frozen)] == [repair.number]
    assert free.number in {entry.number for entry in stretch.entries}


def test_agenda_names_closed_days(app, frozen, session):
    location = factories.location()
    location.closures.append(Closure(day=THURSDAY, name="Founders’ day"))
    session.flush()

    days = agenda(calendar.read_days("", MONDAY, 7), [])

    session.rollback()
    assert [day.closed for day in days] == ["", "", "", "Closed: Founders’ day", "", "", "Closed"]


@pytest.mark.parametrize(
    ("minutes", "standing"), [(-5, Standing.EXPECTED), (9, Standing.EXPECTED), (11, Standing.LATE)]
)
def test_who_comes_to_the_counter_is_late_after_ten_minutes(app, frozen, minutes, standing):
    book()
    [entry] = calendar.read_days("", THURSDAY, 1).entries

    assert entry.standing(THURSDAY_1030 + timedelta(minutes=minutes)) is standing


def test_the_rider_is_late_when_the_window_has_ended(app, frozen):
    eleven = THURSDAY_1030.replace(hour=11, minute=0)
    book(eleven, service_type="pickup", address="3 Brick Lane", postcode="E1 6PU")
    [entry] = calendar.read_days("", THURSDAY, 1).entries

    assert entry.standing(eleven + timedelta(minutes=119)) is Standing.EXPECTED
    assert entry.standing(eleven + timedelta(minutes=121)) is Standing.LATE


def test_parcels_and_any_time_are_expected_without_a_time(app, frozen, front_desk):
    parcel, whenever = book(None, service_type="postal"), book(None, customer={"name": "Peter Whitcombe"})
    here = book(None, customer={"name": "Ann Whitcombe"})
    repairs.move(repairs.lock_repair(here.number), State.RECEIVED, actor=front_desk.actor)
    db.session.commit()

    stretch = calendar.read_days("", THURSDAY, 1)

    assert {entry.number for entry in stretch.without_time} == {parcel.number, whenever.number}


def test_no_shows_of_a_customer_are_counted_at_their_next_booking(app, frozen, front_desk):
    first = book()
    with time_machine.travel(THURSDAY_1030 + HALF_AN_HOUR, tick=False):
        appointments.miss(repairs.lock_repair(first.number), actor=front_desk.actor)
        db.session.commit()
        book(THURSDAY_1030 + timedelta(days=1))

        [entry] = calendar.read_days("", THURSDAY + timedelta(days=1), 1).entries

    assert (entry.missed_before, calendar.count_misses(first.customer_id)) == (1, 1)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 10, 25), 25), (date(2027, 3, 28), 23), (THURSDAY, 24)])
def test_a_day_is_as_long_as_it_is_when_the_clocks_change(app, day, hours):
    begins, ends = calendar.local_bounds(factories.location().hours, day, 1)

    assert ends - begins == timedelta(hours=hours)


def test_the_hour_that_comes_twice_has_two_rows_in_order(app, session):
    location = factories.location()
    location.week = '[[],[],[],[],[],[],[["00:00","04:00"]]]'
    location.forget_hours()
    session.flush()
    with time_machine.travel(datetime(2026, 10, 20, 12, tzinfo=UTC), tick=False):
        stretch = calendar.read_days("", date(2026, 10, 25), 1)
        grid = week_grid(stretch, [], now=datetime(2026, 10, 20, 12, tzinfo=UTC))

    session.rollback()
    starts = [row.cells[0].at for row in grid.rows]
    assert [row.label for row in grid.rows][2:7] == ["01:00 BST", "01:30 BST", "01:00 GMT", "01:30 GMT", "02:00"]
    assert starts == sorted(starts)
    assert len(starts) == 10


def test_reading_costs_the_same_statements_for_one_and_for_many(app, frozen, statements_of):
    book()
    one = len(statements_of(lambda: calendar._read("", MONDAY, 7, 0)))
    for number in range(3):
        book(customer={"name": f"Guest {number}"})
    db.session.expire_all()

    assert (one, len(statements_of(lambda: calendar._read("", MONDAY, 7, 0)))) == (8, 8)


def test_unknown_branch_is_not_found(app):
    with pytest.raises(NotFound):
        calendar.read_days("atlantis", MONDAY, 7)


def test_arrivals_of_today_stand_by_what_they_need(app, frozen, front_desk):
    numbers = [
        book(THURSDAY_1030 + HALF_AN_HOUR * step, customer={"name": f"Guest {step}"}).number for step in range(4)
    ]
    with time_machine.travel(THURSDAY_1030 + timedelta(minutes=45), tick=False):
        appointments.miss(repairs.lock_repair(numbers[0]), actor=front_desk.actor)
        repairs.move(repairs.lock_repair(numbers[3]), State.RECEIVED, actor=front_desk.actor)
        db.session.commit()

        today = arrivals.today()

    found = [[entry.number for entry in part] for part in (today.missed, today.late, today.expected, today.arrived)]
    assert found == [[numbers[0]], [numbers[1]], [numbers[2]], [numbers[3]]]
    assert [entry.number for entry in today.not_arrived] == [numbers[1], numbers[2], numbers[0]]
