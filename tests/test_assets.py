"""Static files: kept for good under the address of their version, never stale under any other."""

import posixpath
import re

import pytest

from shop import assets

STYLE = "css/tokens.css"


def test_page_refers_to_versions_only(stranger):
    found = re.findall(r'(?:href|src)="(/static/[^"#]+)', stranger.get("/").text)

    assert len(found) > 5
    assert [path for path in found if not path.startswith(f"/static/{assets.version()}/")] == []


def test_version_is_kept_for_good(stranger):
    with stranger.get(f"/static/{assets.version()}/{STYLE}") as answer:
        assert (answer.status_code, answer.data) == (200, (assets.FOLDER / STYLE).read_bytes())

    assert set(answer.headers["Cache-Control"].split(", ")) == {"public", "max-age=31536000", "immutable"}
    assert ("Vary" in answer.headers, "Set-Cookie" in answer.headers) == (False, False)


@pytest.mark.parametrize("path", [f"/static/{STYLE}", f"/static/0a1b2c3d/{STYLE}"], ids=["plain", "other version"])
def test_other_addresses_give_the_file_of_now_and_ask_each_time(stranger, path):
    with stranger.get(path) as answer:
        assert (answer.status_code, answer.data) == (200, (assets.FOLDER / STYLE).read_bytes())

    assert answer.headers["Cache-Control"] == "no-cache"


def test_styles_that_come_together_are_one_file_and_asked_for_once(stranger):
    path = f"/static/{assets.version()}/css/tokens+base.css"

    answer = stranger.get(path)
    again = stranger.get(path, headers={"If-None-Match": answer.headers["ETag"]})

    assert answer.text == "".join((assets.FOLDER / "css" / name).read_text() for name in ("tokens.css", "base.css"))
    assert (answer.mimetype, "immutable" in answer.headers["Cache-Control"], again.status_code) == (
        "text/css",
        True,
        304,
    )


@pytest.mark.parametrize(
    "path",
    [
        "nothing.css",
        "css/nothing.css",
        "css/tokens+nothing.css",
        "js/live+keys.js",
        "css/tokens+../../config.css",
        "css/" + "+".join(["base"] * 31) + ".css",
        "0a1b2c3d/../../config.py",
        "%2e%2e/config.py",
    ],
)
def test_what_is_no_static_file_is_not_found(stranger, path):
    assert stranger.get(f"/static/{path}").status_code == 404


def test_another_file_is_another_version(monkeypatch, tmp_path):
    (tmp_path / "a.css").write_text("a {}")
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    versions = set()
    for text in ("a {}", "a { color: red }"):
        (tmp_path / "a.css").write_text(text)
        assets.version.cache_clear()
        versions.add(assets.version())
    monkeypatch.undo()
    assets.version.cache_clear()

    assert len(versions) == 2


def test_modules_of_a_page_are_named_before_they_are_asked_for():
    html = str(assets.modules("shell queue"))

    noted = set(re.findall(r'modulepreload" href="([^"]+)"', html))
    loaded = set(re.findall(r'src="([^"]+)"', html))
    asked = {target for path in noted | loaded for target in _imports_of(path)}
    assert {path.rpartition("/")[2] for path in loaded} == {"shell.js", "queue.js"}
    assert any("socket.io" in path for path in noted)
    assert asked - loaded == noted
    assert noted & loaded == set()


def _imports_of(url: str) -> set[str]:
    """As a browser reads them: each `from "…"` and `import "…"`, relative to where it stands."""
    source = (assets.FOLDER / url.removeprefix(f"{assets.url_path()}/")).read_text("utf-8")
    names = re.findall(r'(?:from|import)\s*"(\.[^"]+)"', source)
    return {posixpath.normpath(posixpath.join(posixpath.dirname(url), name)) for name in names}
