from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from shop.admin.load_words import hours
from shop.extensions import db
from shop.models.event import Event
from shop.models.roster import Absence, Roster, Skill
from shop.models.workflow import State
from tests import factories

HTMX = {"HX-Request": "true"}
WEEK = {f"day-{place}": "09:00-17:30" for place in range(5)}


def verbs():
    return [event.verb for event in db.session.scalars(select(Event).where(Event.aggregate.like("staff:%")))]


@pytest.mark.parametrize(("minutes", "words"), [(0, "0 min"), (1, "5 min"), (8, "10 min"), (61, "1 h")])
def test_a_little_work_is_never_called_none(app, minutes, words):
    with app.test_request_context():
        assert hours(minutes) == words


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_load_says_who_has_how_much_and_links_to_it(browser_of, owner, technician, headers):
    factories.repair(State.IN_REPAIR, assignee_id=technician.id, work_minutes=240)
    factories.repair(State.AWAITING_PARTS, assignee_id=technician.id)
    factories.repair()

    page = browser_of(owner).get("/admin/load/", headers=headers).text

    assert ("<html" in page) is not bool(headers)
    assert (
        f'href="/admin/repairs/?view=open&amp;assignee={technician.id}&amp;waiting=us">1 repair to work on</a>' in page
    )
    assert (
        f'href="/admin/repairs/?view=open&amp;assignee={technician.id}&amp;waiting=part">1 waits for a part</a>' in page
    )
    assert 'href="/admin/repairs/?view=open&amp;assignee=nobody&amp;waiting=us">1 repair to work on</a>' in page
    assert "No roster: the opening hours are taken" in page
    assert "2 h of work" in page


def test_bench_lists_its_tickets(browser_of, front_desk, technician):
    repair = factories.repair(assignee_id=technician.id, work_minutes=90)
    other = factories.repair()

    page = browser_of(front_desk).get(f"/admin/load/{technician.id}").text
    unassigned = browser_of(front_desk).get("/admin/load/unassigned", headers=HTMX).text

    assert (repair.number in page, other.number in page, "1.5 h" in page) == (True, False, True)
    assert (repair.number in unassigned, other.number in unassigned) == (False, True)
    assert browser_of(front_desk).get("/admin/load/99999").status_code == 404


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_productivity_is_for_managers_and_leads_to_its_repairs(browser_of, manager, technician, headers):
    for _ in range(2):
        repair = factories.repair(State.COLLECTED, assignee_id=technician.id)
        repair.received_at = datetime.now(UTC) - timedelta(hours=5)
    factories.repair(State.CANCELLED, assignee_id=technician.id)
    db.session.commit()

    browser = browser_of(manager)
    page = browser.get("/admin/load/finished", headers=headers).text
    listed = browser.get(f"/admin/repairs/?view=handed-over&closed=30d&assignee={technician.id}").text

    assert ("<html" in page) is not bool(headers)
    assert f'view=handed-over&amp;closed=30d&amp;assignee={technician.id}" data-figure="2">2</a>' in page
    assert "5 h</td>" in page
    assert listed.count("data-repair=") == 2
    assert 'hx-get="/admin/load/finished"' in browser.get("/admin/load/").text
    assert browser_of(technician).get("/admin/load/finished").status_code == 404
    assert "/admin/load/finished" not in browser_of(technician).get("/admin/load/").text


def test_manager_sets_a_week(browser_of, manager, technician):
    browser = browser_of(manager)

    answer = browser.post(f"/admin/roster/{technician.id}", data=WEEK)

    assert (answer.status_code, answer.location) == (303, f"/admin/roster/{technician.id}")
    assert db.session.scalars(select(Roster.staff_id)).all() == [technician.id]
    assert verbs() == ["staff.roster_changed"]
    assert "42.5 h" in browser.get("/admin/roster/?week=2026-11-24").text


