"""The dashboard: where everybody lands after signing in, with what needs them now."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from flask import request
from flask_admin import AdminIndexView, expose
from flask_babel import gettext as _
from flask_babel import ngettext, to_user_timezone
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.console import Guarded, show
from shop.admin.money import WAYS
from shop.admin.queue_rows import day_ends
from shop.models.base import utc_now
from shop.models.permissions import Role
from shop.services import arrivals, dashboard, live, queue, risk, team, workload
from shop.services.memory import LogState, log_state

MOST_COMING, MOST_FULL = 7, 3
_FREE = {"view": "open", "waiting": "us", "assignee": "nobody"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and the view that lists exactly what it counts. `kind` is danger, warn or empty; `why` one of them."""

    number: int
    words: str
    url: str
    kind: str = ""
    icon: str = ""
    why: str = ""


class Home(Guarded, AdminIndexView):
    @expose("/")
    @requires("console.enter")
    def index(self):
        # First where the log stands: what comes later is told to the open page.
        state, end = log_state(), day_ends()
        branch = team.home_branch(state)
        counts = queue.count_open(day_ends=end, state=state)
        work = workload.open_work(branch, state)
        return show(
            "admin/home/page.html", "home_body", shell_kept=True, position=counts.position, now=utc_now(),
            head=_head(counts), needs=[*_risks(counts, end, state), *_needs(counts)],
            explain=risk.explain, alerts=dashboard.alerts(current_user.actor),
            pressing=dashboard.pressing(current_user.actor, day_ends=end, state=state),
            ready=dashboard.waiting_longest(state=state), ready_figure=_ready(counts), ready_value=work.ready_value,
            handed_over=dashboard.handed_over_today(day_ends=end, state=state), handed_url=_url(_HANDED_TODAY),
            takings=dashboard.taken_today(current_user.actor, day_ends=end, state=state)
            if current_user.may("payment.view") else None,
            ways=WAYS, today=to_user_timezone(utc_now()).date(),
            load=_load(branch, state), coming=_coming(state), may_take=current_user.may("repair.take"),
        )  # fmt: skip

    @expose("/live/since")
    @requires("repair.view")
    def since(self):
        """JSON {changes, position, complete}: what a browser missed after `position`.

        `complete` false: too much happened to list, the page is to be loaded again.
        """
        position = request.args.get("position", default=0, type=int)
        return live.changes_since(max(0, min(position, 2**62)))


_HANDED_TODAY = {"view": "handed-over", "closed": "today"}


def _url(arguments: dict[str, str]) -> str:
    return f"/admin/repairs/?{urlencode(arguments)}"


def _count(counts: queue.Counts, arguments: dict[str, str]) -> int:
    """The number and the list have one source: the same filters."""
    return counts.of(queue.parse_filters(arguments), me=current_user.id) or 0


def _head(counts: queue.Counts) -> list[Figure]:
    """The day in one sentence: what is late, due and to be worked on, for the person or for the shop."""
    own = {"assignee": "me"} if current_user.role == Role.TECHNICIAN else {}
    late = _count(counts, {"view": "late", **own})
    due = _count(counts, {"view": "today", **own})
    work = {"view": "open", "waiting": "us", **own}
    found = [
        Figure(
            late, ngettext("%(num)s late", "%(num)s late", late), _url({"view": "late", **own}),
            kind="danger" if late else "",
        ),
        Figure(
            due, ngettext("%(num)s due by tonight", "%(num)s due by tonight", due), _url({"view": "today", **own})
        ),
    ]  # fmt: skip
    number = _count(counts, work)
    words = ngettext("%(num)s repair to work on", "%(num)s repairs to work on", number)
    return [*found, Figure(number, words, _url(work))]


