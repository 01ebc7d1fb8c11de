"""What became of the messages about a repair: waiting, sent, or not sent and why; and what a person decides of them."""

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Row, literal_column, select
from sqlalchemy.orm import joinedload

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import database_now, utc_now
from shop.models.errors import CannotUndo, NotFound
from shop.models.event import Delivery, DeliveryState, Event
from shop.models.repair import Repair
from shop.services import holds
from shop.services.events import hold, record
from shop.services.holds import Fate
from shop.services.subscriptions import MAIL, TOLD_BY_MAIL, held_until

MOST_WAITING = 200


class Outcome(StrEnum):
    SILENT = "silent"
    WAITING = "waiting"
    SENT = "sent"
    STOPPED = "stopped"
    SKIPPED = "skipped"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True)
class Told:
    """One message. `leaves_at` is set while it waits; `delivery_id` once it has a place in the log."""

    outcome: Outcome
    leaves_at: datetime | None = None
    delivery_id: int | None = None
    reason: str = ""

    @property
    def seconds(self) -> int:
        return max(0, int((self.leaves_at - utc_now()).total_seconds())) if self.leaves_at else 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits for its time, with whom it is for."""

    delivery_id: int
    leaves_at: datetime
    number: str
    verb: str
    state: str
    name: str
    recipient: str
    locale: str

    @property
    def seconds(self) -> int:
        return max(0, int((self.leaves_at - utc_now()).total_seconds()))


def messages_of(events: list[Event]) -> dict[int, Told]:
    """By version of the act that caused it. One statement, if any was told at all."""
    acts = [event for event in events if _tells(event)]
    fates = holds.fates(event.id for event in acts)
    told = ((event.version, _told(event, fates.get(event.id))) for event in acts)
    return {version: message for version, message in told if message}


def _tells(event: Event) -> bool:
    body = json.loads(event.body)
    if event.verb in ("repair.rebooked", "repair.missed"):
        # The history says in its own words that they were not told.
        return body.get("message") != "none"
    return event.verb == "repair.moved" and body["to"] in TOLD_BY_MAIL


def list_waiting() -> list[Waiting]:
    """What is held or for later, the soonest first. Two statements."""
    query = (
        select(Delivery.id, Delivery.due_at, Delivery.ordering_key, Event.verb, Event.body)
        .join(Event, Event.id == Delivery.event_id)
        .where(
            Delivery.subscriber == MAIL,
            # Literals: only then can the planners prove that the partial index applies.
            Delivery.state.in_([literal_column("'waiting'"), literal_column("'running'")]),
            Delivery.state == DeliveryState.WAITING,
            Delivery.attempt == 0,
            Delivery.due_at > database_now(),
        )
        .order_by(Delivery.due_at)
        .limit(MOST_WAITING)
    )
    rows = db.session.execute(query).all()
    ids = [int(row.ordering_key.partition(":")[2]) for row in rows]
    found = select(Repair).where(Repair.id.in_(ids)).options(joinedload(Repair.customer)) if ids else None
    repairs = {repair.id: repair for repair in db.session.scalars(found)} if found is not None else {}
    return [_waiting(row, repairs[key]) for row, key in zip(rows, ids, strict=True) if key in repairs]


def _waiting(row: Row, repair: Repair) -> Waiting:
    customer, state = repair.customer, json.loads(row.body).get("to", "")
    return Waiting(
        row.id, row.due_at, repair.number, row.verb, state,
        name=customer.name, recipient=customer.email, locale=customer.locale,
    )  # fmt: skip


def send_now(delivery_id: int, *, actor: Actor) -> Repair:
    """A waiting message leaves at once. Raises CannotUndo if it does not wait any more."""
    return _decide(delivery_id, "repair.message_hurried", actor=actor)


def stop(delivery_id: int, *, actor: Actor) -> Repair:
    """A waiting message never leaves. Raises CannotUndo if it has left."""
    return _decide(delivery_id, "repair.message_stopped", actor=actor)


def _decide(delivery_id: int, verb: str, *, actor: Actor) -> Repair:
    actor.require("message.decide")
    delivery = db.session.get(Delivery, delivery_id)
    kind, _, key = delivery.ordering_key.partition(":") if delivery else ("", "", "")
    if delivery is None or kind != "repair" or delivery.subscriber != MAIL:
        raise NotFound("There is no such message.")
    repair = db.session.get(Repair, int(key), with_for_update=True)
    if repair is None:
        raise NotFound("There is no such message.")
    hold(repair)
    if verb == "repair.message_hurried":
        is_done = holds.let_go(delivery_id)
    else:
        holds.lock_events([delivery.event_id])
        is_done = holds.take_back(delivery.event_id, aggregate=delivery.ordering_key, reason=holds.STOPPED)
    if not is_done:
        raise CannotUndo("The message has left, or was stopped before.")
    record(verb, repair, actor=actor, body={"delivery": delivery_id})
    return repair


def _told(event: Event, fate: Fate | None) -> Told | None:
    """None where nothing is known: moves of the old records owe nothing."""
    body = json.loads(event.body)
    if body.get("message") == "none":
        return Told(Outcome.SILENT)
    if fate is None:
        held = held_until(event.body)
        return Told(Outcome.WAITING, held or utc_now()) if event.position is None else None
    if fate.waits:
        return Told(Outcome.WAITING, fate.due_at, fate.delivery_id)
    if fate.state == DeliveryState.CANCELLED:
        return Told(Outcome.STOPPED, reason=fate.error)
    if fate.state == DeliveryState.DONE:
        return Told(Outcome.SKIPPED, reason=fate.error) if fate.error.startswith("Skipped") else Told(Outcome.SENT)
    return Told(Outcome.TROUBLE, reason=fate.error)
