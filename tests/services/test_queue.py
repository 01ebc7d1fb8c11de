from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event as sa_event

from shop.extensions import db
from shop.models.workflow import State
from shop.services import filters, memory, queue
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
        factories.repair(State.READY, due_at=now + timedelta(hours=3), imei="490154203237518", priority=1),
        factories.repair(State.COLLECTED, due_at=now - timedelta(days=30)),
    ]  # fmt: skip


@pytest.fixture
def waiting(session, three):
    """The same; the one that waits for parts has waited for three days."""
    three[1].status_since = datetime.now(UTC) - timedelta(days=3)
    session.commit()
    return three


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
        ({"since": "2d"}, [1]),
        ({"since": "24h", "sort": "since"}, [1]),
        ({"since": "73h"}, []),
        ({"since": "2d", "q": "galaxy"}, [1]),
        ({"view": "all", "sort": "due"}, [3, 2, 1, 0]),
        ({"sort": "number"}, [2, 1, 0]),
        ({"sort": "priority"}, [2, 0, 1]),
        ({"sort": "updated"}, [2, 1, 0]),
        ({"sort": "since"}, [1, 0, 2]),
    ],
)
def test_filters_select_exactly(session, waiting, technician, arguments, expected):
    assert numbers(session, me=technician.id, **arguments) == [waiting[i].number for i in expected]


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
        ({"priority": "5"}, "priority"),
        ({"location": "Camden!"}, "location"),
        ({"tag": "x" * 41}, "tag"),
        ({"view": "all", "after": "999999999999999"}, "after"),
        ({"view": "all", "after": "2147483648"}, "after"),
        ({"after": "1.2147483648"}, "after"),
        ({"sort": "priority", "after": "1.2"}, "after"),
        ({"sort": "number", "after": "1.2"}, "after"),
        ({"sort": "price"}, "sort"),
        ({"since": "soon"}, "since"),
        ({"since": "0d"}, "since"),
        ({"since": "٣d"}, "since"),
        ({"since": "99999d"}, "since"),
        ({"since": "2d", "view": "all"}, "since"),
        ({"since": "2d", "status": "collected"}, "since"),
    ],
)
def test_filter_that_does_not_exist_shows_nobody(session, three, arguments, fault):
    filters = queue.parse_filters(arguments)

    assert filters.faults == (fault,)
    assert queue.page(filters, me=0, day_ends=SOON).rows == []


def leafed(**arguments) -> list[str]:
    """What somebody sees who leafs through all pages."""
    seen, after = [], ""
    while after is not None:
        page = queue.page(queue.parse_filters({**arguments, "after": after}), me=0, day_ends=SOON)
        seen += [row.number for row in page.rows]
        after = page.next
    return seen


@pytest.mark.parametrize("view", ["open", "all"])
def test_pages_follow_each_other_without_gap_or_repeat(session, app, monkeypatch, view):
    monkeypatch.setattr(queue, "PAGE", 3)
    same_moment = datetime.now(UTC) + timedelta(hours=5)
    expected = [factories.repair(due_at=same_moment).number for _ in range(8)]
    if view == "all":
        expected.reverse()

    assert leafed(view=view) == expected


@pytest.mark.parametrize("sort", filters.ORDERS)
def test_every_order_has_pages_without_gap_or_repeat_where_many_are_equal(session, app, monkeypatch, sort):
    monkeypatch.setattr(queue, "PAGE", 3)
    moments = [datetime(2026, 11, 20, 10, 0, 0, microsecond, tzinfo=UTC) for microsecond in (7, 999_999, 999_998)]
    repairs = [factories.repair(due_at=moments[n % 2], priority=1 + n % 2) for n in range(8)]
    for n, repair in enumerate(repairs):
        repair.status_since = repair.updated_at = moments[n % 3]
    session.commit()
    keys = {
        "due": lambda repair: (repair.due_at, repair.id),
        "since": lambda repair: (repair.status_since, repair.id),
        "updated": lambda repair: (-repair.updated_at.timestamp(), -repair.id),
        "priority": lambda repair: (repair.priority, repair.due_at, repair.id),
        "number": lambda repair: -repair.id,
    }

    assert leafed(sort=sort) == [repair.number for repair in sorted(repairs, key=keys[sort])]


@pytest.mark.parametrize(
    ("arguments", "more", "expected"),
    [
        ({}, {}, {"view": "open"}),
        ({"q": "iphone"}, {}, {"q": "iphone"}),
        ({"status": "ready"}, {"assignee": "me"}, {"status": "ready", "assignee": "me"}),
        ({"view": "ready-over-7-days"}, {}, {"view": "ready-over-7-days"}),
        ({"view": "ready-over-7-days"}, {"assignee": "me"}, {"view": "ready-over-7-days", "assignee": "me"}),
        ({"view": "ready-over-7-days", "since": "14d"}, {}, {"view": "ready-over-7-days", "since": "14d"}),
        ({"view": "ready-over-7-days"}, {"since": ""}, {"view": "ready", "sort": "since"}),
        (
            {"view": "ready-over-7-days"},
            {"view": "open", "status": "ready"},
            {"status": "ready", "since": "7d", "sort": "since"},
        ),
    ],
)
def test_filters_have_an_address_that_gives_the_same_filters(arguments, more, expected):
    asked = queue.parse_filters(arguments).arguments(**more)

    again = queue.parse_filters(asked)

    assert asked == expected
    assert (again.faults, again.arguments()) == ((), asked)


def test_counts_of_a_view_are_what_its_list_holds(session, waiting, technician):
    waiting[0].status_since = datetime.now(UTC) - timedelta(days=9)
    factories.repair(State.READY, due_at=datetime.now(UTC) - timedelta(days=8))
    session.commit()
    counts = queue.count_open(day_ends=SOON)
    asked = [{"view": view} for view in queue.VIEWS] + [
        {"status": "in_repair", "assignee": "me"}, {"assignee": "nobody", "since": "2d"}, {"waiting": "part"},
        {"assignee": str(technician.id), "since": "7d"}, {"view": "mine", "waiting": "us"}, {"status": "ready"},
        {"since": "14d"}, {"view": "late", "waiting": "collection"}, {"view": "mine", "assignee": "nobody"},
    ]  # fmt: skip

    found = {}
    for arguments in asked:
        wanted = queue.parse_filters(arguments)
        number = counts.of(wanted, me=technician.id)
        if number is not None:
            found[str(arguments)] = (number, len(numbers(session, me=technician.id, **arguments)))

    assert len(found) == len(asked) - 2
    assert [pair for pair in found.items() if pair[1][0] != pair[1][1]] == []


@pytest.mark.parametrize(
    "arguments", [{"q": "iphone"}, {"view": "all"}, {"since": "3d"}, {"view": "late", "since": "1d"}]
)
def test_counts_say_nothing_of_what_they_do_not_know(session, three, arguments):
    assert queue.count_open(day_ends=SOON).of(queue.parse_filters(arguments), me=0) is None


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
