"""What is typed and not saved: kept, brought back, listed, thrown away and saved."""

import json
import re

import pytest

from shop.admin.recover import find_place
from shop.models.staff_draft import StaffDraft
from tests import factories
from tests.statements import statements_of

HTMX = {"HX-Request": "true"}
KEY = "k" * 22


@pytest.fixture
def bench(browser_of, technician):
    return browser_of(technician)


@pytest.fixture
def notes(cracked_iphone):
    return f"/admin/repairs/{cracked_iphone.number}/notes"


def keep(browser, address, window="one", seen=0, **texts):
    """What one window reports; a text of None is one that was emptied again."""
    changes = {name: None if text is None else {"value": text, "base": ""} for name, text in texts.items()}
    data = {"address": address, "title": "Note", "window": window, "seen": seen, "changes": json.dumps(changes)}
    return browser.post("/admin/recover/keep", data=data)


def kept(browser, address):
    return browser.get("/admin/recover/draft", query_string={"address": address}).json["draft"]


def drafts(session):
    session.expire_all()
    return session.query(StaffDraft).all()


def test_what_is_typed_comes_back_to_the_person_and_nobody_else(bench, browser_of, manager, notes):
    keep(bench, notes, body="Half a thought")

    found = kept(bench, notes)

    assert found["fields"]["body"] == {"value": "Half a thought", "base": "", "others": []}
    assert re.fullmatch(r"Restored from \d\d:\d\d, one field\.", found["told"])
    assert kept(browser_of(manager), notes) is None


def test_draft_goes_with_the_save_and_not_with_a_refusal(bench, notes, session):
    keep(bench, notes, body="Half a thought")

    refused = bench.post(notes, data={"body": " ", "draft": "1", "request_key": KEY}, headers=HTMX)
    left = len(drafts(session))
    saved = bench.post(notes, data={"body": "A whole one", "draft": "1", "request_key": KEY}, headers=HTMX)

    assert (refused.status_code, left, saved.status_code, drafts(session)) == (422, 1, 204, [])


def test_report_that_comes_after_its_save_is_passed_over(bench, notes, session):
    bench.post(notes, data={"body": "Saved", "draft": "1", "request_key": KEY}, headers=HTMX)
    data = {"address": notes, "window": "one", "sent_as": KEY, "changes": '{"body": {"value": "Saved", "base": ""}}'}

    answer = bench.post("/admin/recover/keep", data=data)

    assert (answer.json, drafts(session)) == ({"draft": None}, [])


def test_save_without_a_draft_asks_nothing_more(bench, cracked_iphone, notes):
    plain = statements_of(lambda: bench.post(notes, data={"body": "One", "request_key": KEY}))

    assert [statement for statement in plain if "staff_drafts" in statement] == []


def test_two_windows_the_last_typed_wins_and_the_other_is_not_lost(bench, notes):
    keep(bench, notes, window="one", body="From the first window")
    answer = keep(bench, notes, window="two", body="From the second")

    assert answer.json["draft"]["fields"]["body"]["value"] == "From the second"
    assert answer.json["draft"]["fields"]["body"]["others"] == ["From the first window"]


def test_window_that_has_seen_the_other_text_writes_on_in_it(bench, notes):
    first = keep(bench, notes, window="one", body="From the first window").json["draft"]

    answer = keep(bench, notes, window="two", seen=first["version"], body="From the first window, and on")

    assert answer.json["draft"]["fields"]["body"]["others"] == []


def test_save_in_one_window_leaves_what_the_other_typed(bench, notes):
    keep(bench, notes, window="one", body="From the first window")
    keep(bench, notes, window="two", body="From the second")

    bench.post(notes, data={"body": "From the second", "draft": "1", "request_key": KEY}, headers=HTMX)

    assert kept(bench, notes)["fields"]["body"]["value"] == "From the first window"


def test_emptied_again_is_no_draft(bench, notes, session):
    keep(bench, notes, body="x")

    answer = keep(bench, notes, body=None)

    assert (answer.json, drafts(session)) == ({"draft": None}, [])


@pytest.mark.parametrize(
    "name", ["password", "new_password", "sudo_password", "code", "sudo_code", "totp", "app-secret"]
)
def test_secrets_are_never_kept(bench, notes, session, name):
    answer = keep(bench, notes, **{name: "hunter2"})

    assert (answer.status_code, drafts(session)) == (200, [])


def test_postcode_is_no_secret(bench, notes, session):
    keep(bench, notes, postcode="E2 7JP")

    assert len(drafts(session)) == 1


