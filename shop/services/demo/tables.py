"""Rows by the hundred thousand: streamed COPY on PostgreSQL, executemany on SQLite, in the caller's transaction."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from sqlalchemy import Table, func, insert, select, text

from shop.extensions import db

if TYPE_CHECKING:
    from psycopg import Connection

# An index is cheaper to build once than to feed a row at a time, from about this many rows on.
REBUILD_FROM = 20_000
_MEMORY = "512MB"


class Definition(NamedTuple):
    """One index or constraint as the database itself writes it."""

    drop: str
    create: str


def write_rows(table: Table, rows: Sequence[NamedTuple]) -> None:
    """Adds rows whose field names are columns of `table`."""
    if not rows:
        return
    connection, columns = db.session.connection(), rows[0]._fields
    if connection.dialect.name == "postgresql":
        statement = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
        driver = cast("Connection", connection.connection.driver_connection)
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    else:
        connection.execute(insert(table), [row._asdict() for row in rows])


def new_ids(table: Table, count: int) -> Iterable[int]:
    """Ids that nobody else gets: from the sequence, or on SQLite, where this is the only writer, the next ones."""
    if db.engine.dialect.name == "postgresql":
        query = text("SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :count)")
        return db.session.scalars(query, {"name": table.name, "count": count}).all()
    highest = db.session.scalar(select(func.max(table.c.id))) or 0
    return range(highest + 1, highest + count + 1)


def take_down_indexes(tables: Iterable[Table]) -> list[Definition]:
    """Drops what is dear to feed row by row, in this transaction: if it fails, nothing is missing.

    PostgreSQL only, and only for tables that are empty: it locks them against readers until the commit.
    """
    names = [table.name for table in tables]
    connection = db.session.connection()
    connection.exec_driver_sql(f"SET LOCAL maintenance_work_mem = '{_MEMORY}'")
    queries = (text(_CONSTRAINTS), text(_INDEXES))
    found = [Definition(*row) for query in queries for row in connection.execute(query, {"names": names})]
    for definition in found:
        connection.exec_driver_sql(definition.drop)
    return found


def put_up_indexes(definitions: list[Definition]) -> None:
    """Indexes first: a foreign key is checked through them."""
    for definition in reversed(definitions):
        db.session.connection().exec_driver_sql(definition.create)


def refresh_statistics(tables: Iterable[Table]) -> None:
    """Tells the planner of PostgreSQL how many rows there are now."""
    if db.engine.dialect.name == "postgresql":
        for table in tables:
            db.session.execute(text(f"ANALYZE {table.name}"))


_CONSTRAINTS = """
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
           format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint
    WHERE contype IN ('f', 'u') AND conrelid::regclass::text = ANY(:names)
    ORDER BY contype
"""
_INDEXES = """
    SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
    FROM pg_index
    WHERE indrelid::regclass::text = ANY(:names) AND NOT indisunique
"""
