"""Every POST of a form acts once: sent again by a double click or after a cut network, it gets its first answer.

A form carries a key of its own (`forms.csrf()`). The first commit of a request writes that key in the same
transaction: a twin that comes to its own commit finds it there, is undone, and gets the answer of the first. What is
refused commits nothing, so its key stays free. What is kept is how to answer, never what was sent or shown.
"""

import hashlib
import hmac
import re
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, current_app, flash, g, has_request_context, make_response, redirect, request, session
from flask_babel import gettext
from flask_login import current_user
from sqlalchemy import event

from shop import database
from shop.database import ShopSession
from shop.extensions import db, htmx
from shop.security import local_path
from shop.services import idempotency, staff_drafts

FIELD, HEADER = "request_key", "X-Request-Key"
# Answered anew each time, and why.
UNREMEMBERED = {
    "sign_in.login": "its answer is a cookie",
    "sign_in.code": "its answer is a cookie",
    "sign_in.logout": "ends what the key is bound to; a second call is harmless",
    "account.confirm": "proves who it is; a second proof is harmless",
    "account.two_step": "handles a secret; switched on twice is refused",
    "account.password": "handles passwords; the old one does not match twice",
    "account.two_step_off": "handles a password; a second call changes nothing",
    "repairs.export": "its answer is a file, and each time it is noted in the log",
    "documents.export": "its answer is a file, and each time it is noted in the log",
    "public.account_sign_in": "its answer is a cookie",
    "public.account_sign_out": "ends what the key is bound to; a second call is harmless",
    "public.set_password": "its answer is a cookie, and its link works once",
}
# Stands for a key in what is rendered and perhaps kept; each is made when the page leaves. Nobody can type it.
_MARK = f"\ue000{secrets.token_hex(16)}\ue001"
_MARK_BYTES = _MARK.encode()
_KEY = re.compile("[A-Za-z0-9_-]{16,64}")
_NO_PART_OF_IT = {FIELD, "csrf_token"}
_KEPT_HEADERS = ("Location", "HX-Redirect", "HX-Location", "HX-Refresh", "HX-Trigger", "HX-Push-Url")
_REFUSALS = {403, 404, 409, 410, 422}
_PATIENCE_SECONDS = 2.0
_LOOK_EVERY_SECONDS = 0.02


@dataclass(slots=True)
class _Attempt:
    """One request with a key: whose, for what, and whether something of it was committed."""

    scope: str
    name: str
    is_paused: bool = False
    is_committed: bool = False


class ActedBefore(Exception):
    """A twin of this request was first. Nothing of this one stays."""


@contextmanager
def not_yet():
    """What is committed inside is not what the request was sent for, such as a password proved on the way."""
    attempt = _attempt()
    if attempt is None:
        yield
        return
    attempt.is_paused = True
    try:
        yield
    finally:
        attempt.is_paused = False


def let_repeat() -> None:
    """This request only says how things shall be: sent again, it says the same. Its key is not noted."""
    if attempt := _attempt():
        attempt.is_paused = True


def attempt_of_form() -> bool:
    """True while this request is about to commit what a form was sent for, and not something on the way to it."""
    attempt = _attempt()
    return attempt is not None and not attempt.is_paused and not attempt.is_committed


def init_app(app: Flask) -> None:
    app.jinja_env.globals["request_key"] = lambda: _MARK
    app.after_request(_remember)
    app.after_request(_give_keys)
    app.register_error_handler(ActedBefore, lambda _error: _first_answer())


def _attempt() -> _Attempt | None:
    if not has_request_context() or request.method != "POST":
        return None
    if "request_attempt" not in g:
        g.request_attempt = _read_attempt()
    return g.request_attempt


def _read_attempt() -> _Attempt | None:
    key = request.form.get(FIELD) or request.headers.get(HEADER, "")
    if not _KEY.fullmatch(key) or request.endpoint in UNREMEMBERED or request.blueprint in {"api", "api_alias"}:
        return None
    if not request.path.startswith("/admin"):
        return _Attempt(f"form:{_digest(session.get('csrf_token', '').encode())[:32]}", f"{key}:{_body_digest()}")
    if not current_user.is_authenticated:
        return None
    return _Attempt(f"form:staff:{current_user.id}", f"{key}:{_body_digest()}")


