"""What a customer sees of a repair, and what nobody sees."""

import re

import pytest
from icalendar import Calendar

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import messages, repairs, reversals, tracking, undo  # noqa: F401 - reversals register themselves
from shop.services.bookings import create_booking
from shop.services.statuses import STATUSES
from shop.services.subscriptions import TOLD_BY_MAIL
from tests.bookings import THURSDAY_1030, request


@pytest.fixture
def booked(app, frozen) -> Repair:
    repair = create_booking(request(slot_start=THURSDAY_1030), actor=CUSTOMER, source="wizard")
    db.session.commit()
    return repair


def move(repair: Repair, *states: State, by) -> None:
    """From a device that has arrived on."""
    if repair.status == State.EXPECTED:
        states = (State.RECEIVED, *states)
    for state in states:
        repairs.move(repairs.lock_repair(repair.number), state, actor=by.actor)
        db.session.commit()


def test_tracking_shows_progress_price_place_and_due_time(stranger, booked):
    page = stranger.get(f"/track/{booked.tracking_token}").text

    assert "Your iPhone 14 Pro is booked in." in page
    assert 'data-step="now" aria-current="step"' in page
    assert page.count('data-step="ahead"') == 6
    assert "£189.00" in page
    assert "14 Weaver’s Yard" in page
    assert "Thu 26 Nov, 10:30" in page


def test_tracking_shows_no_contact_data_notes_or_staff(stranger, booked, technician):
    repair = repairs.lock_repair(booked.number)
    repairs.add_note(repair, "customer was rude", actor=technician.actor)
    db.session.commit()

    page = stranger.get(f"/track/{booked.tracking_token}").text

    secrets = ("hannah@example.com", "+447700900418", "7700", "Whitcombe", "rude", "Priya", "Nair")
    assert [secret for secret in secrets if secret in page] == []


def test_tracking_follows_the_repair(stranger, booked, technician):
    move(booked, State.DIAGNOSING, State.RECEIVED, State.DIAGNOSING, by=technician)

    page = stranger.get(f"/track/{booked.tracking_token}").text

    assert "We are looking at your iPhone 14 Pro." in page
    assert page.count('data-step="past"') == 2
    assert page.count("<time ") == 5


def test_diagnosis_is_shown_once_it_is_finished(stranger, booked, technician):
    move(booked, State.DIAGNOSING, by=technician)
    repair = repairs.lock_repair(booked.number)
    repairs.edit(repair, {"diagnosis": "Display broken <b>"}, base={"diagnosis": ""}, actor=technician.actor)
    db.session.commit()
    before = stranger.get(f"/track/{booked.tracking_token}").text
    move(booked, State.AWAITING_APPROVAL, by=technician)

    after = stranger.get(f"/track/{booked.tracking_token}").text

    assert "Display broken" not in before
    assert "Display broken &lt;b&gt;" in after


def test_live_part_is_rendered_alone_for_htmx(stranger, booked):
    page = stranger.get(f"/track/{booked.tracking_token}", headers={"HX-Request": "true"}).text

    assert page.lstrip().startswith('<div id="tracking"')
    assert "<html" not in page


@pytest.mark.parametrize("token", ["nope", "x" * 300, "%00", "';--"])
def test_unknown_link_is_not_found(stranger, booked, token):
    assert stranger.get(f"/track/{token}").status_code == 404


@pytest.mark.parametrize("form", ["{}", " {} ", "rt {digits}", "{digits}"])
def test_number_and_email_open_the_page(stranger, booked, form):
    number = form.format(booked.number, digits=booked.number.removeprefix("RT-"))

    answer = stranger.post("/track/", data={"number": number, "email": " Hannah@Example.com "})

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/track/{booked.tracking_token}")


def words_of(answer, number: str) -> str:
    """The page without the number that was typed and the keys of its forms."""
    return re.sub(r'(request_key" value=)"[^"]+"', r"\1", answer.text).replace(number, "")


def test_wrong_email_and_unknown_number_get_the_same_answer(stranger, booked):
    wrong = stranger.post("/track/", data={"number": booked.number, "email": "other@example.com"})
    unknown = stranger.post("/track/", data={"number": "RT-99999", "email": "other@example.com"})

    assert wrong.status_code == unknown.status_code == 422
    assert words_of(wrong, booked.number) == words_of(unknown, "RT-99999")


@pytest.mark.parametrize("email", ["%", "hannah@%", "' OR 1=1 --", "x" * 300, "\x00"])
def test_pattern_characters_match_nobody(stranger, booked, email):
    answer = stranger.post("/track/", data={"number": booked.number, "email": email})

    assert answer.status_code == 422


def test_what_was_undone_is_not_in_the_customers_history(stranger, booked, owner, session):
    moved = repairs.move(repairs.lock_repair(booked.number), State.CANCELLED, actor=owner.actor, send=messages.HELD)
    offer = undo.undoable([moved.step], actor=owner.actor)
    session.commit()
    before = stranger.get(f"/track/{booked.tracking_token}").text
    undo.undo(offer.token, actor=owner.actor)
    session.commit()

    after = stranger.get(f"/track/{booked.tracking_token}").text

    assert "is cancelled" in before
    assert "is cancelled" not in after
    assert [entry.state for entry in tracking.history(booked)] == ["expected"]


def test_customer_stops_the_mails_by_the_private_link_and_wants_them_again(stranger, booked, session):
    link = f"/track/{booked.tracking_token}"

    stopped = stranger.post(f"{link}/mails", data={"wanted": ""})
    page = stranger.get(link).text
    session.refresh(booked.customer)
    noted = (booked.customer.may_email, booked.customer.may_email_source)
    stranger.post(f"{link}/mails", data={"wanted": "1"})
    session.refresh(booked.customer)

    assert (stopped.status_code, stopped.location) == (303, f"{link}#mails")
    assert "You get no e-mails when something changes" in page
    assert noted == (False, "customer")
    assert booked.customer.may_email is True


def test_nobody_stops_mails_without_the_private_link(stranger, booked):
    assert stranger.post("/track/nothing/mails", data={"wanted": ""}).status_code == 404


def test_calendar_file_holds_the_appointment(stranger, booked):
    answer = stranger.get(f"/track/{booked.tracking_token}/calendar.ics")

    [event] = Calendar.from_ical(answer.data).walk("VEVENT")
    assert answer.mimetype == "text/calendar"
    assert event["DTSTART"].dt == THURSDAY_1030
    assert str(event["UID"]) == f"{booked.number}@revivatech"


def test_calendar_of_a_walk_in_is_not_found(stranger, cracked_iphone):
    assert stranger.get(f"/track/{cracked_iphone.tracking_token}/calendar.ics").status_code == 404


@pytest.mark.parametrize(("kind", "mimetype"), [("svg", "image/svg+xml"), ("png", "image/png")])
def test_code_is_an_image(stranger, booked, kind, mimetype):
    answer = stranger.get(f"/track/{booked.tracking_token}/code.{kind}")

    assert (answer.status_code, answer.mimetype) == (200, mimetype)


def test_every_state_has_words_and_every_told_state_a_subject():
    assert set(STATUSES) == set(State)
    assert {state for state, words in STATUSES.items() if words.mail} == set(TOLD_BY_MAIL)
