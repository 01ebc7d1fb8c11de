"""The REST API below /api/v1, and the same below /api."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Registers this room's routes."""
    from shop import errors
    from shop.api import bookings, catalogue, payments, prices, problems, slots  # noqa: F401 - they add their routes
    from shop.api.blueprint import blueprint
    from shop.api.document import collector, serve
    from shop.extensions import csrf

    errors.use_form(app, "/api", problems.answer)
    api = collector(app)
    api.register_blueprint(blueprint, url_prefix="/api/v1")
    app.register_blueprint(blueprint, url_prefix="/api", name="api_alias")
    serve(app, api)
    # No cookie identifies anyone here, so there is nothing to forge.
    csrf.exempt(blueprint)
