"""The calendar: pages, moves, arrivals, no-shows and block-outs, by htmx and without a script."""

import html
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select, update

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.booking import Booking, Slot
from shop.models.event import Delivery, Event
from shop.models.location import Block
from shop.models.outbox import OutboxMessage
from shop.models.repair import Repair
from shop.services import deliveries, relay, slots
from shop.services.bookings import create_booking
from tests import factories
from tests.bookings import THURSDAY_1030, request, slot_with

HTMX = {"HX-Request": "true"}
ELEVEN = THURSDAY_1030 + timedelta(minutes=30)
THURSDAY = "/admin/calendar/?view={view}&day=2026-11-26"


@pytest.fixture
def booked(app, frozen) -> Repair:
    return book()


@pytest.fixture
def desk(front_desk, browser_of):
    return browser_of(front_desk)


def book(starts_at=THURSDAY_1030, **changes) -> Repair:
    repair = create_booking(request(slot_start=starts_at, **changes), actor=CUSTOMER, source="wizard")
    db.session.commit()
    return repair


def form(starts_at=ELEVEN, **changes) -> dict:
    return {"slot_start": starts_at.isoformat(), "seen": THURSDAY_1030.isoformat(), "send": "none", **changes}


def shown_form(desk, repair, starts_at=ELEVEN, act="move", **changes) -> dict:
    """What a browser sends after it has shown the message for this time."""
    page = desk.get(f"/admin/calendar/{repair.number}/{act}", query_string={"slot_start": starts_at.isoformat()})
    db.session.rollback()
    shown = re.search(r'name="shown" value="(\w+)"', page.text)[1]
    return form(starts_at, send="now", shown=shown, **changes)


def text_of(answer) -> str:
    return html.unescape(re.search(r"data-message>([^<]*)<", answer.text)[1])


def mails_of(repair) -> list[OutboxMessage]:
    """What has left once its time had come: the database's clock is not the tests'."""
    relay.relay_batch()
    db.session.execute(update(Delivery).values(due_at=datetime(2020, 1, 1, tzinfo=UTC)))
    db.session.commit()
    deliveries.drain("mail")
    db.session.expire_all()
    return list(db.session.scalars(select(OutboxMessage).where(OutboxMessage.template.like("appointment%"))))


def slot_of(repair: Repair):
    db.session.rollback()
    return db.session.scalars(select(Slot.starts_at).join(Booking).where(Booking.repair_id == repair.id)).one()


def last_verb(repair: Repair) -> str:
    query = select(Event.verb).where(Event.aggregate == f"repair:{repair.id}").order_by(Event.version.desc())
    return db.session.scalars(query.limit(1)).one()


@pytest.mark.parametrize("view", ["week", "day", "agenda"])
def test_every_view_shows_the_appointment(booked, desk, view):
    page = desk.get(THURSDAY.format(view=view)).text
    piece = desk.get(THURSDAY.format(view=view), headers=HTMX).text

    assert f'id="entry-{booked.number}"' in page
    assert "Hannah Whitcombe" in page
    assert ("<html" in page, "<html" in piece, f'id="entry-{booked.number}"' in piece) == (True, False, True)


def test_an_address_that_cannot_be_used_is_said_and_left_out(booked, desk):
    page = desk.get("/admin/calendar/?view=year&day=soon&who=%00")

    assert page.status_code == 200
    assert "view, day, who" in page.text


def test_unknown_branch_leads_to_the_first(booked, desk):
    answer = desk.get("/admin/calendar/?view=day&location=atlantis")

    assert (answer.status_code, answer.headers["Location"].startswith("/admin/calendar/?view=day")) == (303, True)


def test_filter_by_person_shows_theirs_only(booked, desk, technician):
    mine = desk.get(THURSDAY.format(view="agenda") + f"&who={technician.id}").text
    nobodys = desk.get(THURSDAY.format(view="agenda") + "&who=nobody").text

    assert (booked.number in mine, booked.number in nobodys) == (False, True)


def test_move_form_offers_the_times_and_says_who_is_told(booked, desk):
    piece = desk.get(
        f"/admin/calendar/{booked.number}/move?slot_start={ELEVEN.isoformat().replace('+', '%2B')}", headers=HTMX
    )

    assert "<dialog" in piece.text
    assert f'value="{ELEVEN.isoformat()}" checked' in piece.text
    assert "hannah@example.com" in piece.text


def test_move_form_proposes_the_next_free_time(booked, desk):
    page = desk.get(f"/admin/calendar/{booked.number}/move", headers=HTMX).text

    assert f'value="{ELEVEN.isoformat()}" checked' in page


