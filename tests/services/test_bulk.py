"""Changes of many tickets: previewed, run ticket by ticket, each once, taken back."""

import json
import os
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, insert, select, update

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.bulk import BulkItem, BulkRun, RunState
from shop.models.errors import CannotUndo, Invalid, NotAllowed, NotFound
from shop.models.event import Delivery, Event
from shop.models.permissions import Role
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import bulk, bulk_report, bulk_work, deliveries, queue, relay, repairs, triage
from tests import factories

SOON = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def prepare(app, technician):
    """`prepare([repair, …], "status", "diagnosing")`: the preview, committed."""

    def make(chosen, act, target, actor=None, **selection) -> BulkRun:
        numbers = tuple(repair.number for repair in chosen)
        run = bulk.preview(
            bulk.Selection(numbers=numbers, **selection), act, target, day_ends=SOON, actor=actor or technician.actor
        )
        db.session.commit()
        return run

    return make


@pytest.fixture
def execute(technician):
    """`execute(run)`: begun and worked off; `told="none"` as in the preview's form."""

    def act(run, actor=None, **options) -> Counter:
        bulk.start(run.id, actor=actor or technician.actor, **options)
        db.session.commit()
        bulk_work.work(run.id)
        return outcomes(run)

    return act


@pytest.fixture
def one_by_one(monkeypatch):
    """Each ticket in a transaction of its own, so that something can happen between two."""
    monkeypatch.setattr(bulk_work, "TOGETHER", 1)


def outcomes(run) -> Counter:
    db.session.expire_all()
    items = db.session.execute(select(BulkItem.outcome, BulkItem.reason).where(BulkItem.run_id == run.id))
    counts = Counter(f"{outcome}:{reason}".rstrip(":") for outcome, reason in items)
    db.session.rollback()
    return counts


def events(verb: str) -> int:
    return db.session.scalar(select(func.count()).select_from(Event).where(Event.verb == verb))


def statuses(chosen) -> list[str]:
    db.session.expire_all()
    return [repair.status for repair in chosen]


@pytest.fixture
def mixed(app):
    """Two that can be started, one without a diagnosis, one that is in repair already, one that is closed."""
    return [
        factories.repair(State.DIAGNOSING, diagnosis="Display broken."),
        factories.repair(State.QUALITY_CHECK),
        factories.repair(State.DIAGNOSING),
        factories.repair(State.IN_REPAIR),
        factories.repair(State.COLLECTED),
    ]


def test_preview_says_what_will_happen_and_what_is_refused_and_why(mixed, prepare):
    run = prepare(mixed, "status", "in_repair")

    shown = bulk_report.preview_of(run)

    assert (shown.will, shown.same) == (2, 1)
    assert {(group.reason, group.before, group.numbers) for group in shown.refused} == {
        ("no_diagnosis", "diagnosing", (mixed[2].number,)),
        ("no_step", "collected", (mixed[4].number,)),
    }
    assert statuses(mixed) == ["diagnosing", "quality_check", "diagnosing", "in_repair", "collected"]


def test_run_does_what_was_previewed(mixed, prepare, execute):
    run = prepare(mixed, "status", "in_repair")

    assert execute(run) == {"done": 2, "refused:no_diagnosis": 1, "refused:no_step": 1, "same:same": 1}
    assert statuses(mixed) == ["in_repair", "in_repair", "diagnosing", "in_repair", "collected"]
    assert events("repair.moved") == 2
    assert (events("bulk_run.started"), events("bulk_run.finished")) == (1, 1)
    assert run.state == RunState.DONE


@pytest.mark.parametrize(
    ("act", "target", "field", "stored"),
    [
        ("assign", "{technician}", "assignee_id", "{technician}"),
        ("assign", "", "assignee_id", "None"),
        ("priority", "urgent", "priority", "1"),
        ("tag", "Ring before noon", "tags", "Ring before noon"),
    ],
)
def test_every_act_is_done_and_taken_back(prepare, execute, technician, front_desk, act, target, field, stored):
    chosen = [factories.repair(assignee_id=front_desk.id) for _ in range(3)]
    before = [getattr(repair, field) for repair in chosen]
    ids = {"technician": technician.id}
    run = prepare(chosen, act, target.format(**ids))

    assert execute(run) == {"done": 3}
    assert [str(getattr(repair, field)) for repair in chosen] == [stored.format(**ids)] * 3
    bulk.start_undo(run.id, actor=technician.actor)
    db.session.commit()
    bulk_work.work(run.id)

    assert outcomes(run) == {"undone": 3}
    assert [getattr(repair, field) for repair in chosen] == before
    assert run.state == RunState.UNDONE


