import csv
import io
import json
import re

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.bulk import BulkRun
from shop.models.event import Event
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import bulk, bulk_work
from tests import factories

HTMX = {"HX-Request": "true", "HX-Current-URL": "http://localhost/admin/repairs/"}


@pytest.fixture
def bench(browser_of, technician):
    return browser_of(technician)


@pytest.fixture
def three(app):
    return [factories.repair(), factories.repair(), factories.repair(State.COLLECTED)]


def numbers(repairs) -> str:
    return ",".join(repair.number for repair in repairs)


def preview(browser, chosen, act="status", target="diagnosing", **more):
    data = {"act": act, "target": target, "numbers": numbers(chosen), **more}
    return browser.post("/admin/bulk/new", data=data)


def newest() -> BulkRun:
    db.session.expire_all()
    return db.session.scalars(select(BulkRun).order_by(BulkRun.id.desc())).first()


def stored(chosen, field="status") -> list:
    db.session.expire_all()
    return [getattr(db.session.get(Repair, repair.id), field) for repair in chosen]


def test_change_without_a_script_from_form_to_result(bench, three):
    form = bench.get(f"/admin/bulk/new?act=status&numbers={numbers(three)}")
    looked = preview(bench, three)
    page = bench.get(looked.location)
    run = bench.post(f"{looked.location}/start")
    result = bench.get(run.location)

    assert "3 tickets" in form.text
    assert (looked.status_code, run.status_code) == (303, 303)
    assert "2 will change" in page.text
    assert "there is no such step from Collected" in page.text
    assert three[2].number in page.text
    assert stored(three) == ["diagnosing", "diagnosing", "collected"]
    assert re.findall(r"<td>(Done|Refused)</td>", result.text) == ["Done", "Done", "Refused"]


def test_change_in_the_open_list_is_a_dialog_and_a_toast_with_undo(bench, three):
    data = {"act": "priority", "target": "urgent", "numbers": numbers(three)}
    dialog = bench.post("/admin/bulk/new", data=data, headers=HTMX)
    start = re.search(r'hx-post="(/admin/bulk/\d+/start)"', dialog.text)[1]
    done = bench.post(start, headers=HTMX)
    toast = json.loads(done.headers["HX-Trigger"])["toast"]
    changed = stored(three, "priority")
    undone = bench.post(toast["undo"]["url"], headers=HTMX)

    assert "<dialog" in dialog.text
    assert (done.status_code, toast["message"]) == (204, "3 tickets changed")
    assert changed == [1, 1, 1]
    assert stored(three, "priority") == [3, 3, 3]
    assert json.loads(undone.headers["HX-Trigger"])["toast"]["message"] == "3 tickets are as before"


def test_same_preview_sent_twice_runs_once(bench, three, session):
    preview(bench, three, act="priority", target="high")
    run = newest()

    for _ in range(2):
        assert bench.post(f"/admin/bulk/{run.id}/start").status_code == 303

    assert session.query(Event).filter(Event.verb == "repair.prioritised").count() == 3


def test_all_in_view_needs_no_numbers(bench, three):
    answer = bench.post("/admin/bulk/new", data={"act": "priority", "target": "high", "view": "?status=received"})
    bench.post(f"{answer.location}/start")

    assert stored(three, "priority") == [2, 2, 3]
    assert newest().view == "?status=received"


