"""How much work is left on a bench, and whether the hours suffice. Pure rules; docs/load.md says them in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shop.models.workflow import WAITING_ON, Party, State
from shop.models.working_time import WorkingTime

S = State

# Of the planned minutes, how many in a hundred are still to be done once a repair is in this state.
LEFT: dict[State, int] = {
    S.EXPECTED: 100,
    S.RECEIVED: 100,
    S.DIAGNOSING: 90,
    S.AWAITING_APPROVAL: 80,
    S.AWAITING_PARTS: 80,
    S.IN_REPAIR: 50,
    S.QUALITY_CHECK: 10,
    S.WARRANTY_RETURN: 100,
    S.READY: 0,
    S.UNREPAIRABLE: 0,
}
# What is planned for a repair whose lines name no repair of the price list.
UNKNOWN_MINUTES = 60
# Saturday and Sunday look at the week that comes.
_LAST_WEEKDAY_OF_THIS_WEEK = 4


def minutes_left(status: str, work_minutes: int | None) -> int:
    """Minutes of work that a repair still takes, whoever it waits for."""
    planned = UNKNOWN_MINUTES if work_minutes is None else work_minutes
    return planned * LEFT.get(State(status), 0) // 100


def days_ahead(now: datetime, zone: ZoneInfo) -> list[datetime]:
    """When each day from today to the end of the week is over. On Saturday and Sunday that is the next week's end."""
    today = now.astimezone(zone).date()
    week = 6 if today.weekday() <= _LAST_WEEKDAY_OF_THIS_WEEK else 13
    midnight = datetime.min.time()
    return [
        datetime.combine(today + timedelta(days=ahead), midnight, zone)
        for ahead in range(1, week - today.weekday() + 2)
    ]


@dataclass(frozen=True, slots=True)
class Pile:
    """Some repairs of one bench: how many, and minutes of work left in them."""

    jobs: int = 0
    minutes: int = 0

    def __add__(self, other: "Pile") -> "Pile":
        return Pile(self.jobs + other.jobs, self.minutes + other.minutes)


@dataclass(frozen=True, slots=True)
class Bench:
    """What lies on one bench. `by_party` parts it by who is waited for, so `US` is the work that can be done now.

    `due[0]` are minutes of that work which are late already, `due[n]` those due by the end of the n-th day from
    today, the last one those due later still.
    """

    by_party: dict[Party, Pile] = field(default_factory=dict)
    due: tuple[int, ...] = ()
    late: int = 0

    @property
    def now(self) -> Pile:
        return self.by_party.get(Party.US, Pile())

    @property
    def jobs(self) -> int:
        return sum(pile.jobs for pile in self.by_party.values())

    def minutes_due(self, days: int) -> int:
        """Minutes of work that must be done by the end of the `days`-th day from today, the late ones among them."""
        return sum(self.due[: days + 1])


@dataclass(frozen=True, slots=True)
class Strain:
    """Work against hours until a moment, in minutes. `excess` is negative where time is left."""

    until: datetime
    work: int
    hours: int

    @property
    def excess(self) -> int:
        return self.work - self.hours


def strain(bench: Bench, hours: WorkingTime, *, now: datetime, days: Sequence[datetime]) -> Strain:
    """The day by which the most work is too much; where all fits, how it stands at the end of the week.

    Its excess is never smaller for a bench with more work on it, nor for a person with fewer hours.
    """
    stands = [_stand(bench, hours, now, day, place) for place, day in enumerate(days, start=1)]
    worst = max(stands, key=lambda stand: (stand.excess, stand.until))
    return worst if worst.excess > 0 else stands[-1]


def stand_at_end(bench: Bench, hours: WorkingTime, *, now: datetime, days: Sequence[datetime]) -> Strain:
    """All that is due this week against all hours of this week."""
    return _stand(bench, hours, now, days[-1], len(days))


def _stand(bench: Bench, hours: WorkingTime, now: datetime, day: datetime, place: int) -> Strain:
    return Strain(day, bench.minutes_due(place), hours.minutes(now, day))


def party_of(status: str) -> Party | None:
    return WAITING_ON.get(State(status))