def test_tag_is_taken_off_and_put_back(prepare, execute, technician, cracked_iphone):
    triage.tag(repairs.lock_repair(cracked_iphone.number), "VIP", actor=technician.actor)
    db.session.commit()
    run = prepare([cracked_iphone, factories.repair()], "untag", "vip")

    assert execute(run) == {"done": 1, "same:same": 1}
    bulk.start_undo(run.id, actor=technician.actor)
    db.session.commit()
    bulk_work.work(run.id)

    assert outcomes(run) == {"undone": 1, "same:same": 1}
    assert cracked_iphone.tags == "VIP"


@pytest.mark.parametrize(
    ("act", "target", "fault"),
    [
        ("explode", "", "act"),
        ("status", "lost", "target"),
        ("assign", "987", "target"),
        ("assign", "'; --", "target"),
        ("priority", "", "target"),
        ("branch", "99", "target"),
        ("tag", "   ", "target"),
        ("tag", "x" * 41, "target"),
    ],
)
def test_preview_of_what_cannot_be_done_is_refused(cracked_iphone, prepare, act, target, fault):
    with pytest.raises(Invalid) as refused:
        prepare([cracked_iphone], act, target)

    assert list(refused.value.fields) == [fault]


def test_preview_counts_numbers_that_are_no_tickets(cracked_iphone, technician):
    selection = bulk.Selection(numbers=(cracked_iphone.number.lower(), "RT-1", cracked_iphone.number, "'"))

    run = bulk.preview(selection, "priority", "high", day_ends=SOON, actor=technician.actor)

    assert (run.total, run.unknown) == (1, 2)


def test_preview_of_nothing_and_of_too_many_is_refused(cracked_iphone, prepare, monkeypatch):
    with pytest.raises(Invalid, match="at least one"):
        prepare([], "priority", "high")
    monkeypatch.setattr(bulk, "MOST", 1)
    with pytest.raises(Invalid, match="Narrow the view"):
        prepare([cracked_iphone, factories.repair()], "priority", "high")


def test_all_in_view_are_those_of_the_moment_of_the_preview(prepare, execute, cracked_iphone):
    factories.repair(State.READY)
    run = prepare([], "priority", "high", filters=queue.parse_filters({"status": "received"}), view="?status=received")
    later = factories.repair()

    assert execute(run) == {"done": 1}
    assert (cracked_iphone.priority, later.priority) == (2, 3)


def test_what_a_colleague_changed_meanwhile_is_refused_and_the_others_go_on(prepare, execute, owner):
    chosen = [factories.repair() for _ in range(3)]
    run = prepare(chosen, "status", "diagnosing")
    repairs.move(repairs.lock_repair(chosen[1].number), State.CANCELLED, actor=owner.actor)
    db.session.commit()

    assert execute(run) == {"done": 2, "refused:changed": 1}
    assert statuses(chosen) == ["diagnosing", "cancelled", "diagnosing"]


def test_step_that_is_no_longer_allowed_when_its_turn_comes_says_so(prepare, execute, technician, owner):
    """What the preview allowed: of two, one loses what the step needs before its turn."""
    ready, emptied = (factories.repair(State.DIAGNOSING, diagnosis="Display broken.") for _ in range(2))
    run = prepare([ready, emptied], "status", "in_repair")
    assert bulk_report.preview_of(run).will == 2
    row = repairs.lock_repair(emptied.number)
    repairs.edit(row, {"diagnosis": ""}, base=repairs.editable_values(row), actor=owner.actor)
    db.session.commit()

    assert execute(run) == {"done": 1, "refused:refused": 1}
    [refused] = bulk_report.results(run, outcome="refused")
    assert (refused.number, statuses([ready, emptied])) == (emptied.number, ["in_repair", "diagnosing"])
    assert "diagnosis" in refused.detail.lower()


