"""Live updates: the log sent to rooms. A message carries names and a position, never content.

A browser that was away asks for everything after the last position it saw.
"""

import structlog
from sqlalchemy import select

from shop.extensions import db, socketio
from shop.models.event import Event
from shop.services import endings
from shop.services.relay import Sealed, head

log = structlog.get_logger(__name__)

STAFF_ROOM = "staff"
MOST_CHANGES = 500


def announce(sealed: list[Sealed]) -> None:
    """Tells the staff's browsers what changed. Never raises: a lost message is caught up by position.

    `after` is the position before the first change: a browser that stands elsewhere has missed something.
    """
    try:
        changes = _changes([(fact.position, fact.verb, fact.aggregate, fact.actor) for fact in sealed])
        message = {"changes": changes, "after": sealed[0].position - 1, "position": sealed[-1].position}
        socketio.emit("changes", message, to=STAFF_ROOM)
    except Exception:
        log.warning("announce_failed", exc_info=True)


def changes_since(position: int) -> dict:
    """What happened to repairs after `position`.

    `complete` is False when it cannot be listed: too much has happened, or the log is shorter than that,
    as after a restore. Then the browser loads its page again and goes on from the new `position`.
    """
    query = (
        select(Event.position, Event.verb, Event.aggregate, Event.actor)
        .where(Event.position > position)
        .order_by(Event.position)
        .limit(MOST_CHANGES + 1)
    )
    rows = db.session.execute(query).all()
    newest = rows[-1].position if rows else head()[0]
    if len(rows) > MOST_CHANGES or newest < position:
        return {"changes": [], "position": head()[0], "complete": False}
    return {"changes": _changes(rows), "position": newest, "complete": True}


def _changes(rows) -> list[dict]:
    about = [(position, verb, _repair_id(aggregate), actor) for position, verb, aggregate, actor in rows]
    numbers = endings.numbers_of({key for _, _, key, _ in about if key})
    return [
        {"position": position, "verb": verb, "number": numbers[key], "actor": actor}
        for position, verb, key, actor in about
        if key in numbers
    ]


def _repair_id(aggregate: str) -> int | None:
    kind, _, key = aggregate.partition(":")
    return int(key) if kind == "repair" else None