def test_count_of_a_view(bench, three, monkeypatch):
    assert bench.get("/admin/bulk/count?view=open").json == {"count": 2, "most": 10_000, "more": False}
    monkeypatch.setattr(bulk, "MOST", 1)
    assert bench.get("/admin/bulk/count?view=open").json == {"count": 1, "most": 1, "more": True}
    assert bench.get("/admin/bulk/count?status=lost").json["count"] == 0


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"act": "status", "target": "lost", "numbers": "RT-10001"}, "Choose a status"),
        ({"act": "nothing", "target": "", "numbers": "RT-10001"}, "Choose what is to be done"),
        ({"act": "priority", "target": "high", "numbers": "RT-1"}, "Select at least one"),
        ({"act": "priority", "target": "high", "numbers": "\x00 ' <b>"}, "Select at least one"),
        ({"act": "tag", "target": "", "view": "?view=open"}, "Write a tag"),
        ({"act": "priority", "target": "high", "view": "?status=lost"}, "Select at least one"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_what_cannot_be_previewed_says_what_to_do_and_keeps_nothing(bench, three, data, says, headers):
    answer = bench.post("/admin/bulk/new", data=data, headers=headers)

    assert answer.status_code == 422
    assert says in answer.text
    assert "<b>" not in answer.text.split("<body")[-1].replace("<b>Shop", "") or "&lt;b&gt;" in answer.text
    assert newest() is None


@pytest.mark.parametrize("path", ["", "/progress", "/results.csv"])
def test_unknown_change_is_not_found(bench, app, path):
    assert bench.get(f"/admin/bulk/99{path}").status_code == 404


@pytest.mark.parametrize("act", ["start", "undo"])
def test_change_of_somebody_else_is_not_ones_own_to_run(bench, browser_of, owner, three, act):
    preview(bench, three)

    assert browser_of(owner).post(f"/admin/bulk/{newest().id}/{act}").status_code == 404
    assert stored(three) == ["received", "received", "collected"]


def test_read_only_staff_change_nothing(browser_of, read_only, bench, three):
    preview(bench, three)
    visitor = browser_of(read_only)

    answers = [visitor.get("/admin/bulk/"), visitor.get("/admin/bulk/new"), preview(visitor, three)]

    assert [answer.status_code for answer in answers] == [404, 404, 404]


def test_long_change_is_followed_on_its_page(bench, three, monkeypatch):
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    preview(bench, three, act="priority", target="high")
    run_id = newest().id

    started = bench.post(f"/admin/bulk/{run_id}/start", headers=HTMX)
    waiting = bench.get(f"/admin/bulk/{run_id}/progress", headers=HTMX)
    db.session.rollback()
    bulk_work.work(run_id)
    done = bench.get(f"/admin/bulk/{run_id}/progress", headers=HTMX)

    assert (started.status_code, started.headers["HX-Redirect"]) == (204, f"/admin/bulk/{run_id}")
    assert 'value="0"' in waiting.text
    assert "data-at-work" in waiting.text
    assert "data-at-work" not in done.text
    assert "Undo all of it" in done.text


def test_surprise_is_shown_and_not_only_counted(bench, three, owner, session):
    preview(bench, three)
    three[0].enter(State.CANCELLED, at=three[0].received_at)
    session.commit()

    answer = bench.post(f"/admin/bulk/{newest().id}/start", headers=HTMX)
    page = bench.get(answer.headers["HX-Redirect"])

    assert "A colleague changed it meanwhile: it is Cancelled now" in page.text


def test_results_can_be_taken_away(bench, three):
    preview(bench, three)
    bench.post(f"/admin/bulk/{newest().id}/start")

    answer = bench.get(f"/admin/bulk/{newest().id}/results.csv")

    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows[0] == ["Ticket", "Result", "Why"]
    assert [row[1] for row in rows[1:]] == ["Done", "Done", "Refused"]
    assert rows[3][2] == "There is no such step from Collected"


def test_preview_asks_how_customers_are_told_and_later_needs_a_time(bench, session):
    chosen = [factories.repair(State.QUALITY_CHECK), factories.repair(State.QUALITY_CHECK)]
    page = bench.get(preview(bench, chosen, target="ready").location)
    run_id = newest().id

    refused = bench.post(f"/admin/bulk/{run_id}/start", data={"told": "later", "send_at": "2020-01-01T08:00"})
    bench.post(f"/admin/bulk/{run_id}/start", data={"told": "none"})

    assert "2 customers get an e-mail" in page.text
    assert (refused.status_code, newest().told) == (422, "none")
    assert stored(chosen) == ["ready", "ready"]


def test_list_of_changes_names_who_and_what(bench, three, technician):
    preview(bench, three, act="tag", target="VIP")
    bench.post(f"/admin/bulk/{newest().id}/start")

    page = bench.get("/admin/bulk/")

    assert "Tag 3 tickets VIP" in page.text
    assert technician.name in page.text


def test_running_change_can_be_stopped_by_its_maker_and_by_leaders_only(bench, browser_of, front_desk, manager, three):
    preview(bench, three, act="priority", target="high")
    run = newest()
    bulk.start(run.id, actor=run.staff.actor)
    db.session.commit()

    answers = [browser_of(person).post(f"/admin/bulk/{run.id}/cancel").status_code for person in (front_desk, manager)]

    assert answers == [404, 303]
    assert newest().cancel_asked_at is not None