def _body_digest() -> str:
    """The same for the same request. Passwords and codes are no part of it."""
    lines = [request.method, request.full_path]
    lines += [
        f"{name}={value}"
        for name, value in sorted(request.form.items(multi=True))
        if name not in _NO_PART_OF_IT and not staff_drafts.SECRET.search(name)
    ]
    for name, upload in sorted(request.files.items(multi=True)):
        lines.append(f"{name}={upload.filename}={hashlib.sha256(upload.stream.read()).hexdigest()}")
        upload.stream.seek(0)
    if not request.form and not request.files:
        lines.append(hashlib.sha256(request.get_data(cache=True)).hexdigest())
    return _digest("\n".join(lines).encode())


def _digest(data: bytes) -> str:
    """With a key of ours: what was typed cannot be guessed from it."""
    return hmac.new(str(current_app.secret_key).encode(), data, hashlib.sha256).hexdigest()


@event.listens_for(ShopSession, "before_commit")
def _claim(session_) -> None:
    if session_.in_nested_transaction():
        return
    attempt = _attempt()
    if attempt is None or attempt.is_paused or attempt.is_committed:
        return
    if not idempotency.claim(attempt.scope, attempt.name):
        raise ActedBefore


@event.listens_for(ShopSession, "after_commit")
def _note_commit(session_) -> None:
    if not session_.in_nested_transaction() and (attempt := _attempt()) and not attempt.is_paused:
        attempt.is_committed = True


def _remember(response):
    attempt = g.get("request_attempt")
    if request.method != "POST" or response.headers.get("Idempotent-Replayed"):
        return response
    if attempt and attempt.is_committed:
        _keep(response, attempt)
    elif response.status_code in _REFUSALS and _had_a_twin():
        # The first of two was so quick that this one met what it had done.
        return _first_answer()
    return response


def _keep(response, attempt: _Attempt) -> None:
    # The transaction in which the page was rendered would hold SQLite's turn.
    db.session.rollback()
    with database.alone(db.engine) as connection:
        if 400 <= response.status_code < 500:
            idempotency.release(connection, attempt.scope, attempt.name)
        else:
            idempotency.keep_answer(connection, attempt.scope, attempt.name, _facts_of(response))


def _had_a_twin() -> bool:
    attempt = _attempt()
    if attempt is None or attempt.is_paused:
        return False
    db.session.rollback()
    return _find_answer() is not None


def _facts_of(response) -> dict:
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    is_whole = response.status_code == 204 or 300 <= response.status_code < 400
    return {
        "status": response.status_code if is_whole else None,
        "headers": headers,
        "flashes": session.get("_flashes", []),
    }


def _first_answer():
    """What the first of two was answered; where that was a page, the place as it stands now."""
    db.session.rollback()
    facts = _wait_for_answer()
    if facts.get("status"):
        response = make_response("", facts["status"])
        response.headers.update(facts["headers"])
        if not htmx and "_flashes" not in session and facts["flashes"]:
            session["_flashes"] = [tuple(one) for one in facts["flashes"]]
    elif htmx:
        response = make_response("", 204)
        response.headers["HX-Refresh"] = "true"
    else:
        flash(gettext("This was saved already."), "success")
        response = redirect(local_path(request.referrer and _path_of(request.referrer), "/"), 303)
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _wait_for_answer() -> dict:
    """The twin has committed and may still be rendering."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while (facts := _find_answer()) == {} and time.monotonic() < give_up:
        time.sleep(_LOOK_EVERY_SECONDS)
    return facts or {}


def _find_answer() -> dict | None:
    """None if there was no twin, empty while its answer is not known."""
    attempt = g.request_attempt
    with database.reading():
        answer = idempotency.find_answer(attempt.scope, attempt.name)
        db.session.rollback()
    return answer


def _path_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _give_keys(response):
    """Each form gets a key of its own as the page leaves, so that kept pieces never share one."""
    if response.mimetype == "text/html" and not response.is_streamed:
        html = response.get_data()
        if _MARK_BYTES in html:
            first, *rest = html.split(_MARK_BYTES)
            response.set_data(b"".join([first, *(secrets.token_urlsafe(16).encode() + piece for piece in rest)]))
    return response
