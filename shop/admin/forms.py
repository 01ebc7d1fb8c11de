"""Forms of the console's screens: what they share."""

from collections.abc import Container, Iterable, Mapping
from datetime import date

from flask import request
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from shop.extensions import db
from shop.models.errors import Invalid
from shop.models.text import one_line

# The id of a provider's event.
_LONGEST = 120
# In which the shop can have worked.
_YEARS = range(2000, 2101)


def show_faults(form: FlaskForm, error: Invalid) -> None:
    """Undoes the unit of work and puts each fault under its field, or under the first one."""
    db.session.rollback()
    for name, message in error.fields.items():
        field = form[name] if name in form else next(iter(form))
        field.errors = [*field.errors, message]


def typed_line(text: str | None) -> str:
    """What was typed into a short field: one space between words, none around, and no NUL, which PostgreSQL refuses."""
    return one_line((text or "").replace("\x00", ""))


def place(name: str) -> int | None:
    """The key or position in the address's `name`; None for what no table can hold."""
    value = request.args.get(name, type=int)
    return value if value is not None and 0 < value < 2**31 else None


def list_filters(
    names: Iterable[str], known: Mapping[str, Container[str]] | None = None
) -> tuple[dict, dict[str, str]]:
    """What a list can use of the address, by name, and what is wrong with the rest, by name.

    `since` and `until` are days, None where none is named; what stands in `known` takes one of its values.
    """
    found: dict = {name: request.args.get(name, "")[:_LONGEST].replace("\0", "").strip() for name in names}
    faults = {}
    for name in {"since", "until"} & found.keys():
        try:
            found[name] = _day(found[name]) if found[name] else None
        except ValueError:
            found[name], faults[name] = None, _("Write a day of this century as 2026-11-24.")
    for name, values in (known or {}).items():
        if found[name] and found[name] not in values:
            found[name], faults[name] = "", _("There is no such choice.")
    return found, faults


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if day.year not in _YEARS:
        raise ValueError(text)
    return day
