"""What providers told us, newest first: each message as it came, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, and_, func, or_, select

from shop.extensions import db
from shop.models.errors import NotFound
from shop.models.payment import ONLINE, EventState, ProviderEvent
from shop.models.refused_webhook import RefusedWebhook
from shop.services.statements import as_written

PAGE = 50
# A choice beside the states: those of which nothing else was kept.
REFUSED = "refused"
# What a person may have to look at.
_TROUBLE = (EventState.UNKNOWN, EventState.FAILED)


@dataclass(frozen=True, slots=True)
class Filters:
    provider: str = ""
    state: str = ""
    q: str = ""

    def arguments(self) -> dict[str, str]:
        return {name: value for name in ("provider", "state", "q") if (value := getattr(self, name))}


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[Row]
    next: int | None


def read_page(filters: Filters, *, before: int | None = None) -> Page:
    """Without the bodies. One statement; `q` is the id of an event or of what it is about, whole.

    With the state REFUSED the rows are of what was refused, and `q` is the id that a message claims to have.
    """
    if filters.state == REFUSED:
        return _read_refused(filters, before=before)
    query = select(
        ProviderEvent.id, ProviderEvent.provider, ProviderEvent.event_id, ProviderEvent.kind, ProviderEvent.object_ref,
        ProviderEvent.payment_id, ProviderEvent.state, ProviderEvent.error, ProviderEvent.received_at,
    )  # fmt: skip
    if filters.provider:
        query = query.where(ProviderEvent.provider == filters.provider)
    if filters.state:
        query = query.where(ProviderEvent.state == filters.state)
    if filters.q:
        # The index of an event's id begins with the provider.
        is_event = and_(ProviderEvent.provider.in_(sorted(ONLINE)), ProviderEvent.event_id == filters.q)
        query = query.where(or_(is_event, ProviderEvent.object_ref == filters.q))
    if before is not None:
        query = query.where(ProviderEvent.id < before)
    rows = db.session.execute(query.order_by(ProviderEvent.id.desc()).limit(as_written(PAGE + 1))).all()
    return Page(rows[:PAGE], rows[PAGE - 1].id if len(rows) > PAGE else None)


def _read_refused(filters: Filters, *, before: int | None) -> Page:
    query = select(
        RefusedWebhook.id, RefusedWebhook.provider, RefusedWebhook.reason, RefusedWebhook.times, RefusedWebhook.size,
        RefusedWebhook.claimed_id, RefusedWebhook.claimed_kind, RefusedWebhook.source, RefusedWebhook.received_at,
    )  # fmt: skip
    if filters.provider:
        query = query.where(RefusedWebhook.provider == filters.provider)
    if filters.q:
        query = query.where(RefusedWebhook.claimed_id == filters.q)
    if before is not None:
        query = query.where(RefusedWebhook.id < before)
    rows = db.session.execute(query.order_by(RefusedWebhook.id.desc()).limit(as_written(PAGE + 1))).all()
    return Page(rows[:PAGE], rows[PAGE - 1].id if len(rows) > PAGE else None)


def get_event(event_id: int) -> ProviderEvent:
    """Raises NotFound."""
    event = db.session.get(ProviderEvent, event_id)
    if event is None:
        raise NotFound("There is no such message.")
    return event


def count_trouble() -> int:
    """Messages that failed, or were about no payment of ours."""
    query = select(func.count()).select_from(ProviderEvent).where(ProviderEvent.state.in_(_TROUBLE))
    return int(db.session.scalar(query) or 0)
