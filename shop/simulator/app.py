"""The application: what it is made of, and the headers that every answer of it has."""

from flask import Flask, Response, request

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
        "form-action *",
        "base-uri 'none'",
        "frame-ancestors {ancestors}",
    )
)


def create_simulator(settings: SimulatorSettings) -> Flask:
    app = Flask(__name__)
    store, signer = Store(settings, _prepare), Signer(settings.path)
    app.extensions["simulator"] = Simulator(settings, store, signer, Courier(store, signer))
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.before_request(_start)
    app.after_request(_headers)
    _register(app)
    return app


def _register(app: Flask) -> None:
    for room in (stripe_http, paypal_http, controls, pages):
        app.register_blueprint(room.blueprint)


def _prepare(tx: Transaction) -> None:
    stripe_events.prepare(tx)
    paypal_webhooks.prepare(tx)


def _start() -> None:
    simulator().courier.ensure_running()


def _headers(response: Response) -> Response:
    ancestors = simulator().settings.frame_ancestors
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY.format(ancestors=ancestors))
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
