"""The audit log: the sealed events, read, checked and taken away."""

from collections.abc import Iterator
from datetime import date

from flask import Response, request, stream_with_context
from flask_admin import Admin, expose

from shop.admin.access import requires
from shop.admin.cells import line
from shop.admin.console import ConsoleView, show
from shop.admin.forms import list_filters, place
from shop.database import reading
from shop.extensions import db
from shop.locales import select_timezone
from shop.services import audit, audit_log, audit_words

PART, WHOLE = 10_000, 100_000
_COLUMNS = ("position", "time_utc", "verb", "who", "about", "what", "changes", "hash")


class AuditView(ConsoleView):
    @expose("/")
    @requires("audit.view")
    def index(self):
        filters, faults = _filters()
        before = place("before")
        page = (
            audit_log.Page([], None) if faults else audit_log.read_log(filters, zone=select_timezone(), before=before)
        )
        return show(
            "admin/audit/page.html", status=422 if faults else 200,
            page=page, faults=faults, **_choices(),
        )  # fmt: skip

    @expose("/verify", methods=["POST"])
    @requires("audit.view")
    def verify(self):
        whole = request.form.get("range") == "whole"
        # The check only reads, but for minutes at worst: it must not hold SQLite's one write lock.
        db.session.rollback()
        with reading():
            verdict = audit.verify_last(WHOLE if whole else PART)
            sealed, waiting = audit.counts()
            db.session.rollback()
        return show(
            "admin/audit/verified.html",
            verdict=verdict, sealed=sealed, waiting=waiting, checked=min(sealed, WHOLE if whole else PART),
        )  # fmt: skip

    @expose("/export")
    @requires("audit.view")
    def export(self):
        filters, faults = _filters()
        if faults:
            return show("admin/audit/page.html", status=422, page=audit_log.Page([], None), faults=faults, **_choices())
        body = stream_with_context(_csv(audit_log.export_log(filters, zone=select_timezone())))
        headers = {"Content-Disposition": f"attachment; filename=audit-{date.today():%Y-%m-%d}.csv"}  # noqa: DTZ011
        return Response(body, mimetype="text/csv", headers=headers)


def init_app(admin: Admin) -> None:
    admin.add_view(AuditView("Audit log", path="audit"))


def _filters() -> tuple[audit_log.Filters, dict[str, str]]:
    """The filters of the address, and what is wrong with those that cannot be read."""
    found, faults = list_filters(("verb", "actor", "about", "since", "until"))
    return audit_log.Filters(**found), faults


def _choices() -> dict:
    return {
        "actors": audit_log.list_actors(),
        "verbs": audit_words.VERBS,
        "kinds": audit_words.KINDS,
        "args": request.args,
    }


def _csv(entries: Iterator[audit_log.Entry]) -> Iterator[str]:
    yield line(_COLUMNS)
    for count, entry in enumerate(entries):
        if count == audit_log.MOST_EXPORTED:
            yield line([f"Cut here at {count} lines. Narrow the filter to get the rest."])
            return
        yield line(_cells(entry))


def _cells(entry: audit_log.Entry) -> tuple:
    changes = "; ".join(f"{change.field}: {change.before or ''} > {change.after}" for change in entry.changes)
    at, what = entry.at.isoformat(), entry.sentence
    return entry.position, at, entry.verb, entry.who, entry.about_name, what, changes, entry.hash
