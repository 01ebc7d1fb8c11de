"""Rows and tabs of the queue as HTML. A row is a pure function of its values and the minute, so it is remembered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from flask import current_app
from flask_babel import get_locale, get_timezone, to_user_timezone
from flask_babel import gettext as _
from flask_login import current_user
from jinja2_fragments.flask import render_block
from markupsafe import Markup

from shop.models.base import utc_now
from shop.models.staff import initials
from shop.models.workflow import NEVER_LATE
from shop.services import queue
from shop.services.memory import log_state, recall

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Tab:
    view: str
    label: str
    count: int | None = None
    risk: bool = False


def day_ends() -> datetime:
    """When the shop's today is over."""
    tomorrow = to_user_timezone(utc_now()).date() + timedelta(days=1)
    return datetime.combine(tomorrow, datetime.min.time(), get_timezone())


def tabs(counts: queue.Counts) -> list[Tab]:
    status, assignee = counts.by_status.get, counts.by_assignee.get
    return [
        Tab("open", _("All open"), counts.open),
        Tab("late", _("Late"), counts.late, risk=True),
        Tab("today", _("Due today"), counts.today),
        Tab("mine", _("My bench"), assignee(current_user.id, 0)),
        Tab("unassigned", _("Unassigned"), assignee(None, 0)),
        Tab("approve", _("To approve"), status("awaiting_approval", 0)),
        Tab("parts", _("Waiting for parts"), status("awaiting_parts", 0)),
        Tab("ready", _("Ready"), status("ready", 0)),
        Tab("closed", _("Closed")),
        Tab("all", _("All")),
    ]


def render_rows(rows, *, shown: set[str] | None = None) -> list[Markup]:
    """A `<tr>` each. A row whose number is not in `shown` is greyed: the list's filters no longer show it."""
    minute, locale = queue.minute(utc_now()), str(get_locale())
    names = rows[0]._fields if rows else ()
    return [_render(tuple(row), names, shown is not None and row.number not in shown, minute, locale) for row in rows]


def changes(filters: queue.Filters, numbers: list[str]) -> str:
    """Rows that changed and the tabs with their new counts, for a list that is open.

    After a change every open list asks at the same moment, mostly for the same: the rows are made once.
    """
    end, state = day_ends(), log_state()
    key = ("rows", filters, tuple(numbers), current_user.id if filters.is_personal else 0, end, str(get_locale()))
    rows = recall(state, (*key, queue.minute(utc_now())), lambda: _changed_rows(filters, numbers, end))
    counts = queue.count_open(day_ends=end, state=state)
    bar = render_block("admin/repairs/queue.html", "queue_tabs", filters=filters, tabs=tabs(counts))
    return Markup("<table><tbody>{}</tbody></table>{}").format(rows, Markup(bar))  # noqa: S704 - both are escaped


def _changed_rows(filters: queue.Filters, numbers: list[str], end: datetime) -> Markup:
    found, shown = queue.rows_of(numbers, filters, me=current_user.id, day_ends=end)
    return Markup().join(render_rows(found, shown=shown))


@lru_cache(maxsize=_REMEMBERED)
def _render(values: tuple, names: tuple, gone: bool, _minute: int, _locale: str) -> Markup:
    row = dict(zip(names, values, strict=True))
    template = current_app.jinja_env.get_template("admin/repairs/_row.html")
    return Markup(template.render(row=row, gone=gone, initials=initials, now=utc_now(), never_late=NEVER_LATE))  # noqa: S704 - escaped inside
