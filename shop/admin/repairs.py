"""The repair queue and the ticket: HTTP in, a page or a piece of it out."""

import re
from functools import lru_cache

from flask import render_template, request
from flask_admin import expose
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin import conflict, sending
from shop.admin.access import requires
from shop.admin.advice import advice_on
from shop.admin.answers import dialog, done, refused
from shop.admin.board import board_page, changed_cards
from shop.admin.console import ConsoleView, show
from shop.admin.endings import EndingActs
from shop.admin.extra_work import WorkActs
from shop.admin.held import HeldActs
from shop.admin.keymap import foot_keys
from shop.admin.money import MoneyActs
from shop.admin.queue_rows import asked, changes, choices, day_ends, render_rows, tabs
from shop.admin.takeaway import TakeawayActs
from shop.admin.ticket import ticket_facts
from shop.admin.triage import TriageActs
from shop.extensions import db
from shop.models.errors import Invalid, Stale
from shop.models.staff import initials
from shop.services import consent, messages, numbers, palette, queue, repairs, undo
from shop.services.memory import log_state
from shop.services.subscriptions import TOLD_BY_MAIL

MOST_ROWS_AT_ONCE = 100
LONGEST_NUMBER_LIST = 2_000
_NUMBER = re.compile("[A-Za-z0-9-]{1,16}")
# What a key does with a row: the last part of its address, and the right that it needs.
_ACTS = {
    "move": "repair.move",
    "assign": "repair.assign",
    "notes": "repair.note",
    "priority": "repair.edit",
    "tags": "repair.edit",
    "branch": "repair.edit",
    "merge": "repair.merge",
}


class RepairsView(TriageActs, EndingActs, TakeawayActs, MoneyActs, HeldActs, WorkActs, ConsoleView):
    @expose("/")
    @requires("repair.view")
    def index(self):
        # First where the log stands: what comes later is told to the open page.
        state, end = log_state(), day_ends()
        filters, views = asked(state)
        counts = queue.count_open(day_ends=end, state=state)
        page = queue.page(filters, me=current_user.id, day_ends=end, state=state)
        acts = [act for act, right in _ACTS.items() if current_user.may(right)]
        bar, more = tabs(counts, views)
        return show(
            "admin/repairs/queue.html", "queue_body", shell_kept=True,
            filters=filters, page=page, rows=render_rows(page.rows),
            counts=counts, tabs=bar, more=more, acts=acts, foot_keys=foot_keys("queue"), report=_report(filters),
            near=None if page.rows else _near(filters, end), **choices(state), liked=current_user.preferences,
        )  # fmt: skip

    @expose("/rows")
    @requires("repair.view")
    def rows(self):
        """The named rows as they are now, for a list that is open; a row that left its filters is marked."""
        return changes(_asked_numbers())

    @expose("/board")
    @requires("repair.view")
    def board(self):
        return board_page()

    @expose("/board/cards")
    @requires("repair.view")
    def cards(self):
        """The named cards as they are now, for a board that is open, with the numbers of its columns and tabs."""
        return changed_cards(_asked_numbers())

    @expose("/<string:number>")
    @requires("repair.view")
    def ticket(self, number: str):
        # First where the log stands: what comes later is told to the open page.
        state = log_state()
        facts = ticket_facts(repairs.get_repair(number), state=state)
        place = {"position": state.position, "foot_keys": foot_keys("ticket")}
        return show("admin/repairs/ticket.html", "ticket", **place, **facts)

    @expose("/<string:number>/move", methods=["GET", "POST"])
    @requires("repair.move")
    def move(self, number: str):
        if request.method == "GET" or request.form.get("back"):
            return _move_form(repairs.get_workable(number))
        repair = repairs.lock_repair(number)
        try:
            _diagnose_first(repair)
            target, send = request.form.get("target", ""), sending.Choice.read(repair)
            moved = repairs.move(
                repair, target, actor=current_user.actor, seen=request.form.get("seen"), send=send.send
            )
        except Invalid as error:
            return refused(_move_form, number, faults=error.fields, status=422)
        except Stale:
            return refused(_move_form, number, moved=True, status=409)
        if question := sending.ask(repair, moved, send):
            return question
        offer = undo.undoable([moved.step], actor=current_user.actor)
        said, countdown = sending.said(repair, moved, send)
        db.session.commit()
        words = _("Moved to %(status)s", status=_words(target))
        return done(number, f"{words}. {said}" if said else words, undo=offer, countdown=countdown)

    @expose("/<string:number>/assign", methods=["GET", "POST"])
    @requires("repair.assign")
    def assign(self, number: str):
        if request.method == "GET":
            return _assign_form(repairs.get_workable(number))
        repair = repairs.lock_repair(number)
        try:
            step = repairs.assign(repair, _chosen_person(), actor=current_user.actor, seen=request.form.get("seen"))
        except Invalid as error:
            return refused(_assign_form, number, faults=error.fields, status=422)
        except Stale:
            return refused(_assign_form, number, taken=True, status=409)
        offer = undo.undoable([step] if step else [], actor=current_user.actor)
        db.session.commit()
        return done(number, _("Assigned"), undo=offer)

    @expose("/<string:number>/edit", methods=["GET", "POST"])
    @requires("repair.edit")
    def edit(self, number: str):
        if request.method == "GET":
            return _edit_page(repairs.get_workable(number))
        repair = repairs.lock_repair(number)
        typed, base = _typed(), _fields("base.")
        try:
            edit = repairs.edit(repair, typed, base=base, actor=current_user.actor)
        except Stale as error:
            return refused(_conflict_page, number, typed=typed, base=base, clashing=error.conflicts, status=409)
        except Invalid as error:
            return refused(_edit_page, number, typed=typed, base=base, faults=error.fields, status=422)
        db.session.commit()
        words = _("Saved, together with what a colleague changed meanwhile") if edit.merged else _("Saved")
        return done(number, words)

    @expose("/<string:number>/mails", methods=["POST"])
    @requires("customer.consent")
    def mails(self, number: str):
        """What the customer said about mails on the status: `wanted` is 1 or empty."""
        repair, wanted = repairs.lock_repair(number), request.form.get("wanted") == "1"
        consent.set_status_mails(repair, wanted, actor=current_user.actor)
        db.session.commit()
        return done(number, _("Noted: e-mails about the status") if wanted else _("Noted: no e-mails about the status"))

    @expose("/<string:number>/notes", methods=["GET", "POST"])
    @requires("repair.note")
    def note(self, number: str):
        if request.method == "GET":
            return _note_form(repairs.get_workable(number))
        repair, body = repairs.lock_repair(number), request.form.get("body", "")
        try:
            repairs.add_note(repair, body, actor=current_user.actor)
        except Invalid as error:
            if request.form.get("alone"):
                return refused(_note_form, number, note=body, faults=error.fields, status=422)
            db.session.rollback()
            facts = ticket_facts(repairs.get_repair(number), state=log_state(), note=body, note_faults=error.fields)
            return show("admin/repairs/ticket.html", "ticket", status=422, foot_keys=foot_keys("ticket"), **facts)
        db.session.commit()
        return done(number, _("Note added"))


