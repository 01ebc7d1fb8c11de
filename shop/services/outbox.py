"""Mail as it was written, and deliveries that have not arrived."""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select, update
from sqlalchemy.orm import joinedload, load_only

from shop.extensions import db
from shop.models.account import CustomerAccount
from shop.models.actor import Actor
from shop.models.base import database_now
from shop.models.bulk import BulkRun
from shop.models.errors import NotFound
from shop.models.event import Delivery, DeliveryState, Event
from shop.models.outbox import OutboxMessage
from shop.models.payment import ProviderEvent
from shop.models.repair import Repair
from shop.models.staff import Staff
from shop.services import deliveries
from shop.services.events import hold, record
from shop.services.statements import changed_rows

PAGE = 50
MOST_TROUBLES = 50
_BRIEF = (
    OutboxMessage.id, OutboxMessage.template, OutboxMessage.locale, OutboxMessage.recipient, OutboxMessage.subject,
    OutboxMessage.state, OutboxMessage.created_at, OutboxMessage.repair_id,
)  # fmt: skip
_AGGREGATES = {
    "repair": Repair, "staff": Staff, "customer_account": CustomerAccount, "bulk_run": BulkRun,
    "provider_event": ProviderEvent,
}  # fmt: skip
# Whoever follows such a link becomes the customer.
_KEYS = re.compile(r"(/account/set-password/)[\w-]+")


@dataclass(frozen=True, slots=True)
class MessagePage:
    items: list[OutboxMessage]
    older: int | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A delivery that waits for its next try or is dead."""

    id: int
    subscriber: str
    aggregate: str
    verb: str
    state: str
    attempt: int
    due_at: datetime
    error: str
    created_at: datetime


def list_messages(q: str = "", *, before: int | None = None) -> MessagePage:
    """Newest first, `before` an id. `q` is part of an address or a ticket number. One statement."""
    query = select(OutboxMessage).options(load_only(*_BRIEF), joinedload(OutboxMessage.repair).load_only(Repair.number))
    if q := q.strip():
        query = query.where(_matching(q))
    if before is not None:
        query = query.where(OutboxMessage.id < before)
    found = list(db.session.scalars(query.order_by(OutboxMessage.id.desc()).limit(PAGE + 1)))
    return MessagePage(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def _matching(q: str):
    number = q.upper().removeprefix("#")
    number = f"RT-{number}" if number.isdigit() else number
    if number.startswith("RT-"):
        return OutboxMessage.repair_id.in_(select(Repair.id).where(Repair.number == number))
    return OutboxMessage.recipient.icontains(q, autoescape=True)


def get_message(message_id: int) -> OutboxMessage:
    """With its repair. Raises NotFound."""
    message = db.session.scalar(
        select(OutboxMessage).options(joinedload(OutboxMessage.repair)).where(OutboxMessage.id == message_id)
    )
    if message is None:
        raise NotFound("This message does not exist.")
    return message


def without_keys(text: str) -> str:
    """A mail as the staff may see it: what opens a customer's account is left out."""
    return _KEYS.sub(r"\1…", text)


def get_delivery(delivery_id: int) -> Delivery:
    """Raises NotFound."""
    delivery = db.session.get(Delivery, delivery_id)
    if delivery is None:
        raise NotFound("This delivery does not exist.")
    return delivery


def list_troubles() -> list[Trouble]:
    """Dead deliveries, then those that failed at least once and wait; of each kind the newest first."""
    dead = Delivery.state == DeliveryState.DEAD
    waiting = and_(Delivery.state == DeliveryState.WAITING, Delivery.attempt > 0)
    return [*_troubles(dead), *_troubles(waiting)]


def _troubles(condition) -> list[Trouble]:
    query = (
        select(
            Delivery.id, Delivery.subscriber, Delivery.ordering_key, Event.verb, Delivery.state, Delivery.attempt,
            Delivery.due_at, Delivery.error, Delivery.created_at,
        )
        .join(Event, Event.id == Delivery.event_id)
        .where(condition)
        .order_by(Delivery.id.desc())
        .limit(MOST_TROUBLES)
    )  # fmt: skip
    return [Trouble(*row) for row in db.session.execute(query)]


def resend(delivery_id: int, *, actor: Actor) -> None:
    """Gives a dead delivery a new life, or runs a waiting one now. Raises NotFound for one that is neither."""
    actor.require("outbox.resend")
    delivery = get_delivery(delivery_id)
    aggregate = _lock_aggregate(delivery.ordering_key)
    if delivery.state == DeliveryState.WAITING:
        _hurry(delivery_id)
    else:
        deliveries.resend(delivery_id)
    body = {"delivery": delivery_id, "subscriber": delivery.subscriber}
    record(f"{delivery.ordering_key.partition(':')[0]}.delivery_resent", aggregate, actor=actor, body=body)


def _hurry(delivery_id: int) -> None:
    changed = db.session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state == DeliveryState.WAITING)
        .values(due_at=database_now())
        .execution_options(synchronize_session=False)
    )
    if changed_rows(changed) != 1:
        raise NotFound("This delivery is not waiting any more.")


def _lock_aggregate(name: str):
    kind, _, key = name.partition(":")
    aggregate = db.session.get(_AGGREGATES[kind], int(key), with_for_update=True)
    if aggregate is None:
        raise NotFound("What this delivery is about is not here any more.")
    hold(aggregate)
    return aggregate
