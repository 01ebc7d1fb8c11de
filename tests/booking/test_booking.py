"""The last step: one booking, whatever happens on the way."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from shop.extensions import db
from shop.models.booking import Booking, Slot
from shop.models.event import Event
from shop.models.pricing import PriceRule
from shop.models.repair import Repair
from shop.services import drafts, slots
from tests import factories


def repairs() -> list[Repair]:
    db.session.rollback()
    return list(db.session.scalars(select(Repair)))


def test_booking_writes_repair_slot_and_event_and_shows_the_ticket(visitor):
    visitor.come_to("review")
    total = int(visitor.shown_total())

    answer = visitor.book()

    assert answer.headers["Location"] == f"/book/{visitor.token}/confirmed"
    [repair] = repairs()
    assert (repair.total, repair.customer.email, repair.problem) == (
        total,
        "leila@example.com",
        "It fell on the stairs",
    )
    assert db.session.scalar(select(Slot.taken)) == 1
    assert db.session.scalar(select(Booking.source)) == "wizard"
    event = db.session.scalars(select(Event).where(Event.verb == "repair.booked")).one()
    assert json.loads(event.body)["total"] == total
    page = visitor.page("confirmed").text
    assert repair.number in page
    assert "To pay in store" in page
    assert f"/track/{repair.tracking_token}/calendar.ics" in page


def test_confirming_twice_books_once_and_shows_the_same_ticket(visitor):
    visitor.come_to("review")
    total = visitor.shown_total()

    first, second = visitor.book(total=total), visitor.book(total=total)

    assert first.headers["Location"] == second.headers["Location"]
    assert len(repairs()) == 1
    assert db.session.scalar(select(Slot.taken)) == 1


def test_confirming_in_five_windows_at_once_books_once(visitor, app):
    visitor.come_to("review")
    total, address = visitor.shown_total(), f"/book/{visitor.token}/review"
    db.session.rollback()

    with ThreadPoolExecutor(5) as windows:
        sent = [windows.submit(app.test_client().post, address, data={"terms": "y", "total": total}) for _ in range(5)]
    answers = {window.result().headers.get("Location") for window in sent}

    assert answers == {f"/book/{visitor.token}/confirmed"}
    assert len(repairs()) == 1
    assert db.session.scalar(select(Slot.taken)) == 1


@pytest.mark.parametrize("step", ["device", "fault", "service", "details", "review"])
def test_every_step_of_a_booked_draft_leads_to_the_confirmation(visitor, step):
    visitor.come_to("confirmed")

    answer = visitor.page(step)

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/book/{visitor.token}/confirmed")


def test_slot_taken_meanwhile_goes_back_to_the_times_with_everything_kept(visitor):
    visitor.come_to("review")
    total, slot = visitor.shown_total(), drafts.answers_of(drafts.get_draft(visitor.token)).slot
    _fill(slot)

    answer = visitor.book(total=total)

    assert answer.status_code == 409
    assert "Somebody else has just taken the last place at this time." in answer.text
    assert "When will you bring it?" in answer.text
    assert repairs() == []
    kept = drafts.answers_of(drafts.get_draft(visitor.token))
    assert (kept.slot, kept.name, kept.problem) == (None, "Leila Haddad", "It fell on the stairs")
    assert visitor.page("review").headers["Location"].endswith("/service")
    assert slot.isoformat() not in visitor.free_slots()


def test_full_slot_stays_in_place_and_cannot_be_chosen(visitor):
    visitor.come_to("service")
    slot = visitor.free_slots()[0]
    visitor.send("service", service_type="in_store", slot=slot)
    _fill(drafts.answers_of(drafts.get_draft(visitor.token)).slot)

    page = visitor.page("service").text

    cards = re.findall(r'<label class="slot.*?</label>', page, re.S)
    card = next(card for card in cards if slot in card)
    assert "disabled" in card
    assert "full" in card


def test_promised_price_holds_when_the_price_list_changes(visitor):
    visitor.come_to("review")
    total = visitor.shown_total()
    rule = db.session.scalars(select(PriceRule).where(PriceRule.code == "base.phone-display-original.S1")).one()
    before = rule.effect
    db.session.execute(update(PriceRule).where(PriceRule.id == rule.id).values(effect='{"op":"set","amount":99900}'))
    db.session.commit()

    answer = visitor.book(total=total)

    db.session.execute(update(PriceRule).where(PriceRule.id == rule.id).values(effect=before))
    db.session.commit()
    assert answer.status_code == 303
    assert repairs()[0].total == int(total)


def test_a_total_that_was_not_shown_is_not_booked(visitor):
    visitor.come_to("review")

    answer = visitor.book(total="1")

    assert answer.status_code == 409
    assert "The price has changed since you saw it." in answer.text
    assert repairs() == []


def test_unlisted_device_can_be_booked_for_a_check(visitor):
    answer = visitor.client.post("/book/", data={"label": "Fairphone 4", "category": "smartphone"})
    visitor.token = answer.headers["Location"].split("/")[2]
    visitor.choose_faults("phone-check")
    visitor.choose_service()
    visitor.give_details()

    visitor.book()

    [repair] = repairs()
    assert (repair.device.label, repair.device.model_id, repair.total) == ("Fairphone 4", None, 0)


def test_postal_booking_offers_a_packing_slip_with_its_code(visitor):
    visitor.come_to("service")
    visitor.send("service", service_type="postal")
    visitor.give_details()
    visitor.book()

    page = visitor.page("slip").text

    [repair] = repairs()
    assert repair.number in page
    assert f"/track/{repair.tracking_token}/code.svg" in page
    assert "Packing slip" in visitor.page("confirmed").text


def test_slip_of_an_unbooked_draft_leads_back(visitor):
    visitor.come_to("details")

    assert visitor.page("slip").status_code == 303


def test_hostile_text_is_shown_as_text_everywhere(visitor):
    visitor.come_to("fault")
    visitor.choose_faults(problem="<img src=x onerror=alert(1)>")
    visitor.choose_service()
    visitor.give_details(name="<script>alert(1)</script>")
    visitor.book()

    [repair] = repairs()
    pages = [visitor.page("confirmed").text, visitor.client.get(f"/track/{repair.tracking_token}").text]

    assert not any("<script>alert" in page or "<img src=x" in page for page in pages)
    assert "&lt;img src=x" in pages[1]


def _fill(moment) -> None:
    """Others take every place at this time."""
    location = factories.location()
    for _place in range(slots.find_slot(location, "in_store", moment).remaining):
        slots.take(location, "in_store", starts_at=moment)
    db.session.commit()
