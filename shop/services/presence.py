"""Who has a ticket open, and in which field they type. For the staff only."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Select, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import database_now
from shop.models.repair import Presence, Repair
from shop.models.staff import Staff

BEAT = timedelta(seconds=15)
LIFE = timedelta(seconds=45)


def find_repair_id(number: str) -> int | None:
    return db.session.scalar(select(Repair.id).where(Repair.number == number.upper()[:16]))


def see(repair_id: int, *, actor: Actor, field: str = "") -> None:
    """Notes that a person has the ticket open and types in `field`, or in none. A second call is harmless."""
    _write([{"repair_id": repair_id, "staff_id": actor.id, "field": field}], keep_field=False)


def beat(present: Iterable[tuple[int, int]]) -> None:
    """Keeps each (repair id, staff id) alive for another LIFE; the field stays."""
    # A ticket may have been deleted while somebody has it open.
    present = set(present)
    if not present:
        return
    here = set(db.session.scalars(select(Repair.id).where(Repair.id.in_({ticket for ticket, _person in present}))))
    rows = [{"repair_id": key, "staff_id": person, "field": ""} for key, person in sorted(present) if key in here]
    if rows:
        _write(rows, keep_field=True)


def leave(repair_id: int, *, actor: Actor) -> None:
    """Notes that a person has closed the ticket. A second call is harmless."""
    db.session.execute(delete(Presence).where(Presence.repair_id == repair_id, Presence.staff_id == actor.id))


def who_is_here(repair_ids: Iterable[int]) -> dict[int, list[tuple[int, str, str]]]:
    """(staff id, name, field) of everyone who has one of these tickets open, by ticket; others are absent."""
    query = _living(Presence.repair_id).where(Presence.repair_id.in_(list(repair_ids)))
    return _by_ticket(query)


def everyone() -> dict[str, list[tuple[int, str, str]]]:
    """The same of all tickets that anybody has open, by their number."""
    return _by_ticket(_living(Repair.number).join(Repair, Repair.id == Presence.repair_id))


def forget_expired() -> list[tuple[int, str]]:
    """Drops who was not seen for a LIFE, as after a crash; returns (repair id, number) of their tickets."""
    gone = (
        delete(Presence)
        .where(Presence.seen_at <= database_now(-LIFE.total_seconds()))
        .returning(Presence.repair_id)
        .execution_options(synchronize_session=False)
    )
    ids = set(db.session.scalars(gone))
    query = select(Repair.id, Repair.number).where(Repair.id.in_(ids)).order_by(Repair.id)
    return [(row.id, row.number) for row in db.session.execute(query)] if ids else []


def _living(ticket) -> Select:
    return (
        select(ticket, Staff.id, Staff.name, Presence.field)
        .select_from(Presence)
        .join(Staff, Staff.id == Presence.staff_id)
        .where(Presence.seen_at > database_now(-LIFE.total_seconds()), Staff.disabled_at.is_(None))
        .order_by(Presence.repair_id, Staff.name, Staff.id)
    )


def _by_ticket(query: Select) -> dict:
    here: dict = {}
    for ticket, staff_id, name, field in db.session.execute(query):
        here.setdefault(ticket, []).append((staff_id, name, field))
    return here


def _write(rows: list[dict], *, keep_field: bool) -> None:
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    statement = insert(Presence).values([{**row, "seen_at": database_now()} for row in rows])
    changes = {"seen_at": statement.excluded.seen_at}
    if not keep_field:
        changes["field"] = statement.excluded.field
    keys = [Presence.repair_id, Presence.staff_id]
    db.session.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes))