def test_a_colleagues_note_does_not_stand_in_the_way(prepare, execute, cracked_iphone, owner):
    run = prepare([cracked_iphone], "status", "diagnosing")
    repairs.add_note(repairs.lock_repair(cracked_iphone.number), "Ring first", actor=owner.actor)
    db.session.commit()

    assert execute(run) == {"done": 1}


def test_one_that_fails_does_not_stop_the_others_and_leaves_nothing_half_done(prepare, execute, monkeypatch):
    chosen = [factories.repair() for _ in range(3)]
    run = prepare(chosen, "priority", "high")
    true = triage.set_priority

    def fail_once(repair, *arguments, **options):
        step = true(repair, *arguments, **options)
        if repair.id == chosen[1].id:
            raise RuntimeError("the printer is on fire")
        return step

    monkeypatch.setattr(triage, "set_priority", fail_once)

    assert execute(run) == {"done": 2, "refused:failed": 1}
    assert [repair.priority for repair in chosen] == [2, 3, 2]
    assert events("repair.prioritised") == 2


def test_preview_runs_once_however_often_it_is_sent(prepare, execute, technician):
    chosen = [factories.repair() for _ in range(2)]
    run = prepare(chosen, "priority", "high")

    first = execute(run)
    second = execute(run)

    assert first == second == {"done": 2}
    assert (events("repair.prioritised"), events("bulk_run.started")) == (2, 1)


def test_run_belongs_to_who_made_it(prepare, cracked_iphone, owner):
    run = prepare([cracked_iphone], "priority", "high")

    for act in (bulk.start, bulk.start_undo):
        with pytest.raises(NotFound):
            act(run.id, actor=owner.actor)


def test_read_only_staff_preview_nothing(prepare, cracked_iphone, read_only):
    with pytest.raises(NotAllowed):
        prepare([cracked_iphone], "priority", "high", actor=read_only.actor)


def test_technician_is_told_beforehand_that_cancelling_is_not_theirs(prepare, cracked_iphone):
    run = prepare([cracked_iphone], "status", "cancelled")

    assert [group.reason for group in bulk_report.preview_of(run).refused] == ["no_right"]


@pytest.mark.parametrize("loss", [{"role": Role.READ_ONLY}, {"disabled_at": datetime(2026, 1, 1, tzinfo=UTC)}])
def test_rights_that_are_taken_away_while_it_runs_refuse_the_rest(one_by_one, prepare, technician, loss):
    chosen = [factories.repair() for _ in range(4)]
    run = prepare(chosen, "priority", "high")
    bulk.start(run.id, actor=technician.actor)
    db.session.commit()
    turns = iter([False, False, True])
    bulk_work.work(run.id, is_stopping=lambda: next(turns))
    for name, value in loss.items():
        setattr(technician, name, value)
    db.session.commit()

    bulk_work.work(run.id)

    assert outcomes(run) == {"done": 2, "refused:no_right": 2}
    assert run.state == RunState.DONE


def test_cancelled_run_leaves_the_rest_and_keeps_what_is_done(one_by_one, prepare, technician):
    chosen = [factories.repair() for _ in range(4)]
    run = prepare(chosen, "priority", "high")
    bulk.start(run.id, actor=technician.actor)
    db.session.commit()
    turns = iter([False, True])
    stopped = bulk_work.work(run.id, is_stopping=lambda: next(turns))
    bulk.cancel(run.id, actor=technician.actor)
    db.session.commit()

    bulk_work.work(run.id)

    assert stopped is False
    assert outcomes(run) == {"done": 1, "left:cancelled": 3}
    assert (run.state, events("bulk_run.cancel_asked")) == (RunState.CANCELLED, 1)


def test_undo_names_what_was_changed_since_and_takes_the_rest_back(prepare, execute, technician, owner):
    chosen = [factories.repair() for _ in range(3)]
    run = prepare(chosen, "priority", "high")
    execute(run)
    triage.set_priority(repairs.lock_repair(chosen[0].number), 1, actor=owner.actor)
    db.session.commit()

    bulk.start_undo(run.id, actor=technician.actor)
    db.session.commit()
    bulk_work.work(run.id)

    assert outcomes(run) == {"undone": 2, "kept:refused": 1}
    assert [repair.priority for repair in chosen] == [1, 3, 3]
    kept = bulk_report.results(run, outcome="kept")[0]
    assert kept.number == chosen[0].number
    assert "changed again since" in kept.detail


