import json
import re

import pytest

from shop.models.actor import CUSTOMER
from shop.models.event import Event
from shop.models.location import Closure, Location
from shop.models.repair import Repair
from shop.services import audit_log, relay
from shop.services.bookings import create_booking
from tests import factories
from tests.bookings import THURSDAY_1030
from tests.bookings import request as booking_request

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


@pytest.fixture
def expected(session, frozen):
    repair = create_booking(booking_request(slot_start=THURSDAY_1030), actor=CUSTOMER, source="wizard")
    session.commit()
    return repair


def branch_of(session, repair) -> int:
    session.rollback()
    return session.get_one(Repair, repair.id).location_id


def test_hand_over_of_an_appointment_shows_the_mail_first(expected, bench, session, camden):
    camden.address = "1 Inverness Street, London NW1 7HB"
    session.commit()
    where, home, branch = f"/admin/repairs/{expected.number}/branch", expected.location_id, camden.id

    form = bench.get(where, headers=HTMX)
    session.rollback()
    asked = bench.post(where, data={"branch": branch}, headers=HTMX)

    assert "goes along, to the same time there" in form.text
    assert (asked.status_code, branch_of(session, expected)) == (200, home)
    assert "Hand over and send" in asked.text
    assert "Bring it to 1 Inverness Street" in asked.text
    shown = re.search(r'name="shown" value="(\w+)"', asked.text)[1]
    done = bench.post(where, data={"branch": branch, "send": "now", "shown": shown}, headers=HTMX)
    toast = json.loads(done.headers["HX-Trigger"])["toast"]
    assert (done.status_code, branch_of(session, expected)) == (204, branch)
    assert toast["message"].endswith("Handed over. The customer is told")
    assert "{n}" in toast["undo"]["countdown"]
    assert bench.post(toast["undo"]["url"], headers=HTMX).status_code == 204
    assert branch_of(session, expected) == home


def test_hand_over_of_an_appointment_without_a_mail(expected, bench, session, camden):
    where, branch = f"/admin/repairs/{expected.number}/branch", camden.id

    done = bench.post(where, data={"branch": branch, "send": "none"})

    assert (done.status_code, branch_of(session, expected)) == (303, branch)
    assert "The appointment moved along" in bench.get(f"/admin/repairs/{expected.number}").text


def test_hand_over_to_a_branch_that_takes_nobody_then_says_so(expected, bench, session, camden):
    session.add(Closure(location_id=camden.id, day=THURSDAY_1030.date(), name="Stock taking"))
    session.commit()
    home, branch = expected.location_id, camden.id

    refused = bench.post(f"/admin/repairs/{expected.number}/branch", data={"branch": branch}, headers=HTMX)

    assert (refused.status_code, branch_of(session, expected)) == (422, home)
    assert "Camden takes nobody at the time of the appointment." in refused.text
    assert f'value="{branch}" checked' in refused.text
