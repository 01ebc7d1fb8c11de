"""Two tickets for one device become one, both ways, and nothing of either is lost."""

import json
import threading

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER, SYSTEM
from shop.models.base import utc_now
from shop.models.booking import Booking, Slot
from shop.models.ending import MergedRepair
from shop.models.errors import CannotUndo, Invalid, Merged, NotAllowed
from shop.models.event import Event
from shop.models.ledger import Kind, payment_posting
from shop.models.outbox import OutboxMessage
from shop.models.promise import Forecast, Outlook
from shop.models.repair import Note, Repair
from shop.models.workflow import State
from shop.services import (
    accounts,
    audit,
    deliveries,
    endings,
    forecasts,
    ledger,
    merges,
    queue,
    relay,
    repairs,
    reversals,  # noqa: F401 - registers how acts are taken back
    tracking,
    undo,
)
from shop.services.bookings import create_booking
from tests import factories
from tests.bookings import THURSDAY_1030, request
from tests.services.test_appointments import ELEVEN, taken


@pytest.fixture
def twin(cracked_iphone):
    """The second ticket for Hannah's phone, made when she rang."""
    return factories.repair(customer=cracked_iphone.customer, problem="Screen flickers since the fall")


@pytest.fixture
def booked(app, frozen):
    """Hannah's two bookings: Thursday at half past ten, and at eleven."""
    pair = [create_booking(request(slot_start=at), actor=CUSTOMER, source="wizard") for at in (THURSDAY_1030, ELEVEN)]
    db.session.commit()
    return pair


def merge(duplicate: Repair, stays: Repair, person, **choices):
    step = merges.merge(*repairs.lock_pair(duplicate.number, stays.number), actor=person.actor, **choices)
    offer = undo.undoable([step], actor=person.actor)
    db.session.commit()
    return offer


def last_event(verb: str) -> tuple[str, dict]:
    query = select(Event).where(Event.verb == verb).order_by(Event.id.desc()).limit(1)
    event = db.session.scalars(query).one()
    return event.aggregate, json.loads(event.body)


def seal() -> None:
    relay.relay_batch()
    db.session.commit()


def test_merge_closes_the_duplicate_and_points_to_the_ticket_that_stays(cracked_iphone, twin, front_desk):
    merge(twin, cracked_iphone, front_desk)

    db.session.expire_all()
    into = db.session.get(MergedRepair, twin.id).into_id
    assert (twin.status, twin.is_open, into) == ("cancelled", False, cracked_iphone.id)
    assert cracked_iphone.is_open
    assert last_event("repair.merged") == (
        f"repair:{twin.id}",
        {"from": "received", "to": "cancelled", "into": cracked_iphone.number, "minutes": 0},
    )
    assert last_event("repair.absorbed") == (
        f"repair:{cracked_iphone.id}",
        {"merged": twin.number, "notes": 1},
    )


def test_ticket_that_stays_has_the_notes_with_their_writers_and_times_and_what_only_the_other_said(
    cracked_iphone, twin, front_desk, technician
):
    repairs.add_note(repairs.lock_repair(twin.number), "Rang twice", actor=technician.actor)
    twin.place = "Shelf B2"
    db.session.commit()
    written = db.session.scalars(select(Note.created_at)).one()

    merge(twin, cracked_iphone, front_desk)

    notes = [(note.author.name, note.body) for note in repairs.notes(cracked_iphone)]
    facts = (
        f"From {twin.number}, a duplicate of this ticket\nReported: Screen flickers since the fall\nNow at: Shelf B2"
    )
    assert notes == [("Marta Kowal", facts), ("Priya Nair", "Rang twice")]
    assert repairs.notes(cracked_iphone)[1].created_at == written
    assert [note.body for note in repairs.notes(twin)] == ["Rang twice"]


def test_nobody_is_told_and_the_duplicate_leaves_lists_and_forecasts(cracked_iphone, twin, front_desk):
    seal()
    forecasts.follow()
    before = db.session.get(Outlook, twin.id) is not None

    merge(twin, cracked_iphone, front_desk)
    seal()
    deliveries.drain("mail")
    forecasts.follow()

    state = db.session.scalars(select(Forecast.withdrawn_at).where(Forecast.repair_id == twin.id)).one()
    rows = queue.page(queue.Filters(), me=front_desk.id, day_ends=utc_now()).rows
    assert before
    assert (db.session.get(Outlook, twin.id), state is not None) == (None, True)
    assert [row.number for row in rows] == [cracked_iphone.number]
    told = db.session.scalars(select(OutboxMessage.template).where(OutboxMessage.template != "booking_confirmation"))
    assert list(told) == []
    assert audit.verify().good


