"""The queue as a file: the same filters and order, every row, a batch at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Row, select
from sqlalchemy.orm import joinedload

from shop import database
from shop.extensions import db
from shop.models.actor import Actor
from shop.models.repair import Repair
from shop.services import queue, staff
from shop.services.events import record
from shop.services.filters import Filters

BATCH = 500
PERMISSION = "repair.export"


def begin(*, actor: Actor, arguments: dict[str, str], chosen: int) -> None:
    """Notes who takes repairs away, and which; what was searched for is personal. The caller commits, then reads."""
    actor.require(PERMISSION)
    person = staff.lock_staff(actor.id or 0)
    body = {"chosen": chosen} if chosen else {}
    record("staff.export_begun", person, actor=actor, body=body, detail={"filters": arguments} if arguments else None)


def finish(*, actor: Actor, rows: int, is_whole: bool) -> None:
    """Notes how many rows have left, and whether that was all."""
    person = staff.lock_staff(actor.id or 0)
    record("staff.exported", person, actor=actor, body={"rows": rows, "whole": is_whole})


def read_all(filters: Filters, *, me: int, day_ends: datetime) -> Iterator[Row]:
    """Every row that the filters select, in their order. Holds one batch at a time, however many there are."""
    after: str | None = ""
    while after is not None:
        here = replace(filters, after=after)
        batch = _read(lambda here=here: queue.batch(here, me=me, day_ends=day_ends, most=BATCH))
        yield from batch.rows
        after = batch.next


def read_chosen(numbers: Sequence[str]) -> Iterator[Row]:
    """The same of these tickets, in this order; what is no ticket's number is left out."""
    for start in range(0, len(numbers), BATCH):
        part = numbers[start : start + BATCH]
        rows = {row.number: row for row in _read(lambda part=part: queue.full_rows(part))}
        yield from (rows[number] for number in part if number in rows)


def _read(make: Callable):
    """Each batch by itself: nobody waits for a slow download, and no transaction is as long as it."""
    with database.reading():
        rows = make()
        db.session.rollback()
    return rows


def labels(ids: Sequence[int]) -> list[Repair]:
    """What stands on the labels of these repairs, in this order."""
    query = (
        select(Repair)
        .where(Repair.id.in_(ids))
        .options(joinedload(Repair.customer), joinedload(Repair.device), joinedload(Repair.location))
    )
    found = {repair.id: repair for repair in db.session.scalars(query)}
    return [found[key] for key in ids if key in found]
