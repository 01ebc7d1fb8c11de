"""Webhooks that were refused: kept in bounded number, so that a flood fills nothing."""

import json
import re
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

import structlog
from sqlalchemy import case, func, select
from sqlalchemy.exc import SQLAlchemyError

from shop import database
from shop.extensions import db
from shop.models.base import utc_now
from shop.models.payment import Provider
from shop.models.refused_webhook import ROWS_AN_HOUR, RefusedWebhook
from shop.services.statements import insert_statement

log = structlog.get_logger(__name__)

MANY, _LATELY = 10, timedelta(days=1)
_NOT_PLAIN = re.compile(r"[^ -~]")


def note_refused(provider: Provider | str, reason: str, body: bytes, *, source: str | None = None) -> None:
    """Writes down at once and by itself that a webhook was refused. Each call counts; `source` is an address.

    An hour has at most ROWS_AN_HOUR rows of a provider, and the last one counts the rest. Raises nothing: the sender
    hears that it was refused in any case.
    """
    now = utc_now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    claimed_id, claimed_kind = _claims(provider, body)
    values = {
        "provider": str(provider), "hour": hour, "place": _next_place(provider, hour), "times": 1, "reason": reason,
        "received_at": now, "size": len(body), "claimed_id": claimed_id[:120], "claimed_kind": claimed_kind[:80],
        "source": network_of(source),
    }  # fmt: skip
    statement = (
        insert_statement(RefusedWebhook)
        .values(**values)
        .on_conflict_do_update(
            index_elements=["provider", "hour", "place"],
            set_={"times": RefusedWebhook.times + 1, "received_at": now},
        )
    )
    try:
        with database.writing(), database.alone(db.engine) as connection:
            connection.execute(statement)
    except SQLAlchemyError:
        log.warning("refused_webhook_not_recorded", provider=str(provider), reason=reason, exc_info=True)


def count_lately() -> int:
    """How many were refused within the last day."""
    query = select(func.sum(RefusedWebhook.times)).where(RefusedWebhook.received_at > utc_now() - _LATELY)
    return int(db.session.scalar(query) or 0)


def network_of(address: str | None) -> str:
    """Enough to tell one sender from many, and no person's address: /24 of IPv4, /48 of IPv6; empty for none."""
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network((found, 24 if found.version == 4 else 48), strict=False))


def _next_place(provider: Provider | str, hour: datetime):
    """Two that take the same one at once share its row."""
    of_hour = (RefusedWebhook.provider == str(provider)) & (RefusedWebhook.hour == hour)
    taken = select(func.coalesce(func.max(RefusedWebhook.place), 0)).where(of_hour).scalar_subquery()
    return case((taken < ROWS_AN_HOUR, taken + 1), else_=ROWS_AN_HOUR)


def _claims(provider: Provider | str, body: bytes) -> tuple[str, str]:
    """What it says that its id and kind are."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(event, dict):
        return "", ""
    return _plain(event.get("id")), _plain(event.get("type" if provider == Provider.STRIPE else "event_type"))


def _plain(value) -> str:
    return _NOT_PLAIN.sub("", value) if isinstance(value, str) else ""
