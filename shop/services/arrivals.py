"""Who comes today: what the front desk looks at first."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shop.models.base import utc_now
from shop.services.calendar import Entry, Standing, Stretch, read_days
from shop.services.memory import LogState

_ORDER = (Standing.LATE, Standing.EXPECTED, Standing.MISSED, Standing.ARRIVED, Standing.CANCELLED)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Today's appointments of a branch, each list in order of time. `without_time` come whenever they come."""

    stretch: Stretch
    by_standing: dict[Standing, list[Entry]] = field(default_factory=dict)

    @property
    def late(self) -> list[Entry]:
        return self.by_standing[Standing.LATE]

    @property
    def expected(self) -> list[Entry]:
        return self.by_standing[Standing.EXPECTED]

    @property
    def missed(self) -> list[Entry]:
        return self.by_standing[Standing.MISSED]

    @property
    def arrived(self) -> list[Entry]:
        return self.by_standing[Standing.ARRIVED]

    @property
    def not_arrived(self) -> list[Entry]:
        """Whom the counter still waits for or has missed, the latest first."""
        return [*self.late, *self.expected, *self.missed]

    @property
    def without_time(self) -> Sequence[Entry]:
        return self.stretch.without_time


def today(slug: str = "", *, now: datetime | None = None, zone=None, state: LogState | None = None) -> Arrivals:
    """The arrivals of today at a branch ('' for the first), by how they stand at this moment.

    Read as the calendar is, and kept with it while nothing changes. `zone` is where the day is counted: the
    branch's own unless another is given. Raises NotFound for no such branch.
    """
    now = now or utc_now()
    stretch = read_days(slug, now.astimezone(zone).date(), 1, state=state)
    local = now.astimezone(stretch.branch.hours.zone).date()
    if local != stretch.days[0]:
        stretch = read_days(slug, local, 1, state=state)
    by_standing: dict[Standing, list[Entry]] = {standing: [] for standing in _ORDER}
    for entry in stretch.entries:
        by_standing[entry.standing(now)].append(entry)
    return Arrivals(stretch, by_standing)
