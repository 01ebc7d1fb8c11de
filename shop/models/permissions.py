"""Who may do what: the one table. HTTP, htmx, API, sockets and services all ask `may`."""

from enum import StrEnum


class Role(StrEnum):
    OWNER = "owner"
    MANAGER = "manager"
    TECHNICIAN = "technician"
    FRONT_DESK = "front_desk"
    READ_ONLY = "read_only"


_EVERYONE = frozenset(Role)
_WORKERS = _EVERYONE - {Role.READ_ONLY}
_LEADERS = frozenset({Role.OWNER, Role.MANAGER})
# Who stands where money changes hands.
_SELLERS = _LEADERS | {Role.FRONT_DESK}

PERMISSIONS: dict[str, frozenset[Role]] = {
    "console.enter": _EVERYONE,
    "repair.view": _EVERYONE,
    "repair.move": _WORKERS,
    "repair.assign": _WORKERS,
    "repair.edit": _WORKERS,
    "repair.note": _WORKERS,
    "act.undo": _WORKERS,
    "message.decide": _WORKERS,
    "customer.consent": _WORKERS,
    "repair.bulk": _WORKERS,
    "repair.export": frozenset({Role.OWNER, Role.MANAGER, Role.FRONT_DESK}),
    "repair.cancel": frozenset({Role.OWNER, Role.MANAGER, Role.FRONT_DESK}),
    "repair.merge": frozenset({Role.OWNER, Role.MANAGER, Role.FRONT_DESK}),
    "repair.delete": _LEADERS,
    "repair.diagnose": frozenset({Role.OWNER, Role.MANAGER, Role.TECHNICIAN}),
    "repair.take": frozenset({Role.OWNER, Role.MANAGER, Role.TECHNICIAN}),
    "repair.check_in": _WORKERS,
    "booking.move": _WORKERS,
    # Views of the queue: everybody keeps their own, leaders give some to all and say which opens first.
    "view.save": _EVERYONE,
    "view.share": _LEADERS,
    "calendar.view": _EVERYONE,
    "calendar.plan": _LEADERS,
    "customer.view": _WORKERS,
    "catalogue.view": _EVERYONE,
    "catalogue.edit": _LEADERS,
    "pricing.view": _LEADERS,
    "outbox.view": frozenset({Role.OWNER, Role.MANAGER, Role.FRONT_DESK}),
    "outbox.resend": frozenset({Role.OWNER, Role.MANAGER, Role.FRONT_DESK}),
    "payment.view": _SELLERS,
    "payment.take": _SELLERS,
    "payment.refund": _LEADERS,
    "work.offer": _WORKERS,
    "work.decide": _SELLERS,
    "card.charge": _SELLERS,
    "card.remove": _SELLERS,
    "ledger.view": _LEADERS,
    "drawer.use": _SELLERS,
    "drawer.close": _SELLERS,
    "audit.view": _LEADERS,
    "health.view": _LEADERS,
    "load.view": _WORKERS,
    "promise.view": _EVERYONE,
    "load.productivity": _LEADERS,
    "roster.own": _EVERYONE,
    "roster.manage": _LEADERS,
    "staff.view": _LEADERS,
    "staff.manage": frozenset({Role.OWNER}),
    "provider.keys": frozenset({Role.OWNER}),
    "account.self": _EVERYONE,
    "style.view": _EVERYONE,
}


def may(role: Role | str | None, permission: str) -> bool:
    """True if the role holds the permission. An unknown permission is a programming error."""
    return role in PERMISSIONS[permission]
