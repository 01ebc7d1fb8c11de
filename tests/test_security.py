"""Headers on every answer, cookies, and redirects that stay at home."""

import pytest

from shop import create_app
from shop.config import load_settings
from shop.security import local_path

PAGES = ["/", "/book/", "/prices", "/track/", "/login", "/admin/repairs/", "/nothing/here", "/api/v1/nothing"]


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_lets_a_browser_load_nothing_from_elsewhere(stranger, path):
    headers = stranger.get(path).headers

    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert (policy["form-action"], policy["base-uri"]) == ("'self'", "'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Cache-Control"] == "no-store"


def test_signed_in_pages_are_kept_nowhere(owner, browser_of):
    assert browser_of(owner).get("/admin/account/").headers["Cache-Control"] == "no-store"


def test_only_https_promises_https(stranger):
    plain, secure = (stranger.get("/healthz", base_url=f"{scheme}://localhost").headers for scheme in ("http", "https"))

    assert "Strict-Transport-Security" not in plain
    assert secure["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"


def test_session_cookie_is_out_of_reach_of_scripts_and_other_sites(stranger):
    cookie = stranger.get("/login").headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(("base", "is_secure"), [("https://shop.example", True), ("http://127.0.0.1:8000", False)])
def test_cookies_travel_by_https_alone_where_the_shop_has_it(tmp_path, base, is_secure):
    app = create_app(load_settings(SHOP_DATA=tmp_path, DATABASE_URL="", REDIS_URL="", BASE_URL=base, RATE_LIMITS="off"))

    cookie = app.test_client().get("/language/en").headers["Set-Cookie"]

    assert app.config["SESSION_COOKIE_SECURE"] is is_secure
    assert ("Secure" in cookie) is is_secure


@pytest.mark.parametrize("target", ["/admin/", "/admin/repairs/?view=late&q=a%2Fb", "/book/x/review"])
def test_path_of_this_shop_is_a_place_to_go_on(target):
    assert local_path(target, "/") == target


@pytest.mark.parametrize(
    "target",
    [
        "", None, "admin", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
        "/\t/evil.example", "https://evil.example", "https:evil.example", "javascript:alert(1)",
        "/a\r\nSet-Cookie: a=b", " //evil.example",
    ],
)  # fmt: skip
def test_anything_else_leads_home(target):
    assert local_path(target, "/home") == "/home"


def test_name_of_the_host_is_not_taken_from_who_asks(stranger):
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}

    for path in ("/", "/sitemap.xml", "/robots.txt", "/track/", "/login", "/admin/repairs/"):
        answer = stranger.get(path, headers=evil)
        assert "evil.example" not in answer.text
        assert "evil.example" not in answer.headers.get("Location", "")
