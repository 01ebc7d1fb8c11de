"""Styles, scripts, icons and fonts at an address that names their content, so that browsers never ask for them twice.

A page refers to some forty files. Asked whether each is still the same, every page would cost forty requests more. The
version stands in the path, so that what scripts and styles refer to among themselves has it too.
"""

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, Response, current_app, request
from flask.sessions import SecureCookieSessionInterface

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static"
_A_YEAR = 365 * 86_400


@cache
def version() -> str:
    """Of all files together: one that changes gives all of them another address."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(FOLDER).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def url_path() -> str:
    return f"{PREFIX}/{version()}"


class _Sessions(SecureCookieSessionInterface):
    """Of a style nobody asks who wants it: read for it, the cookie would part what browsers keep by person."""

    def open_session(self, app, request):
        return self.session_class() if _is_asset() else super().open_session(app, request)

    def save_session(self, app, session, response):
        if not _is_asset():
            super().save_session(app, session, response)


def init_app(app: Flask) -> None:
    app.session_interface = _Sessions()
    app.add_url_rule(f"{PREFIX}/<path:filename>", "static_current", _current)
    app.after_request(_keep)


def _is_asset() -> bool:
    return request.path.startswith(f"{PREFIX}/")


def _current(filename: str) -> Response:
    """The file as it is now: for an address without a version, and for a page that another version has made.

    While an upgrade runs, both serve the same people.
    """
    folder, _, rest = filename.partition("/")
    answer = current_app.send_static_file(rest if rest and not (FOLDER / folder).exists() else filename)
    answer.cache_control.no_cache = True
    return answer


def _keep(response: Response) -> Response:
    if request.endpoint == "static" and response.status_code in (200, 206, 304):
        control = response.cache_control
        control.no_cache, control.public, control.max_age, control.immutable = None, True, _A_YEAR, True
    return response