def test_undo_is_offered_for_a_while_only(prepare, execute, technician, cracked_iphone):
    run = prepare([cracked_iphone], "priority", "high")
    with pytest.raises(CannotUndo):
        bulk.start_undo(run.id, actor=technician.actor)
    db.session.rollback()
    execute(run)
    run.undo_until = utc_now() - timedelta(seconds=10)
    db.session.commit()

    with pytest.raises(CannotUndo, match="over"):
        bulk.start_undo(run.id, actor=technician.actor)


def test_mails_are_held_until_the_whole_run_can_no_longer_be_undone(prepare, execute, technician):
    chosen = [factories.repair(State.QUALITY_CHECK) for _ in range(2)]
    run = prepare(chosen, "status", "ready")
    execute(run)
    relay.relay_batch()
    db.session.commit()
    held = db.session.scalars(select(Delivery).where(Delivery.subscriber == "mail", Delivery.due_at > utc_now())).all()

    assert len(held) == 2
    assert all(delivery.due_at >= run.undo_until for delivery in held)
    bulk.start_undo(run.id, actor=technician.actor)
    db.session.commit()
    bulk_work.work(run.id)
    db.session.expire_all()
    assert {delivery.state for delivery in held} == {"cancelled"}
    assert statuses(chosen) == ["quality_check"] * 2


def test_run_that_tells_nobody_owes_no_mail(prepare, execute):
    run = prepare([factories.repair(State.QUALITY_CHECK)], "status", "ready")

    execute(run, told="none")
    [moved] = db.session.scalars(select(Event).where(Event.verb == "repair.moved"))

    assert json.loads(moved.body)["message"] == "none"


def test_preview_sums_up_who_hears_of_it(prepare):
    people = [
        factories.customer("A A"),
        factories.customer("B B", email=""),
        factories.customer("C C", may_email=False),
    ]
    run = prepare([factories.repair(State.QUALITY_CHECK, customer=person) for person in people], "status", "ready")

    heard = bulk_report.preview_of(run).heard

    assert (heard.total, heard.no_address, heard.opted_out) == (1, 1, 1)


def test_more_than_a_hundred_are_a_job_and_fewer_are_not(prepare, technician, monkeypatch):
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    long, short = (prepare([factories.repair() for _ in range(n)], "priority", "high") for n in (3, 2))
    for run in (long, short):
        bulk.start(run.id, actor=technician.actor)
    db.session.commit()
    relay.relay_batch()
    db.session.commit()

    owed = db.session.scalars(select(Delivery.ordering_key).where(Delivery.subscriber == "bulk")).all()
    deliveries.drain("bulk")

    assert owed == [f"bulk_run:{long.id}"]
    assert outcomes(long) == {"done": 3}
    assert outcomes(short) == {"": 2}


def test_job_that_is_told_to_stop_is_taken_up_again_at_once(one_by_one, prepare, technician, monkeypatch):
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    run = prepare([factories.repair() for _ in range(4)], "priority", "high")
    bulk.start(run.id, actor=technician.actor)
    db.session.commit()
    relay.relay_batch()
    db.session.commit()
    turns = iter([False, False, False, False, True, True, True])

    deliveries.drain("bulk", is_stopping=lambda: next(turns))
    half = outcomes(run)
    deliveries.drain("bulk")

    assert 0 < half["done"] < 4
    assert outcomes(run) == {"done": 4}
    [delivery] = db.session.scalars(select(Delivery).where(Delivery.subscriber == "bulk"))
    assert (delivery.state, delivery.attempts_allowed - delivery.attempt) == ("done", 7)


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_killed_between_tickets_it_goes_on_and_does_each_once(prepare, technician, monkeypatch, moment):
    monkeypatch.setattr(bulk_work, "TOGETHER", 2)
    chosen = [factories.repair() for _ in range(11)]
    run = prepare(chosen, "priority", "high")
    bulk.start(run.id, actor=technician.actor)
    db.session.commit()
    true, commits = db.session.commit, 0

    def die_at_the_third():
        nonlocal commits
        commits += 1
        if commits == 3 and moment == "before the commit":
            raise Killed
        true()
        if commits == 3:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(db.session, "commit", die_at_the_third)
        with pytest.raises(Killed):
            bulk_work.work(run.id)
    db.session.rollback()
    half = outcomes(run)["done"]

    bulk_work.work(run.id)

    assert half == (4 if moment == "before the commit" else 6)
    assert outcomes(run) == {"done": 11}
    assert events("repair.prioritised") == 11
    assert [repair.version for repair in chosen] == [2] * 11