def _risks(counts: queue.Counts, end: datetime, state: LogState) -> list[Figure]:
    """What will be late if nobody does anything, and what stands still: how many, and of the first one why."""
    own = {"assignee": "me"} if current_user.role == Role.TECHNICIAN else {}
    figures = []
    asked = ((risk.Kind.AT_RISK, "triangle-alert", _at_risk_words), (risk.Kind.STALLED, "clock", _stalled_words))
    for kind, icon, words in asked:
        arguments = {"view": "open", "risk": str(kind), **own}
        filters = queue.parse_filters(arguments)
        number, first = dashboard.troubled(filters, counts, me=current_user.id, day_ends=end, state=state)
        if number:
            why = f"{first[0].number}: {risk.explain_as(kind, first[0]).words}" if first else ""
            figures.append(Figure(number, words(number), _url(arguments), "warn", icon, why))
    return figures


def _at_risk_words(number: int) -> str:
    return ngettext("%(num)s repair at risk of being late", "%(num)s repairs at risk of being late", number)


def _stalled_words(number: int) -> str:
    return ngettext("%(num)s repair stands still", "%(num)s repairs stand still", number)


def _needs(counts: queue.Counts) -> list[Figure]:
    """What somebody of this role can do something about, with how many; what is zero is not named."""
    asked = []
    if current_user.may("repair.take") or current_user.may("load.view"):
        asked.append((_FREE, "user-round-plus", "warn", _free_words))
    if current_user.role != Role.TECHNICIAN:
        asked += [
            ({"view": "approval-over-2-days"}, "message-circle-question-mark", "warn", _approval_words),
            ({"view": "ready-over-7-days"}, "store", "warn", _uncollected_words),
        ]
    else:
        asked.append(({"view": "parts", "assignee": "me"}, "package", "", _parts_words))
    figures = []
    for arguments, icon, kind, words in asked:
        number = _count(counts, arguments)
        if number:
            figures.append(Figure(number, words(number), _url(arguments), kind, icon))
    return figures


def _free_words(number: int) -> str:
    return ngettext("%(num)s repair nobody has taken", "%(num)s repairs nobody has taken", number)


def _approval_words(number: int) -> str:
    return ngettext("%(num)s quote unanswered for over 2 days", "%(num)s quotes unanswered for over 2 days", number)


def _uncollected_words(number: int) -> str:
    return ngettext(
        "%(num)s device not collected for over 7 days", "%(num)s devices not collected for over 7 days", number
    )


def _parts_words(number: int) -> str:
    return ngettext("%(num)s of yours waits for a part", "%(num)s of yours wait for parts", number)


@dataclass(frozen=True, slots=True)
class Coming:
    """Today's appointments: all of them as a figure, the next ones as rows, and the times that are full."""

    figure: Figure
    entries: list
    full: tuple[datetime, ...]
    arrived: int


def _coming(state: LogState) -> Coming | None:
    """For who stands at the counter or leads the shop; a technician looks at the bench."""
    if current_user.role == Role.TECHNICIAN or not current_user.may("calendar.view"):
        return None
    found, now = arrivals.today(state=state), utc_now()
    number = len(found.stretch.entries)
    url = f"/admin/calendar/?{urlencode({'view': 'day', 'day': found.stretch.days[0]})}"
    full = tuple(
        sorted({
            starts_at for (_service, starts_at), places in found.stretch.places.items()
            if starts_at > now and places.taken >= places.capacity
        })
    )  # fmt: skip
    return Coming(
        Figure(number, str(number), url), found.not_arrived[:MOST_COMING], full[:MOST_FULL], len(found.arrived)
    )


def _ready(counts: queue.Counts) -> Figure:
    number = _count(counts, {"view": "ready"})
    return Figure(number, _("%(n)s ready", n=number), _url({"view": "ready"}))


def _load(branch: team.Branch, state: LogState) -> list[workload.PersonLoad]:
    """The benches for who gives out work, one's own for a technician."""
    if not current_user.may("load.view"):
        return []
    people = workload.team_load(branch, state).people
    if current_user.role == Role.TECHNICIAN:
        return [one for one in people if one.member.id == current_user.id]
    return list(people)