def test_week_that_cannot_be_read_comes_back_as_typed(browser_of, manager, technician):
    answer = browser_of(manager).post(f"/admin/roster/{technician.id}", data={**WEEK, "day-3": "half past nine"})

    assert answer.status_code == 422
    assert 'value="half past nine"' in answer.text
    assert 'aria-describedby="day-3-error"' in answer.text
    assert db.session.scalars(select(Roster)).all() == []


def test_opening_hours_can_be_used_again(browser_of, manager, technician):
    browser = browser_of(manager)
    browser.post(f"/admin/roster/{technician.id}", data=WEEK)

    browser.post(f"/admin/roster/{technician.id}", data={**WEEK, "own": "branch"})

    assert db.session.scalars(select(Roster)).all() == []


def test_absence_is_entered_and_taken_away(browser_of, manager, technician):
    browser, where = browser_of(manager), f"/admin/roster/{technician.id}/absences"

    browser.post(where, data={"kind": "sick", "first": "2099-12-24"})
    [row] = db.session.scalars(select(Absence)).all()
    shown = browser.get("/admin/roster/").text
    browser.post(f"{where}/{row.id}/remove")

    assert "Sick, Thu 24 Dec" in shown
    assert db.session.scalars(select(Absence)).all() == []
    assert verbs() == ["staff.absence_added", "staff.absence_removed"]


@pytest.mark.parametrize("typed", [{"first": "tomorrow"}, {"first": ""}, {"first": "2026-12-24", "begins": "9"}])
def test_absence_that_cannot_be_read_is_refused(browser_of, manager, technician, typed):
    answer = browser_of(manager).post(f"/admin/roster/{technician.id}/absences", data={"kind": "holiday", **typed})

    assert answer.status_code == 422
    assert "Not saved." in answer.text
    assert db.session.scalars(select(Absence)).all() == []


def test_skills_are_saved_with_one_more(browser_of, manager, technician):
    data = {"skill.device:laptop": "expert", "skill.device:tablet": "", "subject": "type:phone-board", "level": "never"}

    browser_of(manager).post(f"/admin/roster/{technician.id}/skills", data=data)

    found = {row.subject: row.level for row in db.session.scalars(select(Skill))}
    assert found == {"device:laptop": "expert", "type:phone-board": "never"}
    page = browser_of(manager).get(f"/admin/roster/{technician.id}").text
    assert "Main board" in page


def test_skill_that_does_not_exist_is_refused(browser_of, manager, technician):
    answer = browser_of(manager).post(f"/admin/roster/{technician.id}/skills", data={"skill.device:toaster": "able"})

    assert answer.status_code == 422
    assert db.session.scalars(select(Skill)).all() == []


def test_everybody_sees_their_own_hours_and_nobody_else_s(browser_of, technician, read_only):
    db.session.add(Absence(staff_id=technician.id, kind="sick", starts_at=datetime.now(UTC),
                           ends_at=datetime.now(UTC) + timedelta(days=3)))  # fmt: skip
    db.session.commit()

    own, other = (browser_of(person).get("/admin/roster/").text for person in (technician, read_only))

    assert ("Sick" in own, "Sick" in other) == (True, False)
    assert "Priya Nair" not in other.partition("<main")[2]
    assert browser_of(technician).get(f"/admin/roster/{technician.id}").status_code == 404


@pytest.mark.parametrize("week", ["1066-10-14", "9999-12-31", "x", "2026-02-30"])
def test_any_week_can_be_asked_for(browser_of, technician, week):
    assert browser_of(technician).get(f"/admin/roster/?week={week}").status_code == 200


def test_night_shift_is_shown_on_both_its_days(browser_of, manager, technician):
    browser = browser_of(manager)
    browser.post(f"/admin/roster/{technician.id}", data={"day-5": "22:00-06:00"})

    page = browser.get(f"/admin/roster/?week={date(2026, 10, 21)}").text

    # The night of 25 October 2026 is an hour longer.
    assert "22:00–00:00" in page
    assert "00:00–06:00" in page
    assert ">9 h</td>" in page
