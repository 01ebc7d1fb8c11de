"""Requests that read, and what they must not do."""

import pytest
from sqlalchemy import text

from shop import database
from shop.extensions import db
from shop.models.location import Location


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
