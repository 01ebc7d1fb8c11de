"""Messages that wait for their time: taken back before they leave, dropped when no longer true, sent earlier.

A worker claims a delivery by a conditional update, and so does everything here: of a claim and a taking back at the
same moment the database lets one through, and the other sees that it came too late.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, literal_column, or_, select, update

from shop.extensions import db
from shop.models.base import database_now
from shop.models.event import Delivery, DeliveryState, Event
from shop.services.statements import changed_rows, insert_statement
from shop.services.subscriptions import MAIL

UNDONE = "Undone before it left"
MOVED_ON = "The repair has moved on, so it is no longer true"
STOPPED = "Stopped before it left"
# Literals, not parameters: only then can the planners prove that the partial indexes apply.
_UNFINISHED = Delivery.state.in_([literal_column("'waiting'"), literal_column("'running'")])
_NOT_BEGUN = and_(Delivery.state == DeliveryState.WAITING, Delivery.attempt == 0)


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the message of an event. `due_at` is when it leaves, or left."""

    delivery_id: int
    state: str
    due_at: datetime
    error: str
    attempt: int

    @property
    def waits(self) -> bool:
        return self.state == DeliveryState.WAITING and self.attempt == 0


def lock_events(event_ids: Iterable[int]) -> None:
    """Call before `take_back`, with all that the transaction will take back.

    Who seals an event holds its row and then writes its delivery; `take_back` writes the delivery, which asks for the
    event's row. In this order, and by id as the relay goes, neither waits for the other in a circle.
    """
    ids = sorted(event_ids)
    if ids:
        query = select(Event.id).where(Event.id.in_(ids)).order_by(Event.id)
        db.session.execute(query.with_for_update(read=True, key_share=True, of=Event)).all()


def take_back(event_id: int, *, aggregate: str, reason: str = UNDONE) -> bool:
    """Settles that the message of this event never leaves; False if a worker has it or had it already.

    An event that has no place in the log yet is owed nothing so far: then the cancelled delivery is written here, and
    the relay leaves it as it is. Taking back twice is harmless.
    """
    cancelled = {"state": DeliveryState.CANCELLED, "error": reason, "finished_at": database_now()}
    owed = {"event_id": event_id, "subscriber": MAIL, "ordering_key": aggregate}
    statement = insert_statement(Delivery).values(**owed, **cancelled, due_at=database_now(), created_at=database_now())
    settled = statement.on_conflict_do_update(
        index_elements=["event_id", "subscriber"],
        set_=cancelled,
        where=or_(_NOT_BEGUN, Delivery.state == DeliveryState.CANCELLED),
    ).returning(Delivery.id)
    return db.session.connection().execute(settled).first() is not None


def drop_held(aggregate: str) -> list[int]:
    """Cancels what is still held for `aggregate`; returns the events that it was about."""
    statement = (
        update(Delivery)
        .where(
            Delivery.subscriber == MAIL,
            Delivery.ordering_key == aggregate,
            _UNFINISHED,
            _NOT_BEGUN,
            # A message that was never held, such as the confirmation of the booking, goes its way.
            Delivery.due_at > Delivery.created_at,
        )
        .values(state=DeliveryState.CANCELLED, error=MOVED_ON, finished_at=database_now())
        .returning(Delivery.event_id)
        .execution_options(synchronize_session=False)
    )
    return sorted(db.session.connection().execute(statement).scalars())


def revive(event_ids: list[int]) -> None:
    """What `drop_held` has dropped waits again, for the time that was chosen."""
    if event_ids:
        db.session.execute(
            update(Delivery)
            .where(
                Delivery.event_id.in_(event_ids),
                Delivery.state == DeliveryState.CANCELLED,
                Delivery.error == MOVED_ON,
            )
            .values(state=DeliveryState.WAITING, error="", finished_at=None)
            .execution_options(synchronize_session=False)
        )


def let_go(delivery_id: int) -> bool:
    """A held message leaves now; False if it does not wait any more."""
    changed = db.session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, _NOT_BEGUN)
        .values(due_at=database_now())
        .execution_options(synchronize_session=False)
    )
    return changed_rows(changed) == 1


def fates(event_ids: Iterable[int]) -> dict[int, Fate]:
    """By event; an event without a place in the log is not in it yet."""
    ids = list(event_ids)
    if not ids:
        return {}
    query = select(
        Delivery.event_id, Delivery.id, Delivery.state, Delivery.due_at, Delivery.error, Delivery.attempt
    ).where(Delivery.event_id.in_(ids), Delivery.subscriber == MAIL)
    return {row[0]: Fate(*row[1:]) for row in db.session.execute(query)}
