"""RevivaTech Shop: the application, read from top to bottom as its table of contents."""

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from shop import assets, background, cli, database, errors, filters, locales, logs, once, security, websocket
from shop.again import ShopFlask
from shop.config import Settings, load_settings
from shop.converters import RowId
from shop.extensions import babel, csrf, db, htmx, limiter, login_manager, mail, migrate, socketio


def create_app(settings: Settings | None = None) -> Flask:
    """The whole product. Raises ConfigError with one sentence when a setting is wrong."""
    settings = settings or load_settings()
    app = ShopFlask(__name__, static_url_path=assets.url_path())
    configure(app, settings)
    register_extensions(app, settings)
    register_request_hooks(app)
    register_blueprints(app)
    background.init_app(app)
    cli.register(app)
    if settings.simulated:
        mount_simulator(app, settings)
    return app


def configure(app: Flask, settings: Settings) -> None:
    logs.configure(settings)
    app.config.from_mapping(
        SETTINGS=settings,
        SECRET_KEY=settings.SECRET_KEY,
        SQLALCHEMY_DATABASE_URI=settings.DATABASE_URL,
        SQLALCHEMY_ENGINE_OPTIONS=database.engine_options(settings),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.BASE_URL.startswith("https://"),
        MAX_CONTENT_LENGTH=1024 * 1024,
        MAX_FORM_MEMORY_SIZE=512 * 1024,
        MAX_FORM_PARTS=500,
        WTF_CSRF_TIME_LIMIT=None,
        BABEL_DEFAULT_LOCALE="en",
        BABEL_TRANSLATION_DIRECTORIES="translations",
        RATELIMIT_ENABLED=settings.RATE_LIMITS == "on",
        RATELIMIT_KEY_PREFIX=settings.REDIS_PREFIX,
        RATELIMIT_STORAGE_URI=settings.REDIS_URL or "memory://",
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=bool(settings.REDIS_URL),
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_STRATEGY="moving-window",
        MAIL_DEFAULT_SENDER=settings.MAIL_FROM,
        OPENAPI_VERSION="3.1.0",
    )
    app.url_map.converters["row_id"] = RowId
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    if settings.TRUSTED_PROXIES:
        hops = settings.TRUSTED_PROXIES
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)


def register_extensions(app: Flask, settings: Settings) -> None:
    import shop.models  # noqa: F401 - the tables must be known before the first request

    db.init_app(app)
    with app.app_context():
        database.prepare_engine(db.engine)
    migrate.init_app(app, db, directory="migrations", render_as_batch=True)
    login_manager.init_app(app)
    csrf.init_app(app)
    mail.init_app(app)
    htmx.init_app(app)
    # Before the limiter: what is registered first looks at an answer last.
    security.init_limits(app)
    limiter.init_app(app)
    babel.init_app(app, locale_selector=locales.select_locale, timezone_selector=locales.select_timezone)
    socketio.init_app(
        app,
        async_mode="threading",
        transports=["websocket"],
        # In the order they were sent: who types may not be told before who watches.
        async_handlers=False,
        message_queue=settings.REDIS_URL or None,
        channel=f"{settings.REDIS_PREFIX}:live",
        max_http_buffer_size=16_384,
    )
    websocket.install(socketio)


def register_request_hooks(app: Flask) -> None:
    logs.init_app(app)
    security.init_app(app)
    assets.init_app(app)
    database.init_app(app)
    locales.init_app(app)
    filters.init_app(app)
    errors.init_app(app)
    # Last: what is registered last looks at an answer first.
    once.init_app(app)


def register_blueprints(app: Flask) -> None:
    from shop import admin, api, booking, health, public

    for room in (health, public, booking, admin, api):
        room.init_app(app)


def mount_simulator(app: Flask, settings: Settings) -> None:
    """Stripe and PayPal as another company, below /simulator: the shop speaks to it over HTTP as to the real ones."""
    from shop.simulator import create_simulator

    keys = ("stripe_secret_key", "stripe_publishable_key", "stripe_webhook_secret", "paypal_client_id",
            "paypal_client_secret", "paypal_webhook_id")  # fmt: skip
    simulator = create_simulator(
        settings.SHOP_DATA / "simulator.db",
        shop_url=settings.SIMULATOR_URL.removesuffix("/simulator"),
        public_url=f"{settings.BASE_URL}/simulator",
        **{name: getattr(settings, name.upper()) for name in keys},
    )
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/simulator": simulator})
