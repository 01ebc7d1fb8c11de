"""Requests that read, and what they must not do."""

import sqlite3
import threading
import time
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from shop import database
from shop.extensions import db
from shop.models.base import utc_now
from shop.models.location import Location
from shop.models.staff import SignIn


def test_reader_cannot_write(session, app):
    with database.reading():
        session.add(Location(name="Elsewhere", slug="elsewhere"))
        with pytest.raises(database.ReadOnly):
            session.flush()
        session.rollback()


def test_get_leaves_no_mark_on_what_comes_after(app, stranger):
    stranger.get("/")

    assert not database.is_reading()


def test_reader_on_postgresql_holds_no_transaction(session, app, database_name):
    if database_name != "postgresql":
        pytest.skip("SQLite needs a transaction to read at all")
    with database.reading():
        first, second = (session.execute(text("SELECT now()")).scalar() for _ in range(2))
        session.rollback()
    assert first < second

    session.execute(text("SELECT 1"))
    first, second = (session.execute(text("SELECT now()")).scalar() for _ in range(2))
    assert first == second


@pytest.fixture
def database_name(app):
    return db.engine.dialect.name


def test_error_of_a_statement_does_not_tell_its_values(session, app):
    with pytest.raises(SQLAlchemyError) as failed:
        session.execute(text("SELECT no_such_column WHERE :secret = :secret"), {"secret": "hannah@example.com"})
    session.rollback()

    assert "hannah" not in str(failed.value)


@pytest.fixture
def begun(app, database_name):
    """Who has asked SQLite for the write lock, in order."""
    if database_name != "sqlite":
        pytest.skip("PostgreSQL has many writers")
    names: list[str] = []

    def note(_connection, _cursor, statement, *_):
        if statement == "BEGIN IMMEDIATE":
            names.append(threading.current_thread().name)

    event.listen(db.engine, "before_cursor_execute", note)
    yield names
    event.remove(db.engine, "before_cursor_execute", note)


def write_on_a_thread(app, name: str) -> threading.Thread:
    def write():
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(text("UPDATE locations SET phone = '1'"))

    thread = threading.Thread(target=write, name=name)
    thread.start()
    return thread


@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_writers_of_a_process_stand_in_line_and_the_next_goes_on(app, begun, end):
    connection = db.engine.connect()
    connection.execute(text("UPDATE locations SET phone = '0'"))
    waiting = write_on_a_thread(app, "second")
    time.sleep(0.2)
    while_held = list(begun)

    getattr(connection, end)()
    waiting.join(5)
    connection.close()

    assert "second" not in while_held
    assert begun[-1] == "second"
    assert not waiting.is_alive()


def test_reader_does_not_stand_in_the_line_of_the_writers(app, begun):
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE locations SET phone = '0'"))
        with database.reading():
            assert db.session.execute(text("SELECT count(*) FROM locations")).scalar() == 1
            db.session.rollback()


def test_page_that_notes_its_sign_in_does_not_fail_while_another_process_writes(
    app, database_name, technician, browser_of, cracked_iphone, monkeypatch
):
    """The note that a sign-in is in use once found no turn, and the page that only reads answered 500."""
    if database_name != "sqlite":
        pytest.skip("PostgreSQL lets many write")
    bench = browser_of(technician)
    db.session.execute(update(SignIn).values(seen_at=utc_now() - timedelta(minutes=5)))
    db.session.commit()
    db.session.remove()
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    db.engine.dispose()

    with closing(sqlite3.connect(app.config["SETTINGS"].SHOP_DATA / "shop.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        during = bench.get("/admin/repairs/board/cards?numbers=RT-1")
        other.rollback()
    seen = [_seen_at()]
    after = bench.get("/admin/repairs/board/cards?numbers=RT-1")
    seen.append(_seen_at())

    assert (during.status_code, after.status_code) == (200, 200)
    assert seen[0] < utc_now() - timedelta(minutes=4) < seen[1]
    monkeypatch.undo()
    db.session.remove()
    db.engine.dispose()


def _seen_at():
    db.session.rollback()
    found = db.session.scalar(select(SignIn.seen_at))
    db.session.rollback()
    return found


def test_note_of_a_sign_in_stands_in_the_line_of_the_writers(app, database_name, technician, browser_of, monkeypatch):
    if database_name != "sqlite":
        pytest.skip("PostgreSQL has no line")
    bench, begun = browser_of(technician), []
    db.session.execute(update(SignIn).values(seen_at=utc_now() - timedelta(minutes=5)))
    db.session.commit()
    listen = event.listens_for(db.engine, "before_cursor_execute")
    listen(lambda _c, _cursor, statement, *_rest: begun.append((statement.split()[0], database.is_reading())))

    bench.get("/admin/repairs/")

    assert ("UPDATE", False) in begun
    assert ("UPDATE", True) not in begun