def _asked_numbers() -> list[str]:
    tickets = request.args.get("numbers", "")[:LONGEST_NUMBER_LIST].split(",")[:MOST_ROWS_AT_ONCE]
    return [number for number in tickets if _NUMBER.fullmatch(number)]


def _report(filters: queue.Filters) -> numbers.Report | None:
    """Which of the pasted numbers were found, on the first page of their list."""
    pasted = numbers.read_list(request.args.get("q", "")[: numbers.LONGEST_PASTE]) if filters.pasted else None
    return None if pasted is None or filters.after else numbers.report(pasted)


def _near(filters: queue.Filters, end) -> palette.Near | None:
    """What a search that found nothing anywhere could have meant."""
    is_everywhere = filters.words and not filters.after and filters.arguments().keys() == {"q"}
    return palette.near_search(filters, me=current_user.id, day_ends=end) if is_everywhere else None


def _move_form(repair, *, faults=None, moved=False):
    moves = repairs.allowed_moves(repair, current_user.actor)
    return dialog(
        "admin/repairs/move.html", "move_form", title=_("Move %(number)s", number=repair.number),
        repair=repair, moves=moves, moved=moved, faults=faults or {},
        needs_diagnosis=not repair.diagnosis and any("diagnosis" in move.needs for move in moves),
        diagnosis=request.form.get("diagnosis", ""), target=request.values.get("target"),
        told=TOLD_BY_MAIL, obstacle=messages.find_obstacle(repair.customer),
    )  # fmt: skip


def _assign_form(repair, *, faults=None, taken=False):
    return dialog(
        "admin/repairs/assign.html", "assign_form", title=_("Assign %(number)s", number=repair.number),
        repair=repair, faults=faults or {}, taken=taken, **advice_on(repair),
    )  # fmt: skip


def _note_form(repair, *, note="", faults=None):
    return dialog(
        "admin/repairs/note.html", "note_form", title=_("Note on %(number)s", number=repair.number),
        repair=repair, note=note, faults=faults or {},
    )  # fmt: skip


def _edit_page(repair, *, typed=None, base=None, faults=None):
    current = repairs.editable_values(repair)
    return show(
        "admin/repairs/edit.html", "edit_form",
        repair=repair, values={**current, **(typed or {})}, base={**current, **(base or {})},
        faults=faults or {},
        fields=[field for field in repairs.EDITABLE if repairs.may_edit(field, current_user.actor)],
    )  # fmt: skip


def _conflict_page(repair, *, typed, base, clashing):
    return show(
        "admin/repairs/conflict.html",
        repair=repair, conflict=conflict.describe(repair, clashing, typed=typed, base=base),
        values=conflict.values_after(repair, typed=typed, base=base), base=repairs.editable_values(repair),
        initials=initials,
    )  # fmt: skip


def _diagnose_first(repair) -> None:
    """A diagnosis typed into the move dialog is saved before the move that needs it."""
    typed = request.form.get("diagnosis", "").strip()
    if typed and not repair.diagnosis:
        repairs.edit(repair, {"diagnosis": typed}, base={"diagnosis": ""}, actor=current_user.actor)


def _chosen_person() -> int | None:
    chosen = request.form.get("assignee", "")
    if chosen and not (chosen.isdecimal() and len(chosen) < 10):
        raise Invalid({"assignee": _("Choose someone who works on repairs.")})
    return int(chosen) if chosen else None


def _fields(prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in request.form.items() if name.startswith(prefix)}


def _typed() -> dict[str, str]:
    """What was typed; where both sides were offered and the text was left alone, the side that was picked."""
    picked, offered = _fields("pick."), _fields("yours.")
    return {
        field: picked[field] if field in picked and value == offered.get(field) else value
        for field, value in _fields("now.").items()
    }


def _words(status: str) -> str:
    return _words_in(status, str(get_locale()))


@lru_cache(maxsize=64)
def _words_in(status: str, _locale: str) -> str:
    return render_template("admin/repairs/_status_words.html", status=status).strip()
