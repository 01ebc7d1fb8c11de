"""Forms of the console's screens: what they share."""

from flask import request
from flask_wtf import FlaskForm

from shop.extensions import db
from shop.models.errors import Invalid
from shop.models.text import one_line


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
