"""Priority, branch and tags of one ticket: HTTP in, a dialog or the news out."""

from flask import request
from flask_admin import expose
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.answers import dialog, done, refused
from shop.admin.sending import Choice, Sending, leaves, was_read
from shop.extensions import db
from shop.models.errors import Invalid
from shop.models.repair import Priority
from shop.services import locations, mails, queue, repairs, triage, undo
from shop.services.messages import When


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
        choice, chosen = Choice.read(repair), _chosen_branch()
        try:
            step, is_told = triage.hand_over(repair, chosen, actor=current_user.actor, send=choice.send)
        except Invalid as error:
            return refused(_branch_form, number, chosen=chosen, faults=error.fields, status=422)
        if is_told and (again := _ask(repair, choice, chosen)):
            return again
        words = _("Handed over")
        if is_told:
            told = leaves(choice) if choice.when == When.LATER else _("The customer is told")
            words = f"{words}. {told}"
        return _done(number, words, step, is_held=is_told and choice.when == When.NOW)

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


def _done(number: str, words: str, step: undo.Step | None, *, is_held: bool = False):
    """What changed something can be taken back."""
    offer = undo.undoable([step] if step else [], actor=current_user.actor)
    db.session.commit()
    countdown = _("E-mail leaves in %(seconds)s s", seconds="{n}") if is_held else ""
    return done(number, words, undo=offer, countdown=countdown)


def _ask(repair, choice: Choice, chosen: int):
    """The mail that the customer gets because of the other branch, with nothing done, until it was read; else None."""
    message = mails.compose_own(repair, mails.REBOOKED)
    if choice.faults:
        return refused(_branch_form, repair.number, chosen=chosen, message=message, faults=choice.faults, status=422)
    if was_read(message):
        return None
    facts = {"chosen": chosen, "message": message, "is_another": choice.when is not None}
    return refused(_branch_form, repair.number, status=200 if choice.when is None else 409, **facts)


def _priority_form(repair, *, faults=None):
    return dialog(
        "admin/repairs/priority.html", "priority_form", title=_("Priority of %(number)s", number=repair.number),
        repair=repair, priorities=list(Priority), faults=faults or {},
    )  # fmt: skip


def _branch_form(repair, *, chosen=0, message=None, is_another=False, faults=None):
    slot = triage.appointment_of(repair)
    return dialog(
        "admin/repairs/branch.html", "branch_form", title=_("Branch of %(number)s", number=repair.number),
        is_wide=message is not None, repair=repair, branches=locations.branch_names(), faults=faults or {},
        chosen=chosen or repair.location_id, appointment=slot and slot.starts_at, message=message,
        is_another=is_another, sending=Sending.of(repair.location, Choice.read(repair)) if message else None,
    )  # fmt: skip


def _tags_form(repair, *, name="", faults=None):
    return dialog(
        "admin/repairs/tags.html", "tags_form", title=_("Tags of %(number)s", number=repair.number),
        repair=repair, on_it=triage.tags_of(repair), known=triage.list_tags(), name=name, faults=faults or {},
    )  # fmt: skip


def _chosen_branch() -> int:
    chosen = request.form.get("branch", "")
    return int(chosen) if chosen.isdecimal() and len(chosen) < 10 else 0
