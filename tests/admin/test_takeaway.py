import csv
import io
import json
import tracemalloc

import pytest
from sqlalchemy import insert, select

from shop.admin.takeaway import label_name
from shop.extensions import db
from shop.models.event import Event
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import queue_export
from shop.services.preferences import save_preferences
from tests import factories


@pytest.fixture
def desk(browser_of, front_desk):
    return browser_of(front_desk)


def rows_of(answer) -> list[list[str]]:
    assert answer.text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def exported(browser, query="", **form) -> list[str]:
    return [row[0] for row in rows_of(browser.post(f"/admin/repairs/export{query}", data=form))[1:]]


def log_of(verb: str) -> list[dict]:
    db.session.expire_all()
    return [json.loads(event.body) for event in db.session.scalars(select(Event).where(Event.verb == verb))]


def test_export_is_the_list_that_is_on_screen(desk, technician, cracked_iphone):
    late = factories.repair(State.IN_REPAIR, assignee_id=technician.id, place="Bench 2", priority=1, tags="VIP")
    factories.repair(State.COLLECTED)

    answer = desk.post("/admin/repairs/export?status=in_repair")

    [head, row] = rows_of(answer)
    cells = dict(zip(head, row, strict=True))
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=repairs-")
    assert (cells["Ticket"], cells["Customer"], cells["Status"]) == (late.number, "Hannah Whitcombe", "In repair")
    assert (cells["Assigned to"], cells["Now at"], cells["Priority"], cells["Tags"]) == (
        "Priya Nair", "Bench 2", "urgent", "VIP",
    )  # fmt: skip
    assert cells["Branch"] == "London"


def test_export_holds_the_columns_that_the_person_shows(desk, front_desk, technician):
    factories.repair(State.IN_REPAIR, assignee_id=technician.id, place="Bench 2", priority=1, tags="VIP")
    save_preferences(actor=front_desk.actor, columns=("ticket", "assignee", "due"))
    db.session.commit()

    [shown, row] = rows_of(desk.post("/admin/repairs/export"))
    [whole, _row] = rows_of(desk.post("/admin/repairs/export", data={"columns": "all"}))

    assert shown == ["Ticket", "Priority", "Device", "Fault", "Customer", "Status", "Assigned to", "Due"]
    assert row[6] == "Priya Nair"
    assert not {"Bench 2", "VIP", "London"} & set(row)
    assert whole == [
        "Ticket", "Branch", "Now at", "Priority", "Tags", "Device", "Fault", "Customer", "Status", "Since",
        "Waiting on", "Assigned to", "Due", "Received", "Updated",
    ]  # fmt: skip


def test_export_of_chosen_tickets_has_the_same_columns(desk, front_desk):
    repair = factories.repair()
    save_preferences(actor=front_desk.actor, columns=("ticket", "tags"))
    db.session.commit()

    [head, row] = rows_of(desk.post("/admin/repairs/export", data={"numbers": repair.number}))

    assert (head[0], row[0]) == ("Ticket", repair.number)
    assert head == ["Ticket", "Priority", "Tags", "Device", "Fault", "Customer", "Status"]


def test_export_of_who_hides_nothing_is_what_the_list_can_show(desk, cracked_iphone):
    [head, _row] = rows_of(desk.post("/admin/repairs/export"))

    assert "Received" not in head
    assert {"Branch", "Now at", "Tags", "Since", "Waiting on", "Updated"} <= set(head)


def test_list_offers_what_is_on_screen_at_once_and_all_columns_beside_them(browser_of, front_desk, technician):
    listed = [browser_of(person).get("/admin/repairs/").text for person in (front_desk, technician)]

    assert ["Export what is on screen as CSV" in page for page in listed] == [True, False]
    assert ['form="export-form" name="columns" value="all"' in page for page in listed] == [True, False]


def test_export_keeps_the_order_and_leaves_nothing_out(desk, monkeypatch):
    monkeypatch.setattr(queue_export, "BATCH", 3)
    numbers = [factories.repair().number for _ in range(8)]

    assert exported(desk, "?view=all") == numbers[::-1]
    assert sorted(exported(desk, "?view=open")) == sorted(numbers)


def test_export_of_chosen_tickets_is_these_and_no_others(desk):
    numbers = [factories.repair().number for _ in range(4)]

    assert exported(desk, numbers=f"{numbers[2]},RT-1,{numbers[0].lower()},'") == [numbers[2], numbers[0]]


def test_export_is_noted_with_who_what_and_how_many(desk, front_desk, cracked_iphone):
    exported(desk, "?q=hannah")

    begun = db.session.scalars(select(Event).where(Event.verb == "staff.export_begun")).one()
    assert (begun.actor, json.loads(begun.detail.body)) == (f"staff:{front_desk.id}", {"filters": {"q": "hannah"}})
    assert "hannah" not in begun.body
    assert log_of("staff.exported") == [{"rows": 1, "whole": True}]


