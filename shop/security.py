"""Headers on every answer, and redirects that stay at home."""

from urllib.parse import urlsplit

from flask import Flask, request

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
    )
)


def init_app(app: Flask) -> None:
    app.after_request(_headers)


def init_limits(app: Flask) -> None:
    app.after_request(_retry_only_after_a_refusal)


def _retry_only_after_a_refusal(response):
    # The limiter says it on every answer it has counted; a client that obeys would wait for nothing.
    if response.status_code not in (429, 503):
        response.headers.pop("Retry-After", None)
    return response


def _headers(response):
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "SAMEORIGIN"
    headers.setdefault("Referrer-Policy", "strict-origin-when-cross-origin")
    headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=(), payment=(self)"
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if request.is_secure:
        headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    if request.endpoint not in ("static", "static_current"):
        headers.setdefault("Cache-Control", "no-store")
        response.vary.update(("Cookie", "HX-Request"))
    return response


def local_path(target: str | None, fallback: str) -> str:
    """`target` if it is a plain path on this host, else `fallback`: browsers repair odd addresses, so be strict."""
    if not target or not target.isprintable() or "\\" in target:
        return fallback
    parts = urlsplit(target)
    if parts.scheme or parts.netloc or not target.startswith("/") or target.startswith("//"):
        return fallback
    return target
