import json

import pytest

from shop.models.event import Event
from shop.models.location import Location
from shop.models.repair import Repair
from shop.services import audit_log, relay
from tests import factories

HTMX = {"HX-Request": "true"}


@pytest.fixture
def bench(browser_of, technician):
    return browser_of(technician)


@pytest.fixture
def camden(session):
    branch = Location(name="RevivaTech Camden", slug="camden")
    session.add(branch)
    session.commit()
    return branch


@pytest.mark.parametrize(
    ("path", "data", "field", "stored"),
    [
        ("priority", {"priority": "urgent"}, "priority", 1),
        ("tags", {"tag": "Liquid damage"}, "tags", "Liquid damage"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_ticket_is_sorted(bench, session, cracked_iphone, path, data, field, stored, headers):
    where = f"/admin/repairs/{cracked_iphone.number}"

    answer = bench.post(f"{where}/{path}", data=data, headers=headers)

    session.expire_all()
    assert getattr(session.get(Repair, cracked_iphone.id), field) == stored
    if headers:
        assert answer.status_code == 204
        assert json.loads(answer.headers["HX-Trigger"])["acted"] == {"number": cracked_iphone.number}
    else:
        assert (answer.status_code, answer.location) == (303, where)


@pytest.mark.parametrize(
    ("path", "data", "field"),
    [("priority", {"priority": "urgent"}, "priority"), ("tags", {"tag": "Liquid damage"}, "tags"),
     ("branch", {}, "location_id")],
)  # fmt: skip
def test_what_was_sorted_can_be_taken_back_by_the_toast(bench, session, cracked_iphone, camden, path, data, field):
    before = getattr(cracked_iphone, field)
    sent = data or {"branch": str(camden.id)}

    answer = bench.post(f"/admin/repairs/{cracked_iphone.number}/{path}", data=sent, headers=HTMX)
    session.expire_all()
    sorted_as = getattr(session.get(Repair, cracked_iphone.id), field)
    undone = bench.post(json.loads(answer.headers["HX-Trigger"])["toast"]["undo"]["url"], headers=HTMX)

    session.expire_all()
    assert sorted_as != before
    assert (undone.status_code, getattr(session.get(Repair, cracked_iphone.id), field)) == (204, before)


def test_the_same_priority_again_offers_nothing_to_take_back(bench, cracked_iphone):
    where = f"/admin/repairs/{cracked_iphone.number}/priority"
    bench.post(where, data={"priority": "urgent"}, headers=HTMX)

    again = bench.post(where, data={"priority": "urgent"}, headers=HTMX)

    assert "undo" not in json.loads(again.headers["HX-Trigger"])["toast"]


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("priority", {"priority": "whenever"}),
        ("priority", {}),
        ("branch", {"branch": "987"}),
        ("branch", {"branch": "-1"}),
        ("branch", {"branch": "9" * 20}),
        ("tags", {"tag": " "}),
        ("tags", {"tag": "x" * 50}),
    ],
)
def test_what_cannot_be_used_is_said_and_changes_nothing(bench, session, cracked_iphone, path, data):
    before = session.query(Event).count()

    answer = bench.post(f"/admin/repairs/{cracked_iphone.number}/{path}", data=data)

    assert answer.status_code == 422
    assert data.get("tag", "").strip() in answer.text
    assert session.query(Event).count() == before


@pytest.mark.parametrize("path", ["priority", "branch", "tags"])
def test_dialogs_are_pages_too_and_of_known_tickets_only(bench, cracked_iphone, path):
    assert "<!doctype html>" in bench.get(f"/admin/repairs/{cracked_iphone.number}/{path}").text
    assert "<dialog" in bench.get(f"/admin/repairs/{cracked_iphone.number}/{path}", headers=HTMX).text
    assert [call(f"/admin/repairs/RT-1/{path}").status_code for call in (bench.get, bench.post)] == [404, 404]


@pytest.mark.parametrize("path", ["priority", "branch", "tags"])
def test_read_only_staff_sort_nothing(browser_of, read_only, cracked_iphone, path):
    assert browser_of(read_only).post(f"/admin/repairs/{cracked_iphone.number}/{path}").status_code == 404


def test_ticket_tells_where_it_went_and_by_which_tags(bench, session, cracked_iphone, camden):
    where = f"/admin/repairs/{cracked_iphone.number}"
    bench.post(f"{where}/branch", data={"branch": camden.id})
    bench.post(f"{where}/tags", data={"tag": "Liquid damage"})
    bench.post(f"{where}/tags", data={"off": "liquid-damage"})
    bench.post(f"{where}/priority", data={"priority": "high"})

    page = bench.get(where).text

    for words in (
        "Handed over to Camden",
        "Tagged Liquid damage",
        "Tag Liquid damage taken off",
        "Priority set to high",
    ):
        assert words in page
    assert session.get(Repair, cracked_iphone.id).location_id == camden.id


def test_audit_log_names_branch_priority_and_tag(bench, session, cracked_iphone, camden):
    where = f"/admin/repairs/{cracked_iphone.number}"
    for path, data in (("branch", {"branch": camden.id}), ("priority", {"priority": "high"}), ("tags", {"tag": "VIP"})):
        bench.post(f"{where}/{path}", data=data)
    relay.relay_batch()
    session.commit()

    entries = audit_log.read_log(audit_log.Filters(verb="repair"), zone="Europe/London").items

    assert [entry.sentence for entry in entries][:3] == [
        "Tagged",
        "Set the priority to high",
        "Handed to the branch RevivaTech Camden",
    ]
    assert "VIP" in [change.after for change in entries[0].changes]


def test_row_says_priority_branch_and_tags_only_where_they_say_something(bench, session, camden):
    factories.repair()
    plain = bench.get("/admin/repairs/").text
    factories.repair(priority=1, location_id=camden.id, place="Shelf B1", tags="VIP")
    marked = bench.get("/admin/repairs/").text

    for words in ("<em>Urgent</em>", "Camden, Shelf B1", "<i>VIP</i>"):
        assert words in marked
        assert words not in plain


def test_lists_are_filtered_by_priority_branch_and_tag(bench, session, cracked_iphone, camden):
    bench.post(f"/admin/repairs/{cracked_iphone.number}/tags", data={"tag": "VIP"})
    factories.repair(priority=2, location_id=camden.id)
    session.commit()

    shown = {
        query: bench.get(f"/admin/repairs/?{query}").text.count("data-repair=")
        for query in ("tag=vip", "tag=none", "priority=high", "priority=urgent", "location=camden", "location=london")
    }

    assert shown == {
        "tag=vip": 1, "tag=none": 0, "priority=high": 1, "priority=urgent": 0,
        "location=camden": 1, "location=london": 1,
    }  # fmt: skip