def test_two_workers_at_one_run_do_each_ticket_once(app, prepare, technician, monkeypatch):
    import threading

    monkeypatch.setattr(bulk_work, "TOGETHER", 2)
    chosen = [factories.repair() for _ in range(12)]
    run = prepare(chosen, "priority", "high")
    run_id = run.id
    bulk.start(run_id, actor=technician.actor)
    db.session.commit()
    faults = []

    def help_out():
        with app.app_context():
            try:
                bulk_work.work(run_id)
            except Exception as error:
                faults.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=help_out) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert outcomes(run) == {"done": 12}
    assert (events("repair.prioritised"), events("bulk_run.finished")) == (12, 1)


def test_five_hundred_of_which_some_fail_end_with_a_result_for_each(prepare, execute, technician, monkeypatch, capsys):
    """BULK_TICKETS=5000 is the long form; see docs/bulk.md."""
    sample, amount = factories.repair(), int(os.environ.get("BULK_TICKETS", "500"))
    columns = [column for column in Repair.__table__.c if column.name != "id"]
    values = {column.name: getattr(sample, column.name) for column in columns}
    rows = [
        {**values, "id": sample.id + n, "number": f"RT-{sample.id + n + 10_000}", "tracking_token": f"t{n}",
         "status": "collected" if n % 10 == 0 else "received", "is_open": n % 10 != 0}
        for n in range(1, amount)
    ]  # fmt: skip
    db.session.execute(insert(Repair), rows)
    db.session.commit()
    begun = time.perf_counter()
    run = prepare([], "status", "diagnosing", filters=queue.parse_filters({"view": "all"}))
    previewed = time.perf_counter() - begun

    counts = execute(run)
    if "BULK_TICKETS" in os.environ:
        with capsys.disabled():
            print(f"\n{amount}: preview {previewed:.2f} s, all {time.perf_counter() - begun:.1f} s")  # noqa: T201

    refused = len(range(10, amount, 10))
    assert counts == {"done": amount - refused, "refused:no_step": refused}
    assert len(list(bulk_report.all_results(run))) == amount
    assert db.session.scalar(select(func.count()).where(Repair.status == "diagnosing")) == amount - refused


def test_tickets_of_one_transaction_cost_few_statements_each(prepare, technician):
    from tests.statements import statements_of

    few, many = ([factories.repair() for _ in range(n)] for n in (2, 12))
    counts = []
    for chosen in (few, many):
        run = prepare(chosen, "status", "diagnosing")
        bulk.start(run.id, actor=technician.actor)
        db.session.commit()
        counts.append(len(statements_of(lambda run=run: bulk_work.work(run.id))))

    # Of each: savepoint, drop what is held, fact, ticket, end of the savepoint.
    assert counts[1] - counts[0] <= 6 * 10


def test_preview_takes_the_same_statements_for_any_number_of_tickets(prepare, technician):
    from tests.statements import statements_of

    few, many = ([factories.repair() for _ in range(n)] for n in (2, 9))
    runs = [prepare(chosen, "status", "diagnosing") for chosen in (few, many)]
    counts = [len(statements_of(lambda run=run: bulk_report.preview_of(run))) for run in runs]

    assert counts[0] == counts[1] <= 5


def test_old_previews_and_runs_are_forgotten(prepare, execute, cracked_iphone, session):
    from shop.services import housekeeping

    old, fresh = (prepare([cracked_iphone], "priority", "high") for _ in range(2))
    session.execute(update(BulkRun).where(BulkRun.id == old.id).values(created_at=utc_now() - timedelta(days=2)))
    session.commit()

    housekeeping.forget_old()

    assert session.scalars(select(BulkRun.id)).all() == [fresh.id]
    assert session.scalars(select(BulkItem.run_id)).all() == [fresh.id]
