from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.errors import Invalid, NotAllowed, NotFound
from shop.models.event import Event
from shop.models.location import Closure, Location
from shop.models.roster import Absence, Roster, Skill
from shop.services import rosters, skills, staff_admin, team
from shop.services.rosters import TypedAbsence
from tests import factories

LONDON = ZoneInfo("Europe/London")
WEEK = ["09:00-17:30", "9-12:30, 13 to 17.30", "0900–1300", "22:00-06:00", "10h-18h", "off", ""]


def events_of(person):
    return [event.verb for event in db.session.scalars(select(Event).where(Event.aggregate == f"staff:{person.id}"))]


@pytest.fixture
def branch(app):
    return team.home_branch()


def holiday(first=date(2026, 12, 24), last=date(2026, 12, 26), **times):
    return TypedAbsence("holiday", first, last, **times)


def test_week_is_kept_as_typed_in_many_ways(app, branch, manager, technician):
    rosters.set_week(technician.id, WEEK, branch=branch, actor=manager.actor)
    db.session.commit()

    row = db.session.scalars(select(Roster)).one()
    member = team.find_member(technician.id)
    assert (row.staff_id, row.location_id) == (technician.id, branch.id)
    assert [rosters.day_words(day) for day in member.week_at(branch)] == [
        "09:00-17:30", "09:00-12:30, 13:00-17:30", "09:00-13:00", "22:00-06:00", "10:00-18:00", "", "",
    ]  # fmt: skip
    assert events_of(technician) == ["staff.roster_changed"]


def test_same_week_again_is_no_event(app, branch, manager, technician):
    for _ in range(2):
        rosters.set_week(technician.id, WEEK, branch=branch, actor=manager.actor)
    db.session.commit()

    assert events_of(technician) == ["staff.roster_changed"]


@pytest.mark.parametrize(
    "text", ["nine to five", "9", "25:00-26:00", "09:70-10:00", "1-2,3-4,5-6,7-8,9-10", "\x00", "9-"]
)
def test_hours_that_cannot_be_read_name_their_day(app, branch, manager, technician, text):
    with pytest.raises(Invalid) as refused:
        rosters.set_week(technician.id, ["", "", text, *[""] * 4], branch=branch, actor=manager.actor)

    assert list(refused.value.fields) == ["day-2"]


def test_overlapping_hours_name_their_day(app, branch, manager, technician):
    with pytest.raises(Invalid) as refused:
        rosters.set_week(technician.id, ["20:00-04:00", "03:00-09:00", *[""] * 5], branch=branch, actor=manager.actor)

    assert list(refused.value.fields) == ["day-1"]


def test_without_a_roster_the_opening_hours_count_and_it_says_so(app, branch, manager, technician):
    rosters.set_week(technician.id, WEEK, branch=branch, actor=manager.actor)
    rosters.remove_week(technician.id, branch=branch, actor=manager.actor)
    rosters.remove_week(technician.id, branch=branch, actor=manager.actor)
    db.session.commit()

    hours = team.find_member(technician.id).time(branch)
    assert (hours.is_assumed, hours.week) == (True, branch.hours.week)
    assert events_of(technician) == ["staff.roster_changed", "staff.roster_removed"]


def test_technicians_do_not_set_hours(app, branch, technician):
    with pytest.raises(NotAllowed):
        rosters.set_week(technician.id, WEEK, branch=branch, actor=technician.actor)
    with pytest.raises(NotAllowed):
        rosters.add_absence(technician.id, holiday(), zone=LONDON, actor=technician.actor)
    with pytest.raises(NotAllowed):
        skills.set_skills(technician.id, {"device:laptop": "expert"}, actor=technician.actor)


def test_absence_covers_whole_days_and_its_reason_is_not_sealed(app, manager, technician):
    row = rosters.add_absence(technician.id, holiday(), zone=LONDON, actor=manager.actor)
    db.session.commit()

    assert (row.starts_at, row.ends_at, row.whole_days) == (
        datetime(2026, 12, 24, tzinfo=UTC), datetime(2026, 12, 27, tzinfo=UTC), True,
    )  # fmt: skip
    event = db.session.scalars(select(Event).where(Event.verb == "staff.absence_added")).one()
    assert "holiday" not in event.body
    assert "holiday" in event.detail.body


def test_absence_of_hours_on_the_day_the_clock_changes(app, manager, technician):
    row = rosters.add_absence(
        technician.id, holiday(date(2026, 10, 25), None, begins=time(0, 30), ends=time(3)), zone=LONDON,
        actor=manager.actor,
    )  # fmt: skip

    assert (row.ends_at - row.starts_at).total_seconds() == 3.5 * 3600


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        (TypedAbsence("party", date(2026, 12, 1), None), "kind"),
        (TypedAbsence("sick", None, None), "first"),
        (holiday(date(2026, 12, 2), date(2026, 12, 1)), "last"),
        (holiday(date(2026, 12, 2), date(2028, 12, 1)), "last"),
        (holiday(date.max, date.max), "first"),
        (holiday(date.min, date.min), "first"),
        (holiday(begins=time(9)), "begins"),
        (holiday(begins=time(9), ends=time(10)), "begins"),
        (holiday(date(2026, 12, 1), None, begins=time(12), ends=time(11)), "begins"),
    ],
)
def test_absence_that_cannot_be_is_refused(app, manager, technician, typed, field):
    with pytest.raises(Invalid) as refused:
        rosters.add_absence(technician.id, typed, zone=LONDON, actor=manager.actor)

    assert field in refused.value.fields


