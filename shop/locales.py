"""Which language and which clock a page speaks."""

from flask import current_app, has_request_context, request

LOCALES = {"en": "English", "pt_BR": "Português"}
COOKIE = "locale"


def select_locale() -> str | None:
    """The visitor's choice, else what the browser prefers, else English. Staff screens are English."""
    if not has_request_context():
        return None
    chosen = request.args.get("lang") or request.cookies.get(COOKIE)
    if chosen in LOCALES:
        return chosen
    preferred = request.accept_languages.best_match(["en", "en-GB", "pt-BR", "pt"], default="en")
    return "pt_BR" if preferred.startswith("pt") else "en"


def select_timezone() -> str:
    return current_app.config.get("SHOP_ZONE", "Europe/London")
