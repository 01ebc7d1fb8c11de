"""Field types of the API: stricter than marshmallow's own, and with faults in the language of the request."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from marshmallow import ValidationError, fields, validate

from shop.locales import select_timezone
from shop.models.price_engine import N_

LARGEST_ID = 2**31 - 1
# `+` in a query string is a space, so an offset that was not escaped arrives as " 01:00".
_LOST_PLUS = re.compile(r" (?=\d\d:\d\d$)")


def one_of(choices) -> validate.OneOf:
    return validate.OneOf(choices, error=_l("Choose one of: {choices}."))


def number_between(least: int, most: int) -> validate.Range:
    return validate.Range(min=least, max=most, error=_l("Send a number from {min} to {max}."))


def at_most(characters: int) -> validate.Length:
    return validate.Length(max=characters, error=_l("Send at most {max} characters."))


class Spoken(fields.Field):
    """A field whose faults are translated when they are found."""

    default_error_messages = {"required": N_("This field is missing."), "null": N_("This field cannot be null.")}

    def make_error(self, key, **facts):
        return ValidationError(gettext(self.error_messages[key]).format(**facts))


class String(Spoken, fields.String):
    default_error_messages = {"invalid": N_("Send text."), "invalid_utf8": N_("Send text in UTF-8.")}


class Integer(Spoken, fields.Integer):
    default_error_messages = {"invalid": N_("Send a whole number."), "too_large": N_("This number is too large.")}


class List(Spoken, fields.List):
    default_error_messages = {"invalid": N_("Send a list.")}


class Nested(Spoken, fields.Nested):
    default_error_messages = {"type": N_("Send a JSON object.")}


class Id(Integer):
    """A whole positive number, not text that looks like one and not `true`."""

    def __init__(self, **options):
        super().__init__(strict=True, validate=number_between(1, LARGEST_ID), **options)

    def _deserialize(self, value, *args, **options):
        if type(value) is not int:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **options)


class Amount(Integer):
    """Minor units: a whole number, not text that looks like one, not 12.0 and not `true`."""

    def __init__(self, **options):
        super().__init__(strict=True, **options)

    def _deserialize(self, value, *args, **options):
        if type(value) is not int:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **options)


class Text(String):
    """Text with something in it besides spaces."""

    def __init__(self, *, longest: int, **options):
        length = validate.Length(min=1, max=longest, error=_l("Send {min} to {max} characters."))
        super().__init__(validate=[length, _not_blank], **options)


class Count(Integer):
    """A number in a query string: digits and nothing else."""

    def _deserialize(self, value, *args, **options):
        if not re.fullmatch(r"[0-9]{1,9}", str(value)):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **options)


class Moment(Spoken):
    """An ISO 8601 time as aware UTC. Without an offset it is the shop's own time."""

    default_error_messages = {
        "invalid": N_("Not a time. Write it like 2026-11-26T10:30:00Z."),
        "range": N_("This lies too far off."),
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

    default_error_messages = {"invalid": N_("Not a day or a time. Write it like 2026-11-26 or 2026-11-26T10:30:00Z.")}

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
        raise ValidationError(gettext("Write something here."))
