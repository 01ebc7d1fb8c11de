"""Tickets that are not worked on any more because a person merged or deleted them: what happened, in words."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from shop.extensions import db
from shop.models.ending import DeletedRepair, MergedRepair
from shop.models.errors import Deleted, Merged, NotFound
from shop.models.event import Event
from shop.models.repair import Repair
from shop.models.staff import Staff
from shop.models.workflow import State


@dataclass(frozen=True, slots=True)
class Ending:
    """`into` is the ticket that stays, empty for one that was deleted; `reason` is why it was deleted."""

    number: str
    by: str
    at: datetime
    into: str = ""
    reason: str = ""

    @property
    def words(self) -> str:
        if self.into:
            return _(
                "%(number)s was merged into %(into)s by %(name)s.", number=self.number, into=self.into, name=self.by
            )
        return _(
            "%(number)s was deleted by %(name)s: “%(reason)s”.", number=self.number, name=self.by, reason=self.reason
        )

    @property
    def error(self) -> Deleted | Merged:
        if self.into:
            return Merged(self.words, number=self.number, into=self.into)
        return Deleted(self.words, number=self.number)


def find_merge(repair: Repair) -> Ending | None:
    """Where the work on this ticket goes on, if it was merged away. No statement for one that is not cancelled."""
    if repair.status != State.CANCELLED:
        return None
    into = db.session.scalar(
        select(Repair.number).join(MergedRepair, MergedRepair.into_id == Repair.id).where(
            MergedRepair.repair_id == repair.id
        )
    )  # fmt: skip
    if into is None:
        return None
    by, at, _reason = _fact("repair.merged", repair.id)
    return Ending(repair.number, by, at, into=into)


def find_deletion(number: str) -> Ending | None:
    """What became of a ticket that was deleted; None for a number that never was one's."""
    gone = db.session.scalar(select(DeletedRepair).where(DeletedRepair.number == number))
    if gone is None:
        return None
    by, at, reason = _fact("repair.deleted", gone.repair_id)
    return Ending(gone.number, by, at, reason=reason)


def find_ending(number: str) -> Ending | None:
    """Either, by the ticket's number."""
    number = number.replace("\x00", "?").upper()[:16]
    repair = db.session.scalar(select(Repair).where(Repair.number == number))
    return find_merge(repair) if repair else find_deletion(number)


def refuse_merged(repair: Repair) -> None:
    """Raises Merged for a ticket that was merged away: nothing can be done with it."""
    if ending := find_merge(repair):
        raise ending.error


def absence(number: str) -> NotFound:
    """What to raise for a ticket that is not there: who deleted it, or that there is none."""
    ending = find_deletion(number)
    return Deleted(ending.words, number=ending.number) if ending else NotFound("There is no such repair.")


def follow(repair: Repair) -> Repair:
    """The ticket in which the same customer's work goes on: itself, or what it was merged into, step by step."""
    while repair.status == State.CANCELLED:
        into = db.session.scalar(
            select(Repair).join(MergedRepair, MergedRepair.into_id == Repair.id).where(
                MergedRepair.repair_id == repair.id, Repair.customer_id == repair.customer_id
            )
        )  # fmt: skip
        if into is None:
            break
        repair = into
    return repair


def is_merged_for_its_customer():
    """A condition on repairs: the same customer has the ticket that it was merged into."""
    into = aliased(Repair)
    return (
        select(MergedRepair.repair_id)
        .join(into, into.id == MergedRepair.into_id)
        .where(MergedRepair.repair_id == Repair.id, into.customer_id == Repair.customer_id)
        .correlate(Repair)
        .exists()
    )


def count_absorbed(repair: Repair) -> int:
    """How many tickets were merged into this one."""
    query = select(func.count()).select_from(MergedRepair).where(MergedRepair.into_id == repair.id)
    return db.session.scalars(query).one()


def deleted_among(numbers: Collection[str]) -> list[str]:
    """Which of these numbers were tickets that are deleted. No statement for none."""
    if not numbers:
        return []
    query = select(DeletedRepair.number).where(DeletedRepair.number.in_(numbers))
    return list(db.session.scalars(query.order_by(DeletedRepair.number)))


def numbers_of(repair_ids: Collection[int]) -> dict[int, str]:
    """Numbers of tickets, deleted ones too: one statement, none for none."""
    if not repair_ids:
        return {}
    here = select(Repair.id, Repair.number).where(Repair.id.in_(repair_ids))
    gone = select(DeletedRepair.repair_id, DeletedRepair.number).where(DeletedRepair.repair_id.in_(repair_ids))
    return {row.id: row.number for row in db.session.execute(here.union_all(gone))}


def highest_id() -> int:
    """Of all tickets that ever were: their numbers are made of it, and none is given twice."""
    ids = [db.session.scalar(select(func.max(column))) for column in (Repair.id, DeletedRepair.repair_id)]
    return max(key or 0 for key in ids)


def _fact(verb: str, repair_id: int) -> tuple[str, datetime, str]:
    """Who, when and why, as the log says."""
    query = select(Event).where(Event.aggregate == f"repair:{repair_id}", Event.verb == verb)
    event = db.session.scalars(query.order_by(Event.version.desc()).limit(1)).one()
    _kind, _colon, key = event.actor.partition(":")
    name = db.session.scalar(select(Staff.name).where(Staff.id == int(key or 0)))
    reason = json.loads(event.detail.body).get("reason", "") if event.detail else ""
    return name or "?", datetime.fromisoformat(event.at), reason
