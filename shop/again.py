"""What two transactions lose against each other is done again: a deadlock or a serialization failure is nobody's fault.

PostgreSQL undoes one of two that wait for each other. Services have no side effect before the commit, so a view of
which nothing was committed runs once more as if it had not run. What still finds no turn is answered with 503, and the
page sends the same form again, with the same key (shop/once.py): it acts once.
"""

import random
import sqlite3
import time

import structlog
from flask import Flask, g, has_request_context, request, session
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from shop.database import ShopSession
from shop.extensions import db

log = structlog.get_logger(__name__)
TIMES = 3
# Long enough for the other one to finish, and not the same for two that lost.
_PAUSE_SECONDS = (0.02, 0.08)
RETRY_AFTER_SECONDS = 2
# PostgreSQL, class 40: the transaction was undone because of another one.
_LOST = {"40001", "40P01"}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class ShopFlask(Flask):
    def dispatch_request(self):
        if request.method in _SAFE_METHODS:
            return super().dispatch_request()
        flashes = list(session.get("_flashes", []))
        for attempt in range(1, TIMES + 1):
            try:
                return super().dispatch_request()
            except DBAPIError as error:
                if not has_lost(error) or g.get("has_committed") or attempt == TIMES:
                    raise
                log.warning("done_again", rule=str(request.url_rule), attempt=attempt)
            _forget(flashes)
            time.sleep(random.uniform(*_PAUSE_SECONDS))
        raise AssertionError("unreachable")


def has_lost(error: BaseException) -> bool:
    """True if the database undid this transaction for another's sake: done again, it may succeed."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _LOST


def finds_no_turn(error: BaseException) -> bool:
    """True if nothing is wrong but the moment: it has lost, or SQLite was busy for as long as anyone waits."""
    if has_lost(error):
        return True
    origin = error.orig if isinstance(error, DBAPIError) else None
    code = getattr(origin, "sqlite_errorcode", 0) & 0xFF
    return isinstance(origin, sqlite3.OperationalError) and code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _forget(flashes: list) -> None:
    """As before the view: its transaction is undone, its words were never said, and files are read from the start."""
    db.session.rollback()
    if session.get("_flashes", []) != flashes:
        session["_flashes"] = flashes
    for upload in request.files.values():
        upload.stream.seek(0)


@event.listens_for(ShopSession, "after_commit")
def _note_commit(session_) -> None:
    if has_request_context() and not session_.in_nested_transaction():
        g.has_committed = True
