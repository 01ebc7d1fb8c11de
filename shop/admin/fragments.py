"""Pieces of pages that many requests share, such as the navigation, kept as HTML."""

import secrets
from collections.abc import Callable, Hashable
from functools import lru_cache

from flask import Flask, render_template, request, session
from flask_babel import get_locale
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from jinja2_fragments.flask import render_block
from markupsafe import Markup

THEMES = ("light", "dark")
# A week of a busy calendar alone is some hundreds, of about a kilobyte each.
_KEPT = 4096
# Stand for the token of whoever asks, which a kept piece must never carry to another, and for the body of the page.
# Nobody can type them: they are other ones in every process.
_TOKEN, _BODY = (f"\ue000{secrets.token_hex(16)}\ue000" for _ in range(2))


def kept(key, macro: Callable, *arguments) -> Markup:
    """What `macro` makes of `arguments`, remembered for `key`, which must say all that it depends on.

    A key is made of texts, numbers, frozen dataclasses, and tuples, lists and dicts of them. The language and
    the CSRF token need not be in it.
    """
    html = _remember(_Piece((macro.name, _frozen(key), str(get_locale())), macro, arguments))
    if _TOKEN in html:
        html = html.replace(_TOKEN, generate_csrf())
    return Markup(html)  # noqa: S704 - macros escape, and the token is base64


def framed(template: str, *, key=(), **values) -> str:
    """The console page `template`: its block `body` made anew, set into its shell, which is kept.

    The shell depends on who is signed in and whether their single keys are on, the address, the theme and the
    language; `key` must say what else its blocks depend on. Where a message waits to be shown once, nothing is kept.
    """
    if "_flashes" in session:
        return render_template(template, **values)
    likes = current_user.preferences
    person = (current_user.id, current_user.name, current_user.email, current_user.role, likes.single_keys)
    theme = request.cookies.get("theme")
    shell = kept((key, person, request.path, theme if theme in THEMES else ""), _Shell(template), values)
    return str(shell).replace(_BODY, render_block(template, "body", **values))


class _Shell:
    def __init__(self, template: str):
        self.name = template

    def __call__(self, values: dict) -> str:
        return render_template(self.name, body_mark=Markup(_BODY), **values)  # noqa: S704 - a constant


def _frozen(key) -> Hashable:
    if isinstance(key, dict):
        return tuple((name, _frozen(value)) for name, value in key.items())
    return tuple(map(_frozen, key)) if isinstance(key, list | tuple) else key


class _Piece:
    """How to make a piece; two with the same identity are one to the cache."""

    def __init__(self, identity: tuple, macro: Callable, arguments: tuple):
        self.identity, self._macro, self._arguments = identity, macro, arguments

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other) -> bool:
        return self.identity == other.identity

    def make(self) -> str:
        html = str(self._macro(*self._arguments)).replace(generate_csrf(), _TOKEN)
        # The cache keeps this object as its key: it must not keep the request's values alive.
        self._macro = self._arguments = None
        return html


@lru_cache(maxsize=_KEPT)
def _remember(piece: _Piece) -> str:
    return piece.make()


def init_app(app: Flask) -> None:
    app.jinja_env.globals["kept"] = kept
