"""“This will send …” and undo, as the console's routes answer."""

import html
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.event import Delivery, Event
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import deliveries, mails, relay, repairs
from tests import factories

HTMX = {"HX-Request": "true"}


@pytest.fixture
def desk(browser_of, front_desk):
    return browser_of(front_desk)


@pytest.fixture
def tested(app):
    return factories.repair(State.QUALITY_CHECK, diagnosis="Display broken")


def way(repair, act="move"):
    return f"/admin/repairs/{repair.number}/{act}"


def form_of(answer) -> dict:
    """What a browser would send from the dialog, with the first choice left as it is."""
    found = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.text))
    found = {name: html.unescape(value) for name, value in found.items() if name not in ("request_key", "csrf_token")}
    return {**found, "send": re.search(r'name="send" value="(\w+)" checked', answer.text)[1]}


def ask(browser, repair, target="ready", **data):
    return browser.post(way(repair), data={"target": target, "seen": repair.status, **data}, headers=HTMX)


def last_move() -> dict:
    query = select(Event.body).where(Event.verb == "repair.moved").order_by(Event.id.desc())
    return json.loads(db.session.scalars(query).first())


def status_of(repair) -> str:
    db.session.expire_all()
    return db.session.get(Repair, repair.id).status


def seal() -> None:
    relay.relay_batch()
    db.session.commit()


def undo_of(answer) -> dict:
    return json.loads(answer.headers["HX-Trigger"])["toast"]["undo"]


def test_move_that_tells_the_customer_shows_the_message_first_and_changes_nothing(desk, tested):
    events = db.session.query(Event).count()

    answer = ask(desk, tested)

    assert (answer.status_code, answer.headers["HX-Retarget"]) == (200, "#dialogs")
    assert f"Move {tested.number} to Ready?" in answer.text
    assert "This will send one e-mail to Hannah Whitcombe." in answer.text
    assert "hannah@example.com" in answer.text
    assert "Move and send" in answer.text
    assert html.unescape(re.search(r"data-message>([^<]*)<", answer.text)[1]) == mails.compose(tested, State.READY).text
    assert (status_of(tested), db.session.query(Event).count()) == ("quality_check", events)


def test_move_and_send_holds_the_message_and_offers_undo(desk, tested):
    form = form_of(ask(desk, tested))

    answer = desk.post(way(tested), data=form, headers=HTMX)

    toast = json.loads(answer.headers["HX-Trigger"])["toast"]
    assert (answer.status_code, status_of(tested)) == (204, "ready")
    assert toast["message"] == f"{tested.number}: Moved to Ready"
    assert toast["undo"]["seconds"] == 10
    assert toast["undo"]["countdown"] == "E-mail to Hannah leaves in {n} s"
    assert (last_move()["message"], "leaves_at" in last_move()) == ("now", True)


def test_move_that_tells_nobody_acts_at_once_and_can_be_undone(desk, tested):
    answer = ask(desk, tested, target="in_repair")

    assert (answer.status_code, status_of(tested)) == (204, "in_repair")
    assert undo_of(answer)["countdown"] == ""


@pytest.mark.parametrize(
    ("customer", "words"),
    [
        ({"email": ""}, "Hannah has no e-mail address: nothing is sent"),
        ({"may_email": False}, "Hannah wants no e-mails: nothing is sent"),
    ],
    ids=["no address", "opted out"],
)
def test_move_of_who_cannot_be_told_acts_at_once_and_says_why(desk, customer, words):
    repair = factories.repair(State.QUALITY_CHECK, customer=factories.customer(**customer))

    choosing = desk.get(way(repair))
    answer = ask(desk, repair)

    assert words in choosing.text
    assert json.loads(answer.headers["HX-Trigger"])["toast"]["message"].endswith(f"Moved to Ready. {words}")
    assert (answer.status_code, status_of(repair)) == (204, "ready")


def test_send_later_is_kept_with_its_time_and_seen_on_the_ticket_and_in_the_outbox(desk, tested):
    form = form_of(ask(desk, tested))
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(hour=12, minute=30)

    answer = desk.post(
        way(tested), data={**form, "send": "later", "send_at": tomorrow.strftime("%Y-%m-%dT%H:%M")}, headers=HTMX
    )
    seal()

    assert "The e-mail leaves" in json.loads(answer.headers["HX-Trigger"])["toast"]["message"]
    assert (last_move()["message"], last_move()["leaves_at"][:16]) == ("later", tomorrow.strftime("%Y-%m-%dT%H:%M"))
    assert "Waiting message" in desk.get(f"/admin/repairs/{tested.number}").text
    assert tested.number in desk.get("/admin/outbox/waiting").text


