"""What a customer hears of a change of status: the same words beforehand and afterwards, when chosen, or never."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.errors import Invalid
from shop.models.event import Delivery, Event
from shop.models.location import Location
from shop.models.outbox import OutboxMessage
from shop.models.workflow import TRANSITIONS, State
from shop.services import deliveries, mails, messages, relay, repairs
from shop.services.messages import Send, Summary, When
from tests import factories

TOLD = sorted(messages.TOLD_BY_MAIL)


def on_the_way_to(target: State, **customer):
    source = next(source for source, reached in TRANSITIONS if reached == target)
    return factories.repair(source, diagnosis="Display <b>broken</b>", customer=factories.customer(**customer))


def move(repair, target, *, by, send):
    repairs.move(repairs.lock_repair(repair.number), target, actor=by.actor, send=send)
    db.session.commit()


def deliver() -> list[OutboxMessage]:
    relay.relay_batch()
    db.session.execute(db.update(Delivery).values(due_at=datetime.now(UTC) - timedelta(seconds=1)))
    db.session.commit()
    deliveries.drain("mail")
    query = select(OutboxMessage).where(OutboxMessage.template == "status_update").order_by(OutboxMessage.id)
    return list(db.session.scalars(query))


def last_move() -> dict:
    return json.loads(db.session.scalars(select(Event.body).order_by(Event.id.desc())).first())


def last_error() -> str:
    return db.session.scalars(select(Delivery.error).order_by(Delivery.event_id.desc())).first()


@pytest.mark.parametrize("locale", ["en", "pt_BR"])
@pytest.mark.parametrize("target", TOLD)
def test_what_is_shown_beforehand_is_what_is_sent_byte_for_byte(app, owner, target, locale):
    repair = on_the_way_to(target, locale=locale)
    repairs.move(repairs.lock_repair(repair.number), target, actor=owner.actor)
    shown = mails.compose(repair, target)
    db.session.rollback()

    move(repair, target, by=owner, send=messages.HELD)
    [sent] = deliver()

    assert (sent.subject, sent.text, sent.html) == (shown.subject, shown.text, shown.html)
    assert (sent.recipient, sent.locale, shown.channel) == ("hannah@example.com", locale, "email")


def test_fingerprint_changes_with_what_is_said_and_to_whom(app, owner):
    repair = on_the_way_to(State.UNREPAIRABLE)
    prints = {mails.compose(repair, State.UNREPAIRABLE).fingerprint for _ in range(2)}
    repair.diagnosis = "Board burnt"
    prints.add(mails.compose(repair, State.UNREPAIRABLE).fingerprint)
    repair.customer.email = "other@example.com"
    prints.add(mails.compose(repair, State.UNREPAIRABLE).fingerprint)

    assert len(prints) == 3


@pytest.mark.parametrize("target", TOLD)
def test_not_sending_owes_nothing_and_the_log_says_so(app, owner, target):
    repair = on_the_way_to(target)
    mails_owed = db.session.query(Delivery).filter_by(subscriber="mail")
    before = mails_owed.count()

    move(repair, target, by=owner, send=messages.NEVER)

    assert deliver() == []
    assert last_move()["message"] == "none"
    assert mails_owed.count() == before + 1  # the confirmation of the booking


def test_later_leaves_at_its_time(app, owner):
    repair, at = on_the_way_to(State.READY), datetime.now(UTC) + timedelta(hours=20)

    move(repair, State.READY, by=owner, send=messages.later(at))
    relay.relay_batch()
    db.session.commit()
    deliveries.drain("mail")

    [owed] = db.session.scalars(select(Delivery).where(Delivery.state == "waiting"))
    assert owed.due_at == at
    assert last_move()["leaves_at"] == at.isoformat(timespec="microseconds")
    assert [mail.subject for mail in deliver()] == [f"{repair.number}: ready for you"]


@pytest.mark.parametrize("customer", [{"email": ""}, {"may_email": False}], ids=["no address", "opted out"])
def test_who_cannot_be_written_to_is_not_told_and_nothing_is_held(app, owner, customer):
    repair = on_the_way_to(State.READY, **customer)
    told = messages.is_told(repair, State.READY)

    move(repair, State.READY, by=owner, send=messages.HELD)

    assert (told, deliver()) == (False, [])
    assert "leaves_at" not in last_move()
    assert last_error() in (
        "Skipped: the customer has no e-mail",
        "Skipped: the customer wants no mails about the status",
    )


def test_opting_out_does_not_stop_the_confirmation_of_a_booking(app):
    factories.repair(customer=factories.customer(may_email=False))
    deliver()

    assert db.session.scalars(select(OutboxMessage.template)).all() == ["booking_confirmation"]


def test_opting_out_while_a_message_is_held_stops_it(app, owner):
    repair = on_the_way_to(State.READY)
    move(repair, State.READY, by=owner, send=messages.HELD)
    repair.customer.may_email = False
    db.session.commit()

    assert deliver() == []


@pytest.mark.parametrize("away", [timedelta(0), timedelta(days=-1), timedelta(days=31)])
def test_later_is_a_time_to_come_and_not_too_far(app, away):
    with app.test_request_context(), pytest.raises(Invalid) as refused:
        messages.later(datetime.now(UTC) + away)

    assert list(refused.value.fields) == ["send_at"]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Sao_Paulo"])
@pytest.mark.parametrize("typed", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_later_refuses_the_ends_of_time_wherever_the_branch_is(app, typed, zone):
    with app.test_request_context(), pytest.raises(Invalid) as refused:
        messages.later_at(typed, Location(zone=zone))

    assert list(refused.value.fields) == ["send_at"]


@pytest.mark.parametrize("typed", ["", "soon", "2026-13-01T10:00", "<b>"])
def test_later_needs_a_day_and_a_time(app, typed):
    with app.test_request_context(), pytest.raises(Invalid) as refused:
        messages.later_at(typed, factories.location())

    assert refused.value.fields == {"send_at": "Say when: a day and a time."}


def test_later_is_by_the_branchs_clock_also_where_it_changes(app):
    import time_machine

    home = factories.location()
    with time_machine.travel(datetime(2026, 10, 24, 12, tzinfo=UTC), tick=False):
        before, after = (messages.later_at(typed, home).at for typed in ("2026-10-24T17:00", "2026-10-25T08:30"))

    assert (before, after) == (datetime(2026, 10, 24, 16, tzinfo=UTC), datetime(2026, 10, 25, 8, 30, tzinfo=UTC))


def test_message_of_a_person_is_held_long_enough_to_be_undone_however_soon_later_is():
    now = datetime.now(UTC)

    soon = Send(When.LATER, now + timedelta(seconds=1), held=12).facts(now)

    assert soon["leaves_at"] == (now + timedelta(seconds=12)).isoformat(timespec="microseconds")
    assert messages.AT_ONCE.facts(now) == {}
    assert messages.NEVER.facts(now) == {"message": "none"}


@pytest.mark.parametrize(
    ("clock", "proposed", "quiet"),
    [
        ("07:30", "24 08:30", True),
        ("10:00", "24 17:00", False),
        ("15:59", "24 17:00", False),
        ("16:30", "25 08:30", False),
        ("20:00", "25 08:30", True),
        ("23:59", "25 08:30", True),
    ],
)
def test_later_proposes_no_time_in_the_quiet_hours(app, clock, proposed, quiet):
    home, hour = factories.location(), tuple(map(int, clock.split(":")))
    now = datetime(2026, 11, 24, *hour, tzinfo=UTC)

    assert messages.propose_later(home, now=now).strftime("%d %H:%M") == proposed
    assert messages.is_quiet(home, now=now) is quiet


@pytest.mark.parametrize(
    ("hours", "clock", "proposed", "quiet"),
    [
        ("18:00-09:15", "08:45", "24 17:00", True),
        ("18:00-09:15", "19:00", "25 09:15", True),
        ("16:00-10:00", "12:00", "25 10:00", False),
        ("12:00-17:30", "10:00", "24 17:30", False),
        ("00:00-06:00", "23:00", "25 08:30", False),
        ("", "23:00", "25 08:30", False),
    ],
)
def test_later_keeps_to_the_quiet_hours_of_the_branch(app, hours, clock, proposed, quiet):
    branch, hour = Location(zone="Europe/London", quiet=hours), tuple(map(int, clock.split(":")))
    now = datetime(2026, 11, 24, *hour, tzinfo=UTC)

    assert messages.propose_later(branch, now=now).strftime("%d %H:%M") == proposed
    assert messages.is_quiet(branch, now=now) is quiet


def test_summary_counts_by_channel_and_language_and_who_cannot_be_written_to(app, statements_of):
    people = [{}, {}, {"locale": "pt_BR"}, {"email": ""}, {"may_email": False}, {"may_email": False, "email": ""}]
    ids = [factories.repair(State.QUALITY_CHECK, customer=factories.customer(**person)).id for person in people]
    db.session.rollback()
    found = []

    statements = statements_of(lambda: found.append(messages.summary(ids, State.READY)))

    assert found == [Summary({("email", "en"): 2, ("email", "pt_BR"): 1}, no_address=2, opted_out=1)]
    assert found[0].total == 3
    assert len(statements) == 1
    assert messages.summary(ids, State.IN_REPAIR) == Summary()
