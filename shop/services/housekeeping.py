"""Forgets what was kept for a time only. Events and deliveries are never touched."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, inspect, select, tuple_
from sqlalchemy.orm import aliased

from shop.extensions import db
from shop.models.account import AccountToken, CustomerAccount
from shop.models.base import utc_now
from shop.models.booking import BookingDraft, IdempotencyKey
from shop.models.bulk import BulkItem, BulkRun
from shop.models.search_word import WordUse
from shop.models.staff import SignIn
from shop.models.staff_draft import StaffDraft
from shop.models.undo import UndoableAct
from shop.services import (
    accounts,
    bulk,
    drafts,
    idempotency,
    payment_log,
    staff,
    staff_drafts,
    undo,
    word_uses,
)

BATCH = 500


@dataclass(slots=True)
class Forgotten:
    """How many rows of each kind were deleted."""

    idempotency_keys: int = 0
    booking_drafts: int = 0
    staff_drafts: int = 0
    sign_ins: int = 0
    account_tokens: int = 0
    customer_accounts: int = 0
    undoable_acts: int = 0
    bulk_items: int = 0
    bulk_runs: int = 0
    word_uses: int = 0
    provider_calls: int = 0
    provider_events: int = 0
    refused_webhooks: int = 0

    @property
    def total(self) -> int:
        return sum(asdict(self).values())


def forget_old(*, is_stopping: Callable[[], bool] = lambda: False) -> Forgotten:
    """Deletes what is older than its rule allows until nothing is left or `is_stopping` turns true.

    Commits by itself after each batch, so that nobody waits long for a lock. Harmless when called again, and in
    several processes at once: each takes rows that no other has.
    """
    forgotten = Forgotten()
    for name, model, is_old in _rules():
        deleted = BATCH
        while deleted == BATCH and not is_stopping():
            deleted = _forget_batch(model, is_old)
            db.session.commit()
            setattr(forgotten, name, getattr(forgotten, name) + deleted)
    return forgotten


def _rules() -> list[tuple[str, type, ColumnElement[bool]]]:
    now = utc_now()
    return [
        ("idempotency_keys", IdempotencyKey, idempotency.is_old(now)),
        ("booking_drafts", BookingDraft, BookingDraft.expires_at < now - drafts.KEPT_AFTER_END),
        ("staff_drafts", StaffDraft, staff_drafts.is_old()),
        ("sign_ins", SignIn, (SignIn.expires_at < now - staff.KEPT_AFTER_END) & _was_seen_later()),
        ("account_tokens", AccountToken, AccountToken.expires_at < now),
        ("customer_accounts", CustomerAccount, _is_unused(now - accounts.LINK_LIFE)),
        ("undoable_acts", UndoableAct, UndoableAct.expires_at < now - undo.KEPT),
        ("bulk_items", BulkItem, BulkItem.run_id.in_(select(BulkRun.id).where(bulk.is_old(now)))),
        ("bulk_runs", BulkRun, bulk.is_old(now) & ~exists().where(BulkItem.run_id == BulkRun.id)),
        ("word_uses", WordUse, word_uses.is_surplus()),
        *payment_log.rules(now),
    ]


def _was_seen_later() -> ColumnElement[bool]:
    """The last sign-in of a person stays: the list of the staff says when somebody was last seen."""
    later = aliased(SignIn)
    return exists().where(later.staff_id == SignIn.staff_id, later.seen_at > SignIn.seen_at)


def _is_unused(since: datetime) -> ColumnElement[bool]:
    """Somebody asked for a link and nobody followed it: no reason is left to know the address."""
    has_token = exists().where(AccountToken.account_id == CustomerAccount.id)
    return CustomerAccount.password_hash.is_(None) & (CustomerAccount.asked_at < since) & ~has_token


def _forget_batch(model: type, is_old: ColumnElement[bool]) -> int:
    key: tuple = inspect(model).primary_key
    # SQLite has one writer and ignores the lock.
    old = select(*key).where(is_old).limit(BATCH).with_for_update(of=model, skip_locked=True).cte("old")
    statement = delete(model).where(tuple_(*key).in_(select(old))).returning(*key)
    return len(db.session.execute(statement, execution_options={"synchronize_session": False}).all())
