"""Changing many tickets at once: choose, look, run, follow, undo."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qsl

from flask import Response, flash, make_response, redirect, request, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_login import current_user
from jinja2_fragments.flask import render_block
from werkzeug.datastructures import MultiDict

from shop.admin import bulk_words
from shop.admin.access import requires
from shop.admin.answers import dialog
from shop.admin.cells import MARK, line
from shop.admin.console import ConsoleView, show
from shop.admin.queue_rows import day_ends
from shop.extensions import db, htmx
from shop.models.base import utc_now
from shop.models.bulk import BulkRun, Outcome, RunState
from shop.models.errors import CannotUndo, Invalid
from shop.models.repair import Priority
from shop.models.workflow import State
from shop.services import bulk, bulk_report, bulk_work, locations, messages, saved_views, staff, triage
from shop.services.bulk_acts import ACTS
from shop.services.filters import Filters

LONGEST_LIST = 200_000


class BulkView(ConsoleView):
    @expose("/")
    @requires("repair.bulk")
    def index(self):
        return show("admin/bulk/list.html", runs=bulk_report.list_runs(), words=bulk_words)

    @expose("/count")
    @requires("repair.bulk")
    def count(self):
        """JSON {count, most}: how many tickets the view holds, so that all of them can be selected."""
        found = bulk.count(_filters(request.args), me=current_user.id, day_ends=day_ends())
        return {"count": min(found, bulk.MOST), "most": bulk.MOST, "more": found > bulk.MOST}

    @expose("/new", methods=["GET", "POST"])
    @requires("repair.bulk")
    def new(self):
        """What is to be done with these tickets; with a target, the preview of it."""
        if request.method == "GET" or "target" not in request.form:
            return _form()
        try:
            run = bulk.preview(
                _selection(), request.form.get("act", ""), request.form["target"],
                day_ends=day_ends(), actor=current_user.actor,
            )  # fmt: skip
        except Invalid as error:
            db.session.rollback()
            return _form(faults=error.fields, status=422)
        db.session.commit()
        return _shown(run) if htmx else redirect(url_for("bulk.run", run_id=run.id), 303)

    @expose("/<row_id:run_id>", methods=["GET"])
    @requires("repair.bulk")
    def run(self, run_id: int):
        return _page(bulk.find_run(run_id))

    @expose("/<row_id:run_id>/progress")
    @requires("repair.bulk")
    def progress(self, run_id: int):
        """The page's body as it is now; asked again and again while the run is at work."""
        run = bulk.find_run(run_id)
        return render_block(_template(run), "bulk_body", **_facts(run))

    @expose("/<row_id:run_id>/start", methods=["POST"])
    @requires("repair.bulk")
    def start(self, run_id: int):
        run = bulk.find_run(run_id)
        try:
            run = bulk.start(run_id, **_told(run), actor=current_user.actor)
        except Invalid as error:
            db.session.rollback()
            return _shown(bulk.find_run(run_id), faults=error.fields, status=422)
        db.session.commit()
        return self._go_on(run)

    @expose("/<row_id:run_id>/cancel", methods=["POST"])
    @requires("repair.bulk")
    def cancel(self, run_id: int):
        bulk.cancel(run_id, actor=current_user.actor)
        db.session.commit()
        return redirect(url_for("bulk.run", run_id=run_id), 303)

    @expose("/<row_id:run_id>/undo", methods=["POST"])
    @requires("repair.bulk")
    def undo(self, run_id: int):
        try:
            run = bulk.start_undo(run_id, actor=current_user.actor)
        except CannotUndo as error:
            db.session.rollback()
            if htmx:
                return _toast(error.message, refused=True)
            flash(error.message, "error")
            return redirect(url_for("bulk.run", run_id=run_id), 303)
        db.session.commit()
        return self._go_on(run)

    @expose("/<row_id:run_id>/results.csv")
    @requires("repair.bulk")
    def results(self, run_id: int):
        run = bulk.find_run(run_id)
        headers = {"Content-Disposition": f"attachment; filename=change-{run.id}.csv"}
        return Response(_csv(run), mimetype="text/csv; charset=utf-8", headers=headers)

    def _go_on(self, run: BulkRun):
        """A short run is done before the answer; a long one is followed on its page."""
        page = url_for("bulk.run", run_id=run.id)
        if not run.is_job:
            bulk_work.work(run.id)
            db.session.refresh(run)
        if not htmx:
            return redirect(page, 303)
        if run.is_job or (run.state != RunState.UNDONE and _surprises(run)):
            return Response("", 204, {"HX-Redirect": page})
        return _done(run)


def init_app(admin: Admin) -> None:
    admin.add_view(BulkView("Bulk", path="bulk"))


