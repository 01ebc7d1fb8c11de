"""SQL that each database writes in its own way."""

from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Integer, Result, literal_column
from sqlalchemy.dialects import postgresql, sqlite

from shop.extensions import db

_INSERT: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def insert_if_absent(model, *, unique: list[str], values: dict | list[dict]):
    """An INSERT that leaves a row with the same `unique` columns as it is, whoever wrote it.

    Waits for a rival that is writing the same row, until it has committed or given up.
    """
    return insert_statement(model).values(values).on_conflict_do_nothing(index_elements=unique)


def insert_statement(model):
    """An INSERT that can say what happens on a conflict."""
    return _INSERT[db.engine.dialect.name](model)


def as_written(number: int) -> ColumnElement[int]:
    """A number that stands in the statement itself. PostgreSQL plans a prepared statement anew at every run when its
    LIMIT is a parameter: without knowing the number, it expects a tenth of the table."""
    return literal_column(str(int(number)), Integer)


def changed_rows(result: Result) -> int:
    """How many rows an UPDATE or DELETE has touched."""
    return cast(CursorResult, result).rowcount
