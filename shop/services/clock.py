"""Moments in words, and which of two a clock time means in the hour that comes twice, when summer time ends."""

from datetime import date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from flask_babel import format_datetime, gettext, to_user_timezone

# No clock is put back and forth again within so long.
_AROUND = timedelta(hours=3)
_NONE = timedelta()


def midnight(day: date, zone: str) -> datetime:
    """When the day begins in the zone of that name."""
    return datetime.combine(day, time(), ZoneInfo(zone))


def local_datetime(moment: datetime | None) -> str:
    """Thu 26 Nov, 15:00 in the shop's zone."""
    return format_datetime(moment, gettext("EEE d MMM, HH:mm")) + zone_mark(moment) if moment else ""


def zone_mark(moment: datetime, zone: tzinfo | None = None) -> str:
    """` BST` or ` GMT`, to be written after a clock time that this day has twice; else nothing.

    `zone` is where the clock hangs, if that is not the reader's own.
    """

    def local(at: datetime) -> datetime:
        return at.astimezone(zone) if zone else to_user_timezone(at)

    put_back = (local(moment - _AROUND).utcoffset() or _NONE) - (local(moment + _AROUND).utcoffset() or _NONE)
    if put_back <= _NONE:
        return ""
    shown = local(moment).replace(tzinfo=None, fold=0)
    others = (local(moment - put_back), local(moment + put_back))
    is_twice = any(other.replace(tzinfo=None, fold=0) == shown for other in others)
    return f" {local(moment).tzname()}" if is_twice else ""
