"""Which statements a call sends to the database."""

from collections.abc import Callable

from sqlalchemy import event

from shop.extensions import db


def statements_of(call: Callable) -> list[str]:
    """Without what begins a transaction."""
    sent = []

    def note(_connection, _cursor, statement, *_):
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        call()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return sent
