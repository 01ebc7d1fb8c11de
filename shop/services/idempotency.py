"""A request that is sent twice acts once and is answered twice."""

import hashlib
import json
from datetime import datetime, timedelta

from flask_babel import gettext
from sqlalchemy import ColumnElement, Connection, delete, select, update

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.booking import IdempotencyKey
from shop.models.errors import IdempotencyMismatch
from shop.services.statements import insert_if_absent

# How long a repeated request is answered from memory; then housekeeping may forget it.
KEPT = timedelta(days=30)
# A form is sent again within minutes, or not at all.
FORMS = "form:"
FORMS_KEPT = timedelta(days=2)


def remembered(scope: str, key: str, request: dict) -> dict | None:
    """The answer given to this key before, or None: then the key is ours and the caller must act.

    Ask before acting and in the same transaction, and call `remember` before its commit. A twin that asks
    meanwhile waits for that commit and gets the answer, or the key if we roll back: nothing is remembered of a
    request that failed. Raises IdempotencyMismatch when the key was used with another request.
    """
    digest = _digest(request)
    if _claim(scope, key, digest):
        return None
    stored = db.session.execute(select(IdempotencyKey.request_hash, IdempotencyKey.answer).where(_is(scope, key))).one()
    if stored.request_hash != digest:
        raise IdempotencyMismatch(
            gettext("This key was used before with another request. Use a new key for a new request.")
        )
    return json.loads(stored.answer)


def remember(scope: str, key: str, answer: dict) -> None:
    """Keeps the answer of a key that `remembered` gave to this transaction."""
    db.session.execute(update(IdempotencyKey).where(_is(scope, key)).values(answer=json.dumps(answer)))


def claim(scope: str, key: str) -> bool:
    """Notes in this transaction that the key is used. False if it was, also by a rival that has just committed."""
    return _claim(scope, key, "")


def was_claimed(scope: str, key: str) -> bool:
    """True if a form was committed with this key, whatever was in it."""
    names = select(IdempotencyKey.key).where(
        IdempotencyKey.scope == scope, IdempotencyKey.key.startswith(f"{key}:", autoescape=True)
    )
    return db.session.scalar(select(names.exists())) or False


def find_answer(scope: str, key: str) -> dict | None:
    """The answer to a key that was claimed, empty while it is not known; None for a key that nobody has used."""
    stored = db.session.scalar(select(IdempotencyKey.answer).where(_is(scope, key)))
    return None if stored is None else json.loads(stored) or {}


def keep_answer(connection: Connection, scope: str, key: str, answer: dict) -> None:
    """After the commit that claimed the key: only then is the answer made."""
    connection.execute(update(IdempotencyKey).where(_is(scope, key)).values(answer=json.dumps(answer)))


def release(connection: Connection, scope: str, key: str) -> None:
    """Frees a key whose request was refused after all."""
    connection.execute(delete(IdempotencyKey).where(_is(scope, key)))


def is_old(now: datetime) -> ColumnElement[bool]:
    """Which keys may be forgotten."""
    of_form = IdempotencyKey.scope.startswith(FORMS) & (IdempotencyKey.created_at < now - FORMS_KEPT)
    return (IdempotencyKey.created_at < now - KEPT) | of_form


def _claim(scope: str, key: str, digest: str) -> bool:
    """True if the row is ours. Waits for a rival that holds the same key until it has committed or given up."""
    values = {"scope": scope, "key": key, "request_hash": digest, "answer": "null", "created_at": utc_now()}
    statement = insert_if_absent(IdempotencyKey, unique=["scope", "key"], values=values)
    return db.session.scalar(statement.returning(IdempotencyKey.key)) is not None


def _digest(request: dict) -> str:
    """Equal for equal requests, however their JSON was laid out."""
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()


def _is(scope: str, key: str):
    return (IdempotencyKey.scope == scope) & (IdempotencyKey.key == key)
