"""The command palette: one field that finds tickets, customers, devices, views, pages and acts, and does them."""

import re
from dataclasses import dataclass

from flask import request, url_for
from flask_admin import Admin, expose
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.console import ConsoleView, navigation, show
from shop.admin.keymap import KEYS
from shop.admin.queue_rows import day_ends, label_of
from shop.extensions import htmx
from shop.models.workflow import moves_from
from shop.services import palette, saved_views
from shop.services.memory import log_state
from shop.services.words import is_like

# The script takes away the commands that the page does not know, so all are sent.
MOST_RECENT, MOST_VIEWS, MOST_PAGES = 5, 6, 8
_NUMBER = re.compile("RT-[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Act:
    """Something to do with one ticket: a page or a form at its address, or what a script does."""

    does: str
    words: LazyString
    icon: str
    key: str
    permission: str
    path: str = ""
    is_form: bool = True
    address: str = ""


# What can be done with a ticket that was found. One line more is one act more.
TICKET_ACTS = (
    Act("status", _l("Change the status"), "clipboard-check", "s", "repair.move", "move"),
    Act("assign", _l("Assign to…"), "user-round-plus", "a", "repair.assign", "assign"),
    Act("note", _l("Write a note"), "sticky-note", "n", "repair.note", "notes"),
    Act("priority", _l("Set the priority"), "arrow-up-down", "p", "repair.edit", "priority"),
    Act("tags", _l("Change the tags"), "tag", "g", "repair.edit", "tags"),
    Act("edit", _l("Edit the ticket"), "pencil", "e", "repair.edit", "edit", is_form=False),
    Act("open", _l("Open the ticket"), "arrow-right", "Enter", "repair.view", "", is_form=False),
    Act(
        "labels",
        _l("Print labels"),
        "printer",
        "l",
        "repair.view",
        is_form=False,
        address="/admin/repairs/labels?numbers={number}",
    ),
    Act("duplicate", _l("Duplicate of…"), "git-merge", "d", "repair.merge", "merge"),
    Act("delete", _l("Delete, made by mistake…"), "trash-2", "", "repair.delete", "deletion", is_form=False),
    Act("copy", _l("Copy the ticket number"), "copy", ".", "repair.view"),
)
# Keys that go from row to row, or open what the palette opens itself, are no commands.
_NO_COMMANDS = {
    "next", "previous", "left", "right", "open", "select", "select_to_here", "view", "leave", "search",
}  # fmt: skip
# Controls that every page of the console has.
_CONTROLS = (
    (_l("Light theme"), "sun", '[data-set-theme="light"]'),
    (_l("Dark theme"), "moon", '[data-set-theme="dark"]'),
    (_l("Theme as the system"), "monitor", '[data-set-theme="system"]'),
    (_l("Sign out"), "log-out", 'form[action="/logout"] button'),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A line that leads somewhere, or does what a key or a control of the page does."""

    title: str
    icon: str
    href: str = ""
    key: str = ""
    does: str = ""
    press: str = ""


class PaletteView(ConsoleView):
    @expose("/")
    @requires("repair.view")
    def index(self):
        typed = request.args.get("q", "").replace("\x00", "").strip()
        sign, q = (typed[0], typed[1:].strip()) if typed[:1] in {">", "#"} else ("", typed)
        found = _found(sign, q)
        return show(
            "admin/palette/page.html", "palette_list", typed=typed, q=q, sign=sign, found=found,
            tickets=[(row, _next_move(row)) for row in found.tickets], acts=_acts(),
            views=_views(q) if sign != "#" else [], pages=_pages(q) if sign != "#" else [],
            commands=_commands(q) if sign == ">" or (q and not sign) else [], as_options=bool(htmx),
        )  # fmt: skip


def init_app(admin: Admin) -> None:
    admin.add_view(PaletteView("Palette", path="palette"))


def _found(sign: str, q: str) -> palette.Found:
    who = {"me": current_user.id, "day_ends": day_ends()}
    if sign == "#":
        return palette.find_by_number(q, **who)
    if sign == ">":
        return palette.Found()
    if not q:
        recent = [number for number in request.args.get("recent", "")[:200].split(",") if _NUMBER.fullmatch(number)]
        return palette.Found(palette.rows_of(list(dict.fromkeys(recent))[:MOST_RECENT], **who))
    return palette.find(
        q, **who, sees_customers=current_user.may("customer.view"), sees_devices=current_user.may("catalogue.view")
    )


def _next_move(row) -> str:
    """Where this ticket usually goes from here, if this person may move it."""
    if not current_user.may("repair.move"):
        return ""
    return next((move.target for move in moves_from(row.status) if current_user.may(move.permission)), "")


def _acts() -> list[Act]:
    return [act for act in TICKET_ACTS if current_user.may(act.permission)]


def _views(q: str) -> list[Place]:
    views = saved_views.views_of(current_user.actor, current_user.preferences, state=log_state()).all
    places = [Place(label_of(view), "list", url_for("repairs.index", view=view.slug)) for view in views]
    return _like(places, q)[:MOST_VIEWS]


def _pages(q: str) -> list[Place]:
    items = [item for group in navigation() for item in group["items"]]
    places = [Place(str(item["label"]), item["icon"], item["url"]) for item in items]
    return _like([*places, Place(_("Account"), "user-round", url_for("account.index"))], q)[:MOST_PAGES]


def _commands(q: str) -> list[Place]:
    keys = [
        Place(str(key.words), "keyboard", key=key.press, does=key.does)
        for key in KEYS
        if key.does not in _NO_COMMANDS and current_user.may(key.permission)
    ]
    controls = [Place(str(words), icon, press=selector) for words, icon, selector in _CONTROLS]
    return _like([*keys, *controls], q)


def _like(places: list[Place], q: str) -> list[Place]:
    return [place for place in places if is_like(place.title, q)]
