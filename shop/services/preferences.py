"""What a person of the staff sets for themselves. No event: it is nobody else's business."""

from dataclasses import replace
from typing import Any

from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.errors import Invalid, NotFound
from shop.models.preferences import AFTER_ACTION, DENSITIES, Preferences, loads
from shop.models.staff import Staff

_CHOICES = {"density": DENSITIES, "after_action": AFTER_ACTION}


def save_preferences(*, actor: Actor, **changes: Any) -> Preferences:
    """Changes some of the actor's own preferences and leaves the others. A second call changes nothing.

    Raises Invalid for a value that is not offered, NotFound when the person is gone.
    """
    if faults := {
        name: "Choose one of the list." for name, all_ in _CHOICES.items() if changes.get(name, all_[0]) not in all_
    }:
        raise Invalid(faults)
    locked = select(Staff).where(Staff.id == actor.id).with_for_update(of=Staff)
    person = db.session.scalar(locked.execution_options(populate_existing=True))
    if person is None:
        raise NotFound("This person is not here any more.")
    preferences = replace(loads(person.preferences), **changes)
    person.preferences = preferences.dumps()
    return preferences