def test_move_by_htmx_moves_tells_and_offers_to_take_it_back(booked, desk):
    answer = desk.post(f"/admin/calendar/{booked.number}/move", data=shown_form(desk, booked), headers=HTMX)

    news = json.loads(answer.headers["HX-Trigger"])
    assert (answer.status_code, slot_of(booked), last_verb(booked)) == (204, ELEVEN, "repair.rebooked")
    assert news["acted"] == {"number": booked.number}
    assert news["toast"]["message"].endswith(". The customer is told")
    assert "{n}" in news["toast"]["undo"]["countdown"]
    undone = desk.post(news["toast"]["undo"]["url"], headers=HTMX)
    assert (undone.status_code, slot_of(booked)) == (204, THURSDAY_1030)


@pytest.mark.parametrize(("locale", "words"), [("en", "Add to calendar"), ("pt_BR", "Adicionar à agenda")])
def test_move_form_shows_the_very_mail_that_the_customer_gets(app, frozen, desk, locale, words):
    repair = book(customer={"locale": locale})
    way = f"/admin/calendar/{repair.number}/move"
    dialog = desk.get(way, headers=HTMX)
    db.session.rollback()

    desk.post(way, data=shown_form(desk, repair), headers=HTMX)

    [mail] = mails_of(repair)
    assert text_of(dialog) == mail.text
    assert words in mail.text
    assert f"<b>{html.escape(mail.subject)}</b>" in dialog.text
    assert f'lang="{locale.replace("_", "-")}"' in dialog.text


def test_move_to_a_time_whose_mail_was_not_read_shows_it_first(booked, desk):
    way, later = f"/admin/calendar/{booked.number}/move", ELEVEN + timedelta(minutes=30)
    unread = {**shown_form(desk, booked, ELEVEN), "slot_start": later.isoformat()}

    asked = desk.post(way, data=unread, headers=HTMX)

    assert (asked.status_code, slot_of(booked), last_verb(booked)) == (409, THURSDAY_1030, "repair.booked")
    assert "The message is another one now." in asked.text
    assert "11:30" in text_of(asked)
    again = {**unread, "shown": re.search(r'name="shown" value="(\w+)"', asked.text)[1]}
    assert (desk.post(way, data=again, headers=HTMX).status_code, slot_of(booked)) == (204, later)


def test_move_with_nothing_chosen_sends_nothing_unseen(booked, desk):
    answer = desk.post(f"/admin/calendar/{booked.number}/move", data=form(send=""), headers=HTMX)

    assert (answer.status_code, slot_of(booked)) == (409, THURSDAY_1030)
    assert "The message is another one now." not in answer.text


def test_move_whose_mail_leaves_later_waits_on_the_ticket_and_in_the_outbox(app, desk):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    first, second, *_ = slots.list_slots(
        factories.location(), "in_store", start=tomorrow, end=tomorrow + timedelta(days=5)
    )
    repair = book(first.start)
    seen = {"seen": first.start.isoformat()}
    data = {**shown_form(desk, repair, second.start, **seen), "send": "later", "send_at": f"{tomorrow:%Y-%m-%dT}12:30"}

    answer = desk.post(f"/admin/calendar/{repair.number}/move", data=data, headers=HTMX)
    relay.relay_batch()
    db.session.commit()

    toast, when = json.loads(answer.headers["HX-Trigger"])["toast"], f"{tomorrow:%a %-d %b}, 12:30"
    assert (toast["message"].partition(". ")[2], toast["undo"]["countdown"]) == (f"The e-mail leaves {when}", "")
    assert f"E-mail waits until {when}" in desk.get(f"/admin/repairs/{repair.number}").text
    assert "<small>New time</small>" in desk.get("/admin/outbox/waiting").text
    assert [mail.recipient for mail in mails_of(repair)] == ["hannah@example.com"]


def test_move_whose_mail_shall_leave_in_the_past_is_refused(booked, desk):
    data = {**shown_form(desk, booked), "send": "later", "send_at": "2026-11-23T17:00"}

    answer = desk.post(f"/admin/calendar/{booked.number}/move", data=data, headers=HTMX)

    assert (answer.status_code, slot_of(booked)) == (422, THURSDAY_1030)
    assert "This time is over." in answer.text


