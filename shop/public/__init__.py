from flask import Flask


def init_app(app: Flask) -> None:
    """Registers this room's routes."""
    from shop import words
    from shop.public import account, appointment, card, documents, pages, pay, site, tracking  # noqa: F401
    from shop.public.blueprint import bp

    words.init_app(app)
    app.register_blueprint(bp)
