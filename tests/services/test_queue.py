from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event as sa_event

from shop.extensions import db
from shop.models.workflow import State
from shop.services import memory, queue
from tests import factories

SOON = datetime.now(UTC) + timedelta(days=1)


def numbers(session, me=0, **arguments):
    filters = queue.parse_filters(arguments)
    return [row.number for row in queue.page(filters, me=me, day_ends=SOON).rows]


@pytest.fixture
def three(app, technician):
    """Due in one, two and three hours, the first assigned to Priya; and one collected long ago."""
    now = datetime.now(UTC)
    return [
        factories.repair(State.IN_REPAIR, due_at=now + timedelta(hours=1), assignee_id=technician.id),
        factories.repair(
            State.AWAITING_PARTS, due_at=now + timedelta(hours=2), label="Galaxy S24 Ultra",
            customer=factories.customer("Jonas Lindqvist", phone="+447700900222", email="jonas@example.org"),
        ),
        factories.repair(State.READY, due_at=now + timedelta(hours=3), imei="490154203237518"),
        factories.repair(State.COLLECTED, due_at=now - timedelta(days=30)),
    ]  # fmt: skip


def test_queue_shows_open_work_by_due_date(session, three):
    assert numbers(session) == [repair.number for repair in three[:3]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"status": "ready"}, [2]),
        ({"status": "collected"}, [3]),
        ({"status": "cancelled"}, []),
        ({"view": "all"}, [3, 2, 1, 0]),
        ({"view": "closed"}, [3]),
        ({"view": "mine"}, [0]),
        ({"view": "unassigned"}, [1, 2]),
        ({"view": "late"}, []),
        ({"view": "today"}, [0, 1]),
        ({"view": "ready"}, [2]),
        ({"waiting": "part"}, [1]),
        ({"assignee": "me"}, [0]),
        ({"assignee": "nobody"}, [1, 2]),
        ({"assignee": "987654"}, []),
        ({"status": "ready", "q": "Jonas"}, []),
        ({"view": "mine", "q": "iphone"}, [0]),
    ],
)
def test_filters_select_exactly(session, three, technician, arguments, expected):
    assert numbers(session, me=technician.id, **arguments) == [three[i].number for i in expected]


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("jonas", [1]),
        ("LINDQVIST", [1]),
        ("jonas galaxy", [1]),
        ("s24 ultra", [1]),
        ("07700 900222", [1]),
        ("+44 7700 900 222", [1]),
        ("0044 7700 900222", [1]),
        ("900418", [3, 2, 0]),
        ("49 015420 323751 8", [2]),
        ("jonas@example.org", [1]),
        ("touch dead", [3, 2, 1, 0]),
        ("nobody here", []),
        ("100%", []),
        ("_", []),
        ("'; DROP TABLE repairs; --", []),
        ('"quoted" OR NEAR(', []),
        ("😀", []),
        ("x" * 5000, []),
    ],
)
def test_search_finds_by_every_fact_and_nothing_else(session, three, q, expected):
    assert numbers(session, q=q) == [three[i].number for i in expected]


@pytest.mark.parametrize("odd", ["o'brien's", "100%lost", ":me", "%(me)s", "a\\b", "{now}", "$1", "%s", "''"])
def test_search_takes_signs_of_sql_as_letters(session, three, odd):
    found = factories.repair(problem=f"Screen of {odd} is cracked", due_at=SOON)

    assert numbers(session, q=odd) == [found.number]


def test_search_for_a_ticket_number_finds_it_open_or_closed(session, three):
    for repair in three:
        assert numbers(session, q=repair.number.lower()) == [repair.number]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({"status": "lost"}, "status"),
        ({"view": "everything"}, "view"),
        ({"assignee": "Priya"}, "assignee"),
        ({"waiting": "godot"}, "waiting"),
        ({"after": "'"}, "after"),
        ({"after": "12"}, "after"),
        ({"view": "all", "after": "5.12"}, "after"),
        ({"assignee": "9" * 30}, "assignee"),
        ({"assignee": "٣"}, "assignee"),
        ({"view": "all", "after": "999999999999999"}, "after"),
        ({"view": "all", "after": "2147483648"}, "after"),
        ({"after": "1.2147483648"}, "after"),
    ],
)
def test_filter_that_does_not_exist_shows_nobody(session, three, arguments, fault):
    filters = queue.parse_filters(arguments)

    assert filters.faults == (fault,)
    assert queue.page(filters, me=0, day_ends=SOON).rows == []


@pytest.mark.parametrize("view", ["open", "all"])
def test_pages_follow_each_other_without_gap_or_repeat(session, app, monkeypatch, view):
    monkeypatch.setattr(queue, "PAGE", 3)
    same_moment = datetime.now(UTC) + timedelta(hours=5)
    expected = [factories.repair(due_at=same_moment).number for _ in range(8)]
    if view == "all":
        expected.reverse()

    seen, after = [], ""
    while after is not None:
        page = queue.page(queue.parse_filters({"view": view, "after": after}), me=0, day_ends=SOON)
        seen += [row.number for row in page.rows]
        after = page.next

    assert seen == expected


def test_counts_are_of_the_open_part(session, three, technician):
    factories.repair(State.DIAGNOSING, due_at=datetime.now(UTC) - timedelta(hours=1))

    counts = queue.count_open(day_ends=SOON)

    assert counts.by_status == {"in_repair": 1, "awaiting_parts": 1, "ready": 1, "diagnosing": 1}
    assert (counts.open, counts.late, counts.today) == (4, 1, 2)
    assert counts.by_assignee == {technician.id: 1, None: 3}


def test_ready_is_never_late(session, app):
    factories.repair(State.READY, due_at=datetime.now(UTC) - timedelta(days=3))

    assert numbers(session, view="late") == []
    assert queue.count_open(day_ends=SOON).late == 0


def test_changed_rows_say_whether_the_filters_still_show_them(session, three):
    wanted = [three[0].number, three[3].number, "RT-0"]

    rows, shown = queue.rows_of(wanted, queue.parse_filters({}), me=0, day_ends=SOON)

    assert {row.number for row in rows} == {three[0].number, three[3].number}
    assert shown == {three[0].number}


@pytest.mark.parametrize("amount", [1, 3])
def test_page_takes_the_same_statements_for_any_number_of_rows(session, app, amount):
    for _ in range(amount):
        factories.repair()
    statements, state = [], memory.log_state()
    db.session.rollback()
    sa_event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    queue.page(queue.parse_filters({}), me=0, day_ends=SOON, state=state)

    assert [text.split()[0] for text in statements if not text.startswith("BEGIN")] == ["SELECT"]
