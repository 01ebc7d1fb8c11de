"""A duplicate merged, a mistake deleted: at the screen, by htmx and plain, and for whoever has the ticket open."""

import json
import re

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.ending import DeletedRepair, MergedRepair
from shop.models.event import Event
from shop.models.repair import Note, Repair
from shop.models.staff_draft import StaffDraft
from shop.models.workflow import State
from shop.services import merges, relay, removals, repairs
from tests import factories

HTMX = {"HX-Request": "true"}
WHY = "Clicked twice"


@pytest.fixture
def twin(cracked_iphone):
    return factories.repair(customer=cracked_iphone.customer, problem="Screen flickers since the fall")


@pytest.fixture
def desk(browser_of, front_desk):
    return browser_of(front_desk)


@pytest.fixture
def lead(browser_of, manager):
    return browser_of(manager)


@pytest.fixture
def merged(cracked_iphone, twin, front_desk):
    """The twin, merged into Hannah's first ticket by Marta."""
    merges.merge(*repairs.lock_pair(twin.number, cracked_iphone.number), actor=front_desk.actor)
    db.session.commit()
    return twin


@pytest.fixture
def deleted(twin, manager):
    """The number of the twin, deleted by Maya."""
    number = twin.number
    removals.delete_repair(repairs.lock_repair(number), WHY, actor=manager.actor)
    db.session.commit()
    return number


def at(repair: Repair | str, act: str = "") -> str:
    number = repair if isinstance(repair, str) else repair.number
    return f"/admin/repairs/{number}" + (f"/{act}" if act else "")


