"""The outbox: what was written to customers, and what has not arrived."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.base import utc_now
from shop.models.event import Delivery, DeliveryState, Event
from shop.models.outbox import OutboxMessage
from shop.services import repairs
from shop.services.events import record
from shop.services.outbox import PAGE
from tests.statements import statements_of


@pytest.fixture
def deliver(cracked_iphone):
    """`deliver(state)`: a delivery of a new event of the repair."""

    def make(state: str = DeliveryState.DONE, **values) -> Delivery:
        repair = repairs.lock_repair(cracked_iphone.number)
        fact = record("repair.noted", repair, actor=SYSTEM)
        db.session.flush()
        row = Delivery(event_id=fact.id, subscriber="mail", ordering_key=fact.aggregate, state=state, **values)
        db.session.add(row)
        db.session.commit()
        return row

    return make


@pytest.fixture
def mail(deliver, cracked_iphone):
    def write(**values) -> OutboxMessage:
        facts = {
            "template": "booking_confirmation", "locale": "en", "recipient": "hannah@example.com", "subject": "Booked",
            "text": "See you <at> ten.", "html": "<h1>Booked</h1><script>alert(1)</script>",
        }  # fmt: skip
        row = OutboxMessage(delivery_id=deliver().id, **{"repair_id": cracked_iphone.id, **facts, **values})
        db.session.add(row)
        db.session.commit()
        return row

    return write


def test_messages_stand_newest_first_and_page_by_key(mail, front_desk, browser_of):
    for n in range(PAGE + 2):
        mail(subject=f"Mail {n:03}")
    browser = browser_of(front_desk)

    first = browser.get("/admin/outbox/").text
    second = browser.get(
        f"/admin/outbox/?before={db.session.scalars(select(OutboxMessage.id).order_by(OutboxMessage.id)).all()[2]}"
    ).text

    assert first.index("Mail 051") < first.index("Mail 050")
    assert "Mail 001" not in first
    assert [f"Mail {n:03}" in second for n in (0, 1, 2)] == [True, True, False]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("hannah", ["Booked"]),
        ("EXAMPLE.COM", ["Booked"]),
        ("joao@other.example", ["Reservado"]),
        ("%", []),
        ("nobody", []),
    ],
)
def test_search_finds_by_a_part_of_the_address(mail, front_desk, browser_of, q, found):
    mail()
    mail(recipient="joao@other.example", subject="Reservado", repair_id=None)

    page = browser_of(front_desk).get("/admin/outbox/", query_string={"q": q}).text

    assert [subject for subject in ("Booked", "Reservado") if f">{subject}</a>" in page] == found


def test_search_finds_by_ticket_number_in_any_form(mail, cracked_iphone, front_desk, browser_of):
    mail()
    browser = browser_of(front_desk)

    pages = [
        browser.get("/admin/outbox/", query_string={"q": q}).text
        for q in (cracked_iphone.number.lower(), cracked_iphone.number[3:])
    ]

    assert all(">Booked</a>" in page for page in pages)
    assert ">Booked</a>" not in browser.get("/admin/outbox/?q=RT-99999").text


def test_preview_is_shut_in_a_sandbox_of_its_own(mail, front_desk, browser_of):
    message = mail()

    answer = browser_of(front_desk).get(f"/admin/outbox/{message.id}/preview")

    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert answer.text == message.html
    assert policy[:2] == ["sandbox", "default-src 'none'"]
    assert not any(part.startswith(("script-src", "form-action", "connect-src")) for part in policy)


def test_message_page_escapes_the_text_and_frames_the_html(mail, cracked_iphone, front_desk, browser_of):
    message = mail()

    page = browser_of(front_desk).get(f"/admin/outbox/{message.id}?width=phone").text

    assert "See you &lt;at&gt; ten." in page
    assert "alert(1)" not in page
    assert f'href="/admin/repairs/{cracked_iphone.number}"' in page
    assert "mail-frame-phone" in page


def test_dead_delivery_shows_its_reason_and_is_sent_again(deliver, front_desk, browser_of):
    dead = deliver(DeliveryState.DEAD, attempt=8, error="SMTPError: mailbox <full>")
    browser = browser_of(front_desk)

    page = browser.get("/admin/outbox/undelivered").text
    answer = browser.post(f"/admin/outbox/deliveries/{dead.id}/resend")

    assert "mailbox &lt;full&gt;" in page
    assert answer.status_code == 303
    db.session.refresh(dead)
    assert dead.state == DeliveryState.WAITING
    fact = db.session.scalars(select(Event).order_by(Event.id.desc())).first()
    assert (fact.verb, fact.actor) == ("repair.delivery_resent", f"staff:{front_desk.id}")


def test_waiting_delivery_is_tried_now(deliver, front_desk, browser_of):
    waiting = deliver(attempt=3, state=DeliveryState.WAITING, due_at=utc_now() + timedelta(hours=1))

    browser_of(front_desk).post(f"/admin/outbox/deliveries/{waiting.id}/resend")

    db.session.refresh(waiting)
    assert (waiting.state, waiting.attempt) == (DeliveryState.WAITING, 3)
    assert waiting.due_at < utc_now() + timedelta(minutes=1)


def test_delivery_that_arrived_is_not_sent_twice(deliver, front_desk, browser_of):
    done = deliver()

    answer = browser_of(front_desk).post(f"/admin/outbox/deliveries/{done.id}/resend")

    assert answer.status_code == 404
    db.session.refresh(done)
    assert done.state == DeliveryState.DONE


def test_list_sends_as_many_statements_for_one_message_as_for_three(mail, front_desk, browser_of):
    browser = browser_of(front_desk)
    mail()
    few = statements_of(lambda: browser.get("/admin/outbox/"))
    mail()
    mail()

    many = statements_of(lambda: browser.get("/admin/outbox/"))

    assert len(few) == len(many) == 5


@pytest.mark.parametrize("query", ["before=x", "before=-1", "before=99999999999999999999", "q=%00", "q=%F0%9F%98%80"])
def test_odd_addresses_are_answered(mail, front_desk, browser_of, query):
    mail()

    assert browser_of(front_desk).get(f"/admin/outbox/?{query}").status_code == 200
