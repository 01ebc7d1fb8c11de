"""How many repairs are open, by everything that the views of the queue ask for: one statement, one partial index."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, literal_column, select

from shop.extensions import db
from shop.models.base import UtcDateTime, utc_now
from shop.models.promise import Outlook
from shop.models.repair import Repair
from shop.models.workflow import NEVER_LATE, WAITING_ON, State
from shop.services import risk
from shop.services.filters import COUNTED_SPANS, PART_STATUS, Filters, span
from shop.services.memory import LogState, log_state, recall

_NOW, _DAY_ENDS = bindparam("now", type_=UtcDateTime), bindparam("day_ends", type_=UtcDateTime)
_BY_TIME = {"late": "late", "today": "today"}
_FORESEEN = (risk.Kind.AT_RISK, risk.Kind.STALLED)
_COUNTS = (
    select(
        Repair.status,
        Repair.assignee_id,
        func.count(),
        func.count().filter(Repair.due_at < _NOW),
        func.count().filter(Repair.due_at >= _NOW, Repair.due_at < _DAY_ENDS),
        *[
            func.count().filter(Repair.status_since <= bindparam(f"before_{name}", type_=UtcDateTime))
            for name in COUNTED_SPANS
        ],
        *[func.min(Repair.due_at).filter(risk.joined(kind)) for kind in _FORESEEN],
        *[func.count().filter(risk.joined(kind)) for kind in _FORESEEN],
    )
    .outerjoin(Outlook, Outlook.repair_id == Repair.id)
    .where(literal_column("is_open"))
    .group_by(Repair.status, Repair.assignee_id)
)


@dataclass(frozen=True, slots=True)
class Group:
    """How many open repairs of one status one person has. `longer`: in that status for each of COUNTED_SPANS; `first`:
    when the first of those at risk, and of those that stand still, is due."""

    status: str
    assignee: int | None
    number: int
    late: int
    today: int
    longer: tuple[int, ...]
    first: tuple[datetime | None, datetime | None] = (None, None)
    at_risk: int = 0
    stalled: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the open part only. `position` is how far the log was sealed when they were true."""

    by_status: dict[str, int] = field(default_factory=dict)
    by_assignee: dict[int | None, int] = field(default_factory=dict)
    late: int = 0
    today: int = 0
    at_risk: int = 0
    stalled: int = 0
    position: int = 0
    groups: tuple[Group, ...] = ()
    # What was asked of these counts before: every list asks for the same views.
    _known: dict[tuple[Filters, int], int | None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def open(self) -> int:
        return sum(self.by_status.values())

    def of(self, filters: Filters, *, me: int) -> int | None:
        """How many repairs the filters select; None where that is not in these counts."""
        key = (filters, me if filters.is_personal else 0)
        if key not in self._known:
            found = self.by_status_of(filters, me=me)
            self._known[key] = None if found is None else sum(found.values())
        return self._known[key]

    def first_due(self, kind: risk.Kind, filters: Filters, *, me: int) -> datetime | None:
        """When the first is due of what is counted for filters by this risk; None for none."""
        place = _FORESEEN.index(kind)
        found = [group.first[place] for group in self.groups if _is_in(group, filters, me=me)]
        return min((moment for moment in found if moment), default=None)

    def by_status_of(self, filters: Filters, *, me: int) -> dict[str, int] | None:
        """The same for each status that has any."""
        by_time = [filters.since, filters.risk, filters.view in _BY_TIME]
        is_counted = filters.since in ("", *COUNTED_SPANS) and sum(map(bool, by_time)) <= 1
        is_marked = filters.priority or filters.location or filters.tag
        if filters.faults or filters.q or is_marked or not filters.is_open or not is_counted:
            return None
        found: Counter[str] = Counter()
        for group in self.groups:
            if _is_in(group, filters, me=me):
                found[group.status] += _counted(group, filters)
        return {status: number for status, number in found.items() if number}


def count_open(*, day_ends: datetime, state: LogState | None = None) -> Counts:
    """Counts of the open part in one statement, read from one partial index; kept while nothing changes.

    `state` is where the log stands, if the caller has read it before.
    """
    state, now = state or log_state(), utc_now()
    return recall(state, ("counts", day_ends, minute(now)), lambda: _count(state.position, now=now, day_ends=day_ends))


def minute(moment: datetime) -> int:
    """Its number since 1970: what depends on the time is kept for one at most."""
    return int(moment.timestamp()) // 60


def _count(position: int, *, now: datetime, day_ends: datetime) -> Counts:
    before = {f"before_{name}": now - (span(name) or timedelta()) for name in COUNTED_SPANS}
    rows: Sequence[Any] = db.session.connection().execute(_COUNTS, {"now": now, "day_ends": day_ends, **before}).all()
    groups = tuple(
        Group(row[0], row[1], row[2], row[3], row[4], tuple(row[5:-4]), (row[-4], row[-3]), row[-2], row[-1])
        for row in rows
    )
    by_status: Counter[str] = Counter()
    by_assignee: Counter[int | None] = Counter()
    for group in groups:
        by_status[group.status] += group.number
        by_assignee[group.assignee] += group.number
    unfinished = [group for group in groups if group.status not in NEVER_LATE]
    return Counts(
        dict(by_status), dict(by_assignee),
        late=sum(group.late for group in unfinished), today=sum(group.today for group in unfinished),
        at_risk=sum(group.at_risk for group in groups), stalled=sum(group.stalled for group in groups),
        position=position, groups=groups,
    )  # fmt: skip


def _is_in(group: Group, filters: Filters, *, me: int) -> bool:
    people = _people(filters, me=me)
    return (
        (not filters.status or group.status == filters.status)
        and (filters.view not in PART_STATUS or group.status == PART_STATUS[filters.view])
        and (not (filters.risk or filters.view in _BY_TIME) or group.status not in NEVER_LATE)
        and (not filters.waiting or WAITING_ON.get(State(group.status)) == filters.waiting)
        and all(group.assignee == person for person in people)
    )


def _people(filters: Filters, *, me: int) -> Iterator[int | None]:
    if filters.view in ("mine", "unassigned"):
        yield me if filters.view == "mine" else None
    if filters.assignee:
        yield (
            {"me": me, "nobody": None}[filters.assignee] if not filters.assignee.isdecimal() else int(filters.assignee)
        )


def _counted(group: Group, filters: Filters) -> int:
    if filters.risk:
        return getattr(group, filters.risk)
    if filters.since:
        return group.longer[COUNTED_SPANS.index(filters.since)]
    return getattr(group, _BY_TIME.get(filters.view, "number"))
