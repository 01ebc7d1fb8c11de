"""What is wrong with the date of a repair, in words: late, at risk, or nobody has touched it for too long.

`explain` reads a row of the queue, a card of the board or a ticket: anything with the columns named in `Standing`.
It runs no statement.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from flask_babel import format_date, format_datetime, format_time, gettext, ngettext, to_user_timezone
from sqlalchemy import and_, bindparam, literal_column, select

from shop.models.base import UtcDateTime, utc_now
from shop.models.promise import Outlook
from shop.models.repair import Repair
from shop.models.workflow import NEVER_LATE
from shop.services.clock import zone_mark

_NOW = bindparam("now", type_=UtcDateTime)


class Kind(StrEnum):
    LATE = "late"
    AT_RISK = "at_risk"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Risk:
    """`words` is the reason, one sentence; empty where the fact says all. `brief` fits the cell of a list."""

    kind: Kind | None = None
    words: str = ""
    brief: str = ""


# Written out, so that the planner sees that a partial index applies.
UNFINISHED = Repair.status.not_in([literal_column(f"'{state}'") for state in sorted(NEVER_LATE)])


def condition(kind: str):
    """The same in SQL, over `repairs`; `now` is a parameter. At risk: fewer than half of such repairs were ready when
    it is due."""
    if kind == Kind.LATE:
        return and_(Repair.due_at < _NOW, UNFINISHED)
    return and_(UNFINISHED, select(Outlook.repair_id).where(Outlook.repair_id == Repair.id, _foreseen(kind)).exists())


def joined(kind: Kind):
    """The same for a statement that joins `outlooks`: at risk or stalled."""
    return and_(UNFINISHED, _foreseen(kind))


def _foreseen(kind: str):
    if kind == Kind.AT_RISK:
        return and_(Repair.due_at >= _NOW, Outlook.likely_at > Repair.due_at)
    return and_(Outlook.stalls_at < _NOW, Outlook.seen_at >= Repair.updated_at)


def explain(row, *, now: datetime | None = None) -> Risk:
    """The worst of what is wrong with this row. `row` has status, due_at, updated_at, likely_at, stalls_at, seen_at."""
    now = now or utc_now()
    if row.status in NEVER_LATE:
        return Risk()
    if row.due_at < now:
        likely = _likely(row.likely_at, now)
        return Risk(Kind.LATE, likely, likely)
    if row.likely_at and row.likely_at > row.due_at:
        after = span_words(row.likely_at - row.due_at)
        when = when_words(row.likely_at, now)
        words = gettext("Likely %(when)s, %(span)s late", when=when, span=after)
        return Risk(Kind.AT_RISK, words, gettext("Likely %(when)s", when=when))
    return _standstill(row, now) if is_stalled(row, now) else Risk()


def explain_as(kind: Kind, row, *, now: datetime | None = None) -> Risk:
    """Why this row is in the list of that kind, also where something worse is wrong with it."""
    now = now or utc_now()
    return _standstill(row, now) if kind == Kind.STALLED and is_stalled(row, now) else explain(row, now=now)


def _standstill(row, now: datetime) -> Risk:
    words = gettext("Nothing since %(when)s", when=when_words(row.updated_at, now))
    return Risk(Kind.STALLED, words, gettext("Nothing since %(when)s", when=_day_words(row.updated_at, now)))


def is_stalled(row, now: datetime) -> bool:
    return bool(row.stalls_at and row.stalls_at < now and row.seen_at >= row.updated_at)


def when_words(moment: datetime, now: datetime) -> str:
    """today 15:00, or Thu 26 Nov 15:00."""
    local, today = to_user_timezone(moment), to_user_timezone(now).date()
    if local.date() == today:
        return gettext("today %(time)s", time=format_time(moment, "HH:mm") + zone_mark(moment))
    if abs((local.date() - today).days) < 6:
        return format_datetime(moment, "EEE HH:mm") + zone_mark(moment)
    return format_date(local, gettext("EEE d MMM"))


def _day_words(moment: datetime, now: datetime) -> str:
    """09:10 of today, else Fri, or 12 Nov: what fits under a date in the list."""
    local, today = to_user_timezone(moment), to_user_timezone(now).date()
    if local.date() == today:
        return format_time(moment, "HH:mm")
    return format_date(local, "EEE" if abs((local.date() - today).days) < 6 else gettext("d MMM"))


def span_words(span: timedelta) -> str:
    """3 h, 2 days: how long, rounded to what matters."""
    hours = max(round(span.total_seconds() / 3600), 1)
    if hours < 36:
        return gettext("%(n)d h", n=hours)
    return ngettext("%(num)d day", "%(num)d days", round(hours / 24))


def _likely(likely_at: datetime | None, now: datetime) -> str:
    if likely_at is None:
        return ""
    if likely_at <= now:
        return gettext("Could be ready at any moment")
    return gettext("Likely %(when)s", when=when_words(likely_at, now))
