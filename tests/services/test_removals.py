"""A ticket made by mistake is deleted: the row goes, the log and the number stay."""

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.base import utc_now
from shop.models.customer import Customer, Device
from shop.models.errors import Deleted, Invalid, NotAllowed, NotFound
from shop.models.event import Event
from shop.models.outbox import OutboxMessage
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import (
    appointments,
    audit,
    audit_log,
    bulk,
    deliveries,
    forecasts,
    live,
    merges,
    presence,
    relay,
    removals,
    repairs,
    tracking,
    triage,
)
from shop.services.bookings import create_booking
from tests import factories
from tests.bookings import THURSDAY_1030, request
from tests.services.test_appointments import ELEVEN, taken

WHY = "Clicked twice at the counter"


def seal() -> None:
    relay.relay_batch()
    db.session.commit()


def delete(repair: Repair, person, reason: str = WHY) -> None:
    removals.delete_repair(repairs.lock_repair(repair.number), reason, actor=person.actor)
    db.session.commit()


def previewed(repair: Repair, person) -> int:
    """A change of many tickets that was looked at and not begun."""
    selection = bulk.Selection(numbers=(repair.number,))
    run = bulk.preview(selection, "priority", "high", day_ends=utc_now(), actor=person.actor)
    db.session.commit()
    return run.id


def test_deleted_ticket_is_gone_and_the_log_says_who_and_why(cracked_iphone, manager):
    number, key, device_id = cracked_iphone.number, cracked_iphone.id, cracked_iphone.device_id
    previewed(cracked_iphone, manager)
    presence.see(key, actor=manager.actor, field="note")
    triage.tag(repairs.lock_repair(number), "Rush", actor=manager.actor)
    db.session.commit()
    seal()
    forecasts.follow()

    delete(cracked_iphone, manager)
    seal()
    forecasts.follow()

    event = db.session.scalars(select(Event).where(Event.verb == "repair.deleted")).one()
    page = audit_log.read_log(audit_log.Filters(about=number), zone="Europe/London")
    assert db.session.get(Repair, key) is None
    assert (db.session.get(Device, device_id), db.session.scalars(select(Customer.name)).all()) == (
        None,
        ["Hannah Whitcombe"],
    )
    assert (event.aggregate, event.body) == (f"repair:{key}", '{"status":"received"}')
    assert [(item.about_name, item.sentence) for item in page.items][:1] == [(number, "Deleted: made by mistake")]
    assert {change.field: change.after for change in page.items[0].changes}["reason"] == WHY
    assert audit.verify().good


def test_who_asks_for_a_deleted_ticket_is_told_by_whom_and_why(cracked_iphone, manager):
    number = cracked_iphone.number
    delete(cracked_iphone, manager)

    for ask in (repairs.get_repair, repairs.lock_repair):
        with pytest.raises(Deleted) as gone:
            ask(number)
        assert gone.value.message == f"{number} was deleted by Maya Lind: “{WHY}”."


def test_other_browsers_hear_of_it_and_its_number_is_never_given_again(cracked_iphone, manager):
    number = cracked_iphone.number
    seal()

    delete(cracked_iphone, manager)
    seal()

    news = live.changes_since(1)["changes"]
    assert [(change["verb"], change["number"]) for change in news] == [("repair.deleted", number)]
    assert factories.repair().number != number


def test_colleague_who_has_it_open_stays_present_elsewhere(cracked_iphone, manager, technician):
    other = factories.repair()
    key = cracked_iphone.id
    delete(cracked_iphone, manager)

    presence.beat([(key, technician.id), (other.id, technician.id)])
    db.session.commit()

    assert list(presence.everyone()) == [other.number]


def test_booking_gives_its_place_back_and_its_confirmation_stays_in_the_outbox(app, frozen, manager):
    repair = create_booking(request(slot_start=THURSDAY_1030), actor=CUSTOMER, source="wizard")
    db.session.commit()
    token = repair.tracking_token
    seal()
    deliveries.drain("mail")

    delete(repair, manager)

    assert taken() == 0
    assert [message.repair_id for message in db.session.scalars(select(OutboxMessage))] == [None]
    with pytest.raises(NotFound):
        tracking.get_tracked(token)


def test_message_that_still_waits_never_leaves(app, frozen, manager):
    repair = create_booking(request(slot_start=THURSDAY_1030), actor=CUSTOMER, source="wizard")
    db.session.commit()
    seal()

    delete(repair, manager)
    deliveries.drain("mail")

    assert db.session.scalars(select(OutboxMessage.id)).all() == []


def test_ticket_on_which_something_hangs_is_kept(cracked_iphone, manager, technician, front_desk):
    begun, noted, took_in, in_a_run = factories.repair(State.DIAGNOSING), *(factories.repair() for _ in range(3))
    repairs.add_note(repairs.lock_repair(noted.number), "Came with its case", actor=technician.actor)
    twin = factories.repair(customer=took_in.customer)
    merges.merge(*repairs.lock_pair(twin.number, took_in.number), actor=front_desk.actor)
    bulk.start(previewed(in_a_run, manager), actor=manager.actor)
    db.session.commit()

    whys = {}
    for name, repair in (("begun", begun), ("noted", noted), ("took in", took_in), ("in a run", in_a_run)):
        with pytest.raises(Invalid) as refused:
            delete(repair, manager)
        whys[name] = refused.value.fields["repair"]
        db.session.rollback()

    assert whys == {
        "begun": "Work on it has begun, or it has ended. Cancel it instead.",
        "noted": "Somebody has written a diagnosis or a note on it. Cancel it instead.",
        "took in": "Another ticket was merged into it. Cancel it instead.",
        "in a run": "It was part of a change of many tickets, whose report names it. Cancel it instead.",
    }


def test_ticket_of_which_the_customer_was_told_more_is_kept(app, frozen, manager):
    repair = create_booking(request(slot_start=THURSDAY_1030), actor=CUSTOMER, source="wizard")
    db.session.commit()
    appointments.rebook(repairs.lock_repair(repair.number), ELEVEN, actor=manager.actor)
    db.session.commit()
    seal()
    deliveries.drain("mail")

    with pytest.raises(Invalid, match="The customer was told more about it"):
        delete(repair, manager)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_reason_is_required_and_short(cracked_iphone, manager, reason):
    with pytest.raises(Invalid) as refused:
        delete(cracked_iphone, manager, reason)

    assert list(refused.value.fields) == ["reason"]


def test_delete_is_for_who_leads(cracked_iphone, front_desk):
    with pytest.raises(NotAllowed):
        delete(cracked_iphone, front_desk)