@pytest.mark.parametrize(
    ("address", "changes"),
    [
        ("/admin/repairs/RT-10001/notes", "not json"),
        ("/admin/repairs/RT-10001/notes", "[1]"),
        ("/admin/repairs/RT-10001/notes", '{"body": "text"}'),
        ("/admin/repairs/RT-10001/notes", json.dumps({"body": {"value": "x" * 70_000, "base": ""}})),
        ("/admin/repairs/RT-10001/notes", json.dumps({f"n{i}": {"value": "x", "base": ""} for i in range(61)})),
        ("/admin/repairs/", "{}"),
        ("/admin/account/password", "{}"),
        ("/book/", "{}"),
        ("//evil.example/admin/", "{}"),
        ("", "{}"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_words(bench, session, address, changes):
    answer = bench.post("/admin/recover/keep", data={"address": address, "changes": changes})

    assert (answer.status_code, drafts(session)) == (422, [])
    assert answer.json["error"]


def test_place_is_told_by_the_route_and_its_record(app):
    with app.test_request_context():
        note, device = find_place("/admin/repairs/RT-10001/notes"), find_place("/admin/devices/edit/?id=7&url=%2Fx")

    assert (note.form, note.record) == ("repairs.note", "RT-10001")
    assert (device.form, device.record, device.address) == ("devices.edit_view", "7", "/admin/devices/edit/?id=7")


def test_page_lists_text_and_way_back_and_only_ones_own(bench, browser_of, manager, notes):
    keep(bench, notes, body="Half a thought <b>")

    page = bench.get("/admin/recover/").text

    assert "Half a thought &lt;b&gt;" in page
    assert f'href="{notes}"' in page
    assert "Half a thought" not in browser_of(manager).get("/admin/recover/").text
    assert bench.get("/admin/recover/count").json == {"count": 1}


def test_page_works_when_the_ticket_is_gone(bench):
    keep(bench, "/admin/repairs/RT-99999/notes", body="About a ticket that was never there")

    page = bench.get("/admin/recover/").text

    assert "There is no such repair any more." in page
    assert "About a ticket that was never there" in page


def test_page_works_when_the_right_is_gone(bench, technician, notes, session):
    keep(bench, notes, body="Written while I still might")
    technician.role = "read_only"
    session.commit()

    page = bench.get("/admin/recover/").text

    assert "Your role does not change this any more." in page
    assert "Written while I still might" in page


def test_discard_can_be_taken_back_and_twice_is_harmless(bench, notes, session):
    draft = keep(bench, notes, body="Half a thought").json["draft"]

    for _ in range(2):
        assert bench.post(f"/admin/recover/{draft['id']}/discard").status_code == 303
    gone, listed = kept(bench, notes), bench.get("/admin/recover/").text
    bench.post(f"/admin/recover/{draft['id']}/bring-back")

    assert gone is None
    assert "Discarded within a day" in listed
    assert kept(bench, notes)["fields"]["body"]["value"] == "Half a thought"


def test_draft_of_another_person_is_not_there(bench, browser_of, manager, notes):
    draft = keep(bench, notes, body="Mine").json["draft"]

    assert browser_of(manager).post(f"/admin/recover/{draft['id']}/discard").status_code == 404
    assert kept(bench, notes) is not None


def test_typing_after_a_discard_starts_anew(bench, notes):
    draft = keep(bench, notes, body="Old").json["draft"]
    bench.post(f"/admin/recover/{draft['id']}/discard")

    keep(bench, notes, other="New")

    assert list(kept(bench, notes)["fields"]) == ["other"]


def test_queue_page_asks_nothing_about_drafts(bench, cracked_iphone, notes):
    keep(bench, notes, body="Half a thought")

    asked = statements_of(lambda: bench.get("/admin/repairs/"))

    assert [statement for statement in asked if "staff_drafts" in statement] == []


def test_proved_password_on_the_way_does_not_take_the_draft(app, owner, session):
    browser = factories.signed_in_client(app, owner, sudo=False)
    keep(browser, "/admin/staff/new", name="Sam Pole", email="sam")
    data = {
        "name": "Sam Pole", "email": "not an address", "role": "technician", "password": "x" * 12, "draft": "1",
        "request_key": KEY, "sudo_password": factories.PASSWORD,
    }  # fmt: skip

    answer = browser.post("/admin/staff/new", data=data)

    assert answer.status_code == 422
    assert len(drafts(session)) == 1


def test_form_without_a_page_of_its_own_leads_to_the_page_it_stands_on(browser_of, owner):
    browser = browser_of(owner)
    keep(browser, f"/admin/staff/{owner.id}/role", remark="Because")

    assert f'href="/admin/staff/{owner.id}"' in browser.get("/admin/recover/").text
