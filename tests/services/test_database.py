"""Requests that read, and what they must not do."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

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


def test_error_of_a_statement_does_not_tell_its_values(session, app):
    with pytest.raises(SQLAlchemyError) as failed:
        session.execute(text("SELECT no_such_column WHERE :secret = :secret"), {"secret": "hannah@example.com"})
    session.rollback()

    assert "hannah" not in str(failed.value)
