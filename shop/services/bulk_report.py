"""What a change of many tickets will do, is doing, or did, for people to read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Row, func, select

from shop.extensions import db
from shop.models.bulk import BulkItem, BulkRun, Outcome
from shop.models.repair import Repair
from shop.models.staff import Staff
from shop.services import messages
from shop.services.bulk_acts import Reason

PAGE = 100
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Group:
    """Tickets that the preview refuses for one reason; `before` is what they are now, `numbers` the first of them."""

    reason: str
    before: str
    number: int
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    will: int
    same: int
    refused: tuple[Group, ...]
    heard: messages.Summary


@dataclass(frozen=True, slots=True)
class Progress:
    """How many tickets had each outcome so far; `waiting` is how many are still to come."""

    counts: dict[str, int]
    total: int

    @property
    def waiting(self) -> int:
        return self.counts.get("", 0)

    @property
    def share(self) -> int:
        """Of a hundred."""
        return (self.total - self.waiting) * 100 // max(self.total, 1)

    def of(self, outcome: str) -> int:
        return self.counts.get(outcome, 0)


def preview_of(run: BulkRun) -> Preview:
    """Four statements, whatever the number of tickets."""
    counted = (
        select(BulkItem.forecast, BulkItem.before, func.count())
        .where(BulkItem.run_id == run.id)
        .group_by(BulkItem.forecast, BulkItem.before)
    )
    groups = [(str(reason), before, number) for reason, before, number in db.session.execute(counted)]
    named = _named(run.id)
    return Preview(
        will=sum(number for reason, _, number in groups if not reason),
        same=sum(number for reason, _, number in groups if reason == Reason.SAME),
        refused=tuple(
            Group(reason, before, number, tuple(named.get((reason, before), ())))
            for reason, before, number in sorted(groups, key=lambda group: -group[2])
            if reason and reason != Reason.SAME
        ),
        heard=_heard(run),
    )


def progress_of(run: BulkRun) -> Progress:
    query = select(BulkItem.outcome, func.count()).where(BulkItem.run_id == run.id).group_by(BulkItem.outcome)
    return Progress({row[0]: row[1] for row in db.session.execute(query)}, run.total)


def results(run: BulkRun, *, outcome: str = "", after: int = -1, most: int = PAGE) -> Sequence[Row]:
    """(place, number, outcome, reason, detail, before) in the order of the list, after a place."""
    query = (
        select(BulkItem.place, Repair.number, BulkItem.outcome, BulkItem.reason, BulkItem.detail, BulkItem.before)
        .join(Repair, Repair.id == BulkItem.repair_id)
        .where(BulkItem.run_id == run.id, BulkItem.place > after)
    )
    if outcome:
        query = query.where(BulkItem.outcome == outcome)
    return db.session.execute(query.order_by(BulkItem.place).limit(most)).all()


def all_results(run: BulkRun) -> Iterator[Row]:
    """A thousand at a time."""
    after = -1
    while rows := results(run, after=after, most=1_000):
        yield from rows
        after = rows[-1].place


def list_runs(*, most: int = 50) -> Sequence[Row]:
    """(run, name of who made it) of those that were run, newest first."""
    query = select(BulkRun, Staff.name).join(Staff).where(BulkRun.started_at.is_not(None))
    return db.session.execute(query.order_by(BulkRun.id.desc()).limit(most)).all()


def _named(run_id: int) -> dict[tuple[str, str], list[str]]:
    rank = func.row_number().over(partition_by=(BulkItem.forecast, BulkItem.before), order_by=BulkItem.place)
    ranked = (
        select(BulkItem.forecast, BulkItem.before, BulkItem.repair_id, rank.label("rank"))
        .where(BulkItem.run_id == run_id, BulkItem.forecast != "", BulkItem.forecast != Reason.SAME)
        .subquery()
    )
    query = (
        select(ranked.c.forecast, ranked.c.before, Repair.number)
        .join(Repair, Repair.id == ranked.c.repair_id)
        .where(ranked.c.rank <= _NAMED)
        .order_by(ranked.c.rank)
    )
    named: dict[tuple[str, str], list[str]] = {}
    for reason, before, number in db.session.execute(query):
        named.setdefault((reason, before), []).append(number)
    return named


def _heard(run: BulkRun) -> messages.Summary:
    if run.act != "status":
        return messages.Summary()
    ids = select(BulkItem.repair_id).where(BulkItem.run_id == run.id, BulkItem.forecast == "")
    return messages.summary(db.session.scalars(ids), run.target)


def numbers_of(run: BulkRun, outcome: str = Outcome.DONE) -> list[str]:
    """Of the tickets with that outcome, for pages that show them."""
    query = select(Repair.number).join(BulkItem).where(BulkItem.run_id == run.id, BulkItem.outcome == outcome)
    return list(db.session.scalars(query.order_by(BulkItem.place)))
