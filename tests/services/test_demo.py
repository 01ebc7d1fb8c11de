"""The demo shop: the same for a seed, plausible for a person, whole for the log."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text

from shop.extensions import db
from shop.models.booking import Booking, Slot
from shop.models.customer import Customer, Device, is_imei
from shop.models.document import Document
from shop.models.errors import Invalid
from shop.models.event import Delivery, Event
from shop.models.payment import Dispute, Drawer, Payment, Refund
from shop.models.repair import Note, Repair, RepairLine
from shop.models.saved_view import SavedView
from shop.models.staff import Staff
from shop.models.workflow import OPEN, find_transition
from shop.services import audit, demo, documents, drawers, ledger, ledger_check, relay, team
from tests import factories

MONDAY = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
COUNT = 200


@pytest.fixture
def busy_shop(app):
    filled = demo.fill(COUNT, seed=7, now=MONDAY)
    db.session.commit()
    return filled


def test_fill_adds_that_many_and_keeps_47_open(busy_shop):
    repairs, open_ones = db.session.execute(
        select(func.count(), func.count().filter(Repair.is_open)).select_from(Repair)
    ).one()

    assert (busy_shop.repairs, busy_shop.open) == (COUNT, 47)
    assert (repairs, open_ones) == (COUNT, 47)


def test_fill_keeps_as_many_open_as_asked(app):
    filled = demo.fill(120, open_count=90, seed=7, now=MONDAY)
    db.session.commit()

    assert (filled.repairs, filled.open) == (120, 90)
    assert db.session.scalar(select(func.count()).where(Repair.is_open)) == 90


def test_fill_is_the_same_for_a_seed(app):
    shops = []

    for seed in (7, 7, 8):
        demo.fill(60, seed=seed, now=MONDAY)
        shops.append(_content())
        db.session.rollback()

    assert shops[0] == shops[1]
    assert shops[0] != shops[2]


def test_fill_leaves_a_log_that_verifies(busy_shop):
    verdict = audit.verify()

    events = db.session.scalar(select(func.count()).select_from(Event))
    assert (verdict.good, verdict.position) == (True, events)


def test_fill_goes_on_from_the_head_of_the_log(app, cracked_iphone):
    demo.fill(60, seed=7, now=MONDAY)
    db.session.commit()

    first = db.session.scalar(select(Event).where(Event.position == 1))
    assert first.aggregate == f"repair:{cracked_iphone.id}"
    assert audit.verify().good


def test_fill_owes_nothing_for_the_past(busy_shop):
    sealed = relay.relay_batch()
    db.session.commit()

    assert sealed == []
    assert db.session.scalar(select(func.count()).select_from(Delivery)) == 0


def test_fill_spreads_open_work_over_states_people_and_days(busy_shop):
    rows = db.session.scalars(select(Repair).where(Repair.is_open)).all()

    states = Counter(row.status for row in rows)
    today = [row for row in rows if MONDAY <= row.due_at < MONDAY.replace(hour=0) + timedelta(days=1)]
    assert set(states) == set(OPEN)
    assert max(states.values()) <= 12
    assert len({row.assignee_id for row in rows}) == 4
    assert 2 <= sum(row.due_at < MONDAY for row in rows) <= 12
    assert 8 <= len(today) <= 25
    assert all(row.received_at <= row.status_since <= row.updated_at <= MONDAY for row in rows)


def test_fill_writes_versions_and_steps_as_the_workflow_allows(busy_shop):
    events: dict[str, list[Event]] = {}
    for event in db.session.scalars(select(Event).where(Event.aggregate.like("repair:%")).order_by(Event.position)):
        events.setdefault(event.aggregate, []).append(event)

    for repair in db.session.scalars(select(Repair)):
        story = events[f"repair:{repair.id}"]
        assert [event.version for event in story] == list(range(1, repair.version + 1))
        assert story[0].verb == "repair.booked"
        assert _last_state(story) == repair.status


def test_fill_derives_what_the_services_derive(busy_shop):
    for repair in db.session.scalars(select(Repair).limit(40)):
        stored = repair.search_text
        repair.refresh_search_text()
        lines = db.session.scalars(select(RepairLine.amount).where(RepairLine.repair_id == repair.id)).all()

        assert stored == repair.search_text
        assert sum(lines) == repair.total
        assert (repair.closed_at is None) == repair.is_open


def test_fill_invents_people_whom_nobody_can_ring_or_write_to(busy_shop):
    people = db.session.scalars(select(Customer)).all()
    imeis = db.session.scalars(select(Device.imei).where(Device.imei != "")).all()

    domains = {person.email.partition("@")[2] for person in people}
    assert domains == {"", "example.com", "example.org", "example.net"}
    assert {person.may_email for person in people} == {True, False}
    assert all(person.phone.startswith("+44") for person in people)
    assert {person.locale for person in people} == {"en", "pt_BR"}
    assert all(is_imei(imei) for imei in imeis)


def test_demo_people_have_hours_absences_and_skills(app):
    app.test_cli_runner().invoke(args=["demo", "--repairs", "60", "--quiet"], catch_exceptions=False)

    members = {member.name: member for member in team.list_team()}
    home, *others = team.list_branches()
    rostered = {name for name, member in members.items() if home.id in member.branches}
    assert rostered == {"Priya Nair", "Tom Adeyemi", "Ola Berg", "Marta Kowal"}
    assert members["Tom Adeyemi"].branches == frozenset(branch.id for branch in (home, *others[:1]))
    assert members["Priya Nair"].skills["brand:apple"] == "expert"
    assert members["Tom Adeyemi"].skills["type:phone-board"] == "never"
    assert [len(members[name].away) for name in ("Ola Berg", "Tom Adeyemi")] == [1, 0]
    for name in rostered:
        now = datetime.now(UTC)
        assert members[name].time(home).minutes(now, now + timedelta(days=7)) >= 20 * 60


def test_demo_people_have_made_views_of_the_queue(app):
    app.test_cli_runner().invoke(args=["demo", "--repairs", "60", "--quiet"], catch_exceptions=False)

    views = {view.name: view for view in db.session.scalars(select(SavedView))}
    assert {name: view.is_shared for name, view in views.items()} == {
        "Parts overdue": True, "Urgent, nobody on it": True, "My quotes to chase": False,
    }  # fmt: skip


def test_fill_gives_past_and_coming_bookings_places_that_hold_them(busy_shop):
    bookings = db.session.scalars(select(Booking)).all()
    slots = {slot.id: slot for slot in db.session.scalars(select(Slot))}
    taken = Counter(booking.slot_id for booking in bookings if booking.slot_id)

    starts = [slots[booking.slot_id].starts_at for booking in bookings if booking.slot_id]
    assert sum(at < MONDAY for at in starts) >= 10
    assert sum(at >= MONDAY for at in starts) >= 3
    assert {slot.id: slot.taken for slot in slots.values() if slot.taken} == {
        key: number for key, number in taken.items() if number
    }
    assert all(slots[key].taken <= slots[key].capacity for key in taken)


def test_fill_of_a_long_past_imports_what_is_older_than_the_told_part(app, monkeypatch):
    monkeypatch.setattr("shop.services.demo.busy_shop.TOLD", 100)

    demo.fill(150, seed=7, now=MONDAY)
    db.session.commit()

    imported = db.session.scalars(select(Event).where(Event.verb == "repair.imported")).all()
    assert len(imported) == 50
    assert all(event.version == 1 for event in imported)
    assert audit.verify().good


def test_fill_with_indexes_taken_down_puts_all_of_them_up_again(app, monkeypatch):
    monkeypatch.setattr("shop.services.demo.busy_shop.REBUILD_FROM", 1)
    before = _definitions()

    demo.fill(60, seed=7, now=MONDAY)
    db.session.commit()

    assert _definitions() == before


def test_fill_has_what_was_handed_over_paid_and_the_books_agree(busy_shop):
    payments = db.session.scalars(select(Payment)).all()
    states = Counter(payment.state for payment in payments)
    ways = Counter(payment.provider for payment in payments)

    assert ledger_check.verify() == []
    assert set(ways) == {"cash", "terminal", "stripe", "paypal"}
    assert states["paid"] > 50
    assert {payment.livemode for payment in payments if payment.provider in ("stripe", "paypal")} == {False}
    assert [payment.fault for payment in payments if payment.fault] == ["overpaid"]
    assert db.session.scalars(select(Dispute.state)).all() == ["open"]
    assert db.session.scalar(select(func.count()).select_from(Refund)) >= 1
    assert all(payment.settled_at <= MONDAY for payment in payments)
    begun = db.session.scalars(select(Payment.created_at).order_by(Payment.id)).all()
    assert begun == sorted(begun)
    assert {payment.is_invented for payment in payments if payment.provider in ("stripe", "paypal")} == {True}


def test_fill_leaves_sessions_of_the_till_of_which_the_last_is_open(busy_shop):
    sessions = db.session.scalars(select(Drawer).order_by(Drawer.id)).all()
    counter = db.session.scalars(select(Payment).where(Payment.provider.in_(("cash", "terminal")))).all()

    assert len(sessions) > 10
    assert [drawer.closed_at is None for drawer in sessions] == [False] * (len(sessions) - 1) + [True]
    assert all(payment.drawer_id for payment in counter)
    assert all(drawer.counted - drawer.banked == drawer.float_amount for drawer in sessions[:-1])
    in_drawer = drawers.expected_in(sessions[-1])
    assert ledger.balance("cash", currency="GBP") == in_drawer


def test_fill_issues_documents_of_the_newest_in_the_order_of_time(busy_shop):
    papers = db.session.scalars(select(Document).order_by(Document.series, Document.year, Document.number)).all()

    kinds = Counter(paper.kind for paper in papers)
    assert kinds["receipt"] >= kinds["invoice"] > 20
    for series in {paper.series for paper in papers}:
        issued = [paper.issued_at for paper in papers if paper.series == series]
        assert issued == sorted(issued)
    assert documents.pdf_of(papers[0])[:5] == b"%PDF-"
    billed = [paper.repair_id for paper in papers if paper.kind == "invoice"]
    disputed_or_double = db.session.scalars(
        select(Payment.repair_id).where((Payment.fault != "") | Payment.disputes.any())
    ).all()  # fmt: skip
    for repair in db.session.scalars(select(Repair).where(Repair.id.in_(set(billed) - set(disputed_or_double)))):
        assert ledger.repair_balance(repair).owed == 0


def test_fill_confirms_urgent_bookings_by_their_deposits(app):
    demo.fill(400, open_count=300, seed=7, now=MONDAY)
    db.session.commit()

    deposits = db.session.scalars(select(Payment).where(Payment.purpose == "deposit")).all()
    assert deposits
    for payment in deposits:
        booking = db.session.scalars(select(Booking).where(Booking.repair_id == payment.repair_id)).one()
        assert (payment.repair.status, payment.state) == ("expected", "paid")
        assert (booking.due_now, booking.held_until) == (payment.captured, None)
        assert booking.confirmed_at == payment.settled_at
    assert ledger_check.verify() == []


def test_fill_of_a_shop_with_a_till_leaves_it_alone(app, front_desk):
    drawers.open_drawer(
        factories.location(), currency="GBP", float_amount=5_000, minimum_float=2_000, actor=front_desk.actor
    )
    db.session.commit()
    demo.fill(120, seed=7, now=MONDAY)
    db.session.commit()

    assert db.session.scalar(select(func.count()).select_from(Drawer)) == 1
    assert set(db.session.scalars(select(Payment.provider))) <= {"stripe", "paypal"}
    assert ledger_check.verify() == []


def test_fill_needs_at_least_one(app):
    with pytest.raises(Invalid):
        demo.fill(0)


def test_demo_command_refuses_a_shop_that_has_repairs(app, cracked_iphone):
    runner = app.test_cli_runner()

    refused = runner.invoke(args=["demo", "--repairs", "60", "--quiet"])
    left_alone = runner.invoke(args=["demo", "--repairs", "60", "--if-empty"])

    assert (refused.exit_code, left_alone.exit_code) == (1, 0)
    assert "--force" in refused.output
    assert db.session.scalar(select(func.count()).select_from(Repair)) == 1


def test_demo_command_fills_and_creates_the_staff_once(app):
    runner = app.test_cli_runner()

    first = runner.invoke(args=["demo", "--repairs", "60", "--seed", "3", "--quiet"])
    second = runner.invoke(args=["demo", "--repairs", "50", "--seed", "4", "--quiet", "--force"])

    assert (first.exit_code, first.output) == (0, "")
    assert second.exit_code == 0
    assert db.session.scalar(select(func.count()).select_from(Repair)) == 110
    assert db.session.scalar(select(func.count()).select_from(Staff)) == 7


def test_seed_command_may_run_again(app):
    result = app.test_cli_runner().invoke(args=["seed"])

    assert result.exit_code == 0
    assert result.output == "The reference data are in place.\n"


def _content() -> list[tuple]:
    """Everything of the shop but its random tokens, and without ids, which a database never gives twice."""
    rows = db.session.scalars(select(Repair).order_by(Repair.id)).all()
    notes = db.session.execute(select(Note.body, Note.created_at).order_by(Note.id)).all()
    return [
        (row.customer.name, row.customer.email, row.device.label, row.device.imei, row.problem, row.status, row.total,
         row.place, row.received_at, row.due_at, row.updated_at, row.version)
        for row in rows
    ] + list(notes)  # fmt: skip


def _last_state(story: list[Event]) -> str:
    state = json.loads(story[0].body)["status"]
    for event in story:
        if event.verb == "repair.moved":
            body = json.loads(event.body)
            assert body["from"] == state
            assert find_transition(body["from"], body["to"])
            state = body["to"]
    return state


def _definitions() -> list:
    if db.engine.dialect.name != "postgresql":
        return []
    indexes = text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")
    keys = text(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
    )
    return [*db.session.execute(indexes), *db.session.execute(keys)]
