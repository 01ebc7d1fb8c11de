"""What service tests share."""

import pytest
from sqlalchemy import event

from shop.extensions import db
from tests.payments import simulator, till  # noqa: F401


@pytest.fixture
def statements_of(app):
    """`statements_of(call)`: the SQL that the call sends, without what begins transactions and takes their locks."""

    def listen(call) -> list[str]:
        sent = []

        def note(_connection, _cursor, statement, *_):
            if not statement.startswith("BEGIN"):
                sent.append(" ".join(statement.split()))

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            call()
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return sent

    return listen
