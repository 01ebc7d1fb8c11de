"""Mails: one for each delivery, in the customer's language, with or without images."""

import re

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.event import Delivery, DeliveryState
from shop.models.outbox import OutboxMessage
from shop.models.workflow import State
from shop.services import deliveries, mails, relay, repairs, subscriptions
from shop.services.bookings import create_booking
from tests.bookings import THURSDAY_1030, request


def book(**customer):
    asked = request(slot_start=THURSDAY_1030, problem="<b>x</b>", customer=customer)
    repair = create_booking(asked, actor=CUSTOMER, source="wizard")
    db.session.commit()
    return repair


def deliver() -> list[OutboxMessage]:
    relay.relay_batch()
    db.session.commit()
    deliveries.drain("mail")
    return list(db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def move(repair, *states, by) -> None:
    """From a device that has arrived on."""
    for state in (*[State.RECEIVED] * (repair.status == State.EXPECTED), *states):
        repairs.move(repairs.lock_repair(repair.number), state, actor=by.actor)
        db.session.commit()


def test_booking_confirmation_says_when_where_and_how_much(app, frozen, session):
    repair = book()

    [mail] = deliver()

    assert (mail.template, mail.recipient, mail.state) == ("booking_confirmation", "hannah@example.com", "captured")
    assert mail.subject == f"Booked for Thu 26 Nov, 10:30: iPhone 14 Pro, {repair.number}"
    for part in (mail.text, mail.html):
        assert repair.number in part
        assert "£189.00" in part
        assert "14 Weaver’s Yard" in part
        assert f"http://127.0.0.1:8000/track/{repair.tracking_token}" in part
    assert "<" not in mail.text


def test_html_is_inlined_and_needs_no_image(app, frozen, session):
    book()

    [mail] = deliver()

    assert re.search(r'<a [^>]*class="button"[^>]*style="[^"]*background: ?#1b5877', mail.html)
    assert 'alt="Code of ticket' in mail.html
    assert "<script" not in mail.html


def test_mail_speaks_the_customers_language(app, frozen, session):
    book(locale="pt_BR")

    [mail] = deliver()

    assert mail.subject.startswith("Reservado para qui., 26 de nov., 10:30")
    assert "Acompanhar o reparo" in mail.html
    assert "£ 189,00" in mail.text.replace("\xa0", " ")
    assert not {"Follow", "ticket", "ready", "Screen"} & set(re.findall(r"[A-Za-z]+", mail.text))


@pytest.mark.parametrize("state", [State.AWAITING_PARTS, State.CANCELLED])
def test_states_that_matter_are_told(app, frozen, session, owner, state):
    repair = book()
    move(repair, state, by=owner)

    mail = deliver()[-1]

    assert mail.template == "status_update"
    assert repair.number in mail.subject
    assert "iPhone 14 Pro" in mail.html


def test_approval_mail_quotes_the_diagnosis_as_text(app, frozen, session, owner):
    repair = book()
    move(repair, State.DIAGNOSING, by=owner)
    repairs.edit(
        repairs.lock_repair(repair.number),
        {"diagnosis": "<i>Frame</i> bent"},
        base={"diagnosis": ""},
        actor=owner.actor,
    )
    db.session.commit()
    move(repair, State.AWAITING_APPROVAL, by=owner)

    mail = deliver()[-1]

    assert "&lt;i&gt;Frame&lt;/i&gt; bent" in mail.html
    assert "<i>Frame</i> bent" in mail.text


def test_inner_moves_are_owed_to_nobody(app, frozen, session, technician):
    repair = book()
    move(repair, State.DIAGNOSING, by=technician)

    assert [mail.template for mail in deliver()] == ["booking_confirmation"]
    assert db.session.scalar(select(func.count()).select_from(Delivery)) == 1


def test_inner_moves_owed_by_an_older_release_are_skipped_with_a_reason(app, frozen, session, technician, monkeypatch):
    monkeypatch.delitem(subscriptions.UNLESS, ("repair.moved", subscriptions.MAIL))
    repair = book()
    move(repair, State.DIAGNOSING, by=technician)

    assert [mail.template for mail in deliver()] == ["booking_confirmation"]
    last = db.session.scalars(select(Delivery).order_by(Delivery.id.desc())).first()
    assert (last.state, last.error) == (DeliveryState.DONE, "Skipped: customers hear nothing of diagnosing")


def test_customer_without_email_is_skipped_with_a_reason(app, frozen, session, cracked_iphone):
    cracked_iphone.customer.email = ""
    session.commit()

    assert deliver() == []
    assert db.session.scalars(select(Delivery.error)).one() == "Skipped: the customer has no e-mail"


def test_delivery_that_runs_twice_writes_one_mail(app, frozen, session):
    book()
    deliver()
    delivery = db.session.scalars(select(Delivery)).one()

    mails.deliver(delivery)
    db.session.commit()

    assert len(db.session.scalars(select(OutboxMessage)).all()) == 1


def test_hostile_names_stay_text(app, frozen, session):
    book(name="<script>alert(1)</script> {{ 7*7 }}")

    [mail] = deliver()

    assert "<script>alert" not in mail.html
    assert "{{ 7*7 }}" not in mail.subject
