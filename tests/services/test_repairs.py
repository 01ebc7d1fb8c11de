import json
from datetime import UTC, datetime, timedelta

import pytest

from shop.models.booking import Booking
from shop.models.errors import Invalid, NotAllowed, NotFound, Stale
from shop.models.event import Event
from shop.models.workflow import State
from shop.services import repairs, slots
from tests import factories

NOW, WEEK = datetime.now(UTC), timedelta(days=7)


def last_event(session, repair):
    return session.query(Event).filter_by(aggregate=f"repair:{repair.id}").order_by(Event.version.desc()).first()


def locked(repair):
    return repairs.lock_repair(repair.number)


def test_move_changes_status_and_records_one_event(session, cracked_iphone, technician):
    repair = locked(cracked_iphone)

    repairs.move(repair, State.DIAGNOSING, actor=technician.actor)
    session.commit()

    event = last_event(session, repair)
    assert (repair.status, repair.waiting_on, repair.is_open) == ("diagnosing", "us", True)
    assert (event.verb, event.version, event.actor) == ("repair.moved", repair.version, f"staff:{technician.id}")
    assert json.loads(event.body) == {"from": "received", "minutes": 0, "to": "diagnosing"}


def test_move_to_collected_closes_the_repair(session, technician):
    repair = locked(factories.repair(State.READY))

    repairs.move(repair, State.COLLECTED, actor=technician.actor)
    session.commit()

    assert (repair.is_open, repair.waiting_on) == (False, None)
    assert repair.closed_at == repair.status_since


def test_move_refuses_a_transition_that_does_not_exist(session, cracked_iphone, technician):
    repair = locked(cracked_iphone)

    with pytest.raises(Invalid) as refused:
        repairs.move(repair, State.COLLECTED, actor=technician.actor)

    assert refused.value.fields == {"status": "A repair cannot go from received to collected."}
    assert repair.status == "received"


@pytest.mark.parametrize("target", ["", "nowhere", "READY", "<b>", "x" * 5000])
def test_move_refuses_a_status_that_does_not_exist(session, cracked_iphone, technician, target):
    repair = locked(cracked_iphone)

    with pytest.raises(Invalid) as refused:
        repairs.move(repair, target, actor=technician.actor)

    assert refused.value.fields == {"status": "There is no such status."}


def test_move_asks_for_the_diagnosis_first(session, technician):
    repair = locked(factories.repair(State.DIAGNOSING))

    with pytest.raises(Invalid) as refused:
        repairs.move(repair, State.IN_REPAIR, actor=technician.actor)

    assert list(refused.value.fields) == ["diagnosis"]


def test_move_that_a_colleague_made_first_is_stale(session, technician):
    repair = locked(factories.repair(State.IN_REPAIR))

    with pytest.raises(Stale) as stale:
        repairs.move(repair, State.DIAGNOSING, actor=technician.actor, seen=State.RECEIVED)

    assert stale.value.conflicts == {"status": ("received", "in_repair", "diagnosing")}


def test_cancel_needs_its_own_right(session, cracked_iphone, technician, front_desk):
    repair = locked(cracked_iphone)

    with pytest.raises(NotAllowed):
        repairs.move(repair, State.CANCELLED, actor=technician.actor)
    repairs.move(repair, State.CANCELLED, actor=front_desk.actor)

    assert repair.status == "cancelled"


def test_cancel_gives_the_slot_back_once(session, cracked_iphone, owner):
    start = next(
        view.start for view in slots.list_slots(cracked_iphone.location, "in_store", start=NOW, end=NOW + WEEK)
    )
    slot = slots.take(cracked_iphone.location, "in_store", starts_at=start)
    session.add(Booking(repair_id=cracked_iphone.id, slot_id=slot.id, source="web"))
    session.commit()

    for target in (State.CANCELLED, State.RECEIVED, State.CANCELLED):
        repairs.move(locked(cracked_iphone), target, actor=owner.actor)
        session.commit()

    session.refresh(slot)
    assert slot.taken == 0


def test_read_only_moves_nothing(session, cracked_iphone, read_only):
    repair = locked(cracked_iphone)

    with pytest.raises(NotAllowed):
        repairs.move(repair, State.DIAGNOSING, actor=read_only.actor)

    assert repair.status == "received"


def test_assign_is_recorded_once(session, cracked_iphone, technician, front_desk):
    repair = locked(cracked_iphone)

    repairs.assign(repair, technician.id, actor=front_desk.actor)
    version = repair.version
    repairs.assign(repair, technician.id, actor=front_desk.actor)
    session.commit()

    assert (repair.assignee_id, repair.version) == (technician.id, version)
    assert json.loads(last_event(session, repair).body) == {"from": None, "to": technician.id}


def test_assign_refuses_who_cannot_work_on_repairs(session, cracked_iphone, read_only, owner):
    repair = locked(cracked_iphone)

    for nobody in (read_only.id, 987654):
        with pytest.raises(Invalid) as refused:
            repairs.assign(repair, nobody, actor=owner.actor)
        assert list(refused.value.fields) == ["assignee"]


