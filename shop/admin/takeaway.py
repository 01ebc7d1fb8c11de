"""What leaves the list: a file of what is on screen, and labels for devices."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from flask import Response, request, stream_with_context
from flask_admin import expose
from flask_babel import lazy_gettext as _l
from flask_babel import to_user_timezone
from flask_login import current_user
from markupsafe import Markup

from shop.admin.access import requires
from shop.admin.bulk_words import state
from shop.admin.cells import MARK, line
from shop.admin.console import show
from shop.admin.queue_rows import asked, day_ends
from shop.extensions import db
from shop.models.base import utc_now
from shop.models.location import short_name
from shop.models.repair import Priority
from shop.services import bulk, qr_codes, queue, queue_export
from shop.services.memory import log_state

MOST_LABELS = 200
_NUMBER = re.compile("[A-Z0-9-]{1,16}")
_LONGEST_LIST = 200_000


class Column(NamedTuple):
    """One of the file. `shown_with` is the column of the screen that tells it, empty where it always stands."""

    head: Any
    cell: Callable[[Any], Any]
    shown_with: str = ""


# "more" is what no list shows.
_COLUMNS = (
    Column(_l("Ticket"), lambda row: row.number),
    Column(_l("Branch"), lambda row: short_name(row.at), "place"),
    Column(_l("Now at"), lambda row: row.place, "place"),
    Column(_l("Priority"), lambda row: Priority(row.priority).slug),
    Column(_l("Tags"), lambda row: row.tags, "tags"),
    Column(_l("Device"), lambda row: row.device),
    Column(_l("Fault"), lambda row: row.fault),
    Column(_l("Customer"), lambda row: row.customer),
    Column(_l("Status"), lambda row: state(row.status)),
    Column(_l("Since"), lambda row: _local(row.status_since), "waiting"),
    Column(_l("Waiting on"), lambda row: row.waiting_on or "", "waiting"),
    Column(_l("Assigned to"), lambda row: row.assignee or "", "assignee"),
    Column(_l("Due"), lambda row: _local(row.due_at), "due"),
    Column(_l("Received"), lambda row: _local(row.received_at), "more"),
    Column(_l("Updated"), lambda row: _local(row.updated_at), "updated"),
)


class TakeawayActs:
    """Part of the screen of repairs."""

    @expose("/labels")
    @requires("repair.view")
    def labels(self):
        """Labels of the named tickets, or with `all` of everything that the filters select."""
        if request.args.get("all"):
            filters, _views = asked(log_state())
            ids = queue.ids(filters, me=current_user.id, day_ends=day_ends(), most=MOST_LABELS + 1)
        else:
            ids = queue.ids_of(_numbers()[: MOST_LABELS + 1])
        labels = queue_export.labels(ids[:MOST_LABELS])
        return show(
            "admin/repairs/labels.html",
            labels=[(repair, Markup(qr_codes.label_svg(repair.number))) for repair in labels],  # noqa: S704 - drawn here
            cut=len(ids) > MOST_LABELS, most=MOST_LABELS, name_of=label_name,
        )  # fmt: skip

    @expose("/export", methods=["POST"])
    @requires("repair.export")
    def export(self):
        """The list as CSV: its filters, order and columns, or only the chosen tickets; with `columns=all` every column.

        The log keeps who took what.
        """
        columns = _columns(
            set() if request.form.get("columns") == "all" else {*current_user.preferences.hidden, "more"}
        )
        numbers = _numbers()[: bulk.MOST]
        filters, _views = asked(log_state())
        actor, end, me = current_user.actor, day_ends(), current_user.id
        queue_export.begin(actor=actor, arguments=filters.arguments(), chosen=len(numbers))
        db.session.commit()
        rows = queue_export.read_chosen(numbers) if numbers else queue_export.read_all(filters, me=me, day_ends=end)
        name = f"repairs-{to_user_timezone(utc_now()):%Y-%m-%d}.csv"
        headers = {"Content-Disposition": f"attachment; filename={name}"}
        body = stream_with_context(_file(rows, columns, actor))
        return Response(body, mimetype="text/csv", headers=headers)


def label_name(name: str) -> str:
    """Surname and initial: `Whitcombe H.` for "Hannah Whitcombe"."""
    *firsts, last = name.split() or [""]
    return f"{last} {firsts[0][0]}." if firsts else last


def _columns(hidden: set[str]) -> list[Column]:
    return [column for column in _COLUMNS if column.shown_with not in hidden]


def _numbers() -> list[str]:
    typed = request.values.get("numbers", "")[:_LONGEST_LIST].upper().replace(",", " ").split()
    return [number for number in dict.fromkeys(typed) if _NUMBER.fullmatch(number)]


def _file(rows: Iterable, columns: list[Column], actor) -> Iterator[str]:
    sent, is_whole = 0, False
    try:
        yield MARK + line(str(column.head) for column in columns)
        for row in rows:
            sent += 1
            yield line(column.cell(row) for column in columns)
        is_whole = True
    finally:
        db.session.rollback()
        queue_export.finish(actor=actor, rows=sent, is_whole=is_whole)
        db.session.commit()


def _local(moment) -> str:
    """By the shop's clock, as every spreadsheet reads it."""
    return f"{to_user_timezone(moment):%Y-%m-%d %H:%M}"