@pytest.mark.parametrize("lower_stays", [True, False])
def test_undo_makes_two_tickets_of_it_again(cracked_iphone, twin, front_desk, lower_stays):
    duplicate, stays = (twin, cracked_iphone) if lower_stays else (cracked_iphone, twin)
    since = duplicate.status_since
    seal()
    forecasts.follow()
    offer = merge(duplicate, stays, front_desk)
    seal()
    forecasts.follow()

    undo.undo(offer.token, actor=front_desk.actor)
    db.session.commit()
    seal()
    forecasts.follow()

    db.session.expire_all()
    assert (duplicate.status, duplicate.is_open, duplicate.status_since) == ("received", True, since)
    assert (duplicate.waiting_on, duplicate.closed_at) == ("us", None)
    assert (db.session.get(MergedRepair, duplicate.id), repairs.notes(stays)) == (None, [])
    assert last_event("repair.merge_undone")[1]["to"] == "received"
    assert last_event("repair.absorption_undone")[1]["merged"] == duplicate.number
    assert db.session.scalars(select(Forecast.withdrawn_at).where(Forecast.repair_id == duplicate.id)).first() is None


def test_undo_is_refused_when_the_other_ticket_was_merged_on(cracked_iphone, twin, front_desk):
    third = factories.repair(customer=cracked_iphone.customer)
    offer = merge(twin, cracked_iphone, front_desk)
    merge(cracked_iphone, third, front_desk)

    with pytest.raises(CannotUndo):
        undo.undo(offer.token, actor=front_desk.actor)


def test_what_was_done_before_the_merge_cannot_be_taken_back_after_it(cracked_iphone, twin, front_desk):
    step = repairs.assign(repairs.lock_repair(twin.number), front_desk.id, actor=front_desk.actor)
    offer = undo.undoable([step], actor=front_desk.actor)
    db.session.commit()
    merge(twin, cracked_iphone, front_desk)

    with pytest.raises(CannotUndo, match="was merged into"):
        undo.undo(offer.token, actor=front_desk.actor)


def test_appointment_of_the_duplicate_is_given_up_and_comes_back_with_the_undo(booked, front_desk):
    stays, duplicate = booked

    offer = merge(duplicate, stays, front_desk)
    after = (taken(), taken(ELEVEN))
    undo.undo(offer.token, actor=front_desk.actor)
    db.session.commit()

    assert (after, taken(), taken(ELEVEN)) == ((1, 0), 1, 1)
    assert duplicate.status == "expected"


def test_appointment_of_the_duplicate_is_kept_when_that_is_the_true_one(booked, front_desk):
    stays, duplicate = booked
    due = stays.due_at

    offer = merge(duplicate, stays, front_desk, keep_time=True)
    kept = db.session.scalars(
        select(Slot.starts_at).join(Booking, Booking.slot_id == Slot.id).where(Booking.repair_id == stays.id)
    ).one()
    after = (taken(), taken(ELEVEN), stays.due_at > due)
    undo.undo(offer.token, actor=front_desk.actor)
    db.session.commit()
    db.session.expire_all()

    assert (kept, after) == (ELEVEN, (0, 1, True))
    assert (taken(), taken(ELEVEN), stays.due_at) == (1, 1, due)


def test_time_that_cannot_be_kept_is_refused(booked, cracked_iphone, front_desk):
    duplicate = booked[1]

    with pytest.raises(Invalid) as refused:
        merge(duplicate, cracked_iphone, front_desk, keep_time=True, other_customer=True)

    assert list(refused.value.fields) == ["time"]


def test_merge_is_refused_for_what_is_no_pair(cracked_iphone, twin, front_desk):
    closed = factories.repair(State.CANCELLED, customer=cracked_iphone.customer)
    third = factories.repair(customer=cracked_iphone.customer)
    merge(twin, cracked_iphone, front_desk)

    refused = {}
    for name, duplicate, stays in (
        ("itself", third, third), ("merged away", third, twin), ("closed", third, closed), ("none left", closed, third),
    ):  # fmt: skip
        with pytest.raises(Invalid) as error:
            merges.merge(*repairs.lock_pair(duplicate.number, stays.number), actor=front_desk.actor)
        refused[name] = error.value.fields["into"]
        db.session.rollback()

    assert refused == {
        "itself": "This is the ticket itself. Name the one that stays.",
        "merged away": f"{twin.number} was merged into {cracked_iphone.number} by Marta Kowal. Name that one.",
        "closed": f"{closed.number} is closed. Name one that is open.",
        "none left": f"{closed.number} is closed: there is nothing left to merge.",
    }