def test_edits_of_different_fields_merge(session, cracked_iphone, technician, front_desk):
    seen = repairs.editable_values(cracked_iphone)
    first = {"diagnosis": "Display assembly broken, frame straight."}
    second = {"place": "Bench 2", "diagnosis": seen["diagnosis"]}

    repairs.edit(locked(cracked_iphone), first, base=seen, actor=technician.actor)
    session.commit()
    merged = repairs.edit(locked(cracked_iphone), second, base=seen, actor=technician.actor)
    session.commit()

    repair = repairs.get_repair(cracked_iphone.number)
    assert (repair.diagnosis, repair.place) == ("Display assembly broken, frame straight.", "Bench 2")
    assert (merged.saved, merged.merged) == (("place",), ("diagnosis",))


def test_edits_of_the_same_field_are_shown_to_both(session, cracked_iphone, technician, owner):
    seen = {"diagnosis": ""}
    repairs.edit(locked(cracked_iphone), {"diagnosis": "Theirs"}, base=seen, actor=owner.actor)
    session.commit()

    with pytest.raises(Stale) as stale:
        repairs.edit(
            locked(cracked_iphone), {"diagnosis": "Yours", "place": "Shelf B"}, base={**seen, "place": ""},
            actor=technician.actor,
        )  # fmt: skip
    session.rollback()

    repair = repairs.get_repair(cracked_iphone.number)
    assert stale.value.conflicts == {"diagnosis": ("", "Theirs", "Yours")}
    assert (repair.diagnosis, repair.place) == ("Theirs", "")


def test_edit_of_the_same_text_by_both_is_no_conflict(session, cracked_iphone, technician):
    repairs.edit(locked(cracked_iphone), {"place": "Bench 2"}, base={"place": ""}, actor=technician.actor)
    session.commit()

    edit = repairs.edit(locked(cracked_iphone), {"place": "Bench 2"}, base={"place": ""}, actor=technician.actor)

    assert edit.saved == ()


def test_edit_keeps_personal_text_out_of_the_sealed_part(session, cracked_iphone, technician):
    repair = locked(cracked_iphone)

    repairs.edit(repair, {"problem": "Call Hannah"}, base={"problem": repair.problem}, actor=technician.actor)
    session.commit()

    event = last_event(session, repair)
    assert json.loads(event.body) == {"fields": ["problem"]}
    assert "Call Hannah" in event.detail.body


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("imei", "35 391811 0429 664"),
        ("imei", "123"),
        ("device_label", ""),
        ("device_label", "x" * 161),
        ("place", "x" * 41),
        ("problem", "x" * 10_001),
    ],
)
def test_edit_refuses_what_cannot_be_kept(session, cracked_iphone, technician, field, value):
    repair = locked(cracked_iphone)
    before = repairs.editable_values(repair)

    with pytest.raises(Invalid) as refused:
        repairs.edit(repair, {field: value}, base=before, actor=technician.actor)

    assert list(refused.value.fields) == [field]
    assert repairs.editable_values(repair) == before


@pytest.mark.parametrize("text", ["مرحبا هانا", "😀" * 50, "<script>alert(1)</script>", "'; DROP TABLE repairs; --"])
def test_edit_keeps_any_language_and_markup_as_text(session, cracked_iphone, technician, text):
    repairs.edit(locked(cracked_iphone), {"diagnosis": text}, base={"diagnosis": ""}, actor=technician.actor)
    session.commit()

    assert repairs.get_repair(cracked_iphone.number).diagnosis == text


def test_edit_without_what_was_seen_is_refused(session, cracked_iphone, technician):
    with pytest.raises(Invalid):
        repairs.edit(locked(cracked_iphone), {"place": "Bench 2"}, base={}, actor=technician.actor)


def test_front_desk_does_not_write_the_diagnosis(session, cracked_iphone, front_desk):
    with pytest.raises(NotAllowed):
        repairs.edit(locked(cracked_iphone), {"diagnosis": "Broken"}, base={"diagnosis": ""}, actor=front_desk.actor)


def test_imei_is_stored_as_digits_and_found_by_search(session, cracked_iphone, technician):
    repair = locked(cracked_iphone)

    repairs.edit(repair, {"imei": "49 015420 323751-8"}, base={"imei": ""}, actor=technician.actor)

    assert repair.device.imei == "490154203237518"
    assert "490154203237518" in repair.search_text


def test_note_is_kept_out_of_the_log(session, cracked_iphone, technician):
    repair = locked(cracked_iphone)

    note = repairs.add_note(repair, "  Mother of a friend, be kind.  ", actor=technician.actor)
    session.commit()

    event = last_event(session, repair)
    assert repairs.notes(repair)[0].body == "Mother of a friend, be kind."
    assert (event.verb, json.loads(event.body), event.detail) == ("repair.noted", {"note": note.id}, None)


@pytest.mark.parametrize("body", ["", "   \n ", "x" * 10_001])
def test_note_refuses_nothing_and_too_much(session, cracked_iphone, technician, body):
    with pytest.raises(Invalid):
        repairs.add_note(locked(cracked_iphone), body, actor=technician.actor)


def test_note_is_kept_without_what_no_database_keeps(session, cracked_iphone, technician):
    note = repairs.add_note(locked(cracked_iphone), "Board\x00 is wet.\r\nDry it. ", actor=technician.actor)
    session.commit()

    assert note.body == "Board is wet.\nDry it."


@pytest.mark.parametrize("number", ["RT-1", "", "x" * 300, "RT-99999999999999", "\x00", "RT-10001\x00"])
def test_unknown_number_is_not_found(session, app, number):
    with pytest.raises(NotFound):
        repairs.get_repair(number)
    with pytest.raises(NotFound):
        repairs.lock_repair(number)
