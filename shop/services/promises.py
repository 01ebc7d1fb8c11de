"""When a repair is due: the service level of its urgency, counted in opening hours."""

from datetime import datetime, timedelta

from shop.models.hours import OpeningHours
from shop.models.location import Location

# Urgency -> working days after the device is in our hands. None is the closing of the same day.
# A working day is the longest opening day of the week, so that "one working day" from Monday 10:30
# is Tuesday 10:30, and from Saturday 17:00 it is Monday 17:00.
WORKING_DAYS: dict[str, int | None] = {"same_day": None, "express": 1, "standard": 3}

# Service type -> how the device comes to the bench after the moment that was booked.
RIDE = timedelta(hours=2)
PARCEL_WORKING_DAYS = 2


def due_at(
    location: Location,
    *,
    received_at: datetime,
    urgency: str,
    minutes_of_work: int,
    service_type: str,
    slot_start: datetime | None,
) -> datetime:
    """The moment by which the device is ready, in UTC.

    | urgency  | due                                                             |
    |----------|-----------------------------------------------------------------|
    | same_day | closing of the day on which we have the device                  |
    | express  | one working day later                                           |
    | standard | three working days later                                        |

    Never sooner than the work takes in opening hours: a same-day hour begun at 18:00 is due next morning.
    We have the device at its slot (in store), two hours after the rider's window begins (pick-up), or two
    working days after booking (postal); without a slot, at once. Raises ValueError for a shop that never opens.
    """
    hours = location.hours
    begins = _arrival(hours, received_at, service_type, slot_start)
    days = WORKING_DAYS[urgency]
    promised = _closing(hours, begins) if days is None else hours.add_minutes(begins, days * _working_day(hours))
    return max(promised, hours.add_minutes(begins, minutes_of_work))


def _arrival(hours: OpeningHours, received_at: datetime, service_type: str, slot_start: datetime | None) -> datetime:
    if service_type == "postal":
        return hours.add_minutes(received_at, PARCEL_WORKING_DAYS * _working_day(hours))
    if slot_start is None:
        return received_at
    return slot_start + RIDE if service_type == "pickup" else slot_start


def _closing(hours: OpeningHours, moment: datetime) -> datetime:
    """Closing of the day of `moment`, or of the next day that opens."""
    first_open_minute = hours.add_minutes(moment, 1)
    return hours.periods(first_open_minute.astimezone(hours.zone).date())[-1][1]


def _working_day(hours: OpeningHours) -> int:
    """Minutes of the longest opening day of the week."""
    return max(
        sum((closes.hour - opens.hour) * 60 + closes.minute - opens.minute for opens, closes in periods)
        for periods in hours.week
    )
