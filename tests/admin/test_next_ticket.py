import json
from datetime import UTC, datetime, timedelta

import pytest

from shop.extensions import db
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import skills
from tests import factories
from tests.admin.test_home import foreseen

HTMX = {"HX-Request": "true"}


@pytest.fixture
def expert(app, manager, technician):
    """Priya, an expert of phones."""
    skills.set_skills(technician.id, {"device:smartphone": "expert"}, actor=manager.actor)
    db.session.commit()
    return technician


def holder(repair):
    return db.session.get(Repair, repair.id, populate_existing=True).assignee_id


def test_next_is_shown_with_its_reason_and_not_taken(browser_of, expert, cracked_iphone):
    page = browser_of(expert).get("/admin/next/").text

    assert cracked_iphone.number in page
    assert "you are an expert in this" in page
    assert "1 h of work" in page
    assert holder(cracked_iphone) is None


def test_take_by_htmx_says_which_and_why(browser_of, expert, cracked_iphone):
    answer = browser_of(expert).post("/admin/next/take", headers=HTMX)

    news = json.loads(answer.headers["HX-Trigger"])
    assert answer.status_code == 204
    assert news["taken"] == {"url": f"/admin/next/{cracked_iphone.number}"}
    assert news["acted"] == {"number": cracked_iphone.number}
    assert "you are an expert in this" in news["toast"]["message"]
    assert holder(cracked_iphone) == expert.id


def test_take_is_undone_from_its_toast(browser_of, expert, cracked_iphone):
    browser = browser_of(expert)
    news = json.loads(browser.post("/admin/next/take", headers=HTMX).headers["HX-Trigger"])

    answer = browser.post(news["toast"]["undo"]["url"], headers=HTMX)

    assert answer.status_code == 204
    assert holder(cracked_iphone) is None


def test_take_without_a_script_leads_to_the_ticket(browser_of, expert, cracked_iphone):
    answer = browser_of(expert).post("/admin/next/take")

    assert (answer.status_code, answer.location) == (303, f"/admin/repairs/{cracked_iphone.number}")
    assert holder(cracked_iphone) == expert.id


def test_taken_ticket_offers_to_start(browser_of, expert, cracked_iphone):
    browser = browser_of(expert)
    browser.post("/admin/next/take")

    page = browser.get(f"/admin/next/{cracked_iphone.number}", headers=HTMX).text

    assert f"{cracked_iphone.number} is yours" in page
    assert 'name="target" value="diagnosing"' in page
    assert "Start diagnosis" in page


def test_ticket_that_was_given_away_meanwhile_is_said_to_be(browser_of, expert, manager, cracked_iphone):
    cracked_iphone.assignee_id = manager.id
    db.session.commit()

    page = browser_of(expert).get(f"/admin/next/{cracked_iphone.number}").text

    assert "This ticket is not yours any more: it was given to Maya Lind." in page
    assert "Start diagnosis" not in page


def test_begun_work_is_opened_not_started(browser_of, expert):
    repair = factories.repair(State.QUALITY_CHECK, assignee_id=expert.id)

    page = browser_of(expert).get(f"/admin/next/{repair.number}").text

    assert ("Start diagnosis" in page, "Open the ticket" in page) == (False, True)


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_nothing_to_take_is_good_news(browser_of, expert, headers):
    answer = browser_of(expert).post("/admin/next/take", headers=headers)

    assert answer.status_code == 200
    assert "Nothing waits to be taken." in answer.text


def test_front_desk_has_no_such_place(browser_of, front_desk, cracked_iphone):
    browser = browser_of(front_desk)

    assert browser.get("/admin/next/").status_code == 404
    assert browser.post("/admin/next/take", headers=HTMX).status_code == 404
    assert holder(cracked_iphone) is None


def test_unknown_ticket_is_not_found(browser_of, expert):
    assert browser_of(expert).get("/admin/next/RT-99999").status_code == 404


def test_assign_proposes_and_ticks_whom_it_proposes(frozen, browser_of, manager, expert, cracked_iphone):
    factories.staff("Tom Adeyemi")

    page = browser_of(manager).get(f"/admin/repairs/{cracked_iphone.number}/assign", headers=HTMX).text

    proposed = page.partition("proposed")[0].rpartition("<label")[2]
    assert f'value="{expert.id}" checked data-safe' in proposed
    assert "Phones: expert; " in page
    assert "no skill entered for Smartphone" in page or "no skill entered" in page


def test_assign_says_that_nobody_fits(frozen, browser_of, manager, expert):
    repair = factories.repair(label="MacBook Air 13-inch (M2)")

    page = browser_of(manager).get(f"/admin/repairs/{repair.number}/assign").text

    assert "Nobody fits fully" in page
    assert f'value="{manager.id}" checked data-safe' in page


def test_assign_keeps_whoever_has_it_ticked(browser_of, manager, expert, front_desk):
    repair = factories.repair(assignee_id=front_desk.id)

    page = browser_of(manager).get(f"/admin/repairs/{repair.number}/assign").text

    assert f'value="{front_desk.id}" checked data-safe' in page


def test_what_is_at_risk_is_taken_first_and_says_so(browser_of, expert):
    due = datetime.now(UTC) + timedelta(days=3)
    calm, risky = (factories.repair(due_at=due) for _ in range(2))
    foreseen(risky, likely_at=due + timedelta(days=2))
    browser = browser_of(expert)

    page = browser.get("/admin/next/").text
    browser.post("/admin/next/take")
    taken = browser.get(f"/admin/next/{risky.number}").text

    assert page.index(risky.number) < page.index(calm.number)
    for said in (page, taken):
        assert "at risk (Likely" in said
        assert "2 days late" in said
    assert holder(risky) == expert.id


def test_what_stands_still_says_so(browser_of, expert, cracked_iphone):
    foreseen(cracked_iphone, stalls_at=datetime.now(UTC) - timedelta(hours=1))

    assert "stands still (Nothing since today" in browser_of(expert).get("/admin/next/").text
