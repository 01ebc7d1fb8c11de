"""What a person sees when something goes wrong: never a stack trace."""

import json

import structlog
from flask import Flask, current_app, g, render_template, request
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from shop import again, database
from shop.extensions import db, htmx
from shop.models.errors import (
    CannotUndo,
    Declined,
    Deleted,
    IdempotencyMismatch,
    Invalid,
    Merged,
    NotAllowed,
    NotFound,
    ProviderDown,
    ProviderRefused,
    SlotFull,
    Stale,
    WebhookRefused,
)
from shop.services import staff_drafts

log = structlog.get_logger(__name__)
_STATUS = {
    NotFound: 404, NotAllowed: 403, Invalid: 422, Stale: 409, Merged: 409, SlotFull: 409, CannotUndo: 409,
    IdempotencyMismatch: 422, WebhookRefused: 400, Declined: 402, ProviderRefused: 502, ProviderDown: 503,
}  # fmt: skip
_HEADERS = {ProviderDown: {"Retry-After": "5"}}
# Somebody may have been typing here when it went, or when their rights did.
_MAY_BE_GONE = {403, 404}
_PAGES = {400, 403, 404, 405, 409, 413, 422, 429, 500, 503}


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(CSRFError, _http_error)
    app.register_error_handler(Exception, _unexpected)
    for kind, status in _STATUS.items():
        app.register_error_handler(kind, _answers(status, _HEADERS.get(kind)))


def _answers(status: int, headers: dict | None):
    return lambda error: _answer(error, status, message=error.message, headers=headers)


def use_form(app: Flask, root: str, form) -> None:
    """From now on errors at `root` and below are answered by `form(error, status, headers)`, not by a page."""
    app.extensions.setdefault("error_forms", {})[root] = form


def page(status: int, *, message: str = "", headers=None):
    """The page for a status, in plain words."""
    name = status if status in _PAGES else (500 if status >= 500 else 400)
    console = request.path.startswith("/admin")
    kept = console and status in _MAY_BE_GONE and current_user.is_authenticated
    body = render_template(
        f"errors/{name}.html", message=message, console=console, request_id=g.get("request_id", ""),
        again=_typed() if status == 503 else None,
        typed=staff_drafts.typed_at(request.path, actor=current_user.actor) if kept else [],
    )  # fmt: skip
    return body, status, headers or {}


def _ended(error: Deleted | Merged, status: int):
    """Somebody has the ticket open that a colleague merged or deleted: by htmx the page that is open says so."""
    if htmx:
        news = {"number": error.number, "message": error.message}
        return "", status, {"HX-Reswap": "none", "HX-Trigger": json.dumps({"ticketEnded": news})}
    typed = staff_drafts.typed_at(request.path, actor=current_user.actor) if current_user.is_authenticated else []
    facts = {"message": error.message, "ended": error, "console": True, "request_id": "", "typed": typed}
    return render_template("errors/ended.html", **facts), status


def _answer(error: Exception, status: int, *, message: str = "", headers=None):
    if isinstance(error, (Deleted, Merged)) and request.path.startswith("/admin"):
        return _ended(error, status)
    for root, form in current_app.extensions.get("error_forms", {}).items():
        if f"{request.path}/".startswith(f"{root}/"):
            return form(error, status, headers or {})
    return page(status, message=message, headers=headers)


def _busy(error: Exception):
    """Nothing is broken, it was only too much at once: what was typed goes on to the page, which sends it again."""
    log.warning("no_turn", rule=str(request.url_rule), exc_info=error)
    # The page only reads: who is signed in is known also while others write.
    database.mark_reading(True)
    return _answer(error, 503, headers={"Retry-After": str(again.RETRY_AFTER_SECONDS)})


def _typed() -> list[tuple[str, str]] | None:
    """What a form has sent, to be sent again; None where that cannot be: a file or a password is not kept."""
    if request.method != "POST" or request.files or any(staff_drafts.SECRET.search(name) for name in request.form):
        return None
    return [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]


def _http_error(error: HTTPException):
    if error.code is None or error.code < 400:
        return error
    headers = {name: value for name, value in error.get_headers() if name in {"Retry-After", "Allow"}}
    return _answer(error, error.code, message=getattr(error, "reason", ""), headers=headers)


def _unexpected(error: Exception):
    db.session.rollback()
    if again.finds_no_turn(error):
        return _busy(error)
    log.error("unexpected_error", exc_info=error)
    try:
        return _answer(error, 500)
    except Exception:
        # The page asks who is signed in, and the database may be what has failed.
        log.error("error_page_failed", exc_info=True)
        return current_app.jinja_env.get_template("errors/bare.html").render(), 500
