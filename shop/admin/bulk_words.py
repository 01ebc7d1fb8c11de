"""Changes of many tickets in words."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from shop.models.bulk import BulkRun, Outcome, RunState
from shop.models.location import short_name
from shop.services import bulk_report, locations, staff
from shop.services.bulk_acts import Reason

_ACTS = {
    "status": _l("Change the status"),
    "assign": _l("Assign"),
    "priority": _l("Set the priority"),
    "branch": _l("Hand over to a branch"),
    "tag": _l("Add a tag"),
    "untag": _l("Take a tag off"),
}
_STATES = {
    "received": _l("Received"), "diagnosing": _l("Diagnosing"), "awaiting_approval": _l("Awaiting approval"),
    "awaiting_parts": _l("Awaiting parts"), "in_repair": _l("In repair"), "quality_check": _l("Quality check"),
    "ready": _l("Ready"), "collected": _l("Collected"), "shipped": _l("Shipped"), "cancelled": _l("Cancelled"),
    "unrepairable": _l("Unrepairable"), "warranty_return": _l("Warranty return"), "expected": _l("Expected"),
}  # fmt: skip
_PRIORITIES = {"urgent": _l("Urgent"), "high": _l("High"), "normal": _l("Normal")}
_NUMBERED = {"1": "urgent", "2": "high", "3": "normal"}
_OUTCOMES = {
    "": _l("To come"),
    Outcome.DONE: _l("Done"),
    Outcome.SAME: _l("Was so already"),
    Outcome.REFUSED: _l("Refused"),
    Outcome.LEFT: _l("Not begun"),
    Outcome.UNDONE: _l("Taken back"),
    Outcome.KEPT: _l("Not taken back"),
}
_RUN_STATES = {
    RunState.PREVIEWED: _l("Not begun"),
    RunState.RUNNING: _l("At work"),
    RunState.DONE: _l("Done"),
    RunState.CANCELLED: _l("Stopped"),
    RunState.UNDOING: _l("Being taken back"),
    RunState.UNDONE: _l("Taken back"),
}


class Names:
    """Values of one run in words; people and branches are read once, and only where they are needed."""

    def __init__(self, run: BulkRun):
        self._act = run.act
        self._known: dict[str, str] = {}
        if run.act == "assign":
            self._known = {str(key): name for key, name in staff.list_assignees()}
        if run.act == "branch":
            self._known = {str(key): name for key, _slug, name in locations.branch_names()}

    def of(self, value: str) -> str:
        if self._act == "status":
            return state(value)
        if self._act == "priority":
            return str(_PRIORITIES.get(_NUMBERED.get(value, value), value))
        if self._act == "assign":
            return self._known.get(value, "?") if value else _("nobody")
        return short_name(self._known.get(value, value))


def act(name: str) -> str:
    return str(_ACTS.get(name, name))


def state(name: str) -> str:
    return str(_STATES.get(name, name.replace("_", " ")))


def outcome(name: str) -> str:
    return str(_OUTCOMES.get(name, name))


def run_state(name: str) -> str:
    return str(_RUN_STATES.get(name, name))


def question(run: BulkRun) -> str:
    """What the run does, as the heading of its preview and of its page."""
    target = Names(run).of(run.target)
    if run.act == "status":
        return ngettext("Move %(num)s ticket to %(to)s", "Move %(num)s tickets to %(to)s", run.total, to=target)
    if run.act == "assign" and not run.target:
        return ngettext("Take %(num)s ticket from everybody", "Take %(num)s tickets from everybody", run.total)
    if run.act == "assign":
        return ngettext("Give %(num)s ticket to %(to)s", "Give %(num)s tickets to %(to)s", run.total, to=target)
    if run.act == "priority":
        return ngettext("Make %(num)s ticket %(to)s", "Make %(num)s tickets %(to)s", run.total, to=target.lower())
    if run.act == "branch":
        return ngettext("Hand %(num)s ticket to %(to)s", "Hand %(num)s tickets to %(to)s", run.total, to=target)
    if run.act == "tag":
        return ngettext("Tag %(num)s ticket %(to)s", "Tag %(num)s tickets %(to)s", run.total, to=target)
    return ngettext("Take %(to)s off %(num)s ticket", "Take %(to)s off %(num)s tickets", run.total, to=target)


def will(run: BulkRun, number: int) -> str:
    """The first line of the preview."""
    return ngettext("%(num)s will change", "%(num)s will change", number)


def refusal(group: bulk_report.Group, names: Names) -> str:
    """Why these tickets are refused, with how many there are."""
    number = group.number
    if group.reason == Reason.NO_STEP:
        return ngettext(
            "%(num)s cannot: there is no such step from %(from_)s",
            "%(num)s cannot: there is no such step from %(from_)s", number, from_=names.of(group.before),
        )  # fmt: skip
    if group.reason == Reason.NO_DIAGNOSIS:
        return ngettext("%(num)s needs a diagnosis first", "%(num)s need a diagnosis first", number)
    if group.reason == Reason.NO_RIGHT:
        return ngettext(
            "%(num)s needs a right that you do not have", "%(num)s need a right that you do not have", number
        )
    return ngettext("%(num)s cannot be changed", "%(num)s cannot be changed", number)


def why(row, names: Names) -> str:
    """Why one ticket went as it did."""
    reasons = {
        Reason.NO_STEP: _("There is no such step from %(status)s", status=names.of(row.before)),
        Reason.NO_DIAGNOSIS: _("It needs a diagnosis first"),
        Reason.NO_RIGHT: _("The right to do it is missing"),
        Reason.CHANGED: _("A colleague changed it meanwhile: it is %(now)s now", now=names.of(row.detail)),
        Reason.GONE: _("It is not here any more"),
        Reason.REFUSED: row.detail,
        Reason.FAILED: _("Something went wrong; nothing of it was changed"),
        Reason.CANCELLED: _("Stopped before its turn"),
    }
    return str(reasons.get(row.reason, ""))


def summary(run: BulkRun, progress: bulk_report.Progress) -> str:
    """17 tickets changed, 3 refused."""
    done = ngettext("%(num)s ticket changed", "%(num)s tickets changed", progress.of(Outcome.DONE))
    refused = progress.of(Outcome.REFUSED)
    return f"{done}, {ngettext('%(num)s refused', '%(num)s refused', refused)}" if refused else done


def undone(progress: bulk_report.Progress) -> str:
    """3 tickets are as before, 1 stays as it is."""
    back = ngettext("%(num)s ticket is as before", "%(num)s tickets are as before", progress.of(Outcome.UNDONE))
    kept = progress.of(Outcome.KEPT)
    return f"{back}, {ngettext('%(num)s stays as it is', '%(num)s stay as they are', kept)}" if kept else back


def heard(summary) -> list[str]:
    """Who is told: 14 customers get an e-mail, 3 have no address, 1 opted out."""
    lines = []
    if summary.total:
        lines.append(ngettext("%(num)s customer gets an e-mail", "%(num)s customers get an e-mail", summary.total))
    if summary.no_address:
        lines.append(ngettext("%(num)s has no address", "%(num)s have no address", summary.no_address))
    if summary.opted_out:
        lines.append(ngettext("%(num)s wants no e-mail", "%(num)s want no e-mail", summary.opted_out))
    return lines