def test_absence_over_another_is_refused_until_that_is_taken_away(app, manager, technician):
    first = rosters.add_absence(technician.id, holiday(), zone=LONDON, actor=manager.actor)
    with pytest.raises(Invalid):
        rosters.add_absence(technician.id, holiday(date(2026, 12, 26), None), zone=LONDON, actor=manager.actor)

    rosters.remove_absence(technician.id, first.id, actor=manager.actor)
    rosters.add_absence(technician.id, holiday(date(2026, 12, 26), None), zone=LONDON, actor=manager.actor)
    db.session.commit()

    assert len(db.session.scalars(select(Absence)).all()) == 1
    with pytest.raises(NotFound):
        rosters.remove_absence(technician.id, first.id, actor=manager.actor)


def test_absence_of_another_person_is_not_found(app, manager, technician, front_desk):
    row = rosters.add_absence(technician.id, holiday(), zone=LONDON, actor=manager.actor)

    with pytest.raises(NotFound):
        rosters.remove_absence(front_desk.id, row.id, actor=manager.actor)


def test_skills_are_set_changed_and_forgotten(app, manager, technician):
    skills.set_skills(technician.id, {"device:laptop": "able", "brand:apple": "expert"}, actor=manager.actor)
    skills.set_skills(technician.id, {"device:laptop": "expert", "brand:apple": ""}, actor=manager.actor)
    skills.set_skills(technician.id, {"device:laptop": "expert", "device:tablet": ""}, actor=manager.actor)
    db.session.commit()

    assert [(row.subject, row.level) for row in db.session.scalars(select(Skill))] == [("device:laptop", "expert")]
    assert events_of(technician) == ["staff.skills_changed"] * 2


@pytest.mark.parametrize(
    "levels", [{"device:laptop": "wizard"}, {"device:toaster": "able"}, {"laptop": "able"}, {"type:x": "able"},
               {"brand:nobody": "able"}]
)  # fmt: skip
def test_skill_that_does_not_exist_is_refused(app, manager, technician, levels):
    with pytest.raises(Invalid):
        skills.set_skills(technician.id, levels, actor=manager.actor)


def test_person_works_at_two_branches_but_at_one_place_at_a_time(app, branch, manager, technician):
    camden = Location(name="RevivaTech Camden", slug="camden")
    db.session.add(camden)
    db.session.flush()
    second = next(one for one in team.list_branches() if one.id == camden.id)
    rosters.set_week(technician.id, ["09:00-13:00", *[""] * 6], branch=branch, actor=manager.actor)
    with pytest.raises(Invalid) as refused:
        rosters.set_week(technician.id, ["12:00-17:00", *[""] * 6], branch=second, actor=manager.actor)
    rosters.set_week(technician.id, ["13:30-17:30", *[""] * 6], branch=second, actor=manager.actor)

    member, monday = team.find_member(technician.id), datetime(2026, 11, 23, tzinfo=UTC)
    assert list(refused.value.fields) == ["day-0"]
    assert member.branches == {branch.id, camden.id}
    assert member.time(branch).minutes(monday, monday + timedelta(days=1)) == 480
    assert member.time_at(second).minutes(monday, monday + timedelta(days=1)) == 240


def test_disabled_person_has_no_hours(app, branch, owner, manager, technician):
    rosters.set_week(technician.id, WEEK, branch=branch, actor=manager.actor)
    staff_admin.disable(technician.id, actor=owner.actor)
    db.session.commit()

    member = team.find_member(technician.id)
    assert (member.takes_repairs, member.works_at_the_bench) == (False, False)
    assert member.time(branch).next_stretch(datetime.now(UTC)) is None


def test_team_takes_four_statements_for_any_number_of_people(app, branch, statements_of, manager, technician):
    few = statements_of(lambda: team.list_team())
    for name in ("Ola Berg", "Tom Adeyemi"):
        factories.staff(name)
    many = statements_of(lambda: team.list_team())

    assert len(few) == len(many) == 5  # and where the log stands


def test_each_branch_closes_for_its_own_people_only(app, branch, manager, technician, front_desk):
    """Camden is closed on a Wednesday, the first branch on a Thursday."""
    camden = Location(name="RevivaTech Camden", slug="camden")
    db.session.add(camden)
    db.session.flush()
    wednesday = date(2027, 2, 3)
    for at, day in ((camden.id, wednesday), (branch.id, wednesday + timedelta(days=1))):
        db.session.add(Closure(location_id=at, day=day, name="Stocktaking"))
    other = team.Branch(camden.id, camden.name, branch.hours)
    rosters.set_week(technician.id, ["9-17", "", "9-13", "9-17", "", "", ""], branch=branch, actor=manager.actor)
    rosters.set_week(technician.id, ["", "", "14-18", "18-20", "9-17", "", ""], branch=other, actor=manager.actor)
    db.session.commit()
    home = team.home_branch()
    camden_branch = next(one for one in team.list_branches() if one.id == camden.id)
    priya, marta = team.find_member(technician.id), team.find_member(front_desk.id)

    def hours_on(time_of, day):
        begins = datetime.combine(day, time(), LONDON)
        return time_of.minutes(begins, begins + timedelta(days=1)) / 60

    thursday, friday = wednesday + timedelta(days=1), wednesday + timedelta(days=2)
    asked = (wednesday, thursday, friday)
    assert [hours_on(priya.time(home), day) for day in asked] == [4, 2, 8]
    assert [hours_on(priya.time(camden_branch), day) for day in asked] == [4, 2, 8]
    assert [hours_on(priya.time_at(home), day) for day in asked] == [4, 0, 0]
    assert [hours_on(priya.time_at(camden_branch), day) for day in asked] == [0, 2, 8]
    assert hours_on(marta.time(home), thursday) == 0  # no roster: the first branch's opening hours
    assert hours_on(marta.time(home), wednesday) > 0
