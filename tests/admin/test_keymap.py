"""Keys: who may use which, what a page tells of them, and how a person switches them off."""

import html
import json
import re
from collections import Counter

import pytest

from shop.admin.keymap import KEYS
from shop.extensions import db
from shop.models.preferences import loads
from shop.models.repair import Note
from shop.models.staff import Staff


def keys_of(page: str) -> dict[str, str]:
    """What a script gets told: name -> key."""
    table = re.search(r"data-keys='([^']*)'", page)[1]
    return {does: press for does, press, _words in json.loads(html.unescape(table))}


def foot_of(page: str) -> list[str]:
    foot = page.partition('<div class="page-foot')[2].partition("</div>")[0]
    return re.findall(r"</kbd> ([a-z ]+)</span>", foot)


def test_no_name_stands_twice_and_a_key_only_for_the_calendar_beside_the_tickets():
    presses = Counter(key.press for key in KEYS)
    names = [key.does for key in KEYS]

    assert all(len(press) == 1 or press in {"Enter", "Escape", "1-9", "ArrowLeft", "ArrowRight"} for press in presses)
    assert len(names) == len(set(names))
    assert {press for press, times in presses.items() if times > 1} == {"d", "m", "n"}


def test_page_tells_the_keys_that_the_rights_allow(cracked_iphone, technician, read_only, browser_of):
    path = f"/admin/repairs/{cracked_iphone.number}"
    of_technician = keys_of(browser_of(technician).get(path).text)
    of_reader = keys_of(browser_of(read_only).get(path).text)

    assert of_technician.items() > of_reader.items()
    assert of_technician.keys() - of_reader.keys() >= {"status", "assign", "note", "edit"}
    assert of_reader["search"] == "/"


@pytest.mark.parametrize(("path", "present"), [("/admin/repairs/", "move"), ("/admin/repairs/{number}", "edit")])
def test_foot_shows_the_main_keys_until_they_are_switched_off(cracked_iphone, technician, browser_of, path, present):
    browser, path = browser_of(technician), path.format(number=cracked_iphone.number)
    before = browser.get(path).text

    answer = browser.post("/admin/account/console", data={"after_action": "stay"})
    after = browser.get(path).text

    assert (answer.status_code, present in foot_of(before), foot_of(after)) == (303, True, [])
    assert ('data-single-keys="off"' in before, 'data-single-keys="off"' in after) == (False, True)


def test_console_choices_are_kept_and_shown_again(technician, browser_of):
    browser = browser_of(technician)

    browser.post("/admin/account/console", data={"single_keys": "y", "after_action": "next"})
    page = browser.get("/admin/account/").text

    likes = loads(db.session.get(Staff, technician.id).preferences)
    assert (likes.single_keys, likes.after_action) == (True, "next")
    assert re.search(r'<input checked[^>]* value="next"', page)


def test_choice_that_is_not_offered_is_refused_with_the_form(technician, browser_of):
    browser = browser_of(technician)

    form = browser.post("/admin/account/console", data={"after_action": "somewhere"})
    piece = browser.post("/admin/account/console", data={"after_action": "somewhere"}, headers={"HX-Request": "true"})

    assert (form.status_code, piece.status_code) == (422, 422)
    assert loads(db.session.get(Staff, technician.id).preferences).after_action == ""


def test_one_choice_by_script_leaves_the_others(technician, browser_of):
    browser = browser_of(technician)
    browser.post("/admin/account/console", data={"after_action": "stay"})

    answer = browser.post("/admin/account/console", data={"after_action": "next"}, headers={"HX-Request": "true"})

    likes = loads(db.session.get(Staff, technician.id).preferences)
    assert (answer.status_code, likes.after_action, likes.single_keys) == (204, "next", False)


def test_note_is_written_in_a_dialog_of_the_queue(cracked_iphone, technician, browser_of):
    browser, path = browser_of(technician), f"/admin/repairs/{cracked_iphone.number}/notes"

    form = browser.get(path, headers={"HX-Request": "true"})
    empty = browser.post(path, data={"alone": "1", "body": " "}, headers={"HX-Request": "true"})
    saved = browser.post(path, data={"alone": "1", "body": "Waits for glue"}, headers={"HX-Request": "true"})

    assert ("<dialog" in form.text, "<html" in form.text) == (True, False)
    assert (empty.status_code, empty.headers["HX-Retarget"], "Write the note first" in empty.text) == (
        422, "#dialogs", True,
    )  # fmt: skip
    assert (saved.status_code, json.loads(saved.headers["HX-Trigger"])["acted"]) == (
        204, {"number": cracked_iphone.number},
    )  # fmt: skip
    assert [note.body for note in db.session.query(Note)] == ["Waits for glue"]


def test_note_has_a_page_without_a_script_and_readers_have_none(cracked_iphone, technician, read_only, browser_of):
    path = f"/admin/repairs/{cracked_iphone.number}/notes"

    assert "<html" in browser_of(technician).get(path).text
    assert browser_of(read_only).get(path).status_code == 404
