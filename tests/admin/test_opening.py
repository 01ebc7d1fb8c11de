"""Hours, places and closed days: leaders edit them, customers see it at once, and what is booked is told."""

import json
from datetime import date, time, timedelta

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.booking import Slot
from shop.models.event import Event
from shop.models.grid import DEFAULTS
from shop.models.location import Closure
from shop.services import slots
from shop.services.bookings import create_booking
from tests import factories
from tests.bookings import THURSDAY_1030, request

THURSDAY = "2026-11-26"
WEEK = [*["09:00-18:30"] * 6, ""]


@pytest.fixture
def branch(app):
    """The first branch, put back as it was: reference data outlive a test."""
    location = factories.location()
    week, grids, quiet, days = (
        location.week,
        location.grids,
        location.quiet,
        {closure.day for closure in location.closures},
    )
    yield location
    db.session.rollback()
    location = factories.location()
    location.week, location.grids, location.quiet, location.version = week, grids, quiet, 0
    location.closures = [closure for closure in location.closures if closure.day in days]
    location.forget_hours()
    db.session.commit()


@pytest.fixture
def office(manager, browser_of):
    return browser_of(manager)


def week_form(**changes) -> dict:
    return {f"day_{day}": text for day, text in enumerate(WEEK)} | changes


def places_form(**changes) -> dict:
    return {
        "service_type": "in_store", "minutes": "45", "capacity": "1", "lunch": "0", "lunch_from": "12:00",
        "lunch_to": "13:00", **changes,
    }  # fmt: skip


def offered(day: str = THURSDAY) -> list[str]:
    location = factories.location()
    location.forget_hours()
    start = THURSDAY_1030.fromisoformat(f"{day}T00:00:00+00:00")
    found = slots.list_slots(location, "in_store", start=start, end=start + timedelta(days=1))
    return [f"{view.start:%H:%M}" for view in found]


def last_event() -> Event:
    return db.session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()


def test_new_hours_are_offered_at_once_and_told(branch, frozen, office):
    answer = office.post("/admin/opening/hours", data=week_form(day_3="10:00-12:00, 14:00-15:00"))

    event = last_event()
    assert (answer.status_code, offered()) == (303, ["10:00", "10:30", "11:00", "11:30", "14:00", "14:30"])
    assert (event.verb, event.aggregate) == ("location.hours_changed", f"location:{branch.id}")
    assert json.loads(event.body)["changes"]["week"][1][3] == [["10:00", "12:00"], ["14:00", "15:00"]]


@pytest.mark.parametrize(
    "text",
    [
        "9 to 5",
        "18:00-09:00",
        "09:00-12:00, 11:00-13:00",
        "25:00-26:00",
        "1-2,3-4,5-6,7-8",
        "09:00",
        "09:00-18:30+01:00",
    ],
)
def test_hours_that_cannot_be_read_are_refused_with_what_was_typed(branch, frozen, office, text):
    answer = office.post("/admin/opening/hours", data=week_form(day_3=text))

    assert (answer.status_code, text in answer.text, 'aria-invalid="true"' in answer.text) == (422, True, True)
    assert offered()[0] == "09:00"


def test_a_branch_opens_on_one_day_at_least(branch, frozen, office):
    answer = office.post("/admin/opening/hours", data=dict.fromkeys(week_form(), ""))

    assert answer.status_code == 422


def test_the_same_hours_again_are_no_event(branch, frozen, office):
    office.post("/admin/opening/hours", data=week_form())

    assert db.session.scalars(select(Event).where(Event.aggregate == f"location:{branch.id}")).all() == []


def test_new_places_cut_the_day_anew_and_leave_what_is_booked(branch, frozen, office):
    for name in ("Hannah", "Peter", "Ann"):
        asked = request(slot_start=THURSDAY_1030, customer={"name": name})
        create_booking(asked, actor=CUSTOMER, source="wizard")
    db.session.commit()

    answer = office.post("/admin/opening/places", data=places_form(minutes="30", capacity="2"))

    slot = db.session.scalars(select(Slot).where(Slot.starts_at == THURSDAY_1030)).one()
    assert (answer.status_code, slot.taken, slot.capacity) == (303, 3, 3)
    assert json.loads(last_event().body)["capacity"] == 2
    office.post("/admin/opening/places", data=places_form())
    assert offered()[:2] == ["09:00", "09:45"]


def test_places_take_times_as_other_programs_write_them(branch, frozen, office):
    answer = office.post("/admin/opening/places", data=places_form(lunch_from="12:00Z", lunch_to="13:30:59"))

    grid = factories.location().slot_grids["in_store"]
    assert (answer.status_code, f"{grid.lunch_from} {grid.lunch_to}") == (303, "12:00:00 13:30:00")


