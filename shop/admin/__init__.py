"""The staff console."""

from flask import Flask

from shop.admin import (
    access,
    account,
    audit,
    bulk,
    calendar,
    catalogue,
    check_in,
    console,
    documents,
    find,
    fragments,
    health,
    home,
    ledger,
    load,
    next_ticket,
    opening,
    outbox,
    palette,
    payments,
    price_rules,
    promises,
    recover,
    roster,
    settings,
    sign_in,
    sockets,
    staff,
    style,
    till,
    undo,
    views,
)
from shop.admin.repairs import RepairsView


def init_app(app: Flask) -> None:
    access.init_app(app)
    fragments.init_app(app)
    sockets.init_app(app)
    sign_in.init_app(app)
    admin = console.init_app(app, index=home.Home)
    admin.add_view(RepairsView("Repairs", path="repairs"))
    system = (health, staff, account, recover, undo, style)
    work = (bulk, find, palette, calendar, check_in, opening, load, next_ticket, roster, views)
    money = (documents, payments, till, ledger, settings)
    for screen in (*work, *money, catalogue, price_rules, promises, audit, outbox, *system):
        screen.init_app(admin)