def test_move_that_tells_nobody_says_so_in_the_history(booked, desk):
    answer = desk.post(f"/admin/calendar/{booked.number}/move", data=form(), headers=HTMX)

    assert "told" not in json.loads(answer.headers["HX-Trigger"])["toast"]["message"]
    assert "(not told)" in desk.get(f"/admin/repairs/{booked.number}").text
    assert mails_of(booked) == []


def test_who_wants_no_mails_about_the_status_still_hears_of_another_time(booked, desk):
    booked.customer.may_email = False
    db.session.commit()

    desk.post(f"/admin/calendar/{booked.number}/move", data=shown_form(desk, booked), headers=HTMX)

    assert len(mails_of(booked)) == 1


def test_who_has_no_address_is_rung_and_the_move_acts_at_once(booked, desk):
    booked.customer.email = ""
    db.session.commit()
    way = f"/admin/calendar/{booked.number}/move"

    dialog = desk.get(way, headers=HTMX).text
    db.session.rollback()
    answer = desk.post(way, data=form(send=""), headers=HTMX)

    assert ("nothing is sent" in dialog, 'name="send"' in dialog) == (True, False)
    assert (answer.status_code, slot_of(booked)) == (204, ELEVEN)


def test_move_without_a_script_leads_back_to_the_calendar(booked, desk):
    back = THURSDAY.format(view="week")

    answer = desk.post(f"/admin/calendar/{booked.number}/move", data=form(back=back))
    again = form(THURSDAY_1030, seen=ELEVEN.isoformat(), back="//evil.example")
    elsewhere = desk.post(f"/admin/calendar/{booked.number}/move", data=again)

    assert (answer.status_code, answer.headers["Location"]) == (303, back)
    assert elsewhere.headers["Location"] == f"/admin/repairs/{booked.number}"


def test_move_onto_a_colleagues_column_gives_them_the_repair(booked, desk, technician):
    desk.post(f"/admin/calendar/{booked.number}/move", data=form(who=str(technician.id)), headers=HTMX)

    db.session.refresh(booked)
    assert booked.assignee_id == technician.id


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"slot_start": "soon"}, 422),
        ({"slot_start": "2026-11-26T10:30"}, 422),
        ({"slot_start": "2026-11-29T10:30:00+00:00"}, 422),
        ({"slot_start": "2026-11-20T10:30:00+00:00"}, 422),
        ({"who": "somebody"}, 422),
        ({"who": "999999"}, 422),
        ({"seen": ELEVEN.isoformat()}, 409),
    ],
)
def test_move_that_cannot_be_is_refused_with_the_form(booked, desk, changes, status):
    answer = desk.post(f"/admin/calendar/{booked.number}/move", data=form(**changes), headers=HTMX)

    assert (answer.status_code, "<dialog" in answer.text, slot_of(booked)) == (status, True, THURSDAY_1030)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_move_form_bears_the_ends_of_time(booked, desk, moment):
    shown = desk.get(f"/admin/calendar/{booked.number}/move", query_string={"slot_start": moment})
    refused = desk.post(f"/admin/calendar/{booked.number}/move", data={**form(), "slot_start": moment})

    assert (shown.status_code, refused.status_code, slot_of(booked)) == (200, 422, THURSDAY_1030)


def test_move_to_a_full_time_is_refused_and_says_so(booked, desk):
    slot_with(1, starts_at=ELEVEN)
    book(ELEVEN, customer={"name": "Peter Whitcombe"})

    answer = desk.post(f"/admin/calendar/{booked.number}/move", data=form(), headers=HTMX)

    assert (answer.status_code, slot_of(booked)) == (409, THURSDAY_1030)
    assert "last place" in answer.text


def test_arrival_is_one_press_and_can_be_taken_back(booked, desk):
    answer = desk.post(f"/admin/calendar/{booked.number}/arrive", headers=HTMX)

    news = json.loads(answer.headers["HX-Trigger"])
    db.session.refresh(booked)
    assert (answer.status_code, booked.status, last_verb(booked)) == (204, "received", "repair.moved")
    desk.post(news["toast"]["undo"]["url"], headers=HTMX)
    db.session.refresh(booked)
    assert booked.status == "expected"


def test_arrival_of_what_is_here_already_says_so_and_changes_nothing(booked, desk):
    desk.post(f"/admin/calendar/{booked.number}/arrive")
    version = db.session.scalar(select(Repair.version).where(Repair.id == booked.id))

    again = desk.post(f"/admin/calendar/{booked.number}/arrive")

    db.session.rollback()
    assert again.status_code == 303
    assert db.session.scalar(select(Repair.version).where(Repair.id == booked.id)) == version


