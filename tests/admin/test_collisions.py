"""Two people change one thing, and what was open when something went away: each is told, and nothing is lost."""

import json
import re
from datetime import UTC, datetime

import pytest
import time_machine

from shop.models.catalogue import DeviceModel
from shop.models.event import Event
from shop.models.staff import Staff
from shop.models.staff_draft import StaffDraft
from shop.models.workflow import State
from shop.services import catalogue_edits, presence, repairs, staff_admin, staff_drafts
from tests import factories
from tests.reference import catalogue_put_back

HTMX = {"HX-Request": "true"}


@pytest.fixture
def bench(browser_of, technician):
    return browser_of(technician)


@pytest.fixture
def device(session):
    with catalogue_put_back():
        yield session.query(DeviceModel).filter(DeviceModel.retired_at.is_(None)).order_by(DeviceModel.id).first()


def fields_of(page: str) -> dict[str, str]:
    """What a browser would send from the form of a device, with nothing changed."""
    form = page[page.index('<form class="page-body') :]
    values = dict(re.findall(r'<input type="hidden" name="(base\.[^"]+)" value="([^"]*)"', form))
    values |= dict(re.findall(r'<input[^>]* name="([a-z_]+)"[^>]* value="([^"]*)"', form))
    values |= dict(re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\s*([^<]*)</textarea>', form))
    for name in ("category", "tier"):
        chosen = re.search(rf'<select[^>]* name="{name}".*?<option selected value="([^"]*)"', form, re.DOTALL)
        values[name] = chosen[1] if chosen else ""
    return values


def change(device, actor, **cells) -> None:
    """A colleague's save of the same device."""
    catalogue_edits.change_device(device.id, {**catalogue_edits.cells_of(device), **cells}, actor=actor)


def test_device_that_both_change_in_different_fields_merges(browser_of, manager, owner, device, session):
    browser, path = browser_of(manager), f"/admin/devices/edit/?id={device.id}"
    form = fields_of(browser.get(path).text)
    change(device, owner.actor, popularity="77")
    session.commit()

    answer = browser.post(path, data={**form, "family": "Together"})

    session.expire_all()
    assert (answer.status_code, device.family, device.popularity) == (302, "Together", 77)


def test_device_that_both_change_in_one_field_is_shown_both_sides_and_then_saved(
    browser_of, manager, owner, device, session
):
    browser, path = browser_of(manager), f"/admin/devices/edit/?id={device.id}"
    form = fields_of(browser.get(path).text)
    change(device, owner.actor, family="Theirs")
    session.commit()

    refused = browser.post(path, data={**form, "family": "Mine"})
    session.expire_all()
    between = device.family
    settled = browser.post(path, data={**fields_of(refused.text), "family": "Mine and theirs"})

    session.expire_all()
    assert (refused.status_code, between, settled.status_code) == (409, "Theirs", 302)
    assert 'data-clash="family"' in refused.text
    assert 'name="base.family" value="Theirs"' in refused.text
    assert 'value="Mine"' in refused.text
    assert device.family == "Mine and theirs"


def test_third_change_while_both_sides_are_shown_is_shown_again(browser_of, manager, owner, device, session):
    browser, path = browser_of(manager), f"/admin/devices/edit/?id={device.id}"
    form = fields_of(browser.get(path).text)
    change(device, owner.actor, family="Theirs")
    session.commit()
    refused = browser.post(path, data={**form, "family": "Mine"})
    change(device, owner.actor, family="Theirs again")
    session.commit()

    answer = browser.post(path, data={**fields_of(refused.text), "family": "Mine"})

    assert (answer.status_code, "Theirs again" in answer.text) == (409, True)


def test_assigning_what_a_colleague_has_just_given_away_asks_again(bench, cracked_iphone, manager, session):
    repairs.assign(repairs.lock_repair(cracked_iphone.number), manager.id, actor=manager.actor)
    session.commit()
    events = session.query(Event).count()

    answer = bench.post(
        f"/admin/repairs/{cracked_iphone.number}/assign", data={"assignee": "", "seen": "999"}, headers=HTMX
    )

    assert (answer.status_code, session.query(Event).count()) == (409, events)
    assert "A colleague gave this ticket to Maya Lind while you were choosing." in answer.text
    assert f'name="seen" value="{manager.id}"' in answer.text


def test_role_that_a_colleague_has_just_changed_asks_again(browser_of, owner, session):
    target = factories.staff("Tess Target")
    staff_admin.change_role(target.id, "manager", actor=owner.actor)
    session.commit()

    answer = browser_of(owner).post(
        f"/admin/staff/{target.id}/role", data={"role": "front_desk", "base.role": "technician"}
    )

    session.expire_all()
    assert (answer.status_code, session.get(Staff, target.id).role) == (409, "manager")
    assert "A colleague changed this role while you were choosing." in answer.text


def keep_note(browser, number: str) -> None:
    changes = json.dumps({"body": {"value": "Half a thought", "base": ""}})
    data = {"address": f"/admin/repairs/{number}/notes", "title": f"Note on {number}", "changes": changes}
    assert browser.post("/admin/recover/keep", data=data).status_code == 200


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_ticket_that_is_gone_says_so_and_where_the_text_is(bench, cracked_iphone, session, headers):
    number = cracked_iphone.number
    keep_note(bench, number)
    cracked_iphone.number = "RT-1"
    session.commit()

    answer = bench.post(
        f"/admin/repairs/{number}/notes", data={"body": "Half a thought", "draft": "1"}, headers=headers
    )

    assert answer.status_code == 404
    assert "There is no such repair." in answer.text
    assert "What you typed here is kept." in answer.text
    assert f"Note on {number}" in answer.text
    assert session.query(StaffDraft).count() == 1


def test_rights_taken_away_while_writing_are_told_and_the_text_is_kept(bench, technician, cracked_iphone, session):
    keep_note(bench, cracked_iphone.number)
    technician.role = "read_only"
    session.commit()

    answer = bench.post(f"/admin/repairs/{cracked_iphone.number}/notes", data={"body": "Half a thought"})

    assert answer.status_code == 404
    assert "your rights may have changed while you were writing" in answer.text
    keep_note(bench, cracked_iphone.number)


def test_page_that_was_never_there_speaks_of_no_text(bench, cracked_iphone):
    keep_note(bench, cracked_iphone.number)

    assert "What you typed here is kept." not in bench.get("/admin/nowhere").text


def test_sign_in_that_was_ended_keeps_the_draft_for_the_same_person(
    bench, technician, owner, browser_of, cracked_iphone, session
):
    keep_note(bench, cracked_iphone.number)
    staff_admin.end_sign_ins_of(technician.id, actor=owner.actor)
    session.commit()

    refused = bench.post(f"/admin/repairs/{cracked_iphone.number}/notes", data={"body": "Half a thought"})
    kept = browser_of(technician).get(
        "/admin/recover/draft", query_string={"address": f"/admin/repairs/{cracked_iphone.number}/notes"}
    )

    assert (refused.status_code, "What you typed is kept" in refused.text) == (401, True)
    assert kept.json["draft"]["fields"]["body"]["value"] == "Half a thought"


def test_move_that_a_colleague_made_first_asks_from_where_it_is_now(bench, cracked_iphone, manager, session):
    repairs.move(repairs.lock_repair(cracked_iphone.number), State.DIAGNOSING, actor=manager.actor)
    session.commit()

    answer = bench.post(
        f"/admin/repairs/{cracked_iphone.number}/move",
        data={"seen": "received", "target": "diagnosing", "diagnosis": "Typed meanwhile"},
        headers=HTMX,
    )

    assert answer.status_code == 409
    assert "A colleague moved this ticket while you were choosing." in answer.text
    assert "Typed meanwhile" in answer.text


@pytest.mark.parametrize("hour", [0, 1])
def test_clock_that_goes_back_changes_no_draft_and_no_presence(bench, technician, cracked_iphone, session, hour):
    """On 25 October 2026 it is 01:30 twice in London: at 00:30 and at 01:30 UTC."""
    with time_machine.travel(datetime(2026, 10, 25, hour, 30, tzinfo=UTC), tick=False):
        draft = staff_drafts.keep(
            staff_drafts.Place("repairs.note", cracked_iphone.number, "/admin/repairs/x/notes"),
            staff_drafts.Typing({"body": ("Typed in the doubled hour", "")}, window="one"),
            actor=technician.actor,
        )
        session.commit()
        presence.see(cracked_iphone.id, actor=technician.actor, field="note")
        session.commit()

        assert draft.updated_at == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
        assert presence.who_is_here([cracked_iphone.id])[cracked_iphone.id][0][2] == "note"


def test_drafts_of_the_doubled_hour_stand_in_the_order_in_which_they_were_typed(technician, session):
    for hour, name in ((1, "later"), (0, "earlier")):
        with time_machine.travel(datetime(2026, 10, 25, hour, 30, tzinfo=UTC), tick=False):
            place = staff_drafts.Place("repairs.note", name, "/admin/repairs/x/notes")
            staff_drafts.keep(place, staff_drafts.Typing({"body": ("x", "")}, window="one"), actor=technician.actor)
            session.commit()

    with time_machine.travel(datetime(2026, 10, 25, 2, 30, tzinfo=UTC), tick=False):
        assert [draft.record for draft in staff_drafts.list_unfinished(actor=technician.actor)] == ["later", "earlier"]
        assert session.query(StaffDraft).filter(staff_drafts.is_old()).count() == 0