@pytest.mark.parametrize("typed", ["", "yesterday", "2001-01-01T10:00", "2999-01-01T10:00"])
def test_send_later_at_no_time_asks_again(desk, tested, typed):
    form = form_of(ask(desk, tested))

    answer = desk.post(way(tested), data={**form, "send": "later", "send_at": typed}, headers=HTMX)

    assert (answer.status_code, status_of(tested)) == (422, "quality_check")
    assert 'value="later" checked' in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_do_not_send_moves_in_silence(desk, tested):
    form = form_of(ask(desk, tested))

    answer = desk.post(way(tested), data={**form, "send": "none"}, headers=HTMX)

    assert json.loads(answer.headers["HX-Trigger"])["toast"]["message"].endswith("Nothing is sent")
    assert (status_of(tested), last_move()["message"]) == ("ready", "none")
    assert "No e-mail, as chosen" in desk.get(f"/admin/repairs/{tested.number}").text


def test_a_choice_that_does_not_exist_is_no_choice(desk, tested):
    answer = ask(desk, tested, send="everything")

    assert (answer.status_code, status_of(tested)) == (200, "quality_check")


def test_a_message_that_changed_while_it_was_read_is_shown_again(desk, owner):
    repair = factories.repair(State.DIAGNOSING, diagnosis="Display broken")
    form = form_of(ask(desk, repair, target="unrepairable"))
    repairs.edit(
        repairs.lock_repair(repair.number),
        {"diagnosis": "Board burnt"}, base={"diagnosis": "Display broken"}, actor=owner.actor,
    )  # fmt: skip
    db.session.commit()

    answer = desk.post(way(repair), data=form, headers=HTMX)
    again = desk.post(way(repair), data=form_of(answer), headers=HTMX)

    assert "The message is another one now." in answer.text
    assert "Board burnt" in answer.text
    assert (answer.status_code, again.status_code, status_of(repair)) == (200, 204, "unrepairable")


def test_the_preview_quotes_the_diagnosis_that_is_being_typed_and_keeps_it(browser_of, technician):
    repair, bench = factories.repair(State.DIAGNOSING), browser_of(technician)

    answer = ask(bench, repair, target="awaiting_approval", diagnosis='Frame "bent" & cracked')
    done = bench.post(way(repair), data=form_of(answer), headers=HTMX)

    assert "Frame &#34;bent&#34; &amp; cracked" in answer.text
    assert done.status_code == 204
    db.session.expire_all()
    assert db.session.get(Repair, repair.id).diagnosis == 'Frame "bent" & cracked'


def test_the_way_back_from_the_message_keeps_what_was_typed_and_changes_nothing(browser_of, technician):
    repair, bench = factories.repair(State.DIAGNOSING), browser_of(technician)
    form = form_of(ask(bench, repair, target="awaiting_approval", diagnosis="Frame bent"))

    answer = bench.post(way(repair), data={**form, "back": "1"}, headers=HTMX)

    assert (answer.status_code, status_of(repair)) == (200, "diagnosing")
    assert "Frame bent</textarea>" in answer.text
    assert 'value="awaiting_approval" checked' in answer.text


def test_without_a_script_the_message_is_a_page_and_undo_a_button_on_the_ticket(desk, tested):
    page = desk.post(way(tested), data={"target": "ready", "seen": "quality_check"})
    moved = desk.post(way(tested), data=form_of(page))
    ticket = desk.get(moved.location)
    token = re.search(r"<noscript><form[^>]*action=\"([^\"]+)\"", ticket.text)[1]
    undone = desk.post(html.unescape(token))

    assert (page.status_code, "<!doctype html>" in page.text, moved.status_code) == (200, True, 303)
    assert (undone.status_code, undone.location) == (303, f"/admin/repairs/{tested.number}")
    assert status_of(tested) == "quality_check"
    assert "Its e-mail was not sent" in desk.get(undone.location).text