@pytest.mark.parametrize(
    "changes",
    [
        {"minutes": "7"}, {"minutes": "0"}, {"minutes": "many"}, {"capacity": "100"}, {"capacity": "-1"}, {"lunch": ""},
        {"lunch_from": "noon"}, {"lunch_to": "11:00"}, {"service_type": "postal"}, {"service_type": ""},
    ],
)  # fmt: skip
def test_places_that_cannot_be_are_refused(branch, frozen, office, changes):
    answer = office.post("/admin/opening/places", data=places_form(**changes))

    db.session.rollback()
    assert answer.status_code == 422
    assert factories.location().slot_grids == DEFAULTS


def test_closing_a_day_offers_nothing_and_leads_to_who_is_booked(branch, frozen, office):
    repair = create_booking(request(slot_start=THURSDAY_1030), actor=CUSTOMER, source="wizard")
    db.session.commit()

    answer = office.post("/admin/opening/close", data={"day": THURSDAY, "name": "Stocktaking"})
    page = office.get(answer.headers["Location"]).text

    assert (answer.status_code, offered()) == (303, [])
    assert "1 appointment is on this day" in page
    assert repair.number in page
    assert last_event().verb == "location.closed"


@pytest.mark.parametrize(
    "changes",
    [
        {"day": "soon"},
        {"day": "2026-11-23"},
        {"day": "2040-01-01"},
        {"name": " "},
        {"name": "x" * 81},
        {"day": "2026-12-25"},
    ],
    ids=["no day", "past", "far", "no reason", "long", "closed"],
)
def test_closing_what_cannot_be_closed_is_refused(branch, frozen, office, changes):
    answer = office.post("/admin/opening/close", data={"day": THURSDAY, "name": "Stocktaking", **changes})

    assert answer.status_code == 422


def test_a_closed_day_opens_again_once(branch, frozen, office):
    office.post("/admin/opening/close", data={"day": THURSDAY, "name": "Stocktaking"})

    first = office.post("/admin/opening/reopen", data={"day": THURSDAY})
    second = office.post("/admin/opening/reopen", data={"day": THURSDAY})

    assert (first.status_code, second.status_code, offered()[0]) == (303, 303, "09:00")
    assert last_event().verb == "location.opened"


def test_bank_holidays_that_are_still_open_are_proposed(branch, frozen, office):
    closed = office.get("/admin/opening/?year=2026").text
    db.session.delete(db.session.scalars(select(Closure).where(Closure.day == date(2026, 12, 25))).one())
    db.session.commit()

    proposed = office.get("/admin/opening/?year=2026").text

    assert ("Public holidays that are still open" in closed, "Public holidays that are still open" in proposed) == (
        False, True,
    )  # fmt: skip
    office.post("/admin/opening/close", data={"day": "2026-12-25", "name": "Christmas Day"})


def test_only_leaders_plan(app, browser_of, front_desk):
    assert browser_of(front_desk).get("/admin/opening/").status_code == 404


def test_quiet_hours_are_set_told_and_kept(branch, frozen, office):
    form = {"quiet_from": "18:30", "quiet_until": "09:15"}

    answers = [office.post("/admin/opening/quiet", data=form) for _ in range(2)]

    db.session.expire_all()
    events = list(db.session.scalars(select(Event).where(Event.verb == "location.hours_changed")))
    assert [answer.status_code for answer in answers] == [303, 303]
    assert factories.location().quiet_hours == (time(18, 30), time(9, 15))
    assert [json.loads(event.body) for event in events] == [
        {"changes": {"quiet_hours": ["20:00-08:00", "18:30-09:15"]}}
    ]
    page = office.get("/admin/opening/").text
    assert ('value="18:30"' in page, 'value="09:15"' in page) == (True, True)


def test_branch_without_quiet_hours_is_one_with_two_empty_fields(branch, frozen, office):
    assert office.post("/admin/opening/quiet", data={"quiet_from": " ", "quiet_until": ""}).status_code == 303

    db.session.expire_all()
    assert factories.location().quiet_hours is None


@pytest.mark.parametrize(
    ("begins", "ends", "at"),
    [
        ("20:00", "20:00", "until"),
        ("", "08:00", "from"),
        ("20:00", "", "until"),
        ("late", "08:00", "from"),
        ("25:00", "08:00", "from"),
    ],
)
def test_quiet_hours_that_cannot_be_are_refused_with_what_was_typed(branch, frozen, office, begins, ends, at):
    answer = office.post("/admin/opening/quiet", data={"quiet_from": begins, "quiet_until": ends})

    db.session.expire_all()
    assert (answer.status_code, factories.location().quiet) == (422, "20:00-08:00")
    assert f'value="{ends}"' in answer.text
    assert f'aria-describedby="quiet-{at}-error"' in answer.text


def test_quiet_hours_that_were_not_sent_change_nothing(branch, frozen, office):
    assert office.post("/admin/opening/quiet").status_code == 422

    db.session.expire_all()
    assert factories.location().quiet == "20:00-08:00"


def test_quiet_hours_are_not_the_front_desks(branch, front_desk, browser_of):
    answer = browser_of(front_desk).post("/admin/opening/quiet", data={"quiet_from": "", "quiet_until": ""})

    db.session.expire_all()
    assert (answer.status_code, factories.location().quiet) == (404, "20:00-08:00")
