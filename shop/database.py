"""How each database is spoken to: pragmas, transaction modes, pool."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from threading import Lock

from flask import request
from flask_sqlalchemy.session import Session
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

BUSY_SECONDS = 15
_reading = ContextVar("reading", default=False)
_WRITTEN = "has_written"


def engine_options(settings) -> dict:
    # The values of a statement can be a customer's: an error in the log must not carry them.
    if settings.is_sqlite:
        return {"connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}, "hide_parameters": True}
    return {"hide_parameters": True, "pool_size": 30, "max_overflow": 10, "pool_pre_ping": False, "pool_recycle": 1800}


class ReadOnly(RuntimeError):
    """Something was about to be written by a request, or inside `reading`, that only reads."""


class ShopSession(Session):
    """Reads without a transaction on PostgreSQL: each statement sees what is committed, as READ COMMITTED would
    have it, and two round trips a request are saved."""

    def get_bind(self, *args, **kwargs):
        bind = super().get_bind(*args, **kwargs)
        if _reading.get() and isinstance(bind, Engine) and bind.dialect.name == "postgresql":
            return _without_transactions(bind)
        return bind


@contextmanager
def reading():
    """Inside, nothing may be written: SQLite takes no write lock, PostgreSQL opens no transaction.

    The session must be fresh, and be rolled back before it writes.
    """
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


@contextmanager
def writing():
    """For what a request that reads writes on a connection of its own: on SQLite it stands in line like all writers."""
    token = _reading.set(False)
    try:
        yield
    finally:
        _reading.reset(token)


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """A connection for a single statement, which commits by itself."""
    if engine.dialect.name == "postgresql":
        with _without_transactions(engine).connect() as connection:
            yield connection
    else:
        with engine.begin() as connection:
            yield connection


def is_reading() -> bool:
    return _reading.get()


def mark_reading(value: bool) -> None:
    """The same for a whole request: safe methods read, the others write."""
    _reading.set(value)


def prepare_engine(engine: Engine) -> None:
    """Pragmas and transaction modes for SQLite; nothing for PostgreSQL. Call once per engine."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        _stand_in_line(engine)


def has_written(session) -> bool:
    """True if this transaction holds what would be lost by a rollback."""
    return bool(session.new or session.dirty or session.deleted or session.info.get(_WRITTEN))


@event.listens_for(ShopSession, "after_flush")
def _note_flush(session, _context) -> None:
    session.info[_WRITTEN] = True


@event.listens_for(ShopSession, "do_orm_execute")
def _note_statement(state) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        state.session.info[_WRITTEN] = True


@event.listens_for(ShopSession, "after_transaction_end")
def _forget_writes(session, ended) -> None:
    if ended.parent is None:
        session.info.pop(_WRITTEN, None)


@lru_cache(maxsize=4)
def _without_transactions(engine: Engine) -> Engine:
    """The same engine and pool, whose connections commit each statement by itself."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _refuse_to_write(session, _context, _instances) -> None:
    if _reading.get() and (session.new or session.dirty or session.deleted):
        raise ReadOnly("A request that reads has something to write: do it on POST.")


def _sqlite_connect(connection, _record) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    # Without the last, a REPLACE would delete rows past the triggers that refuse it.
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "recursive_triggers=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _stand_in_line(engine: Engine) -> None:
    """Writers of this process wait for each other here: SQLite's own waiting polls, and lets one of many starve."""
    turn = Lock()

    def begin(connection) -> None:
        # A deferred transaction that reads and then writes fails at once when another writer was between;
        # one that says at its start that it will write waits its turn.
        if _reading.get():
            connection.exec_driver_sql("BEGIN")
            return
        has_turn = turn.acquire(timeout=BUSY_SECONDS)
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except BaseException:
            if has_turn:
                turn.release()
            raise
        connection.info["has_turn"] = has_turn

    def end(connection) -> None:
        if connection.info.pop("has_turn", False):
            turn.release()

    event.listen(engine, "begin", begin)
    event.listen(engine, "commit", end)
    event.listen(engine, "rollback", end)
    # A connection that is dropped without a word gives its turn back with itself.
    event.listen(engine, "checkin", lambda _connection, record: end(record))


def init_app(app) -> None:
    app.before_request(lambda: mark_reading(request.method in {"GET", "HEAD", "OPTIONS"}))
    app.teardown_request(lambda _error: mark_reading(False))
    event.listen(ShopSession, "before_flush", _refuse_to_write)
