from flask import Flask


def init_app(app: Flask) -> None:
    """Registers this room's routes."""
    from shop.booking import confirmed, details, device, fault, pay, resume, review, service, typing  # noqa: F401
    from shop.booking.flow import bp

    app.register_blueprint(bp)