def _surprises(run: BulkRun) -> bool:
    """Whether a ticket went otherwise than its preview said: then the result is shown, not only counted."""
    progress = bulk_report.progress_of(run)
    refused = bulk_report.preview_of(run).refused
    return bool(progress.of(Outcome.KEPT)) or progress.of(Outcome.REFUSED) > sum(group.number for group in refused)


def _done(run: BulkRun):
    """The toast in the open list, with the way to take all of it back."""
    progress = bulk_report.progress_of(run)
    if run.state == RunState.UNDONE:
        return _toast(bulk_words.undone(progress), changed=True)
    undo = None
    if progress.of(Outcome.DONE):
        undo = {"url": url_for("bulk.undo", run_id=run.id), "seconds": bulk.UNDO_SECONDS, "countdown": ""}
    return _toast(bulk_words.summary(run, progress), undo=undo, changed=True)


def _toast(message: str, *, undo: dict | None = None, changed: bool = False, refused: bool = False):
    """`changed`: the open list is fetched anew, as for many changes of colleagues."""
    response = make_response("", 204)
    said = {"message": message, "refused": refused, **({"undo": undo} if undo else {})}
    response.headers["HX-Trigger"] = json.dumps({"toast": said, **({"actedOnMany": {}} if changed else {})})
    return response


def _form(*, faults: dict | None = None, status: int = 200):
    act = request.values.get("act", "")
    values = {
        "act": act if act in ACTS else "status", "acts": _acts(), "words": bulk_words, "faults": faults or {},
        "numbers": request.values.get("numbers", "")[:LONGEST_LIST], "view": request.values.get("view", "")[:2_000],
        "amount": request.values.get("amount", type=int) or len(_numbers()), "target": request.form.get("target", ""),
        "states": list(State), "people": staff.list_assignees(), "branches": locations.branch_names(),
        "tags": triage.list_tags(), "priorities": list(Priority),
    }  # fmt: skip
    return dialog("admin/bulk/new.html", "bulk_form", title=bulk_words.act(values["act"]), status=status, **values)


def _shown(run: BulkRun, *, faults: dict | None = None, status: int = 200):
    facts = {**_facts(run), "faults": faults or {}}
    return dialog("admin/bulk/preview.html", "bulk_body", title=bulk_words.question(run), status=status, **facts)


def _page(run: BulkRun):
    return show(_template(run), title=bulk_words.question(run), **_facts(run))


def _template(run: BulkRun) -> str:
    return "admin/bulk/preview.html" if run.state == RunState.PREVIEWED else "admin/bulk/run.html"


def _facts(run: BulkRun) -> dict:
    facts = {
        "run": run, "words": bulk_words, "names": bulk_words.Names(run), "is_mine": run.staff_id == current_user.id,
        "faults": {},
    }  # fmt: skip
    if run.state == RunState.PREVIEWED:
        home = locations.home_location()
        later = messages.propose_later(home).astimezone(home.hours.zone)
        return {**facts, "preview": bulk_report.preview_of(run), "later": f"{later:%Y-%m-%dT%H:%M}"}
    left = (run.undo_until - utc_now()).total_seconds() if run.undo_until else 0
    after, shown = request.args.get("after", -1, type=int), request.args.get("outcome", "")
    return {
        **facts, "progress": bulk_report.progress_of(run), "at_work": bulk.is_at_work(run), "shown": shown,
        "rows": bulk_report.results(run, outcome=shown, after=min(after, bulk.MOST)), "page": bulk_report.PAGE,
        "undo_seconds": int(left) if run.state in (RunState.DONE, RunState.CANCELLED) else 0,
    }  # fmt: skip


def _acts() -> list[str]:
    return [name for name, act in ACTS.items() if current_user.may(act.permission)]


def _told(run: BulkRun) -> dict:
    """When customers hear of it, as the preview's form says."""
    told = request.form.get("told", messages.When.NOW)
    if told != messages.When.LATER:
        return {"told": told}
    at = messages.later_at(request.form.get("send_at", ""), locations.home_location()).at
    return {"told": told, "send_at": at}


def _selection() -> bulk.Selection:
    if "view" in request.form and not _numbers():
        view = request.form["view"]
        return bulk.Selection(filters=_filters(MultiDict(parse_qsl(view.lstrip("?")))), view=view)
    return bulk.Selection(numbers=tuple(_numbers()))


def _numbers() -> list[str]:
    typed = request.values.get("numbers", "")[:LONGEST_LIST].replace("\x00", "?")
    return typed.replace(",", " ").split()


def _filters(arguments) -> Filters:
    return saved_views.views_of(current_user.actor, current_user.preferences).read_filters(arguments)


def _csv(run: BulkRun) -> Iterator[str]:
    yield MARK + line((_("Ticket"), _("Result"), _("Why")))
    names = bulk_words.Names(run)
    for row in bulk_report.all_results(run):
        yield line((row.number, bulk_words.outcome(row.outcome), bulk_words.why(row, names)))
