"""A ticket merged into another one, or deleted: HTTP in, a dialog, a page or the news out."""

from flask import flash, redirect, render_template, request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.answers import dialog, done
from shop.admin.console import show
from shop.extensions import db, htmx
from shop.models.errors import Invalid, NotFound
from shop.services import (
    endings,
    merges,
    numbers,
    removals,
    repairs,
    reversals,  # noqa: F401 - registers how a merge is taken back
    undo,
)

LONGEST_NUMBER = 120


class EndingActs:
    """Part of the screen of repairs: how a ticket ends without its work being done."""

    @expose("/<string:number>/merge", methods=["GET", "POST"])
    @requires("repair.merge")
    def merge(self, number: str):
        repair = repairs.get_workable(number)
        typed = _typed_number()
        if not typed or request.form.get("back"):
            missing = {"into": _("Name the ticket that stays.")} if _is_step_without_number() else {}
            return _choose_form(repair, typed=typed, faults=missing, status=422 if missing else 200)
        try:
            plan = merges.plan(repair, repairs.get_repair(_find_number(typed)))
        except NotFound as error:
            return _choose_form(repair, typed=typed, faults={"into": error.message}, status=422)
        except Invalid as error:
            return _choose_form(repair, typed=typed, faults=error.fields, status=422)
        if request.method == "GET" or request.form.get("sure") != plan.stays.number:
            return _sure_form(plan)
        return _merge(plan)

    @expose("/<string:number>/deletion", methods=["GET", "POST"])
    @requires("repair.delete", sudo=True)
    def delete(self, number: str):
        if request.method == "GET":
            return _delete_page(repairs.get_workable(number))
        repair, reason = repairs.lock_repair(number), request.form.get("reason", "")
        number = repair.number
        try:
            removals.delete_repair(repair, reason, actor=current_user.actor)
        except Invalid as error:
            db.session.rollback()
            return _delete_page(repairs.get_workable(number), reason=reason, faults=error.fields, status=422)
        db.session.commit()
        flash(_("%(number)s is deleted.", number=number), "success")
        return redirect(url_for("repairs.index"), 303)

    @expose("/<string:number>/ended")
    @requires("repair.view")
    def ended(self, number: str):
        """What became of a ticket, for a page that has it open; 204 for one that is still worked on."""
        ending = endings.find_ending(number)
        if not htmx:
            return redirect(url_for("repairs.ticket", number=number), 303)
        return render_template("admin/repairs/_ended.html", ending=ending) if ending else ("", 204)


def _merge(plan: merges.Plan):
    duplicate, stays = plan.duplicate.number, plan.stays.number
    # What the preview has read may be another thing by the time that both are locked.
    db.session.rollback()
    try:
        step = merges.merge(
            *repairs.lock_pair(duplicate, stays), actor=current_user.actor,
            keep_time=request.form.get("time") == "duplicate",
            other_customer=request.form.get("other_customer") == "1",
        )  # fmt: skip
    except Invalid as error:
        db.session.rollback()
        return _again(duplicate, stays, error.fields)
    offer = undo.undoable([step], actor=current_user.actor)
    db.session.commit()
    return done(duplicate, _("Merged into %(number)s", number=stays), undo=offer, leads_to=stays)


def _again(duplicate: str, stays: str, faults: dict[str, str]):
    """Where the preview still holds, with what is to be said; else the choice anew."""
    repair = repairs.get_workable(duplicate)
    try:
        return _sure_form(merges.plan(repair, repairs.get_repair(stays)), faults=faults, status=422)
    except Invalid as error:
        return _choose_form(repair, typed=stays, faults=error.fields, status=422)


def _choose_form(repair, *, typed: str = "", faults=None, status: int = 200):
    return dialog(
        "admin/repairs/merge.html", "merge_form", status=status,
        title=_("%(number)s is a duplicate of…", number=repair.number),
        repair=repair, plan=None, suggested=merges.suggest(repair), typed=typed, faults=faults or {},
    )  # fmt: skip


def _sure_form(plan: merges.Plan, *, faults=None, status: int = 200):
    return dialog(
        "admin/repairs/merge.html", "merge_form", status=status,
        title=_("Merge %(number)s into %(into)s?", number=plan.duplicate.number, into=plan.stays.number),
        repair=plan.duplicate, plan=plan, suggested=[], typed=plan.stays.number, faults=faults or {},
        time=request.form.get("time") or ("duplicate" if plan.may_keep_time and not plan.time else "own"),
        seconds=undo.UNDO_SECONDS,
    )  # fmt: skip


def _delete_page(repair, *, reason: str = "", faults=None, status: int = 200):
    return show(
        "admin/repairs/delete.html", status=status, repair=repair, reason=reason, faults=faults or {},
        obstacle=removals.find_obstacle(repair), longest=removals.LONGEST_REASON,
    )  # fmt: skip


def _typed_number() -> str:
    """What was typed or scanned counts; else the ticket that was picked."""
    typed = " ".join(request.values.get("into", "").replace("\x00", "").split())[:LONGEST_NUMBER]
    return typed or request.values.get("pick", "")[:16]


def _is_step_without_number() -> bool:
    return request.method == "POST" and not request.form.get("back")


def _find_number(typed: str) -> str:
    """Raises Invalid for what stands for no ticket, or for several."""
    number = numbers.read_one(typed)
    found = numbers.look_up([number])[number] if number else []
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(found[:5])
        raise Invalid({"into": _("This stands for several tickets: %(numbers)s. Name one.", numbers=some)})
    if number and number.kind == "ticket":
        raise endings.absence(number.key)
    raise Invalid({"into": _("There is no ticket for this. Type a number such as RT-10482, or scan its label.")})
