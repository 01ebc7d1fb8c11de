import json
import re

import pytest

from shop.admin import conflict
from shop.models.event import Event
from shop.models.repair import Note, Repair
from shop.models.workflow import State
from shop.services import repairs
from tests import factories

HTMX = {"HX-Request": "true"}


def from_page(path):
    return {**HTMX, "HX-Current-URL": f"http://localhost{path}"}


def numbers_in(answer):
    return re.findall(r'data-repair="([^"]+)"', answer.text)


def events(session):
    return session.query(Event).count()


def form_of(html):
    """What a browser would send from the page's edit form, with nothing changed."""
    form = html[html.index('id="edit-form"') :]
    values = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    values |= dict(re.findall(r'name="(pick\.\w+)" value="([^"]*)"[^>]* checked', form))
    values |= dict(re.findall(r'<input class="input"[^>]* name="([^"]+)" value="([^"]*)"', form))
    values |= dict(re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\n([^<]*)</textarea>', form))
    return values


@pytest.fixture
def bench(browser_of, technician):
    """The technician's browser."""
    return browser_of(technician)


def test_queue_is_a_page_with_the_shell(bench, cracked_iphone):
    answer = bench.get("/admin/repairs/")

    assert answer.status_code == 200
    assert numbers_in(answer) == [cracked_iphone.number]
    assert f'data-status="{cracked_iphone.status}"' in answer.text
    assert "<!doctype html>" in answer.text


def test_kept_shell_is_each_persons_own(browser_of, technician, manager, cracked_iphone):
    pages = {}
    for person in (technician, manager, technician):
        answer = browser_of(person).get("/admin/repairs/")
        pages[person.name, len(pages)] = answer.text
        others = {technician.email, manager.email} - {person.email}
        assert person.email in answer.text
        assert not any(other in answer.text for other in others)
    tokens = [set(re.findall(r'name="csrf[_-]token" (?:content|value)="([^"]+)"', page)) for page in pages.values()]

    assert [len(found) for found in tokens] == [1, 1, 1]
    assert len(set.union(*tokens)) == 3


def test_kept_shell_shows_a_waiting_message_once(bench, cracked_iphone):
    bench.get("/admin/repairs/")
    with bench.session_transaction() as cookie:
        cookie["_flashes"] = [("error", "The printer is out of paper")]

    shown = ["The printer is out of paper" in bench.get("/admin/repairs/").text for _ in range(2)]

    assert shown == [True, False]


@pytest.mark.parametrize("theme", ["dark", "light", "", "<b>"])
def test_kept_shell_has_the_theme_that_was_chosen(bench, cracked_iphone, theme):
    bench.set_cookie("theme", theme)

    page = bench.get("/admin/repairs/").text

    assert re.findall(r'data-theme="([^"]*)"', page) == ([theme] if theme in ("dark", "light") else [])


def test_kept_list_shows_a_change_at_once_and_is_each_persons_own(browser_of, manager, technician, session):
    mine = {person.name: factories.repair(assignee_id=person.id) for person in (manager, technician)}

    def bench_of(person) -> list[str]:
        return numbers_in(browser_of(person).get("/admin/repairs/?view=mine"))

    seen = [bench_of(person) for _ in range(2) for person in (manager, technician)]
    repair = repairs.lock_repair(mine[manager.name].number)
    repairs.assign(repair, technician.id, actor=manager.actor)
    session.commit()

    assert seen == [[mine[manager.name].number], [mine[technician.name].number]] * 2
    assert bench_of(manager) == []
    assert sorted(bench_of(technician)) == sorted(repair.number for repair in mine.values())


def test_queue_counts_a_move_at_once_though_nothing_is_sealed_yet(bench, browser_of, manager, cracked_iphone):
    def unassigned() -> str:
        page = browser_of(manager).get("/admin/repairs/").text
        return re.search(r">Unassigned\s*<span class=\"tab-count[^>]*>(\d+)<", page)[1]

    before = unassigned()
    answer = bench.post(
        f"/admin/repairs/{cracked_iphone.number}/assign", data={"assignee": str(manager.id)}, headers=HTMX
    )

    assert answer.status_code == 204
    assert (before, unassigned()) == ("1", "0")


def test_queue_answers_htmx_with_its_rows_only(bench, cracked_iphone):
    answer = bench.get("/admin/repairs/", headers=HTMX)

    assert numbers_in(answer) == [cracked_iphone.number]
    assert "<!doctype html>" not in answer.text


def test_queue_search_that_matches_nobody_shows_nobody_and_a_way_out(bench, cracked_iphone):
    answer = bench.get("/admin/repairs/?q=nobodyhere&view=open")

    assert numbers_in(answer) == []
    assert "Search all repairs" in answer.text


def test_queue_with_a_filter_that_does_not_exist_says_so(bench, cracked_iphone):
    answer = bench.get("/admin/repairs/?status=lost")

    assert (answer.status_code, numbers_in(answer)) == (200, [])
    assert "a filter that does not exist" in answer.text


def test_queue_escapes_what_customers_typed(bench):
    factories.repair(problem="<script>alert(1)</script>", customer=factories.customer('"><img src=x>'))

    answer = bench.get("/admin/repairs/")

    assert "<script>alert(1)" not in answer.text
    assert "<img src=x>" not in answer.text


def test_a_stranger_is_sent_to_the_sign_in(stranger, cracked_iphone):
    answer = stranger.get(f"/admin/repairs/{cracked_iphone.number}")

    assert (answer.status_code, answer.location) == (303, f"/login?next=/admin/repairs/{cracked_iphone.number}")


def test_a_sign_in_that_ran_out_redirects_the_whole_page(stranger, cracked_iphone):
    answer = stranger.get("/admin/repairs/", headers=HTMX)

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login?next=/admin/")


def test_rows_come_with_the_tabs_and_mark_what_left_the_view(bench, cracked_iphone):
    collected = factories.repair(State.COLLECTED)

    answer = bench.get(f"/admin/repairs/rows?numbers={cracked_iphone.number},{collected.number},RT-0", headers=HTMX)

    assert sorted(numbers_in(answer)) == sorted([cracked_iphone.number, collected.number])
    assert re.findall(r'data-repair="([^"]+)"[^>]*data-gone', answer.text) == [collected.number]
    assert 'id="queue-tabs"' in answer.text


def test_long_history_shows_its_newest_part_and_all_on_request(bench, session, technician, cracked_iphone):
    number = cracked_iphone.number
    for place in range(60):
        repairs.add_note(repairs.lock_repair(number), f"Note {place}", actor=technician.actor)
    session.commit()

    first, whole = (bench.get(f"/admin/repairs/{number}{more}").text for more in ("", "?history=all"))

    assert (first.count('class="event"'), whole.count('class="event"')) == (50, 61)
    assert ("Show 11 earlier entries" in first, "earlier entries" in whole) == (True, False)


def test_ticket_shows_its_facts_and_history(bench, cracked_iphone):
    answer = bench.get(f"/admin/repairs/{cracked_iphone.number}")

    assert answer.status_code == 200
    for fact in (cracked_iphone.number, "iPhone 14 Pro", "Hannah Whitcombe", "Cracked screen", "Booked"):
        assert fact in answer.text


@pytest.mark.parametrize("path", ["", "/move", "/assign", "/edit"])
def test_unknown_ticket_is_not_found(bench, app, path):
    assert bench.get(f"/admin/repairs/RT-1{path}").status_code == 404


@pytest.mark.parametrize("place", ["", "?view=mine", "{number}"])
def test_move_in_an_open_page_answers_with_the_news_only(bench, session, cracked_iphone, place):
    path = "/admin/repairs/" + place.format(number=cracked_iphone.number)

    answer = bench.post(
        f"/admin/repairs/{cracked_iphone.number}/move",
        data={"target": "diagnosing", "seen": "received"},
        headers=from_page(path),
    )

    session.expire_all()
    news = json.loads(answer.headers["HX-Trigger"])
    assert (answer.status_code, answer.text) == (204, "")
    assert news["acted"] == {"number": cracked_iphone.number}
    assert news["toast"]["message"].endswith("Moved to Diagnosing")
    assert session.get(Repair, cracked_iphone.id).status == "diagnosing"


def test_move_without_a_script_redirects_to_the_ticket(bench, cracked_iphone):
    path = f"/admin/repairs/{cracked_iphone.number}"

    answer = bench.post(f"{path}/move", data={"target": "diagnosing", "seen": "received"})

    assert (answer.status_code, answer.location) == (303, path)


def test_move_that_a_colleague_made_first_asks_again(bench, session, cracked_iphone, owner):
    repairs.move(repairs.lock_repair(cracked_iphone.number), State.DIAGNOSING, actor=owner.actor)
    session.commit()
    path = f"/admin/repairs/{cracked_iphone.number}"

    answer = bench.post(f"{path}/move", data={"target": "in_repair", "seen": "received"}, headers=from_page(path))

    session.expire_all()
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (409, "#dialogs")
    assert "A colleague moved this ticket" in answer.text
    assert session.get(Repair, cracked_iphone.id).status == "diagnosing"


@pytest.mark.parametrize("target", ["collected", "nowhere", "", "<b>"])
def test_move_that_is_not_allowed_changes_nothing(bench, session, cracked_iphone, target):
    before = events(session)

    answer = bench.post(f"/admin/repairs/{cracked_iphone.number}/move", data={"target": target, "seen": "received"})

    assert answer.status_code == 422
    assert events(session) == before


def test_move_takes_the_diagnosis_that_it_needs(bench, session):
    repair = factories.repair(State.DIAGNOSING)
    data = {"target": "in_repair", "seen": "diagnosing", "diagnosis": "Display broken."}

    bench.post(f"/admin/repairs/{repair.number}/move", data=data)

    session.expire_all()
    stored = session.get(Repair, repair.id)
    assert (stored.status, stored.diagnosis) == ("in_repair", "Display broken.")


@pytest.mark.parametrize("numbers", ["%00", "RT-1%00", "'; DROP TABLE repairs; --", "😀", "RT-" + "1" * 5000, ",,,"])
def test_rows_of_numbers_that_cannot_be_are_none(bench, cracked_iphone, numbers):
    answer = bench.get(f"/admin/repairs/rows?numbers={numbers}", headers=HTMX)

    assert answer.status_code == 200
    assert "<table><tbody></tbody></table>" in answer.text


def test_read_only_sees_but_does_not_act(browser_of, read_only, session, cracked_iphone):
    visitor = browser_of(read_only)
    before = events(session)

    assert visitor.get(f"/admin/repairs/{cracked_iphone.number}").status_code == 200
    for verb in ("move", "assign", "edit", "notes"):
        assert visitor.post(f"/admin/repairs/{cracked_iphone.number}/{verb}").status_code == 404
    assert events(session) == before


def test_assign_is_stored_and_shown(bench, session, cracked_iphone, technician):
    answer = bench.post(f"/admin/repairs/{cracked_iphone.number}/assign", data={"assignee": technician.id})

    session.expire_all()
    assert answer.status_code == 303
    assert session.get(Repair, cracked_iphone.id).assignee_id == technician.id


@pytest.mark.parametrize("person", ["abc", "-1", "1e9", "99999999999", "987654"])
def test_assign_to_nobody_that_exists_is_refused(bench, session, cracked_iphone, person):
    answer = bench.post(f"/admin/repairs/{cracked_iphone.number}/assign", data={"assignee": person})

    assert answer.status_code == 422
    assert session.get(Repair, cracked_iphone.id).assignee_id is None


def test_edit_saves_and_returns_to_the_ticket(bench, session, cracked_iphone):
    data = {"now.place": "Bench 2", "base.place": ""}

    answer = bench.post(f"/admin/repairs/{cracked_iphone.number}/edit", data=data)

    session.expire_all()
    assert answer.location == f"/admin/repairs/{cracked_iphone.number}"
    assert session.get(Repair, cracked_iphone.id).place == "Bench 2"


def test_edit_shows_both_sides_and_saves_the_one_that_is_picked(bench, session, cracked_iphone, owner):
    repairs.edit(
        repairs.lock_repair(cracked_iphone.number), {"place": "Shelf B4"}, base={"place": ""}, actor=owner.actor
    )
    session.commit()
    path = f"/admin/repairs/{cracked_iphone.number}/edit"

    clash = bench.post(path, data={"now.place": "Bench 2", "base.place": ""})
    picked = {"now.place": "Bench 2", "yours.place": "Bench 2", "pick.place": "Shelf B4", "base.place": "Shelf B4"}
    bench.post(path, data=picked)

    session.expire_all()
    assert clash.status_code == 409
    assert "Shelf B4" in clash.text
    assert "Bench 2" in clash.text
    assert session.get(Repair, cracked_iphone.id).place == "Shelf B4"


def test_conflict_keeps_what_a_colleague_changed_elsewhere(bench, session, cracked_iphone, owner):
    theirs = {"place": "Shelf B4", "serial": "WHLE75"}
    repairs.edit(
        repairs.lock_repair(cracked_iphone.number), theirs, base={"place": "", "serial": ""}, actor=owner.actor
    )
    session.commit()
    typed = {
        "now.place": "Bench 2", "base.place": "",
        "now.serial": "", "base.serial": "",
        "now.diagnosis": "Screen\r\nbroken", "base.diagnosis": "",
    }  # fmt: skip

    page = bench.post(f"/admin/repairs/{cracked_iphone.number}/edit", data=typed)
    again = form_of(page.text)
    bench.post(f"/admin/repairs/{cracked_iphone.number}/edit", data=again)

    session.expire_all()
    stored = session.get(Repair, cracked_iphone.id)
    assert "Ellie saved this ticket" in page.text
    assert (stored.place, stored.device.serial, stored.diagnosis) == ("Bench 2", "WHLE75", "Screen\nbroken")


@pytest.mark.parametrize(
    ("yours", "theirs", "marked"),
    [
        ("frame straight", "frame bent", ("frame <mark>straight</mark>", "frame <mark>bent</mark>")),
        ("", "frame", ("", "<mark>frame</mark>")),
        ("<b> 1", "<b> 2", ("&lt;b&gt; <mark>1</mark>", "&lt;b&gt; <mark>2</mark>")),
    ],
)
def test_conflict_marks_what_only_one_side_says(yours, theirs, marked):
    assert conflict.marked(yours, theirs) == marked


def test_edit_that_cannot_be_kept_loses_nothing(bench, session, cracked_iphone):
    data = {"now.imei": "123", "base.imei": "", "now.diagnosis": "A long thought", "base.diagnosis": ""}

    answer = bench.post(f"/admin/repairs/{cracked_iphone.number}/edit", data=data)

    assert answer.status_code == 422
    assert "A long thought" in answer.text
    assert session.get(Repair, cracked_iphone.id).diagnosis == ""


def test_edit_of_a_field_that_does_not_exist_is_refused(bench, session, cracked_iphone):
    answer = bench.post(f"/admin/repairs/{cracked_iphone.number}/edit", data={"now.total": "0", "base.total": "18900"})

    assert answer.status_code == 403
    assert session.get(Repair, cracked_iphone.id).total == cracked_iphone.total


def test_note_is_added(bench, session, cracked_iphone):
    answer = bench.post(f"/admin/repairs/{cracked_iphone.number}/notes", data={"body": "Ring before noon"})

    assert answer.status_code == 303
    assert session.query(Note).one().body == "Ring before noon"


@pytest.mark.parametrize(("address", "says"), [("", True), ("?view=late", False), ("?status=ready", False)])
def test_shop_without_repairs_is_led_to_the_counter(bench, address, says):
    page = bench.get(f"/admin/repairs/{address}").text

    assert ("No repair is open." in page) is says
    assert (page.count('href="/admin/check-in/"') > 1) is says


def test_empty_note_says_what_to_do(bench, session, cracked_iphone):
    path = f"/admin/repairs/{cracked_iphone.number}"

    answer = bench.post(f"{path}/notes", data={"body": "  "}, headers=from_page(path))

    assert answer.status_code == 422
    assert "Write the note first." in answer.text
    assert session.query(Note).count() == 0


def test_catch_up_lists_what_happened_since(bench, session, cracked_iphone):
    from shop.services import relay

    relay.relay_batch()
    session.commit()

    news = bench.get("/admin/live/since?position=0").json

    assert news["complete"] is True
    assert [(change["verb"], change["number"]) for change in news["changes"]] == [
        ("repair.booked", cracked_iphone.number)
    ]
    assert bench.get(f"/admin/live/since?position={news['position']}").json["changes"] == []
