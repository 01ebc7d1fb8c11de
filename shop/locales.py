"""Which language and which clock a page speaks."""

from functools import lru_cache

from flask import Flask, has_request_context, request
from flask_babel import get_locale, get_translations

LOCALES = {"en": "English", "pt_BR": "Português"}
COOKIE = "locale"
# Of pages that belong to no branch, such as the queue and the audit log; a branch has its own.
ZONE = "Europe/London"


def select_locale() -> str | None:
    """The visitor's choice, else what the browser prefers, else English."""
    if not has_request_context():
        return None
    chosen = request.args.get("lang") or request.cookies.get(COOKIE)
    if chosen in LOCALES:
        return chosen
    preferred = request.accept_languages.best_match(["en", "en-GB", "pt-BR", "pt"], default="en")
    return "pt_BR" if preferred.startswith("pt") else "en"


def select_timezone() -> str:
    return ZONE


def init_app(app: Flask) -> None:
    """Templates translate through a memory: a page asks for the same forty words each time."""
    app.jinja_env.install_gettext_callables(_gettext, _ngettext, newstyle=True)


def _gettext(message: str) -> str:
    return _remembered(message, str(get_locale()))


@lru_cache(maxsize=8192)
def _remembered(message: str, _locale: str) -> str:
    return get_translations().ugettext(message)


def _ngettext(one: str, many: str, number: int) -> str:
    return get_translations().ungettext(one, many, number)
