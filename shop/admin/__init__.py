"""The staff console."""

from flask import Flask

from shop.admin import access, console, sign_in, sockets
from shop.admin.repairs import RepairsView


def init_app(app: Flask) -> None:
    access.init_app(app)
    sockets.init_app(app)
    sign_in.init_app(app)
    admin = console.init_app(app)
    admin.add_view(RepairsView("Repairs", path="repairs"))
