"""Priority, branch and tags of one ticket: HTTP in, a dialog or the news out."""

from flask import request
from flask_admin import expose
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.answers import dialog, done, refused
from shop.extensions import db
from shop.models.errors import Invalid
from shop.models.repair import Priority
from shop.services import locations, queue, repairs, triage, undo


class TriageActs:
    """Part of the screen of repairs: one ticket sorted."""

    @expose("/<string:number>/priority", methods=["GET", "POST"])
    @requires("repair.edit")
    def priority(self, number: str):
        if request.method == "GET":
            return _priority_form(repairs.get_workable(number))
        repair = repairs.lock_repair(number)
        try:
            chosen = queue.PRIORITIES.get(request.form.get("priority", ""), 0)
            step = triage.set_priority(repair, chosen, actor=current_user.actor)
        except Invalid as error:
            return refused(_priority_form, number, faults=error.fields, status=422)
        return _done(number, _("Priority set"), step)

    @expose("/<string:number>/branch", methods=["GET", "POST"])
    @requires("repair.edit")
    def branch(self, number: str):
        if request.method == "GET":
            return _branch_form(repairs.get_workable(number))
        repair = repairs.lock_repair(number)
        try:
            step = triage.move_to_location(repair, _chosen_branch(), actor=current_user.actor)
        except Invalid as error:
            return refused(_branch_form, number, faults=error.fields, status=422)
        return _done(number, _("Handed over"), step)

    @expose("/<string:number>/tags", methods=["GET", "POST"])
    @requires("repair.edit")
    def tags(self, number: str):
        if request.method == "GET":
            return _tags_form(repairs.get_workable(number))
        repair = repairs.lock_repair(number)
        name = request.form.get("tag", "")
        try:
            if off := request.form.get("off"):
                step = triage.untag(repair, off, actor=current_user.actor)
            else:
                step = triage.tag(repair, name, actor=current_user.actor)
        except Invalid as error:
            return refused(_tags_form, number, name=name, faults=error.fields, status=422)
        return _done(number, _("Tag taken off") if off else _("Tagged"), step)


def _done(number: str, words: str, step: undo.Step | None):
    """What changed something can be taken back."""
    offer = undo.undoable([step] if step else [], actor=current_user.actor)
    db.session.commit()
    return done(number, words, undo=offer)


def _priority_form(repair, *, faults=None):
    return dialog(
        "admin/repairs/priority.html", "priority_form", title=_("Priority of %(number)s", number=repair.number),
        repair=repair, priorities=list(Priority), faults=faults or {},
    )  # fmt: skip


def _branch_form(repair, *, faults=None):
    return dialog(
        "admin/repairs/branch.html", "branch_form", title=_("Branch of %(number)s", number=repair.number),
        repair=repair, branches=locations.branch_names(), faults=faults or {},
    )  # fmt: skip


def _tags_form(repair, *, name="", faults=None):
    return dialog(
        "admin/repairs/tags.html", "tags_form", title=_("Tags of %(number)s", number=repair.number),
        repair=repair, on_it=triage.tags_of(repair), known=triage.list_tags(), name=name, faults=faults or {},
    )  # fmt: skip


def _chosen_branch() -> int:
    chosen = request.form.get("branch", "")
    return int(chosen) if chosen.isdecimal() and len(chosen) < 10 else 0
