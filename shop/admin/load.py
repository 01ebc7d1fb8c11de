"""Who has how much work, against the hours they are here."""

from flask import request
from flask_admin import Admin, expose

from shop.admin import load_words
from shop.admin.access import requires
from shop.admin.console import ConsoleView, show
from shop.models.base import utc_now
from shop.models.errors import NotFound
from shop.models.workload import days_ahead
from shop.services import bench, productivity, team, workload
from shop.services.memory import log_state


class LoadView(ConsoleView):
    @expose("/")
    @requires("load.view")
    def index(self):
        state, branch = _where()
        load = workload.team_load(branch, state)
        return show("admin/load/page.html", "load_body", load=load, position=state.position)

    @expose("/finished")
    @requires("load.productivity")
    def finished(self):
        """What each person handed over: asked for by the page itself, for it is the dearest of its parts."""
        state, branch = _where()
        found = productivity.last_days(branch, state=state)
        return show("admin/load/finished.html", "finished_body", finished=found)

    @expose("/unassigned")
    @requires("load.view")
    def unassigned(self):
        return _bench_page(None)

    @expose("/<row_id:staff_id>")
    @requires("load.view")
    def person(self, staff_id: int):
        return _bench_page(staff_id)


def init_app(admin: Admin) -> None:
    load_words.init_app(admin.app)
    admin.add_view(LoadView("Load", path="load"))


def _where():
    # First where the log stands: what comes later is told to the open page.
    state = log_state()
    return state, team.home_branch(state)


def _bench_page(staff_id: int | None):
    """The tickets behind the figures of one bench, the first due first, with what each adds."""
    state, branch = _where()
    now, work = utc_now(), workload.open_work(branch, state)
    load = None
    if staff_id is not None:
        member = team.find_member(staff_id, state)
        if member is None:
            raise NotFound("There is no such person.")
        days = days_ahead(now, branch.hours.zone)
        load = workload.person_load(member, work.bench(staff_id), branch, now=now, days=days)
    page = bench.page(staff_id, load.time if load else None, now=now, after=request.args.get("after", ""))
    return show(
        "admin/load/bench.html", "bench_body", staff_id=staff_id, load=load, bench=work.bench(staff_id), page=page,
        position=state.position,
    )  # fmt: skip
