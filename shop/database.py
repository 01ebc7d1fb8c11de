"""How each database is spoken to: pragmas, transaction modes, pool."""

from contextlib import contextmanager
from contextvars import ContextVar

from flask import request
from sqlalchemy import event
from sqlalchemy.engine import Engine

_reading = ContextVar("reading", default=False)


def engine_options(settings) -> dict:
    if settings.is_sqlite:
        return {"connect_args": {"timeout": 15, "check_same_thread": False}}
    return {"pool_size": 10, "max_overflow": 20, "pool_pre_ping": False, "pool_recycle": 1800}


@contextmanager
def reading():
    """Inside, a SQLite transaction takes no write lock. PostgreSQL needs no such hint."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


def mark_reading(value: bool) -> None:
    """The same for a whole request: safe methods read, the others write."""
    _reading.set(value)


def prepare_engine(engine: Engine) -> None:
    """Pragmas and transaction modes for SQLite; nothing for PostgreSQL. Call once per engine."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)


def _sqlite_connect(connection, _record) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection) -> None:
    # A deferred transaction that reads and then writes fails at once when another writer was between;
    # one that says at its start that it will write waits its turn.
    connection.exec_driver_sql("BEGIN" if _reading.get() else "BEGIN IMMEDIATE")


def init_app(app) -> None:
    app.before_request(lambda: mark_reading(request.method in {"GET", "HEAD", "OPTIONS"}))