def test_undo_answers_the_page_and_the_timeline_shows_both(desk, tested):
    moved = desk.post(way(tested), data=form_of(ask(desk, tested)), headers=HTMX)

    answer = desk.post(undo_of(moved)["url"], headers=HTMX)
    seal()

    news = json.loads(answer.headers["HX-Trigger"])
    page = desk.get(f"/admin/repairs/{tested.number}").text
    assert answer.status_code == 204
    assert news["toast"] == {"message": f"{tested.number}: undone. Its e-mail was not sent"}
    assert news["acted"] == {"number": tested.number}
    assert page.index("Undone: back to Quality check") < page.index("Moved to Ready")
    assert "E-mail not sent" in page


def test_undo_of_an_assignment(desk, tested, technician):
    answer = desk.post(way(tested, "assign"), data={"assignee": technician.id}, headers=HTMX)

    undone = desk.post(undo_of(answer)["url"], headers=HTMX)

    db.session.expire_all()
    assert undone.status_code == 204
    assert db.session.get(Repair, tested.id).assignee_id is None
    assert "Undone: nobody assigned again" in desk.get(f"/admin/repairs/{tested.number}").text


def test_undo_that_comes_too_late_says_what_to_do(desk, tested):
    moved = desk.post(way(tested), data=form_of(ask(desk, tested)), headers=HTMX)
    seal()
    db.session.execute(db.update(Delivery).values(due_at=datetime.now(UTC) - timedelta(seconds=1)))
    db.session.commit()
    deliveries.drain("mail")

    answer = desk.post(undo_of(moved)["url"], headers=HTMX)
    plain = desk.post(undo_of(moved)["url"])

    toast = json.loads(answer.headers["HX-Trigger"])["toast"]
    assert (answer.status_code, plain.status_code, status_of(tested)) == (409, 303, "ready")
    assert toast["refused"] is True
    assert toast["message"] == f"The message has left: move {tested.number} by hand, and tell the customer."
    assert "The message has left" in desk.get(plain.location).text


def test_undo_is_nobody_elses(desk, browser_of, manager, read_only, tested):
    moved = ask(desk, tested, target="in_repair")

    other = browser_of(manager).post(undo_of(moved)["url"], headers=HTMX)
    visitor = browser_of(read_only).post(undo_of(moved)["url"], headers=HTMX)

    assert (other.status_code, visitor.status_code, status_of(tested)) == (409, 404, "in_repair")
    assert "nothing of yours to undo" in other.headers["HX-Trigger"]


@pytest.mark.parametrize("act", ["send-now", "stop"])
def test_a_waiting_message_can_be_sent_at_once_or_stopped(desk, tested, act):
    desk.post(way(tested), data=form_of(ask(desk, tested)), headers=HTMX)
    seal()
    delivery = db.session.scalars(select(Delivery).order_by(Delivery.id.desc())).first()
    here = f"/admin/outbox/deliveries/{delivery.id}/{act}?next=/admin/repairs/{tested.number}"

    answer = desk.post(here)
    deliveries.drain("mail")
    again = desk.post(here)

    db.session.expire_all()
    page = desk.get(f"/admin/repairs/{tested.number}").text
    assert (answer.status_code, answer.location) == (303, f"/admin/repairs/{tested.number}")
    assert db.session.get(Delivery, delivery.id).state == ("done" if act == "send-now" else "cancelled")
    assert ("E-mail sent at once" if act == "send-now" else "E-mail stopped before it left") in page
    assert again.status_code == 303


def test_a_delivery_that_is_no_message_is_not_found(desk, app):
    assert desk.post("/admin/outbox/deliveries/987654/stop").status_code == 404


def test_what_the_customer_wants_is_noted_with_its_source_and_in_the_log(desk, tested):
    stop = desk.post(way(tested, "mails"), data={"wanted": ""}, headers=HTMX)
    desk.post(way(tested, "mails"), data={"wanted": ""}, headers=HTMX)

    db.session.expire_all()
    customer = db.session.get(Repair, tested.id).customer
    events = db.session.scalars(select(Event.verb).where(Event.verb.startswith("repair.mails"))).all()
    page = desk.get(f"/admin/repairs/{tested.number}").text
    assert stop.status_code == 204
    assert (customer.may_email, customer.may_email_source) == (False, "staff")
    assert events == ["repair.mails_unwanted"]
    assert "Wants no e-mails about the status" in page
