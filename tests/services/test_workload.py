from datetime import UTC, datetime, timedelta

import pytest

from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.workflow import NEVER_LATE, OPEN, Party, State
from shop.services import bench, bookings, productivity, queue, rosters, staff_admin, team, workload
from tests import factories
from tests.bookings import request

NINE_TO_FIVE = ["09:00-17:00"] * 5 + ["", ""]


@pytest.fixture
def branch(app):
    return team.home_branch()


def load_of(branch, person):
    return next(one for one in workload.team_load(branch).people if one.member.id == person.id)


def shown(**arguments):
    page = queue.page(queue.parse_filters(arguments), me=0, day_ends=datetime.now(UTC))
    return [row.number for row in page.rows]


@pytest.fixture
def mixed(app, technician):
    """Every open state twice: on Priya's bench and on nobody's; some of it late."""
    now = datetime.now(UTC)
    return [
        factories.repair(state, assignee_id=who, work_minutes=120, total=5000,
                         due_at=now + timedelta(hours=3 if place % 2 else -3))
        for who in (technician.id, None) for place, state in enumerate(OPEN)
    ]  # fmt: skip


def test_bench_parts_its_work_by_who_is_waited_for(mixed, branch, technician):
    bench = workload.open_work(branch).bench(technician.id)

    assert bench.now.minutes == 120 + 108 + 60 + 12 + 120
    assert bench.by_party[Party.CUSTOMER].minutes == 120 + 96  # one is still expected
    assert bench.by_party[Party.PART].minutes == 96
    assert bench.by_party[Party.COLLECTION].minutes == 0
    assert sum(bench.due) == bench.now.minutes


def test_each_figure_is_the_number_of_rows_that_its_link_lists(mixed, branch, technician):
    work = workload.open_work(branch)

    for who, person in ((str(technician.id), technician.id), ("nobody", None)):
        pile = work.bench(person)
        for party in Party:
            assert pile.by_party[party].jobs == len(shown(view="open", assignee=who, waiting=party)), (who, party)
        assert pile.late == len(shown(view="late", assignee=who)) > 0
        assert pile.jobs == len(shown(view="open", assignee=who))
    assert work.ready == len(shown(view="ready"))
    assert work.ready_value == (("GBP", 2 * 5000),)


def test_late_and_due_add_up_to_the_work(mixed, branch, technician):
    pile = workload.open_work(branch).bench(technician.id)

    late = sum(repair.status not in NEVER_LATE and repair.due_at < datetime.now(UTC) for repair in mixed) // 2
    assert pile.late == late


def test_load_is_told_against_the_roster(branch, manager, technician, frozen):
    rosters.set_week(technician.id, NINE_TO_FIVE, branch=branch, actor=manager.actor)
    for _ in range(4):
        factories.repair(assignee_id=technician.id, work_minutes=180, due_at=frozen + timedelta(hours=26))
    db.session.commit()

    load = load_of(branch, technician)

    assert (load.today, load.time.is_assumed) == (7 * 60, False)
    assert load.strain == load.whole
    assert (load.whole.work, load.whole.hours) == (720, 7 * 60 + 3 * 480)


def test_ticket_without_lines_counts_an_hour(branch, technician):
    factories.repair(assignee_id=technician.id)

    assert workload.open_work(branch).bench(technician.id).now.minutes == 60


def test_booking_plans_the_minutes_of_its_repairs_and_they_are_no_work_before_it_is_here(branch):
    repair = bookings.create_booking(request(), actor=CUSTOMER, source="wizard")
    db.session.commit()

    assert repair.work_minutes == 60
    work = workload.open_work(branch).bench(None)
    assert (work.now.minutes, work.by_party[Party.CUSTOMER].minutes) == (0, 60)


def test_disabled_person_with_work_is_still_listed_and_one_without_is_not(branch, owner, technician):
    tom = factories.staff("Tom Adeyemi")
    factories.repair(assignee_id=tom.id)
    for person in (tom, technician):
        staff_admin.disable(person.id, actor=owner.actor)
    db.session.commit()

    people = {one.member.name: one for one in workload.team_load(branch).people}

    assert "Priya Nair" not in people
    assert people["Tom Adeyemi"].whole.hours == 0


def test_empty_shop_has_benches_without_work(branch, technician):
    load = workload.team_load(branch)

    assert [one.member.name for one in load.people] == ["Priya Nair"]
    assert (load.unassigned.jobs, load.people[0].whole.work, load.people[0].strain.excess <= 0) == (0, 0, True)


@pytest.mark.parametrize("amount", [1, 5])
def test_load_takes_the_same_statements_for_any_number_of_repairs(branch, technician, statements_of, amount):
    for _ in range(amount):
        factories.repair(assignee_id=technician.id)

    sent = statements_of(lambda: workload.team_load(branch))

    assert len(sent) == 6  # the log, the open work, people, rosters, absences, skills
    assert sum("repairs" in text for text in sent) == 1


def test_bench_page_lists_the_tickets_in_order_with_their_sum(mixed, branch, technician):
    page = bench.page(technician.id, None, now=datetime.now(UTC))

    assert [job.due_at for job in page.jobs] == sorted(job.due_at for job in page.jobs)
    assert page.jobs[-1].sum == workload.open_work(branch).bench(technician.id).now.minutes
    assert {job.number for job in page.jobs} == set(shown(view="open", assignee=str(technician.id)))


def test_bench_pages_go_on_with_the_sum(branch, technician, monkeypatch):
    monkeypatch.setattr(bench, "PAGE", 2)
    for _ in range(5):
        factories.repair(assignee_id=technician.id, work_minutes=30)

    after, sums = "", []
    while after is not None:
        page = bench.page(technician.id, None, now=datetime.now(UTC), after=after)
        sums, after = sums + [job.sum for job in page.jobs], page.next

    assert sums == [30, 60, 90, 120, 150]


@pytest.mark.parametrize("after", ["x", "1.2", "1.99999999999.1", "'; --"])
def test_place_that_cannot_be_shows_the_first_page(technician, after):
    factories.repair(assignee_id=technician.id)

    assert len(bench.page(technician.id, None, now=datetime.now(UTC), after=after).jobs) == 1


def test_productivity_tells_the_median_of_the_last_thirty_days(branch, technician):
    now = datetime.now(UTC)
    for hours, ago in ((10, 1), (20, 2), (90, 3), (1, 40)):
        closed = now - timedelta(days=ago)
        repair = factories.repair(State.COLLECTED, assignee_id=technician.id)
        repair.received_at, repair.closed_at = closed - timedelta(hours=hours), closed
    factories.repair(State.CANCELLED, assignee_id=technician.id)
    db.session.commit()

    [one] = productivity.last_days(branch)

    assert (one.member.id, one.jobs) == (technician.id, 3)
    assert abs(one.turnaround - 20 * 60) <= 1
    assert one.days > 20


def test_productivity_is_empty_where_nothing_was_handed_over(branch, technician):
    factories.repair(State.COLLECTED, assignee_id=None)

    assert productivity.last_days(branch) == []
