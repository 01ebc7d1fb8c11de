"""What a customer hears of a change of status, decided before it is done: whether, by what, and when.

The text itself is written by services/mails.py, both for the look beforehand and for the sending.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.customer import Customer
from shop.models.errors import Invalid
from shop.models.location import Location
from shop.models.repair import Repair
from shop.models.undo import GRACE_SECONDS, UNDO_SECONDS
from shop.models.workflow import State
from shop.services.subscriptions import TOLD_BY_MAIL

EMAIL = "email"
MORNING, AFTERNOON = time(8, 30), time(17)
LONGEST_WAIT = timedelta(days=30)
_AT_ONCE_STATEMENT = 1_000


class When(StrEnum):
    NOW = "now"
    LATER = "later"
    NONE = "none"


class Obstacle(StrEnum):
    """Why a customer cannot be written to about the status."""

    NO_ADDRESS = "no_address"
    OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True)
class Send:
    """When a message leaves. `held` are seconds in which what causes it can still be taken back."""

    when: When = When.NOW
    at: datetime | None = None
    held: float = 0

    def facts(self, now: datetime) -> dict:
        """What the event says of it: the relay and the table of subscriptions read nothing else."""
        if self.when == When.NONE:
            return {"message": self.when}
        leaves_at = max(self.at or now, now + timedelta(seconds=self.held))
        if leaves_at == now:
            return {}
        return {"message": self.when, "leaves_at": leaves_at.isoformat(timespec="microseconds")}


# For programs: nobody is there to undo.
AT_ONCE = Send()
# For people.
HELD = Send(held=UNDO_SECONDS + GRACE_SECONDS)
NEVER = Send(When.NONE)


def later(at: datetime, *, now: datetime | None = None) -> Send:
    """Raises Invalid for a time that is over or too far away."""
    now = now or utc_now()
    if at <= now:
        raise Invalid({"send_at": _("This time is over. Choose one to come, or send now.")})
    if at > now + LONGEST_WAIT:
        raise Invalid({"send_at": _("Choose a time within the next %(days)s days.", days=LONGEST_WAIT.days)})
    return Send(When.LATER, at, held=UNDO_SECONDS + GRACE_SECONDS)


def later_at(typed: str, location: Location) -> Send:
    """`typed` is a moment by the branch's clock, as 2026-11-25T08:30. Raises Invalid."""
    try:
        at = datetime.fromisoformat(typed).replace(tzinfo=ZoneInfo(location.zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid({"send_at": _("Say when: a day and a time.")}) from None
    return later(at)


def propose_later(location: Location, *, now: datetime | None = None) -> datetime:
    """The next good moment: this afternoon, or the next morning, and never inside the quiet hours. UTC."""
    zone = ZoneInfo(location.zone)
    local = (now or utc_now()).astimezone(zone)
    day, clock = local.date(), MORNING
    if MORNING <= local.time() < time(AFTERNOON.hour - 1):
        clock = AFTERNOON
    elif local.time() >= MORNING:
        day += timedelta(days=1)
    hours = location.quiet_hours
    if hours and _is_in(hours, clock):
        _begins, ends = hours
        day, clock = day + timedelta(days=ends <= clock), ends
    return datetime.combine(day, clock, zone).astimezone(UTC)


def is_quiet(location: Location, *, now: datetime | None = None) -> bool:
    """Nobody's telephone shall ring then. An e-mail makes no noise and may be sent."""
    return _is_in(location.quiet_hours, (now or utc_now()).astimezone(ZoneInfo(location.zone)).time())


def _is_in(hours: tuple[time, time] | None, clock: time) -> bool:
    if hours is None:
        return False
    begins, ends = hours
    return begins <= clock < ends if begins < ends else clock >= begins or clock < ends


def find_obstacle(customer: Customer) -> Obstacle | None:
    if not customer.email:
        return Obstacle.NO_ADDRESS
    return None if customer.may_email else Obstacle.OPTED_OUT


def is_told_of_appointments(customer: Customer) -> bool:
    """Also who wants no e-mails about the status: an appointment is agreed by both."""
    return bool(customer.email)


def is_told(repair: Repair, target: State | str) -> bool:
    """True if moving it to `target` sends its customer a message."""
    return target in TOLD_BY_MAIL and find_obstacle(repair.customer) is None


@dataclass(frozen=True, slots=True)
class Summary:
    """What moving many repairs sends. `sent` counts messages by (channel, locale)."""

    sent: dict[tuple[str, str], int] = field(default_factory=dict)
    no_address: int = 0
    opted_out: int = 0

    @property
    def total(self) -> int:
        return sum(self.sent.values())


def summary(repair_ids: Iterable[int], target: State | str) -> Summary:
    """One statement for each thousand repairs; nothing is sent for a status that customers do not hear of."""
    if target not in TOLD_BY_MAIL:
        return Summary()
    ids = list(repair_ids)
    counted: Counter[Obstacle | tuple[str, str]] = Counter()
    for start in range(0, len(ids), _AT_ONCE_STATEMENT):
        people = (
            select((Customer.email != "").label("has_address"), Customer.may_email, Customer.locale)
            .select_from(Repair)
            .join(Customer)
            .where(Repair.id.in_(ids[start : start + _AT_ONCE_STATEMENT]))
            .subquery()
        )
        query = select(people, func.count()).group_by(*people.c)
        for has_address, may_email, locale, number in db.session.execute(query):
            counted[_counted_as(has_address, may_email, locale)] += number
    return Summary(
        {key: number for key, number in counted.items() if isinstance(key, tuple)},
        no_address=counted[Obstacle.NO_ADDRESS],
        opted_out=counted[Obstacle.OPTED_OUT],
    )


def _counted_as(has_address: bool, may_email: bool, locale: str) -> Obstacle | tuple[str, str]:
    if not has_address:
        return Obstacle.NO_ADDRESS
    return (EMAIL, locale) if may_email else Obstacle.OPTED_OUT
