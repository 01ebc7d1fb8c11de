"""What the dashboard reads costs the same in a shop with a long past."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, text

from shop.extensions import db
from shop.models.promise import Forecast, Outlook
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import dashboard, queue, risk
from shop.services.memory import log_state
from tests import factories
from tests.statements import statements_of

NOW = datetime.now(UTC)
END = NOW + timedelta(hours=8)
_ANALYZE = ("VACUUM ANALYZE repairs", "VACUUM ANALYZE outlooks", "VACUUM ANALYZE customers", "VACUUM ANALYZE devices")


@pytest.fixture
def bench(app):
    return _fill(40)


def _fill(count: int) -> list:
    """Repairs of each kind that the dashboard lists, half of them late, some at risk, some standing still."""
    states = (State.IN_REPAIR, State.READY, State.DIAGNOSING, State.AWAITING_PARTS)
    repairs = [
        factories.repair(states[place % 4], due_at=NOW + timedelta(hours=place - count // 2)) for place in range(count)
    ]
    for repair in repairs[::3]:
        _foresee(repair)
    db.session.commit()
    return repairs


def _foresee(repair) -> None:
    look = Forecast(repair_id=repair.id, version=1, location_id=repair.location_id, status=repair.status)
    db.session.add(look)
    db.session.flush()
    facts = {"likely_at": repair.due_at + timedelta(days=1), "stalls_at": NOW - timedelta(hours=1)}
    seen = NOW + timedelta(hours=6)
    db.session.add(
        Outlook(repair_id=repair.id, forecast_id=look.id, location_id=repair.location_id, seen_at=seen, **facts)
    )


def _grow_old(first: int, last: int) -> None:
    """Closed repairs with these ids, of a past that reaches back a minute each."""
    own = {"id": "n", "number": "'OLD-' || n", "tracking_token": "'old-' || n", "status": "'collected'",
           "is_open": "false", "waiting_on": "NULL", "due_at": "due_at - n * interval '1 minute'",
           "closed_at": "due_at - n * interval '1 minute' - interval '2 days'"}  # fmt: skip
    columns = [column.name for column in Repair.__table__.columns]
    chosen = ", ".join(own.get(name, name) for name in columns)
    db.session.execute(
        text(
            f"INSERT INTO repairs ({', '.join(columns)}) SELECT {chosen} FROM (SELECT * FROM repairs WHERE is_open"
            f" LIMIT 1) one, generate_series({first}, {last}) n"
        )
    )
    db.session.commit()
    db.session.remove()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in _ANALYZE:
            connection.execute(text(statement))


def _reads():
    """Each list of the dashboard with what reads it."""
    state, counts = log_state(), queue.count_open(day_ends=END)
    troubled = {
        kind: queue.parse_filters({"view": "open", "risk": kind}) for kind in (risk.Kind.AT_RISK, risk.Kind.STALLED)
    }
    return {
        "pressing": lambda: dashboard._rows(dashboard._PRESSING, {"now": NOW, "day_ends": END}),
        "waiting longest": lambda: dashboard._rows(dashboard._READY, {}),
        **{
            kind: lambda filters=filters: dashboard.troubled(filters, counts, me=0, day_ends=END, state=state)
            for kind, filters in troubled.items()
        },
    }


def _rows_of(call) -> int:
    """How many rows of repairs PostgreSQL visits for the one statement of a call."""
    sent = []

    def note(_connection, _cursor, statement, parameters, *_):
        sent.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        call()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    [(statement, parameters)] = [one for one in sent if not one[0].startswith("BEGIN")]
    explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
    plan = db.session.connection().exec_driver_sql(explained, parameters).scalar_one()[0]["Plan"]
    return _visited(plan)


def _visited(node: dict) -> int:
    own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    below = sum(_visited(part) for part in node.get("Plans", ()))
    return below + (own if node.get("Relation Name") == "repairs" and node["Node Type"] != "Index Only Scan" else 0)


def test_lists_visit_few_repairs_in_a_shop_with_a_long_past(app, database):
    if database == "sqlite":
        pytest.skip("PostgreSQL says how many rows it has visited")
    _fill(200)
    _grow_old(1_000_000, 1_060_000)

    visited = {name: _rows_of(read) for name, read in _reads().items()}

    assert max(visited.values()) <= 60, visited


def test_first_at_risk_and_first_that_stands_still_are_the_first_of_their_lists(bench):
    for kind in (risk.Kind.AT_RISK, risk.Kind.STALLED):
        filters = queue.parse_filters({"view": "open", "risk": kind})
        counts = queue.count_open(day_ends=END)

        number, [first] = dashboard.troubled(filters, counts, me=0, day_ends=END, state=log_state())
        listed = queue.page(filters, me=0, day_ends=END).rows

        assert (number, first.number) == (len(listed), listed[0].number)
        assert first.due_at == counts.first_due(kind, filters, me=0)


def test_pressing_is_the_head_of_all_that_is_due_by_tonight(bench):
    shown = dashboard._rows(dashboard._PRESSING, {"now": NOW, "day_ends": END})

    unfinished = [repair for repair in bench if repair.status != State.READY and repair.due_at < END]
    assert [row.number for row in shown] == [repair.number for repair in unfinished[: dashboard.MOST_PRESSING]]


def test_those_that_wait_longest_for_collection_come_first(bench):
    sent = statements_of(lambda: dashboard._rows(dashboard._READY, {}))
    shown = dashboard._rows(dashboard._READY, {})

    ready = sorted((repair for repair in bench if repair.status == State.READY), key=lambda one: one.status_since)
    assert [row.number for row in shown] == [repair.number for repair in ready[: dashboard.MOST_READY]]
    assert len(sent) == 1
