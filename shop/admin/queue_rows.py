"""Rows and tabs of the queue as HTML. A row is a pure function of its values and the minute, so it is remembered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from types import SimpleNamespace

from flask import current_app, request
from flask_babel import get_locale, get_timezone, to_user_timezone
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from jinja2_fragments.flask import render_block
from markupsafe import Markup

from shop.models.base import utc_now
from shop.models.staff import initials
from shop.models.workflow import NEVER_LATE
from shop.services import endings, locations, queue, risk, saved_views, staff, triage
from shop.services.memory import LogState, log_state, recall

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Tab:
    view: str
    label: str
    count: int | None = None
    risk: bool = False
    # The saved view, where this person may change it.
    changeable: int = 0


# The shop's own views; the others have the name that somebody gave them.
_LABELS = {
    "open": _l("All open"),
    "late": _l("Late"),
    "at-risk": _l("At risk"),
    "stalled": _l("Stalled"),
    "today": _l("Due today"),
    "mine": _l("My bench"),
    "unassigned": _l("Unassigned"),
    "approve": _l("To approve"),
    "parts": _l("Waiting for parts"),
    "ready": _l("Ready"),
    "approval-over-2-days": _l("Awaiting approval over 2 days"),
    "ready-over-7-days": _l("Ready, not collected over 7 days"),
    "closed": _l("Closed"),
    "all": _l("All"),
}


def label_of(view: saved_views.View) -> str:
    return view.name or _label(view.slug, str(get_locale()))


@lru_cache(maxsize=256)
def _label(slug: str, _locale: str) -> str:
    return str(_LABELS[slug])


def asked(state: LogState) -> tuple[queue.Filters, saved_views.Views]:
    """What the address asks for, and the views that this person may open. `state` is where the log stands."""
    views = saved_views.views_of(current_user.actor, current_user.preferences, state=state)
    return views.read_filters(request.args), views


def day_ends() -> datetime:
    """When the shop's today is over."""
    tomorrow = to_user_timezone(utc_now()).date() + timedelta(days=1)
    return datetime.combine(tomorrow, datetime.min.time(), get_timezone())


def choices(state: LogState) -> dict:
    """What lists can be filtered by; it changes seldom. `state` is where the log stands."""
    state = state.of_staff()
    return {
        "people": recall(state, "assignees", staff.list_assignees),
        "branches": recall(state, "branches", locations.branch_names),
        "tags": recall(state, "tags", triage.list_tags),
    }


def tabs(counts: queue.Counts, views: saved_views.Views) -> tuple[list[Tab], list[Tab]]:
    """Those in the bar, and those one press further on."""
    actor = current_user.actor
    me = current_user.id
    all_tabs = [
        Tab(
            view.slug,
            label_of(view),
            counts.of(view.filters, me=me),
            risk=view.slug in {"late", "at-risk"},
            changeable=view.id if view.id and saved_views.may_change(view, actor) else 0,
        )
        for view in views.all
    ]
    return all_tabs[: len(views.bar)], all_tabs[len(views.bar) :]


def render_rows(rows, *, shown: set[str] | None = None) -> list[Markup]:
    """A `<tr>` each. A row whose number is not in `shown` is greyed: the list's filters no longer show it."""
    minute, locale = queue.minute(utc_now()), str(get_locale())
    names = rows[0]._fields if rows else ()
    return [_render(tuple(row), names, shown is not None and row.number not in shown, minute, locale) for row in rows]


def changes(numbers: list[str]) -> str:
    """Rows that changed and the tabs with their new counts, for a list that is open.

    After a change every open list asks at the same moment, mostly for the same: the rows are made once.
    """
    end, state = day_ends(), log_state()
    filters, views = asked(state)
    key = ("rows", filters, tuple(numbers), current_user.id if filters.is_personal else 0, end, str(get_locale()))
    rows = recall(state, (*key, queue.minute(utc_now())), lambda: _changed_rows(filters, numbers, end))
    bar, more = tabs(queue.count_open(day_ends=end, state=state), views)
    head = render_block("admin/repairs/queue.html", "queue_tabs", filters=filters, tabs=bar, more=more)
    return Markup("<table><tbody>{}</tbody></table>{}").format(rows, Markup(head))  # noqa: S704 - both are escaped


def _changed_rows(filters: queue.Filters, numbers: list[str], end: datetime) -> Markup:
    found, shown = queue.rows_of(numbers, filters, me=current_user.id, day_ends=end)
    gone = [Markup('<tr data-repair="{}" data-deleted>').format(number) for number in deleted(numbers, found)]
    return Markup().join([*render_rows(found, shown=shown), *gone])


def deleted(numbers: list[str], found) -> list[str]:
    """Which of the tickets that were asked for are deleted, so that an open list lets go of them."""
    return endings.deleted_among({*numbers} - {row.number for row in found})


@lru_cache(maxsize=_REMEMBERED)
def _render(values: tuple, names: tuple, gone: bool, _minute: int, _locale: str) -> Markup:
    row = SimpleNamespace(**dict(zip(names, values, strict=True)))
    template = current_app.jinja_env.get_template("admin/repairs/_row.html")
    return Markup(template.render(row=row, gone=gone, initials=initials, risk=risk.explain(row), never_late=NEVER_LATE))  # noqa: S704 - escaped inside