def test_download_that_breaks_off_is_noted_as_such(desk, monkeypatch):
    monkeypatch.setattr(queue_export, "BATCH", 1)
    for _ in range(3):
        factories.repair()

    answer = desk.post("/admin/repairs/export", buffered=False)
    stream = answer.iter_encoded()
    next(stream), next(stream)
    answer.close()

    assert log_of("staff.exported") == [{"rows": 1, "whole": False}]


@pytest.mark.parametrize("cell", ["=1+1", "+44", "-1", "@SUM(A1)", "\t=1", " =1"])
def test_export_runs_no_formula(desk, cell):
    factories.repair(problem=cell, place=cell[:40])

    row = rows_of(desk.post("/admin/repairs/export"))[1]

    assert row[2].startswith("'")
    assert row[6].startswith("'")


@pytest.mark.parametrize("person", ["technician", "read_only"])
def test_export_needs_its_right(request, browser_of, person, cracked_iphone):
    answer = browser_of(request.getfixturevalue(person)).post("/admin/repairs/export")

    assert answer.status_code == 404
    assert log_of("staff.export_begun") == []


def test_export_with_a_filter_that_does_not_exist_holds_nobody(desk, cracked_iphone):
    assert exported(desk, "?status=lost") == []


def test_export_tells_times_by_the_clock_of_the_shop(desk, session, cracked_iphone):
    cracked_iphone.due_at = cracked_iphone.due_at.replace(year=2027, month=7, day=1, hour=9, minute=30)
    session.commit()

    [head, row] = rows_of(desk.post("/admin/repairs/export"))

    assert dict(zip(head, row, strict=True))["Due"] == "2027-07-01 10:30"


def test_export_holds_no_more_of_a_long_list_than_of_a_short_one(app, monkeypatch):
    monkeypatch.setattr(queue_export, "BATCH", 50)
    sample = factories.repair()
    values = {c.name: getattr(sample, c.name) for c in Repair.__table__.c if c.name != "id"}
    values["problem"] = "Dropped on the stairs. " * 100
    peaks = {}

    for amount in (100, 1_000):
        first = sample.id + amount * 10
        rows = [
            {**values, "id": first + n, "number": f"RT-{first + n + 10_000}", "tracking_token": f"t{first + n}",
             "search_text": str(amount)}
            for n in range(amount)
        ]  # fmt: skip
        db.session.execute(insert(Repair), rows)
        db.session.commit()
        peaks[amount] = _peak(amount)

    assert peaks[1_000] < peaks[100] * 1.5


def _peak(amount: int) -> int:
    from datetime import UTC, datetime

    from shop.services import queue

    filters = queue.parse_filters({"q": str(amount), "view": "all"})
    read = list(_drained(filters, datetime.now(UTC)))
    tracemalloc.start()
    for _ in _drained(filters, datetime.now(UTC)):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(read) >= amount
    return peak


def _drained(filters, end):
    for row in queue_export.read_all(filters, me=0, day_ends=end):
        yield row.number


def test_labels_hold_what_the_shelf_needs_and_nothing_private(browser_of, technician, session):
    repair = factories.repair(place="B2", work="Display", label="iPhone 14 Pro")

    page = browser_of(technician).get(f"/admin/repairs/labels?numbers={repair.number},RT-1")

    [label] = page.text.split('<li class="label">')[1:]
    label = label.partition("</li>")[0]
    for fact in (repair.number, "iPhone 14 Pro", "Display", "B2", "Whitcombe H.", "<svg"):
        assert fact in label
    for private in ("Hannah", "7700", "@"):
        assert private not in label
    assert "style=" not in label


def test_labels_of_a_whole_view_are_cut_where_it_is_long(browser_of, technician, monkeypatch):
    monkeypatch.setattr("shop.admin.takeaway.MOST_LABELS", 2)
    for _ in range(3):
        factories.repair()

    page = browser_of(technician).get("/admin/repairs/labels?view=open&all=1").text

    assert page.count('class="label"') == 2
    assert "Only the first 2 are here" in page


def test_labels_of_nothing_say_so(browser_of, technician, app):
    page = browser_of(technician).get("/admin/repairs/labels?numbers=RT-1,'")

    assert (page.status_code, "No label to print" in page.text) == (200, True)


@pytest.mark.parametrize(
    ("name", "said"),
    [("Hannah Whitcombe", "Whitcombe H."), ("Madonna", "Madonna"), ("Ana de Souza", "Souza A."), ("", "")],
)
def test_label_names_people_by_surname_and_initial(name, said):
    assert label_name(name) == said
