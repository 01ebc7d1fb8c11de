"""Field types of the API that are stricter than marshmallow's own."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields, validate

from shop.locales import select_timezone

LARGEST_ID = 2**31 - 1
# `+` in a query string is a space, so an offset that was not escaped arrives as " 01:00".
_LOST_PLUS = re.compile(r" (?=\d\d:\d\d$)")


class Id(fields.Integer):
    """A whole positive number, not text that looks like one and not `true`."""

    def __init__(self, **options):
        super().__init__(strict=True, validate=validate.Range(min=1, max=LARGEST_ID), **options)

    def _deserialize(self, value, *args, **options):
        if type(value) is not int:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **options)


class Text(fields.String):
    """Text with something in it besides spaces."""

    def __init__(self, *, longest: int, **options):
        super().__init__(validate=[validate.Length(min=1, max=longest), _not_blank], **options)


class Count(fields.Integer):
    """A number in a query string: digits and nothing else."""

    def _deserialize(self, value, *args, **options):
        if not re.fullmatch(r"[0-9]{1,9}", str(value)):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **options)


class Moment(fields.Field):
    """An ISO 8601 time as aware UTC. Without an offset it is the shop's own time."""

    default_error_messages = {
        "invalid": "Not a time. Write it like 2026-11-26T10:30:00Z.",
        "range": "This lies too far off.",
    }

    def _deserialize(self, value, attr, data, **options):
        try:
            return _to_utc(datetime.fromisoformat(_LOST_PLUS.sub("+", value)))
        except OverflowError:
            raise self.make_error("range") from None
        except (TypeError, ValueError):
            raise self.make_error("invalid") from None

    def _serialize(self, value, attr, obj, **options):
        return value and value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class DayOrMoment(Moment):
    """A time, or a day: its first moment, or with `ends` the first moment after it."""

    default_error_messages = {"invalid": "Not a day or a time. Write it like 2026-11-26 or 2026-11-26T10:30:00Z."}

    def __init__(self, *, ends: bool = False, **options):
        super().__init__(**options)
        self.ends = ends

    def _deserialize(self, value, attr, data, **options):
        try:
            day = date.fromisoformat(value)
            return _to_utc(datetime.combine(day + timedelta(days=self.ends), time()))
        except (TypeError, ValueError):
            return super()._deserialize(value, attr, data, **options)
        except OverflowError:
            raise self.make_error("range") from None


def _to_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(select_timezone()))
    return moment.astimezone(UTC)


def _not_blank(text: str) -> None:
    if not text.strip():
        raise ValidationError("Write something here.")
