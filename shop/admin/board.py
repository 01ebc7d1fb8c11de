"""The board: the queue's data as a column for each status. What may be dropped where is the workflow's table."""

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby

from flask import current_app
from flask_babel import get_locale
from flask_login import current_user
from jinja2_fragments.flask import render_block
from markupsafe import Markup

from shop.admin.console import show
from shop.admin.keymap import foot_keys
from shop.admin.queue_rows import asked, choices, day_ends, deleted, tabs
from shop.models.base import utc_now
from shop.models.permissions import may
from shop.models.staff import initials
from shop.models.workflow import CLOSED, NEVER_LATE, OPEN, TRANSITIONS, WAITING_ON, State
from shop.services import queue
from shop.services.filters import PART_STATUS
from shop.services.memory import log_state, recall
from shop.services.subscriptions import TOLD_BY_MAIL

# What a person can take in of one column; the rest is a link away.
MOST_CARDS = 25
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Column:
    """One status. `number` is None where it is not counted: then `is_cut` says whether there are more."""

    status: str
    cards: tuple[Markup, ...] = ()
    number: int | None = 0
    is_cut: bool = False

    @property
    def more(self) -> int | None:
        return None if self.number is None else max(0, self.number - len(self.cards))


def board_page():
    # First where the log stands: what comes later is told to the open page.
    state, end = log_state(), day_ends()
    filters, views = asked(state)
    counts = queue.count_open(day_ends=end, state=state)
    found = on_board(filters)
    wide = statuses_of(found)
    rows = queue.cards(found, wide, me=current_user.id, day_ends=end, most=MOST_CARDS + 1, state=state)
    bar, more = tabs(counts, views)
    return show(
        "admin/repairs/board.html", "board_body", shell_kept=True,
        filters=filters, columns=columns(wide, rows, _numbers(counts, filters)), narrow=narrow(wide), counts=counts,
        tabs=bar, more=more, **choices(state),
        moves=moves_for(current_user.role), foot_keys=foot_keys("board"),
    )  # fmt: skip


def on_board(filters: queue.Filters) -> queue.Filters:
    """The board shows work: a search that looks everywhere looks among open repairs here."""
    return replace(filters, view="open") if filters.view == "all" else filters


def statuses_of(filters: queue.Filters) -> tuple[str, ...]:
    """The columns that these filters can fill."""
    wanted = {filters.status or None, PART_STATUS.get(filters.view)} - {None}
    if filters.faults or not filters.is_open:
        return ()
    return tuple(
        status
        for status in OPEN
        if wanted <= {status} and (not filters.waiting or WAITING_ON.get(status) == filters.waiting)
    )


def narrow(wide: tuple[str, ...]) -> tuple[str, ...]:
    """Statuses that show no cards but take one that is dropped on them."""
    return tuple(status for status in (*OPEN, *(state for state in State if state in CLOSED)) if status not in wide)


def columns(wide: tuple[str, ...], rows, numbers: dict[str, int] | None) -> list[Column]:
    by_status = {status: list(found) for status, found in groupby(sorted(rows, key=_status), key=_status)}
    found = []
    for status in wide:
        cards = render_cards(by_status.get(status, [])[:MOST_CARDS])
        is_cut = len(by_status.get(status, ())) > MOST_CARDS
        number = len(cards) if not is_cut else numbers.get(status, 0) if numbers is not None else None
        found.append(Column(status, tuple(cards), number, is_cut))
    return found


def render_cards(rows, *, shown: set[str] | None = None) -> list[Markup]:
    """An `<li>` each. A card whose number is not in `shown` is marked: the board's filters no longer show it."""
    minute, locale = queue.minute(utc_now()), str(get_locale())
    names = rows[0]._fields if rows else ()
    return [_render(tuple(row), names, shown is not None and row.number not in shown, minute, locale) for row in rows]


def changed_cards(numbers: list[str]) -> str:
    """Cards that changed, the numbers of the columns, and the tabs; made once for all boards that ask for the same."""
    end, state = day_ends(), log_state()
    filters, views = asked(state)
    shown_by = on_board(filters)
    key = ("changed cards", shown_by, tuple(numbers), current_user.id if filters.is_personal else 0, end)
    cards = recall(
        state,
        (*key, str(get_locale()), queue.minute(utc_now())),
        lambda: Markup().join(_changed(numbers, shown_by, end)),
    )
    counts = queue.count_open(day_ends=end, state=state)
    bar, more = tabs(counts, views)
    found = _numbers(counts, filters) if statuses_of(shown_by) else None
    piece = render_block(
        "admin/repairs/board.html", "board_news",
        filters=filters, tabs=bar, more=more, **choices(state),
cards=cards, numbers=found, position=counts.position,
    )  # fmt: skip
    return Markup(piece)  # noqa: S704 - escaped inside


@lru_cache(maxsize=16)
def moves_for(role: str) -> dict[str, dict[str, str]]:
    """From -> to -> what a drop does there: `go`, `ask` where the customer is told or a field is needed first, or
    `right` where the workflow has the move but this role does not."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for (source, target), move in TRANSITIONS.items():
        if not may(role, move.permission):
            found[source][target] = "right"
        elif move.needs:
            found[source][target] = "tell field" if target in TOLD_BY_MAIL else "field"
        else:
            found[source][target] = "tell" if target in TOLD_BY_MAIL else "go"
    return dict(found)


def _numbers(counts: queue.Counts, filters: queue.Filters) -> dict[str, int] | None:
    return counts.by_status_of(on_board(filters), me=current_user.id)


def _changed(numbers: list[str], filters: queue.Filters, end) -> list[Markup]:
    rows, shown = queue.rows_of(numbers, filters, me=current_user.id, day_ends=end)
    gone = [Markup('<li data-repair="{}" data-deleted></li>').format(number) for number in deleted(numbers, rows)]
    return [*render_cards(rows, shown=shown), *gone]


def _status(row) -> str:
    return row.status


@lru_cache(maxsize=_REMEMBERED)
def _render(values: tuple, names: tuple, gone: bool, _minute: int, _locale: str) -> Markup:
    card = dict(zip(names, values, strict=True))
    template = current_app.jinja_env.get_template("admin/repairs/_card.html")
    return Markup(template.render(card=card, gone=gone, initials=initials, now=utc_now(), never_late=NEVER_LATE))  # noqa: S704 - escaped inside
