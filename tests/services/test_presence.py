"""Who has which ticket open: seen, kept alive, gone after 45 seconds without a sign."""

from datetime import UTC, datetime

from sqlalchemy import update

from shop.extensions import db
from shop.models.base import database_now
from shop.models.repair import Presence
from shop.services import presence


def long_unseen() -> None:
    db.session.execute(update(Presence).values(seen_at=database_now(-46)))
    db.session.commit()


def here(repair) -> list:
    db.session.commit()
    return presence.who_is_here([repair.id]).get(repair.id, [])


def test_see_again_changes_the_field_of_the_same_person(cracked_iphone, technician):
    presence.see(cracked_iphone.id, actor=technician.actor)
    presence.see(cracked_iphone.id, actor=technician.actor, field="diagnosis")

    assert here(cracked_iphone) == [(technician.id, "Priya Nair", "diagnosis")]


def test_people_are_listed_by_name_and_ticket(cracked_iphone, technician, front_desk):
    presence.see(cracked_iphone.id, actor=technician.actor)
    presence.see(cracked_iphone.id, actor=front_desk.actor, field="problem")

    assert here(cracked_iphone) == [(front_desk.id, "Marta Kowal", "problem"), (technician.id, "Priya Nair", "")]


def test_leave_twice_is_harmless(cracked_iphone, technician):
    presence.see(cracked_iphone.id, actor=technician.actor)

    presence.leave(cracked_iphone.id, actor=technician.actor)
    presence.leave(cracked_iphone.id, actor=technician.actor)

    assert here(cracked_iphone) == []


def test_person_who_is_not_seen_any_more_counts_as_gone(cracked_iphone, technician):
    presence.see(cracked_iphone.id, actor=technician.actor)
    long_unseen()

    assert here(cracked_iphone) == []


def test_beat_keeps_a_person_and_the_field_alive(cracked_iphone, technician):
    presence.see(cracked_iphone.id, actor=technician.actor, field="diagnosis")
    long_unseen()

    presence.beat([(cracked_iphone.id, technician.id)] * 2)

    assert here(cracked_iphone) == [(technician.id, "Priya Nair", "diagnosis")]


def test_beat_of_nobody_is_harmless(app):
    assert presence.beat([]) is None


def test_forget_expired_names_the_tickets_that_changed(cracked_iphone, technician, front_desk):
    presence.see(cracked_iphone.id, actor=technician.actor)
    long_unseen()
    presence.see(cracked_iphone.id, actor=front_desk.actor)

    assert presence.forget_expired() == [(cracked_iphone.id, cracked_iphone.number)]
    assert presence.forget_expired() == []
    assert [person for person, _, _ in here(cracked_iphone)] == [front_desk.id]


def test_disabled_person_is_not_shown(session, cracked_iphone, technician):
    presence.see(cracked_iphone.id, actor=technician.actor)
    technician.disabled_at = datetime.now(UTC)

    assert here(cracked_iphone) == []


def test_find_repair_id_by_number_in_any_case(cracked_iphone):
    assert presence.find_repair_id(cracked_iphone.number.lower()) == cracked_iphone.id
    assert presence.find_repair_id("RT-0") is None
