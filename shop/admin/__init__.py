"""The staff console."""

from flask import Flask

from shop.admin import (
    access,
    account,
    audit,
    catalogue,
    console,
    find,
    fragments,
    health,
    load,
    next_ticket,
    outbox,
    palette,
    price_rules,
    recover,
    roster,
    sign_in,
    sockets,
    staff,
    style,
    undo,
)
from shop.admin.repairs import RepairsView


def init_app(app: Flask) -> None:
    access.init_app(app)
    fragments.init_app(app)
    sockets.init_app(app)
    sign_in.init_app(app)
    admin = console.init_app(app)
    admin.add_view(RepairsView("Repairs", path="repairs"))
    system = (health, staff, account, recover, undo, style)
    for screen in (find, palette, catalogue, price_rules, audit, outbox, load, next_ticket, roster, *system):
        screen.init_app(admin)