def test_missed_asks_first_and_waits_for_the_time(app, frozen, desk):
    soon = frozen + timedelta(minutes=30)
    repair = book(soon)
    path = f"/admin/calendar/{repair.number}/missed"
    early = desk.post(path, data={"send": "none"}, headers=HTMX)
    db.session.rollback()
    assert (early.status_code, "still to come" in early.text) == (422, True)

    with time_machine.travel(soon + timedelta(minutes=15), tick=False):
        asked = desk.get(path, headers=HTMX)
        db.session.rollback()
        unseen = desk.post(path, data={"send": "now"}, headers=HTMX)
        db.session.rollback()
        answer = desk.post(path, data=shown_form(desk, repair, soon, "missed"), headers=HTMX)

    [mail] = mails_of(repair)
    assert ("<dialog" in asked.text, answer.status_code, last_verb(repair)) == (True, 204, "repair.missed")
    assert (unseen.status_code, text_of(asked), text_of(unseen)) == (409, mail.text, mail.text)


@pytest.mark.parametrize("act", ["move", "missed"])
def test_unknown_ticket_is_not_found(booked, desk, act):
    assert desk.get(f"/admin/calendar/RT-99999/{act}").status_code == 404
    assert desk.post(f"/admin/calendar/RT-99999/{act}", data=form()).status_code == 404


def test_readers_look_and_do_not_touch(booked, browser_of, read_only):
    reader = browser_of(read_only)

    page = reader.get(THURSDAY.format(view="agenda")).text

    assert (booked.number in page, "/arrive" in page, "draggable" in page) == (True, False, False)
    assert reader.post(f"/admin/calendar/{booked.number}/move", data=form()).status_code == 404


def block_form(**changes) -> dict:
    return {
        "location": "london", "starts": "2026-11-26T13:00", "ends": "2026-11-26T14:00", "who": "", "places": "",
        "reason": "Stocktaking", **changes,
    }  # fmt: skip


def test_block_out_hides_the_time_from_customers_at_once(booked, browser_of, manager):
    answer = browser_of(manager).post("/admin/calendar/block", data=block_form())

    found = slots.list_slots(
        factories.location(), "in_store", start=THURSDAY_1030, end=THURSDAY_1030 + timedelta(hours=8)
    )
    assert answer.status_code == 303
    assert [f"{view.start:%H:%M}" for view in found if view.remaining == 0] == ["13:00", "13:30"]
    assert db.session.scalars(select(Event.verb).where(Event.aggregate.like("location:%"))).all() == [
        "location.blocked"
    ]


def test_block_out_over_an_appointment_lists_it_first_and_then_in_the_calendar(booked, browser_of, manager):
    browser, over = browser_of(manager), {"starts": "2026-11-26T10:00", "ends": "2026-11-26T12:00"}

    asked = browser.post("/admin/calendar/block", data=block_form(**over))
    nothing = db.session.scalars(select(Block)).all()
    done = browser.post("/admin/calendar/block", data=block_form(**over, seen_inside="1"))
    page = browser.get(THURSDAY.format(view="week")).text

    assert (asked.status_code, booked.number in asked.text, nothing, done.status_code) == (422, True, [], 303)
    assert "1 appointment is at a time that is closed or blocked out" in page


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": " "}, {"reason": "x" * 121}, {"ends": "2026-11-26T13:00"}, {"starts": "yesterday"}, {"places": "x"},
        {"places": "0"}, {"who": "999999"}, {"ends": "2027-11-26T13:00"},
        {"starts": "2026-11-20T13:00", "ends": "2026-11-20T14:00"},
    ],
)  # fmt: skip
def test_block_out_that_cannot_be_is_refused_with_what_was_typed(booked, browser_of, manager, changes):
    answer = browser_of(manager).post("/admin/calendar/block", data=block_form(**changes))

    assert (answer.status_code, 'aria-invalid="true"' in answer.text) == (422, True)
    assert db.session.scalars(select(Block)).all() == []


def test_block_out_is_taken_away_once(booked, browser_of, manager):
    browser = browser_of(manager)
    browser.post("/admin/calendar/block", data=block_form())
    [block] = db.session.scalars(select(Block.id)).all()

    first = browser.post(f"/admin/calendar/blocks/{block}/remove")
    second = browser.post(f"/admin/calendar/blocks/{block}/remove")

    assert (first.status_code, second.status_code) == (303, 303)
    assert db.session.scalars(select(Block)).all() == []


def test_only_leaders_block_out(booked, desk):
    assert desk.post("/admin/calendar/block", data=block_form()).status_code == 404
