"""What was typed and not saved: kept as it is typed, brought back into its form, listed with what became of it."""

import json
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import current_app, flash, has_request_context, redirect, request, url_for
from flask_admin import Admin, expose
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user
from sqlalchemy import event
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from shop.admin.access import requires
from shop.admin.console import ConsoleView, show
from shop.admin.forms import typed_line
from shop.database import ShopSession
from shop.extensions import db
from shop.filters import local_datetime, local_time
from shop.models.base import utc_now
from shop.models.errors import Invalid
from shop.models.staff_draft import StaffDraft
from shop.once import UNREMEMBERED, attempt_of_form
from shop.services import endings, staff_drafts
from shop.services.staff_drafts import Place, Typing

LONGEST_REPORT = 256_000
FLAG = "draft"
CHOICE = "choice:"
_FIRST_WORDS = 90
# What stands behind the question mark and says which record a form is about.
_NAMES_A_RECORD = ("id", "location", "branch", "kind")
_TIME_IS_ENOUGH = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One line of the page: a draft, its texts, and why it can no longer be saved where it was typed."""

    draft: StaffDraft
    texts: list[tuple[str, str]]
    trouble: str
    href: str
    ended: endings.Ending | None = None

    @property
    def first_words(self) -> str:
        longest = max((text for _name, text in self.texts), key=len, default="")
        return " ".join(longest.split())[:_FIRST_WORDS]


class RecoverView(ConsoleView):
    @expose("/")
    @requires("account.self")
    def index(self):
        drafts = [_unfinished(draft) for draft in staff_drafts.list_unfinished(actor=current_user.actor)]
        return show(
            "admin/recover/page.html",
            unfinished=[one for one in drafts if one.draft.discarded_at is None],
            discarded=[one for one in drafts if one.draft.discarded_at],
        )

    @expose("/count")
    @requires("account.self")
    def count(self):
        return {"count": staff_drafts.count_unfinished(actor=current_user.actor)}

    @expose("/draft")
    @requires("account.self")
    def draft(self):
        """JSON of the form at `address`: what is kept of it, and the words to say so."""
        place = find_place(request.args.get("address", ""))
        draft = place and staff_drafts.find(place.form, place.record, actor=current_user.actor)
        return {"is_kept": place is not None, "words": _words(), "draft": _facts(draft) if draft else None}

    @expose("/keep", methods=["POST"])
    @requires("account.self")
    def keep(self):
        """Takes what one window typed since its last report. It may come twice, late, or by a page that is closing."""
        place = find_place(request.form.get("address", ""), title=typed_line(request.form.get("title", ""))[:120])
        if place is None:
            return {"error": _("What is typed here is not kept.")}, 422
        try:
            draft = staff_drafts.keep(place, _typing(), actor=current_user.actor)
        except Invalid as error:
            db.session.rollback()
            return {"error": error.message}, 422
        db.session.flush()
        facts = _facts(draft) if draft else None
        db.session.commit()
        return {"draft": facts}

    @expose("/<row_id:draft_id>/discard", methods=["POST"])
    @requires("account.self")
    def discard(self, draft_id: int):
        staff_drafts.discard(draft_id, actor=current_user.actor)
        return _done(_("Discarded. It can be brought back for a day."))

    @expose("/<row_id:draft_id>/bring-back", methods=["POST"])
    @requires("account.self")
    def bring_back(self, draft_id: int):
        staff_drafts.bring_back(draft_id, actor=current_user.actor)
        return _done(_("Brought back."))


def init_app(admin: Admin) -> None:
    admin.add_view(RecoverView("Unfinished work", path="recover"))


def find_place(address: str, *, title: str = "") -> Place | None:
    """The form that is sent to `address`; None for what is none of the console, or handles secrets."""
    parts = urlsplit(address[:400])
    if not parts.path.startswith("/admin/"):
        return None
    try:
        endpoint, values = current_app.url_map.bind("").match(parts.path, method="POST")
    except (HTTPException, RequestRedirect):
        return None
    if endpoint in UNREMEMBERED or endpoint.startswith("recover."):
        return None
    named = [(name, value) for name, value in parse_qsl(parts.query) if name in _NAMES_A_RECORD]
    record = "/".join([*map(str, values.values()), *(value for _name, value in named)])
    opened = f"{parts.path}?{urlencode(named)}" if named else parts.path
    return Place(endpoint[:60], record[:60], opened[:200], title)


def _typing() -> Typing:
    """Raises Invalid for what no script of ours sends."""
    text = request.form.get("changes", "")
    try:
        if len(text) > LONGEST_REPORT:
            raise ValueError
        changes = {str(name): _change(value) for name, value in json.loads(text).items()}
    except (ValueError, AttributeError, TypeError, KeyError):
        raise Invalid({"changes": _("What is typed here is not kept.")}) from None
    return Typing(
        changes=changes, window=request.form.get("window", "")[:40],
        seen=request.form.get("seen", default=0, type=int), sent_as=request.form.get("sent_as", "")[:64],
    )  # fmt: skip


def _change(value) -> tuple[str, str] | None:
    return None if value is None else (_plain(value["value"]), _plain(value["base"]))


def _plain(text) -> str:
    return str(text).replace("\x00", "")


def _facts(draft: StaffDraft) -> dict:
    fields = staff_drafts.fields_of(draft)
    today = draft.updated_at.date() == utc_now().date()
    at = local_time(draft.updated_at) if today else local_datetime(draft.updated_at)
    told = ngettext(
        "Restored from %(time)s, one field.", "Restored from %(time)s, %(num)s fields.", len(fields), time=at
    )
    return {
        "id": draft.id,
        "version": draft.version,
        "at": at,
        "told": told,
        "fields": {
            name: {"value": field["value"], "base": field["base"], "others": [one["value"] for one in field["others"]]}
            for name, field in fields.items()
        },
    }


def _words() -> dict[str, str]:
    return {
        "kept": _("Draft kept %(time)s", time="{time}"),
        "device": _("Not reached: what you type is kept on this device."),
        "signedOut": _("Signed out: what you typed is kept on this device until you sign in again."),
        "changed": _("It was changed by a colleague since: you see both sides when you save."),
        "other": _("In another window you had typed:"),
        "use": _("Use this text"),
        "discard": _("Discard"),
        "discarded": _("Discarded."),
        "undo": _("Undo"),
    }


def _unfinished(draft: StaffDraft) -> Unfinished:
    texts = []
    # What was ticked comes back with its form; only texts are worth copying.
    for name, field in staff_drafts.fields_of(draft).items():
        if name.startswith(CHOICE):
            continue
        label = name.removeprefix("now.").replace("_", " ").capitalize()
        texts += [(label, text) for text in [field["value"], *(one["value"] for one in field["others"])] if text]
    ended = endings.find_ending(draft.record.partition("/")[0]) if draft.record.upper().startswith("RT-") else None
    return Unfinished(draft, texts, _trouble(draft, ended), _where_it_opens(draft), ended)


def _trouble(draft: StaffDraft, ended: endings.Ending | None) -> str:
    """Why the form cannot be opened any more; empty if it can."""
    if ended:
        return f"{ended.words} {_('The text can still be copied.')}"
    blueprint, _dot, method = draft.form.partition(".")
    views = {view.endpoint: view for view in current_app.extensions["admin"][0]._views}
    if blueprint not in views or not hasattr(views[blueprint], method):
        return _("This form does not exist any more.")
    permission = views[blueprint].permission_for(method)
    if permission is None or not current_user.may(permission):
        return _("Your role does not change this any more. The text can still be copied.")
    if draft.form.startswith("repairs.") and not staff_drafts.is_there(draft):
        return _("There is no such repair any more. The text can still be copied.")
    return ""


def _where_it_opens(draft: StaffDraft) -> str:
    """The form's own page; for a form that has none, such as a note, the page of the record."""
    path, _mark, query = draft.address.partition("?")
    try:
        current_app.url_map.bind("").match(path, method="GET")
    except RequestRedirect:
        return draft.address
    except HTTPException:
        return f"{path.rpartition('/')[0]}{'?' if query else ''}{query}"
    return draft.address


def _done(message: str):
    db.session.commit()
    if request.accept_mimetypes.best == "application/json":
        return {"done": True}
    flash(message, "success")
    return redirect(url_for("recover.index"), 303)


@event.listens_for(ShopSession, "before_commit")
def _forget_what_is_saved(session) -> None:
    """A form that had a draft says so; the draft goes in the transaction that saves it."""
    if not has_request_context() or session.in_nested_transaction() or not attempt_of_form():
        return
    if FLAG not in request.form or not request.path.startswith("/admin/"):
        return
    place = find_place(request.full_path)
    if place and current_user.is_authenticated:
        staff_drafts.saved(place.form, place.record, actor=current_user.actor)
