"""The application: what it is made of, and the headers that every answer of it has."""

from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from shop.simulator import (
    controls,
    pages,
    paypal_api,  # noqa: F401 - whose addresses are registered when it is imported
    paypal_http,
    paypal_webhooks,
    stripe_customers,  # noqa: F401 - likewise
    stripe_events,
    stripe_http,
)
from shop.simulator.courier import Courier
from shop.simulator.runtime import Simulator, simulator
from shop.simulator.settings import SimulatorSettings
from shop.simulator.signatures import Signer
from shop.simulator.store import Store, Transaction

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action {targets}",
        "base-uri 'none'",
        "frame-ancestors {ancestors}",
    )
)


def create_simulator(settings: SimulatorSettings) -> Flask:
    app = Flask(__name__)
    store, signer = Store(settings, _prepare), Signer(settings.path)
    app.extensions["simulator"] = Simulator(settings, store, signer, Courier(store, signer))
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
    app.json.sort_keys = False
    app.before_request(_start)
    app.after_request(_headers)
    _register(app)
    app.register_error_handler(HTTPException, _http_error)
    return app


def _register(app: Flask) -> None:
    for room in (stripe_http, paypal_http, controls, pages):
        app.register_blueprint(room.blueprint)


def _prepare(tx: Transaction) -> None:
    stripe_events.prepare(tx)
    paypal_webhooks.prepare(tx)


def _http_error(error: HTTPException):
    """In the form of the company whose address it was."""
    path = request.path
    if path.startswith(paypal_http.PATHS):
        return paypal_http.http_error(error)
    if path.startswith("/v1/"):
        return stripe_http.http_error(error)
    return pages.not_found() if error.code == 404 else error


def _start() -> None:
    simulator().courier.ensure_running()


def _headers(response: Response) -> Response:
    home = urlsplit(simulator().settings.shop_url)
    shop = f"'self' {home.scheme}://{home.netloc}" if home.netloc else "'self'"
    # Browsers hold a form's redirect against its target too. Who runs alone knows of no shop and may go anywhere.
    policy = CONTENT_SECURITY_POLICY.format(ancestors=shop, targets=shop if home.netloc else "*")
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