def text_of(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def verbs() -> list[str]:
    return list(db.session.scalars(select(Event.verb).where(Event.verb != "repair.booked").order_by(Event.id)))


def into_of(repair: Repair) -> int | None:
    db.session.expire_all()
    return db.session.scalar(select(MergedRepair.into_id).where(MergedRepair.repair_id == repair.id))


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_duplicate_is_chosen_looked_at_and_merged(desk, cracked_iphone, twin, headers):
    way, stays = at(twin, "merge"), cracked_iphone.number

    asked = desk.get(way, headers=headers)
    preview = desk.post(way, data={"into": "", "pick": stays}, headers=headers)
    before = into_of(twin)
    answer = desk.post(way, data={"into": stays, "sure": stays}, headers=headers)

    assert (asked.status_code, f'name="pick" value="{stays}"' in asked.text) == (200, True)
    assert (preview.status_code, before) == (200, None)
    assert "The customer is told nothing." in text_of(preview)
    assert f"What only {twin.number} says is added as a note: Reported Screen flickers" in text_of(preview)
    assert (into_of(twin), verbs()) == (cracked_iphone.id, ["repair.merged", "repair.absorbed"])
    if headers:
        news = json.loads(answer.headers["HX-Trigger"])
        assert (answer.status_code, news["acted"]) == (204, {"number": twin.number})
        assert news["toast"]["message"] == f"{twin.number}: Merged into {stays}"
    else:
        assert (answer.status_code, answer.location) == (303, at(cracked_iphone))


@pytest.mark.parametrize("spelled", ["{number}", "#{digits}", " rt {digits} ", "https://shop.example/t/{token}"])
def test_number_of_the_ticket_that_stays_is_read_as_it_is_typed_or_scanned(desk, cracked_iphone, twin, spelled):
    number = cracked_iphone.number
    typed = spelled.format(number=number, digits=number[3:], token=cracked_iphone.tracking_token)

    preview = desk.post(at(twin, "merge"), data={"into": typed}, headers=HTMX)

    assert (preview.status_code, f"Merge {twin.number} into {number}?" in preview.text) == (200, True)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Name the ticket that stays."),
        ("Hannah", "There is no ticket for this."),
        ("RT-99999", "There is no such repair."),
        ("07700 900418", "This stands for several tickets:"),
        ("\x00", "Name the ticket that stays."),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_number_that_is_none_is_asked_for_again(desk, cracked_iphone, twin, typed, said, headers):
    answer = desk.post(at(twin, "merge"), data={"into": typed}, headers=headers)

    assert (answer.status_code, said in text_of(answer)) == (422, True)
    assert into_of(twin) is None


def test_two_customers_are_merged_only_with_the_tick(desk, cracked_iphone):
    other = factories.repair(customer=factories.customer("Ben Osei", email="ben@example.com", phone="+447700900001"))
    sent = {"into": cracked_iphone.number, "sure": cracked_iphone.number}

    refused = desk.post(at(other, "merge"), data=sent, headers=HTMX)
    before = into_of(other)
    desk.post(at(other, "merge"), data={**sent, "other_customer": "1"}, headers=HTMX)

    assert (refused.status_code, before, into_of(other)) == (422, None, cracked_iphone.id)
    assert "These are two customers: Hannah Whitcombe and Ben Osei." in text_of(refused)


def test_merge_is_taken_back_by_its_toast(desk, cracked_iphone, twin):
    sent = {"into": cracked_iphone.number, "sure": cracked_iphone.number}
    done = json.loads(desk.post(at(twin, "merge"), data=sent, headers=HTMX).headers["HX-Trigger"])

    undone = desk.post(done["toast"]["undo"]["url"], headers=HTMX)

    assert (undone.status_code, into_of(twin), db.session.get(Repair, twin.id).status) == (204, None, "received")
    assert db.session.scalars(select(Note.id)).all() == []


def test_technician_is_offered_neither_and_refused_both(browser_of, technician, cracked_iphone):
    browser = browser_of(technician)

    page = browser.get(at(cracked_iphone)).text

    assert ("Duplicate of…" in page, "made by mistake" in page) == (False, False)
    assert [browser.post(at(cracked_iphone, act)).status_code for act in ("merge", "deletion")] == [404, 404]


def test_page_of_a_merged_ticket_leads_to_the_other_and_offers_nothing(desk, merged, cracked_iphone):
    page = desk.get(at(merged))

    assert page.status_code == 200
    assert f"{merged.number} was merged into {cracked_iphone.number} by Marta Kowal." in text_of(page)
    assert f'href="{at(cracked_iphone)}"' in page.text
    inside = page.text.partition('<article class="ticket-page"')[2].partition("</article>")[0]
    assert re.findall(r"<form|data-act|/edit", inside) == []


def test_ticket_that_stays_shows_the_note_and_says_what_it_took_in(desk, merged, cracked_iphone):
    words = text_of(desk.get(at(cracked_iphone)))

    assert f"Took in {merged.number} , a duplicate, with one note" in words
    assert f"From {merged.number}, a duplicate of this ticket Reported: Screen flickers since the fall" in words


ACTS = {
    "move": {"target": "diagnosing", "seen": "received"},
    "assign": {"assignee": ""},
    "edit": {"now.problem": "Mine", "base.problem": ""},
    "notes": {"body": "Too late"},
    "priority": {"priority": "urgent"},
    "tags": {"tag": "Late"},
    "branch": {"branch": "1"},
    "mails": {"wanted": "1"},
    "merge": {"into": "RT-10001"},
}


@pytest.mark.parametrize("act", ACTS)
def test_who_acts_on_a_merged_ticket_is_told_where_it_went(desk, merged, cracked_iphone, act):
    before = verbs()

    plain = desk.post(at(merged, act), data=ACTS[act])
    htmx = desk.post(at(merged, act), data=ACTS[act], headers=HTMX)

    said = f"{merged.number} was merged into {cracked_iphone.number} by Marta Kowal."
    assert (plain.status_code, said in text_of(plain)) == (409, True)
    assert f"Open {cracked_iphone.number}" in text_of(plain)
    assert (htmx.status_code, htmx.headers["HX-Reswap"], htmx.text) == (409, "none", "")
    assert json.loads(htmx.headers["HX-Trigger"]) == {"ticketEnded": {"number": merged.number, "message": said}}
    assert verbs() == before


@pytest.mark.parametrize("act", ["move", "missed"])
def test_who_moves_the_appointment_of_a_merged_ticket_is_told_too(desk, merged, act):
    path = f"/admin/calendar/{merged.number}/{act}"

    assert [desk.get(path).status_code, desk.post(path).status_code] == [409, 409]


@pytest.mark.parametrize("act", [act for act in ACTS if act != "mails"])
def test_form_of_a_merged_ticket_is_not_shown(desk, merged, act):
    assert desk.get(at(merged, act)).status_code == 409


@pytest.mark.parametrize("act", ACTS)
def test_who_acts_on_a_deleted_ticket_is_told_by_whom_it_was_deleted(desk, deleted, act):
    plain = desk.post(at(deleted, act), data=ACTS[act])
    htmx = desk.post(at(deleted, act), data=ACTS[act], headers=HTMX)

    said = f"{deleted} was deleted by Maya Lind: “{WHY}”."
    assert (plain.status_code, said in text_of(plain)) == (404, True)
    assert htmx.status_code == 404
    assert json.loads(htmx.headers["HX-Trigger"]) == {"ticketEnded": {"number": deleted, "message": said}}


def test_page_of_a_deleted_ticket_is_gone_and_says_so(desk, deleted):
    page = desk.get(at(deleted))

    assert (page.status_code, "This ticket was deleted" in page.text) == (404, True)


@pytest.mark.parametrize("spelled", ["{number}", "#{digits}"])
def test_scan_of_a_deleted_ticket_leads_to_who_deleted_it(desk, deleted, spelled):
    answer = desk.get("/admin/find/", query_string={"q": spelled.format(number=deleted, digits=deleted[3:])})

    assert (answer.status_code, answer.location) == (303, at(deleted))


def test_open_page_asks_what_became_of_its_ticket(desk, merged, cracked_iphone):
    ended = desk.get(at(merged, "ended"), headers=HTMX)
    open_still = desk.get(at(cracked_iphone, "ended"), headers=HTMX)
    plain = desk.get(at(merged, "ended"))
    unknown = desk.get(at("RT-99999", "ended"), headers=HTMX)

    assert (ended.status_code, f'data-ending="{merged.number}"' in ended.text) == (200, True)
    assert "What you typed here is not saved to it" in text_of(ended)
    assert (open_still.status_code, unknown.status_code, plain.location) == (204, 204, at(merged))


def test_text_typed_into_a_ticket_that_ended_is_listed_with_where_to_go(desk, front_desk, merged, cracked_iphone):
    for form, act in (("repairs.edit", "edit"), ("repairs.note", "notes")):
        fields = json.dumps(
            {"body": {"value": "Half a thought", "base": "", "window": "a", "version": 1, "others": []}}
        )
        db.session.add(
            StaffDraft(
                staff_id=front_desk.id, form=form, record=merged.number, address=at(merged, act), title=act,
                fields=fields,
            )
        )  # fmt: skip
    db.session.commit()

    page = desk.get("/admin/recover/")
    refused = desk.post(at(merged, "edit"), data=ACTS["edit"])

    assert text_of(page).count(f"{merged.number} was merged into {cracked_iphone.number} by Marta Kowal.") == 2
    assert text_of(page).count(f"Open {cracked_iphone.number}") == 2
    assert "Half a thought" in page.text
    assert "/admin/recover/#draft-" in refused.text


@pytest.mark.parametrize(("path", "row"), [("rows", "<tr"), ("board/cards", "<li")])
def test_list_lets_go_of_a_deleted_ticket_and_marks_a_merged_one(desk, merged, cracked_iphone, manager, path, row):
    gone = factories.repair()
    number = gone.number
    removals.delete_repair(repairs.lock_repair(number), WHY, actor=manager.actor)
    db.session.commit()

    piece = desk.get(f"/admin/repairs/{path}?numbers={number},{merged.number},RT-99999", headers=HTMX).text

    assert f'{row} data-repair="{number}" data-deleted' in piece
    assert re.search(rf'data-repair="{merged.number}"[^>]* data-gone', piece)
    assert "RT-99999" not in piece


def test_mistake_is_deleted_with_its_reason(lead, twin, cracked_iphone):
    key, number = twin.id, twin.number
    page = lead.get(at(twin, "deletion"))

    answer = lead.post(at(twin, "deletion"), data={"reason": WHY})

    db.session.expire_all()
    assert (page.status_code, "there is no undo" in text_of(page)) == (200, True)
    assert (answer.status_code, answer.location) == (303, "/admin/repairs/")
    assert (db.session.get(Repair, key), db.session.get(DeletedRepair, key).number) == (None, number)
    assert verbs() == ["repair.deleted"]
    relay.relay_batch()
    db.session.commit()
    audit = text_of(lead.get(f"/admin/audit/?about={number}"))
    assert ("Deleted: made by mistake" in audit, WHY in audit) == (True, True)


def test_delete_asks_for_a_reason_and_says_why_not(lead, cracked_iphone):
    begun = factories.repair(State.DIAGNOSING)

    empty = lead.post(at(cracked_iphone, "deletion"), data={"reason": " "})
    page = lead.get(at(begun, "deletion"))
    refused = lead.post(at(begun, "deletion"), data={"reason": WHY})

    assert (empty.status_code, "Write why" in text_of(empty)) == (422, True)
    assert "Work on it has begun" in text_of(page)
    assert (refused.status_code, verbs()) == (422, [])


def test_delete_asks_for_the_password_first_and_loses_no_word(app, manager, cracked_iphone):
    browser = factories.signed_in_client(app, manager, sudo=False)

    asked = browser.get(at(cracked_iphone, "deletion"))
    sent = browser.post(at(cracked_iphone, "deletion"), data={"reason": WHY})
    answer = browser.post(at(cracked_iphone, "deletion"), data={"reason": WHY, "sudo_password": factories.PASSWORD})

    assert (asked.status_code, asked.location) == (303, f"/admin/account/confirm?next={at(cracked_iphone, 'deletion')}")
    assert (sent.status_code, f'name="reason" value="{WHY}"' in sent.text) == (403, True)
    assert answer.status_code == 303


@pytest.mark.parametrize("act", ["merge", "deletion"])
def test_unknown_ticket_is_neither_merged_nor_deleted(lead, act):
    assert [lead.get(at("RT-99999", act)).status_code, lead.post(at("RT-99999", act)).status_code] == [404, 404]


def test_private_link_of_the_duplicate_leads_to_the_ticket_that_stays(stranger, merged, cracked_iphone):
    way = f"/track/{merged.tracking_token}"

    answer = stranger.get(way)
    live = stranger.get(way, headers=HTMX, follow_redirects=True)
    asked = stranger.post("/track/", data={"number": merged.number, "email": "hannah@example.com"})

    assert (answer.status_code, answer.location) == (303, f"/track/{cracked_iphone.tracking_token}")
    assert (live.status_code, asked.status_code) == (200, 303)


def test_link_of_another_customer_shows_no_word_of_the_other_ticket(stranger, cracked_iphone, front_desk):
    other = factories.repair(customer=factories.customer("Ben Osei", email="ben@example.com", phone="+447700900001"))
    pair = repairs.lock_pair(other.number, cracked_iphone.number)
    merges.merge(*pair, actor=front_desk.actor, other_customer=True)
    db.session.commit()

    page = stranger.get(f"/track/{other.tracking_token}")
    mails = stranger.post(f"/track/{other.tracking_token}/mails", data={"wanted": ""})

    assert (page.status_code, cracked_iphone.number in page.text, "Cancelled" in page.text) == (200, False, True)
    assert mails.status_code == 303
