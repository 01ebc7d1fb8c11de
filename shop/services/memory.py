"""Answers that many ask for, kept while nothing is committed.

Every change of the shop is an event, and the hash of the last sealed one covers all before it. Two moments with
the same hash and the same events waiting for their place are one state, in every process: what was read at one
holds at the other. Only what was changed by hand in the database, past the log, is seen after the next event.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy import String, cast, func, select

from shop import database
from shop.extensions import db
from shop.models.event import GENESIS, Event
from shop.models.location import Location
from shop.models.promise import LogPlace
from shop.models.saved_view import RoleView, SavedView
from shop.models.staff import Staff
from shop.models.tag import Tag
from shop.services.statements import as_written

_KEPT = 256
# More than that wait only while the relay stands still; then nothing is kept.
_MOST_WAITING = 200
_PATIENCE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class LogState:
    """Which committed events there are: `position` and `hash` of the last sealed one, ids of the others.

    `staff` changes with every event about a person of the staff, with a new tag or branch, and with nothing else;
    `views` with every event about a saved view or a role's first one. `foreseen` is how far the forecasts have followed
    the log: they are written beside it, a few seconds later.
    """

    position: int
    hash: str
    waiting: str
    staff: str = ""
    certain: bool = True
    views: str = ""
    foreseen: int = 0

    def of_staff(self) -> "LogState":
        """For answers that depend on nothing but the staff, tags and branches: tickets change all day, these do not."""
        return LogState(0, "", "", self.staff)

    def of_views(self) -> "LogState":
        """For answers that depend on nothing but the views that people have saved, and on who they are."""
        return LogState(0, "", "", self.staff, views=self.views)


def log_state() -> LogState:
    """The state that this transaction, or at least every later statement, sees."""
    position, hash_, waiting, people, versions, tags, branches, views, firsts, foreseen = (
        db.session.connection().execute(_STATE).one()
    )
    certain = (waiting or "").count(",") < _MOST_WAITING - 1
    staff, saved = f"{people}:{versions}:{tags}:{branches}", f"{views}:{firsts}"
    return LogState(position or 0, hash_ or GENESIS, waiting or "", staff, certain, saved, foreseen)


def recall(state: LogState, key: Hashable, make: Callable[[], Any]):
    """What `make()` gives, made once for `key` at this state; who asks meanwhile waits for that one answer.

    `state` is to be read before. The answer is shared, so it must not be changed, nor hold rows of a session.
    Where something may be written, nothing is kept: that transaction sees what is not committed.
    """
    if not (state.certain and database.is_reading()):
        return make()
    memory: _Memory = current_app.extensions.setdefault("shop_memory", _Memory())
    answer, is_mine = memory.claim(key, state)
    if is_mine:
        return memory.fill(key, answer, make)
    try:
        return answer.value.result(_PATIENCE_SECONDS)
    except Exception:
        # Who promised it has failed or hangs.
        return make()


@dataclass(slots=True, eq=False)
class _Answer:
    state: LogState
    value: Future


class _Memory:
    def __init__(self):
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        self._guard = threading.Lock()

    def claim(self, key: Hashable, state: LogState) -> tuple[_Answer, bool]:
        """The answer of this key and state, and whether the caller is to make it."""
        with self._guard:
            answer = self._answers.get(key)
            is_mine = answer is None or answer.state != state
            if answer is None or is_mine:
                answer = self._answers[key] = _Answer(state, Future())
            self._answers.move_to_end(key)
            if len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
        return answer, is_mine

    def fill(self, key: Hashable, answer: _Answer, make: Callable[[], Any]):
        try:
            value = make()
        except BaseException as error:
            with self._guard:
                if self._answers.get(key) is answer:
                    del self._answers[key]
            answer.value.set_exception(error)
            raise
        answer.value.set_result(value)
        return value


def _last(column):
    return (
        select(column)
        .where(Event.position.is_not(None))
        .order_by(Event.position.desc())
        .limit(as_written(1))
        .correlate(None)
        .scalar_subquery()
    )


def _waiting():
    ids = select(Event.id).where(Event.position.is_(None)).order_by(Event.id).limit(as_written(_MOST_WAITING))
    return select(func.aggregate_strings(cast(ids.subquery().c.id, String), ",")).scalar_subquery()


def _versions(model):
    """Another text after every change: rows come with the next id and go, and a version only grows."""
    parts = [func.count(), func.coalesce(func.max(model.id), 0), func.coalesce(func.sum(model.version), 0)]
    first, *others = [cast(part, String) for part in parts]
    return (
        select(first.concat(":").concat(others[0]).concat(":").concat(others[1])).select_from(model).scalar_subquery()
    )


# Built once: building it costs more than running it.
_STATE = select(
    _last(Event.position),
    _last(Event.hash),
    _waiting(),
    select(func.count()).select_from(Staff).scalar_subquery(),
    select(func.sum(Staff.version)).scalar_subquery(),
    select(func.max(Tag.id)).scalar_subquery(),
    select(func.count()).select_from(Location).scalar_subquery(),
    _versions(SavedView),
    _versions(RoleView),
    select(func.coalesce(func.sum(LogPlace.position), 0)).scalar_subquery(),
)