def test_tickets_of_two_customers_are_merged_only_when_that_is_meant(cracked_iphone, front_desk):
    other = factories.repair(customer=factories.customer("Ben Osei", email="ben@example.com", phone="+447700900001"))

    with pytest.raises(Invalid) as refused:
        merge(other, cracked_iphone, front_desk)
    db.session.rollback()
    merge(other, cracked_iphone, front_desk, other_customer=True)

    assert list(refused.value.fields) == ["other_customer"]
    assert "Customer: Ben Osei, +447700900001, ben@example.com" in repairs.notes(cracked_iphone)[0].body
    assert tracking.get_tracked(other.tracking_token).id == other.id


def test_ticket_that_holds_money_is_not_merged_away(cracked_iphone, twin, front_desk):
    """Whoever pays again at the ticket that stays has paid twice, and nobody can give back on a merged one."""
    ledger.post(
        "stripe:charge:ch_1", Kind.PAYMENT, payment_posting("stripe", 5_000), currency="GBP", actor=SYSTEM,
        repair_id=twin.id,
    )  # fmt: skip
    db.session.commit()

    with pytest.raises(Invalid) as caught:
        merge(twin, cracked_iphone, front_desk)
    db.session.rollback()

    assert list(caught.value.fields) == ["into"]
    assert merge(cracked_iphone, twin, front_desk)


def test_merge_is_not_for_everybody(cracked_iphone, twin, technician):
    with pytest.raises(NotAllowed):
        merge(twin, cracked_iphone, technician)


def test_merging_twice_is_refused_with_where_it_went(cracked_iphone, twin, front_desk):
    merge(twin, cracked_iphone, front_desk)

    with pytest.raises(Merged) as refused:
        merge(twin, cracked_iphone, front_desk)

    assert (refused.value.into, refused.value.message) == (
        cracked_iphone.number,
        f"{twin.number} was merged into {cracked_iphone.number} by Marta Kowal.",
    )
    with pytest.raises(Merged):
        repairs.lock_repair(twin.number)


def test_private_link_of_the_duplicate_leads_along_to_the_last_ticket(cracked_iphone, twin, front_desk):
    third = factories.repair(customer=cracked_iphone.customer)
    merge(twin, cracked_iphone, front_desk)
    merge(cracked_iphone, third, front_desk)

    assert tracking.get_tracked(twin.tracking_token).number == third.number
    assert endings.find_ending(twin.number).into == cracked_iphone.number


def test_customer_sees_one_ticket_in_the_account(cracked_iphone, twin, front_desk):
    merge(twin, cracked_iphone, front_desk)
    signed_in = accounts.SignedIn(1, "hannah@example.com")

    assert [repair.number for repair in accounts.repairs_of(signed_in)] == [cracked_iphone.number]


def test_open_tickets_of_the_same_customer_phone_or_imei_are_suggested(cracked_iphone, twin):
    by_phone = factories.repair(customer=factories.customer("H. Whitcombe", email=""))
    factories.repair(customer=factories.customer("Ben Osei", email="ben@example.com", phone="+447700900001"))
    factories.repair(State.COLLECTED, customer=cracked_iphone.customer)

    suggested = [repair.number for repair in merges.suggest(cracked_iphone)]

    assert suggested == [by_phone.number, twin.number]


def test_merges_in_opposite_directions_at_once_end_as_one(app, front_desk):
    """Locked by number as they were named, these would wait for each other in a ring."""
    pairs, actor = [], front_desk.actor
    for _ in range(8):
        one = factories.repair()
        pairs.append((one.number, factories.repair(customer=one.customer).number))
    db.session.remove()
    outcomes, start = [], threading.Barrier(2)

    def press(turned: bool) -> None:
        with app.app_context():
            for pair in pairs:
                start.wait(timeout=30)
                try:
                    merges.merge(*repairs.lock_pair(*(reversed(pair) if turned else pair)), actor=actor)
                    db.session.commit()
                    outcomes.append("merged")
                except (Invalid, Merged) as refused:
                    db.session.rollback()
                    outcomes.append(type(refused).__name__)
            db.session.remove()

    threads = [threading.Thread(target=press, args=(turned,)) for turned in (False, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert sorted(outcomes) == ["Invalid"] * 8 + ["merged"] * 8
    assert len(db.session.scalars(select(MergedRepair.repair_id)).all()) == 8
