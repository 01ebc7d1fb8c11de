"""The limit: the best SQL that we know on the shop's own tables, through psycopg, into the barest template.

No sign-in, no CSRF, no languages, no shell: what any page or change on these rows costs at least.
"""

import json
import os
import threading
from datetime import UTC, datetime

import psycopg
from flask import Flask, render_template, request

PAGE = 50
application = Flask(__name__)
application.jinja_env.trim_blocks = application.jinja_env.lstrip_blocks = True
_own = threading.local()

_COLUMNS = """
    r.id, r.number, r.status, r.waiting_on, extract(epoch FROM now() - r.status_since)::int / 3600, r.version,
    to_char(r.due_at AT TIME ZONE 'Europe/London', 'Dy DD Mon, HH24:MI'), r.due_at < now(),
    extract(epoch FROM now() - r.updated_at)::int / 3600, r.place, left(r.problem, 120), c.name, d.label, s.name,
    extract(epoch FROM r.due_at)
"""
_JOINS = """
    r JOIN customers c ON c.id = r.customer_id JOIN devices d ON d.id = r.device_id
    LEFT JOIN staff s ON s.id = r.assignee_id
"""
_BY_DUE, _BY_ID = "due_at, id", "id DESC"
_COUNTS = """
    SELECT status, count(*), count(*) FILTER (WHERE due_at < now()),
           count(*) FILTER (WHERE due_at >= now() AND due_at < date_trunc('day', now()) + interval '1 day'),
           count(*) FILTER (WHERE assignee_id = 1), count(*) FILTER (WHERE assignee_id IS NULL)
    FROM repairs WHERE is_open GROUP BY status
"""


def _page(where: str, order: str) -> str:
    # The rows are cut before the joins: a planner that joins first reads half the table.
    cut = f"SELECT * FROM repairs WHERE {where} ORDER BY {order} LIMIT {PAGE + 1}"
    return f"SELECT {_COLUMNS} FROM ({cut}) {_JOINS} ORDER BY {', '.join('r.' + part for part in order.split(', '))}"


_FIRST = _page("is_open", _BY_DUE)
_STATUS = _page("is_open AND status = %(status)s", _BY_DUE)
_DEEP = _page("id < %(after)s", _BY_ID)
_SEARCH = _page("search_text LIKE %(like)s", _BY_ID)
_ROW = f"SELECT {_COLUMNS} FROM moved {_JOINS}"
_LOCK = "SELECT id, status, version FROM repairs WHERE number = %s FOR UPDATE"
_MOVE = f"""
    WITH moved AS (
        UPDATE repairs SET status = %(target)s, status_since = %(at)s, updated_at = %(at)s, version = %(version)s
        WHERE id = %(id)s RETURNING *
    ), event AS (
        INSERT INTO events (verb, aggregate, version, actor, at, body, detail_hash)
        VALUES ('repair.moved', %(aggregate)s, %(version)s, 'staff:1', %(text)s, %(body)s, '')
    )
    {_ROW}
"""


def _connection() -> psycopg.Connection:
    if not hasattr(_own, "connection"):
        _own.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=0)
    return _own.connection


@application.get("/repairs/")
def repairs():
    arguments, connection = request.args, _connection()
    if word := arguments.get("q", ""):
        # Unprepared, so that the planner sees the word.
        found = connection.execute(_SEARCH, {"like": f"%{word.lower()}%"}, prepare=False)
    elif after := arguments.get("after"):
        found = connection.execute(_DEEP, {"after": after})
    elif status := arguments.get("status"):
        found = connection.execute(_STATUS, {"status": status})
    else:
        found = connection.execute(_FIRST)
    rows, counts = found.fetchall(), connection.execute(_COUNTS).fetchall()
    return render_template("queue.html", rows=rows[:PAGE], counts=counts, more=len(rows) > PAGE)


@application.post("/repairs/<number>/move")
def move(number: str):
    target, connection, now = request.form["target"], _connection(), datetime.now(UTC)
    with connection.transaction():
        repair_id, source, version = connection.execute(_LOCK, [number]).fetchone()
        facts = {
            "id": repair_id, "target": target, "at": now, "text": now.isoformat(), "version": version + 1,
            "aggregate": f"repair:{repair_id}", "body": json.dumps({"from": source, "to": target}),
        }  # fmt: skip
        row = connection.execute(_MOVE, facts).fetchone()
    return render_template("row.html", row=row)


@application.get("/login")
def ready():
    return "ready"
