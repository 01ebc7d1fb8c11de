"""Styles, scripts, icons and fonts at an address that names their content, so that browsers never ask for them twice.

A page refers to some forty files. Asked whether each is still the same, every page would cost forty requests more. The
version stands in the path, so that what scripts and styles refer to among themselves has it too. Styles that come
together are one file to the browser: `css/tokens+base.css` is both, one after the other.
"""

import hashlib
import posixpath
import re
from functools import cache
from pathlib import Path

from flask import Flask, Response, abort, current_app, request, url_for
from flask.sessions import SecureCookieSessionInterface
from markupsafe import Markup
from werkzeug.utils import safe_join

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static"
_A_YEAR = 365 * 86_400
_BETWEEN, _MOST_TOGETHER = "+", 30
_IMPORT = re.compile(r"""^(?:import|export)\b[^"';]*["'](\.{1,2}/[^"']+)["']""", re.MULTILINE)


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


def stylesheet(*names: str) -> str:
    """The address of these styles as one file, for templates."""
    return url_for("static", filename=f"css/{_BETWEEN.join(names)}.css")


@cache
def modules(names: str) -> Markup:
    """The script elements of a page for these modules, named between spaces, and a notice of all that they import.

    Without the notice a browser learns of each only when it has read the one before, a chain of waits on every page.
    """
    pages = names.split()
    imported = sorted(set().union(*(_imports(f"js/{name}.js") for name in pages)) - {f"js/{name}.js" for name in pages})
    notices = (f'<link rel="modulepreload" href="{url_path()}/{path}">' for path in imported)
    scripts = (f'<script type="module" src="{url_path()}/js/{name}.js"></script>' for name in pages)
    return Markup("\n".join((*notices, *scripts)))  # noqa: S704 - names of our own files


def _imports(path: str) -> frozenset[str]:
    """What a module imports, and what that imports, as paths in the folder of static files."""
    found: set[str] = set()
    waiting = [path]
    while waiting:
        one = waiting.pop()
        for source in _IMPORT.findall((FOLDER / one).read_text("utf-8")):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(one), source))
            if target not in found:
                found.add(target)
                waiting.append(target)
    return frozenset(found)


class _Sessions(SecureCookieSessionInterface):
    """Of a style nobody asks who wants it: read for it, the cookie would part what browsers keep by person."""

    def open_session(self, app, request):
        return self.session_class() if _is_asset() else super().open_session(app, request)

    def save_session(self, app, session, response):
        if not _is_asset():
            super().save_session(app, session, response)


def init_app(app: Flask) -> None:
    app.session_interface = _Sessions()
    app.view_functions["static"] = _send
    app.jinja_env.globals.update(stylesheet=stylesheet, modules=modules)
    app.add_url_rule(f"{PREFIX}/<path:filename>", "static_current", _current)
    app.after_request(_keep)


def _is_asset() -> bool:
    return request.path.startswith(f"{PREFIX}/")


def _send(filename: str) -> Response:
    return _together(filename) if _BETWEEN in filename else current_app.send_static_file(filename)


def _together(filename: str) -> Response:
    folder, _, name = filename.rpartition("/")
    stem, _, kind = name.rpartition(".")
    names = stem.split(_BETWEEN)
    paths = [safe_join(str(FOLDER), folder, f"{one}.{kind}") for one in names]
    if kind != "css" or len(names) > _MOST_TOGETHER or not all(path and Path(path).is_file() for path in paths):
        abort(404)
    answer = Response("".join(Path(path).read_text("utf-8") for path in paths if path), mimetype="text/css")
    answer.add_etag()
    return answer.make_conditional(request)


def _current(filename: str) -> Response:
    """The file as it is now: for an address without a version, and for a page that another version has made.

    While an upgrade runs, both serve the same people.
    """
    folder, _, rest = filename.partition("/")
    answer = _send(rest if rest and not (FOLDER / folder).exists() else filename)
    answer.cache_control.no_cache = True
    return answer


def _keep(response: Response) -> Response:
    if request.endpoint == "static" and response.status_code in (200, 206, 304):
        control = response.cache_control
        control.no_cache, control.public, control.max_age, control.immutable = None, True, _A_YEAR, True
    return response
