"""Pieces of pages that many requests share, such as the navigation, kept as HTML."""

from collections.abc import Callable, Hashable
from functools import lru_cache

from flask import Flask
from flask_babel import get_locale
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

_KEPT = 1024
# Stands for the token of whoever asks: a kept piece must never carry another browser's.
_TOKEN = "\ue000csrf\ue000"  # noqa: S105 - a mark in the private-use area, no secret


def kept(key, macro: Callable, *arguments) -> Markup:
    """What `macro` makes of `arguments`, remembered for `key`, which must say all that it depends on.

    A key is made of texts, numbers, frozen dataclasses, and tuples, lists and dicts of them. The language and
    the CSRF token need not be in it.
    """
    token = generate_csrf()
    html = _remember(_Piece((macro.name, _frozen(key), str(get_locale())), macro, arguments, token))
    return Markup(html.replace(_TOKEN, token))  # noqa: S704 - macros escape, and the token is base64


def _frozen(key) -> Hashable:
    if isinstance(key, dict):
        return tuple((name, _frozen(value)) for name, value in key.items())
    return tuple(map(_frozen, key)) if isinstance(key, list | tuple) else key


class _Piece:
    """How to make a piece; two with the same identity are one to the cache."""

    def __init__(self, identity: tuple, macro: Callable, arguments: tuple, token: str):
        self.identity, self._macro, self._arguments, self._token = identity, macro, arguments, token

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other) -> bool:
        return self.identity == other.identity

    def make(self) -> str:
        html = str(self._macro(*self._arguments)).replace(self._token, _TOKEN)
        # The cache keeps this object as its key: it must not keep the request's values alive.
        self._macro = self._arguments = self._token = None
        return html


@lru_cache(maxsize=_KEPT)
def _remember(piece: _Piece) -> str:
    return piece.make()


def init_app(app: Flask) -> None:
    app.jinja_env.globals["kept"] = kept
