"""What a person of the staff types, kept until it is saved: one draft per person, form and record.

`fields` of a draft maps a field's name to what is typed in it (`value`), what was saved when the typing began (`base`),
in which window it was typed last (`window`) and at which version of the draft (`version`). A text of another window
that was typed over without having been seen there is kept under `others`.
"""

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, delete, select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotFound
from shop.models.repair import Repair
from shop.models.staff_draft import StaffDraft
from shop.services import idempotency
from shop.services.statements import insert_if_absent

KEPT = timedelta(days=30)
# What was thrown away can be brought back for so long.
KEPT_DISCARDED = timedelta(days=1)
LONGEST = 60_000
MOST_FIELDS = 60
MOST_DRAFTS = 200
MOST_OTHERS = 3
LONGEST_NAME = 60
# Passwords and codes are never kept, whoever sends them.
SECRET = re.compile(r"password|secret|(^|[_.-])(code|otp|totp|pin)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Which form about which record, where it can be opened again, and what it is called."""

    form: str
    record: str
    address: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Typing:
    """What one window reports: changed fields with (value, base), or None where nothing is left to keep.

    `seen` is the version of the draft that the window knew; `sent_as` the key of the form, by which a report that
    comes after its save is told from a new one.
    """

    changes: dict[str, tuple[str, str] | None]
    window: str
    seen: int = 0
    sent_as: str = ""


def keep(place: Place, typing: Typing, *, actor: Actor) -> StaffDraft | None:
    """Keeps what was typed; None when nothing is left to keep, or the form was saved meanwhile.

    Raises Invalid when it is more than can be kept. A second call with the same changes changes nothing that is shown.
    """
    if typing.sent_as and idempotency.was_claimed(_scope(actor), typing.sent_as):
        return None
    changes = {name: change for name, change in typing.changes.items() if not SECRET.search(name)}
    draft = _locked(place, actor) or (_started(place, actor) if any(changes.values()) else None)
    if draft is None:
        return None
    fields = fields_of(draft) if draft.discarded_at is None else {}
    draft.version += 1
    for name, change in changes.items():
        _note(fields, name, change, typing, draft.version)
    _check_size(fields)
    if not fields:
        db.session.delete(draft)
        return None
    draft.fields = json.dumps(fields, ensure_ascii=False)
    draft.address, draft.title = place.address, place.title or draft.title
    draft.updated_at, draft.discarded_at = utc_now(), None
    return draft


def find(form: str, record: str, *, actor: Actor) -> StaffDraft | None:
    """The actor's own living draft of a form."""
    query = select(StaffDraft).where(*_is(form, record, actor), StaffDraft.discarded_at.is_(None))
    return db.session.scalar(query)


def saved(form: str, record: str, *, actor: Actor) -> None:
    """Forgets a draft in the transaction that saves it. What another window had typed over it stays."""
    draft = db.session.scalar(select(StaffDraft).where(*_is(form, record, actor)).with_for_update())
    if draft is None:
        return
    left = {name: _older(field) for name, field in fields_of(draft).items() if field.get("others")}
    if not left:
        db.session.delete(draft)
        return
    draft.fields, draft.version = json.dumps(left, ensure_ascii=False), draft.version + 1


def list_unfinished(*, actor: Actor) -> list[StaffDraft]:
    """The actor's drafts, newest first; those thrown away within KEPT_DISCARDED too."""
    query = select(StaffDraft).where(StaffDraft.staff_id == actor.id).order_by(StaffDraft.updated_at.desc())
    return list(db.session.scalars(query.limit(MOST_DRAFTS)))


def typed_at(path: str, *, actor: Actor) -> list[StaffDraft]:
    """The actor's drafts of the forms at and around `path`: for the page that says that it is not there any more."""
    parts = set(path.split("/")) - {""}
    drafts = [draft for draft in list_unfinished(actor=actor) if draft.discarded_at is None]
    return [
        draft
        for draft in drafts
        if draft.address.partition("?")[0] == path or ({*draft.record.split("/")} - {""}) & parts
    ]


def count_unfinished(*, actor: Actor) -> int:
    query = select(StaffDraft.id).where(StaffDraft.staff_id == actor.id, StaffDraft.discarded_at.is_(None))
    return len(db.session.scalars(query.limit(MOST_DRAFTS)).all())


def is_there(draft: StaffDraft) -> bool:
    """Whether the ticket that the draft is about still exists."""
    number = draft.record.partition("/")[0]
    return (
        not number.upper().startswith("RT-")
        or db.session.scalar(select(Repair.id).where(Repair.number == number.upper())) is not None
    )


def discard(draft_id: int, *, actor: Actor) -> StaffDraft:
    """Throws a draft away; `bring_back` takes that back. Raises NotFound. A second call changes nothing."""
    draft = _own(draft_id, actor)
    draft.discarded_at = draft.discarded_at or utc_now()
    return draft


def bring_back(draft_id: int, *, actor: Actor) -> StaffDraft:
    """Raises NotFound when it is gone for good."""
    draft = _own(draft_id, actor)
    draft.discarded_at = None
    return draft


def fields_of(draft: StaffDraft) -> dict[str, dict[str, Any]]:
    return json.loads(draft.fields)


def is_old() -> ColumnElement[bool]:
    """Which drafts housekeeping may forget."""
    now = utc_now()
    return (StaffDraft.updated_at < now - KEPT) | (StaffDraft.discarded_at < now - KEPT_DISCARDED)


def _scope(actor: Actor) -> str:
    return f"{idempotency.FORMS}staff:{actor.id}"


def _note(fields: dict, name: str, change: tuple[str, str] | None, typing: Typing, version: int) -> None:
    before = fields.get(name, {})
    others = list(before.get("others", []))
    if _is_unseen(before, typing) and (change is None or before["value"] != change[0]):
        others = [{"value": before["value"], "base": before["base"]}, *others]
    if change is None:
        fields.pop(name, None)
        if others:
            fields[name] = _older({"others": others})
        return
    value, base = change
    others = [other for other in others if other["value"] != value][:MOST_OTHERS]
    fields[name] = {"value": value, "base": base, "window": typing.window, "version": version, "others": others}


def _is_unseen(field: dict, typing: Typing) -> bool:
    """True if another window typed this after the reporting one last looked."""
    return bool(field) and field.get("window") != typing.window and field.get("version", 0) > typing.seen


def _older(field: dict) -> dict:
    """The text of another window takes the place of what is saved or gone."""
    newest, *rest = field["others"]
    return {**newest, "window": "", "version": 0, "others": rest}


def _check_size(fields: dict) -> None:
    if len(fields) > MOST_FIELDS or any(len(name) > LONGEST_NAME for name in fields):
        raise Invalid({"fields": _("This form has more fields than can be kept.")})
    if len(json.dumps(fields, ensure_ascii=False)) > LONGEST:
        raise Invalid({"fields": _("This is too long to be kept on the server. Save it, or shorten it.")})


def _locked(place: Place, actor: Actor) -> StaffDraft | None:
    query = select(StaffDraft).where(*_is(place.form, place.record, actor)).with_for_update()
    return db.session.scalar(query.execution_options(populate_existing=True))


def _started(place: Place, actor: Actor) -> StaffDraft | None:
    """A new draft, locked; of two windows that begin at once the second waits and finds the first one's."""
    now = utc_now()
    values = {
        "staff_id": actor.id, "form": place.form, "record": place.record, "address": place.address,
        "title": place.title, "fields": "{}", "version": 0, "created_at": now, "updated_at": now,
    }  # fmt: skip
    db.session.execute(insert_if_absent(StaffDraft, unique=["staff_id", "form", "record"], values=values))
    _forget_beyond_the_most(actor)
    return _locked(place, actor)


def _forget_beyond_the_most(actor: Actor) -> None:
    mine = select(StaffDraft.id).where(StaffDraft.staff_id == actor.id).order_by(StaffDraft.updated_at.desc())
    oldest = list(db.session.scalars(mine.offset(MOST_DRAFTS)))
    if oldest:
        db.session.execute(delete(StaffDraft).where(StaffDraft.id.in_(oldest)))


def _own(draft_id: int, actor: Actor) -> StaffDraft:
    query = select(StaffDraft).where(StaffDraft.id == draft_id, StaffDraft.staff_id == actor.id)
    draft = db.session.scalar(query.with_for_update())
    if draft is None:
        raise NotFound(_("This text is not kept any more."))
    return draft


def _is(form: str, record: str, actor: Actor) -> tuple:
    return StaffDraft.staff_id == actor.id, StaffDraft.form == form, StaffDraft.record == record
