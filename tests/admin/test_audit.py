"""The audit log: read in words, filtered, checked, taken away."""

import csv
import io

import pytest
from sqlalchemy import select, text

from shop.admin.cells import inert
from shop.extensions import db
from shop.models.event import Event
from shop.models.workflow import State
from shop.services import audit_log, audit_words, relay, repairs, staff_admin
from shop.services.subscriptions import SUBSCRIPTIONS
from tests.statements import statements_of


@pytest.fixture
def sealed(owner, technician, cracked_iphone):
    """A repair that was booked, given away and moved, and a person whose role changed; all sealed."""
    repair = repairs.lock_repair(cracked_iphone.number)
    repairs.assign(repair, technician.id, actor=owner.actor)
    repairs.move(repair, State.DIAGNOSING, actor=technician.actor)
    repairs.edit(repair, {"diagnosis": "=HYPERLINK(0)"}, base={"diagnosis": ""}, actor=technician.actor)
    staff_admin.change_role(technician.id, "front_desk", actor=owner.actor)
    db.session.commit()
    relay.relay_batch()
    db.session.commit()
    return cracked_iphone


def page_of(browser, **query) -> str:
    return browser.get("/admin/audit/", query_string=query).text


def test_every_verb_has_words():
    assert set(SUBSCRIPTIONS) == set(audit_words.VERBS)


def test_entries_say_in_words_who_did_what_to_which(sealed, owner, manager, browser_of):
    [role, edited, moved, assigned, _booked] = audit_log.read_log(audit_log.Filters(), zone="Europe/London").items

    assert (role.sentence, role.who, role.about_name) == ("Made Front desk", "Ellie Frost", "Priya Nair")
    assert [(c.field, c.before, c.after) for c in role.changes] == [("role", "Technician", "Front desk")]
    assert [(c.field, c.before, c.after) for c in edited.changes] == [("diagnosis", "empty", "=HYPERLINK(0)")]
    assert (moved.sentence, moved.who, moved.about_name) == ("Moved to Diagnosing", "Priya Nair", sealed.number)
    assert [(c.field, c.before, c.after) for c in assigned.changes] == [("assignee", "nobody", "Priya Nair")]
    assert "Made Front desk" in page_of(browser_of(manager))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"verb": "staff"}, ["Made Front desk"]),
        ({"verb": "repair.moved"}, ["Moved to Diagnosing"]),
        ({"actor": "system"}, ["Booked"]),
        ({"about": "{number}", "verb": "repair.assigned"}, ["Given to Priya Nair"]),
        ({"about": "RT-99999"}, []),
        ({"until": "2020-01-01"}, []),
        ({"since": "2020-01-01", "verb": "staff"}, ["Made Front desk"]),
    ],
)
def test_filters_show_what_they_say_and_nothing_else(sealed, manager, browser_of, query, found):
    query = {name: value.format(number=sealed.number.lower()) for name, value in query.items()}

    page = page_of(browser_of(manager), **query)

    sentences = ["Made Front desk", "Moved to Diagnosing", "Given to Priya Nair", "Booked"]
    assert [sentence for sentence in sentences if f"<b>{sentence}</b>" in page] == found


@pytest.mark.parametrize(
    "query", [{"since": "yesterday"}, {"until": "2026-02-30"}, {"until": "9999-12-31"}, {"since": "1900-01-01"}]
)
def test_day_that_does_not_exist_shows_nothing_and_says_why(sealed, manager, browser_of, query):
    answer = browser_of(manager).get("/admin/audit/", query_string=query)

    assert answer.status_code == 422
    assert "Write a day of this century as 2026-11-24." in answer.text
    assert "Moved to Diagnosing" not in answer.text


@pytest.mark.parametrize("query", ["before=-1", "before=x", "about=%00", "verb=%25"])
def test_odd_addresses_are_answered(sealed, manager, browser_of, query):
    assert browser_of(manager).get(f"/admin/audit/?{query}").status_code == 200


def test_pages_go_on_where_the_last_one_ended(sealed, monkeypatch):
    monkeypatch.setattr(audit_log, "PAGE", 2)
    places, before = [], None

    while before != 0:
        page = audit_log.read_log(audit_log.Filters(), zone="Europe/London", before=before)
        places += [entry.position for entry in page.items]
        before = page.older or 0

    assert places == [5, 4, 3, 2, 1]


def test_verify_finds_the_log_whole(sealed, manager, browser_of):
    answer = browser_of(manager).post("/admin/audit/verify")

    assert answer.status_code == 200
    assert "The log is whole." in answer.text
    assert f"5:{relay.head()[1]}" in answer.text


def test_verify_names_the_first_position_that_was_tampered_with(sealed, manager, browser_of):
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("ALTER TABLE events DISABLE TRIGGER USER"))
    else:
        for name in db.session.scalars(
            text("SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='events'")
        ).all():
            db.session.execute(text(f"DROP TRIGGER {name}"))
    db.session.execute(text("UPDATE events SET body='{}' WHERE position=3"))
    db.session.commit()

    answer = browser_of(manager).post("/admin/audit/verify")

    assert "tampered with at position 3" in answer.text


def test_export_holds_the_filter_and_no_formula(sealed, manager, browser_of):
    answer = browser_of(manager).get("/admin/audit/export?verb=repair")

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=audit-")
    assert [row["position"] for row in rows] == ["4", "3", "2", "1"]
    assert rows[0]["changes"] == "diagnosis: empty > =HYPERLINK(0)"
    assert rows[0]["hash"] == db.session.scalar(select(Event.hash).where(Event.position == 4))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_cell_that_starts_like_a_formula_becomes_text(cell):
    assert inert(cell) == f"'{cell}"


def test_export_says_where_it_was_cut(sealed, manager, browser_of, monkeypatch):
    monkeypatch.setattr(audit_log, "MOST_EXPORTED", 2)

    lines = browser_of(manager).get("/admin/audit/export").text.splitlines()

    assert len(lines) == 4
    assert lines[-1].startswith("Cut here at 2 lines.")


def test_export_of_exactly_the_most_lines_is_whole(sealed, manager, browser_of, monkeypatch):
    monkeypatch.setattr(audit_log, "MOST_EXPORTED", 5)

    lines = browser_of(manager).get("/admin/audit/export").text.splitlines()

    assert len(lines) == 6
    assert lines[-1].startswith("1,")


def test_reading_sends_as_many_statements_for_one_entry_as_for_five(sealed):
    few = statements_of(lambda: audit_log.read_log(audit_log.Filters(verb="repair.moved"), zone="Europe/London"))

    many = statements_of(lambda: audit_log.read_log(audit_log.Filters(), zone="Europe/London"))

    assert len(few) == len(many) == 3
