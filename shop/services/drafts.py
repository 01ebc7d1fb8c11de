"""The wizard's memory: what a visitor has answered so far, kept on the server under an unguessable link."""

import json
import re
import secrets
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.booking import BookingDraft
from shop.models.errors import NotFound

LIFE = timedelta(days=14)
# Then housekeeping deletes it, at its next visit: the privacy page promises that it is gone within 30 days.
KEPT_AFTER_END = timedelta(days=29)
_POSTCODE = re.compile(r"([A-Z]{1,2}\d[A-Z\d]?)(\d[A-Z]{2})")


class Step(StrEnum):
    DEVICE = "device"
    FAULT = "fault"
    SERVICE = "service"
    DETAILS = "details"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything asked. An empty value means that it has not been answered."""

    device_id: int | None = None
    device_label: str = ""
    device_category: str = ""
    repair_type_ids: tuple[int, ...] = ()
    problem: str = ""
    service_type: str = ""
    urgency: str = "standard"
    slot_start: str = ""
    address: str = ""
    postcode: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""
    locale: str = ""
    quote_id: int | None = None

    @property
    def slot(self) -> datetime | None:
        return datetime.fromisoformat(self.slot_start) if self.slot_start else None

    @property
    def is_listed(self) -> bool:
        return self.device_id is not None


# The texts of each step, kept as they are typed.
TYPED = {
    Step.FAULT: ("problem",),
    Step.SERVICE: ("address", "postcode"),
    Step.DETAILS: ("name", "email", "phone"),
}
LONGEST_TYPED = 4_000

# What a price depends on: the quote falls when one of these changes.
PRICED = ("device_id", "device_category", "repair_type_ids", "service_type", "urgency")


class DraftGone(NotFound):
    """The link is unknown or its time is over."""


def start_draft(*, locale: str) -> BookingDraft:
    """A new empty draft. The caller commits."""
    now = utc_now()
    draft = BookingDraft(
        token=secrets.token_urlsafe(16),
        locale=locale,
        data="{}",
        typed="{}",
        expires_at=now + LIFE,
        updated_at=now,
        version=0,
    )
    db.session.add(draft)
    return draft


def get_draft(token: str, *, lock: bool = False) -> BookingDraft:
    """Raises DraftGone. With `lock` the row stays ours until the transaction ends."""
    query = select(BookingDraft).where(BookingDraft.token == token[:32])
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    draft = db.session.scalar(query) if "\x00" not in token else None
    if draft is None or (draft.repair_id is None and draft.expires_at <= utc_now()):
        raise DraftGone()
    return draft


def find_booked(repair_id: int) -> BookingDraft | None:
    """The draft from which a repair was booked, for as long as it is kept."""
    return db.session.scalar(select(BookingDraft).where(BookingDraft.repair_id == repair_id))


def answers_of(draft: BookingDraft) -> Answers:
    known = {field.name for field in fields(Answers)}
    data = {name: value for name, value in json.loads(draft.data).items() if name in known}
    return Answers(**{**data, "repair_type_ids": tuple(data.get("repair_type_ids", ()))})


def answer(draft: BookingDraft, **changes) -> Answers:
    """Keeps answers; those that no longer fit the new ones are dropped. The same again changes nothing."""
    before = answers_of(draft)
    after = replace(before, **changes)
    if _device(before) != _device(after):
        after = replace(after, **{"repair_type_ids": (), **_only(changes, "repair_type_ids")})
    if before.service_type != after.service_type:
        after = replace(after, **{"slot_start": "", **_only(changes, "slot_start")})
    if any(getattr(before, name) != getattr(after, name) for name in PRICED):
        after = replace(after, quote_id=None)
    _forget_typed(draft, changes)
    if after != before:
        now = utc_now()
        draft.data = json.dumps(asdict(after), ensure_ascii=False)
        draft.updated_at, draft.expires_at = now, now + LIFE
        draft.version += 1
    return after


def note_typed(draft: BookingDraft, step: Step, texts: dict[str, str]) -> None:
    """Keeps what is being typed and was not sent yet, right or wrong, beside the answers. Harmless if repeated.

    Names that no step asks for are passed over, and so is more text than a step takes.
    """
    kept = {name: text for name, text in texts.items() if name in TYPED.get(step, ()) and len(text) <= LONGEST_TYPED}
    typed = json.loads(draft.typed)
    if kept == typed.get(step, {}):
        return
    typed[step] = kept
    draft.typed = json.dumps({name: found for name, found in typed.items() if found}, ensure_ascii=False)
    draft.updated_at, draft.expires_at = utc_now(), utc_now() + LIFE


def typed_in(draft: BookingDraft, step: Step) -> dict[str, str]:
    """What was typed into a step and never sent: it goes before the answers when the step is shown again."""
    return json.loads(draft.typed).get(step, {})


def first_incomplete(answers: Answers) -> Step:
    """The step to which a visitor who skipped ahead is led back; review when all is answered."""
    for step, is_complete in _COMPLETE.items():
        if not is_complete(answers):
            return step
    return Step.REVIEW


def is_ahead(step: Step, answers: Answers) -> bool:
    """True if an earlier step lacks an answer."""
    order = list(Step)
    return order.index(step) > order.index(first_incomplete(answers))


def find_postcode(text: str) -> str | None:
    """A British postcode as it is written, E2 7JP, or None."""
    match = _POSTCODE.fullmatch(re.sub(r"[\s-]", "", text.upper()))
    return f"{match[1]} {match[2]}" if match else None


def _forget_typed(draft: BookingDraft, names) -> None:
    """What was answered is not typed any more."""
    typed = json.loads(draft.typed or "{}")
    left = {step: {name: text for name, text in found.items() if name not in names} for step, found in typed.items()}
    if left != typed:
        draft.typed = json.dumps({step: found for step, found in left.items() if found}, ensure_ascii=False)


def _has_service(answers: Answers) -> bool:
    if answers.service_type == "postal":
        return True
    if answers.service_type == "pickup" and not (answers.address and find_postcode(answers.postcode)):
        return False
    slot = answers.slot
    return bool(answers.service_type) and slot is not None and slot > utc_now()


_COMPLETE = {
    Step.DEVICE: lambda answers: answers.is_listed or bool(answers.device_label and answers.device_category),
    Step.FAULT: lambda answers: bool(answers.repair_type_ids),
    Step.SERVICE: _has_service,
    Step.DETAILS: lambda answers: bool(answers.name and answers.email and answers.phone),
}


def _device(answers: Answers) -> tuple:
    return answers.device_id, answers.device_label, answers.device_category


def _only(changes: dict, name: str) -> dict:
    return {name: changes[name]} if name in changes else {}
