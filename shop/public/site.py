"""Language, and what search engines ask for."""

from flask import Response, abort, current_app, redirect, render_template, request, url_for

from shop.locales import COOKIE, LOCALES
from shop.public.blueprint import bp
from shop.security import local_path

YEAR = 365 * 24 * 60 * 60
INDEXED = ("public.home", "public.services", "public.prices", "public.how_it_works", "public.track_form",
           "public.privacy", "public.terms", "booking.start")  # fmt: skip


@bp.get("/language/<locale>")
def choose_language(locale: str):
    """Remembers the language and goes back to where the visitor was."""
    if locale not in LOCALES:
        abort(404)
    answer = redirect(local_path(request.args.get("next"), url_for("public.home")), 303)
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    answer.set_cookie(COOKIE, locale, max_age=YEAR, samesite="Lax", secure=secure, httponly=True)
    return answer


@bp.get("/robots.txt")
def robots():
    closed = "".join(f"Disallow: {path}\n" for path in ("/admin/", "/api/", "/account/", "/book/*/", "/track/*"))
    text = f"User-agent: *\n{closed}Sitemap: {_absolute('public.sitemap')}\n"
    return Response(text, mimetype="text/plain")


@bp.get("/sitemap.xml")
def sitemap():
    pages = [(_absolute(endpoint), _languages(_absolute(endpoint))) for endpoint in INDEXED]
    return Response(render_template("public/sitemap.xml", pages=pages), mimetype="application/xml")


@bp.app_context_processor
def page_addresses() -> dict:
    """Canonical address and language versions of the page, for the head of indexed pages."""
    if request and request.endpoint in INDEXED:
        address = _absolute(request.endpoint)
        return {"canonical": address, "languages": _languages(address)}
    return {}


def _languages(address: str) -> dict[str, str]:
    return {locale.replace("_", "-"): f"{address}?lang={locale}" for locale in LOCALES}


def _absolute(endpoint: str) -> str:
    return current_app.config["SETTINGS"].BASE_URL + url_for(endpoint)
