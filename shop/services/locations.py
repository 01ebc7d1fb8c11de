"""Branches of the shop."""

from flask_babel import gettext as _
from sqlalchemy import select

from shop.extensions import db
from shop.models.errors import NotFound
from shop.models.location import Location, short_name
from shop.services.events import hold


def home_location() -> Location:
    """The branch that takes bookings: the first one that was opened."""
    return db.session.scalars(select(Location).order_by(Location.id).limit(1)).one()


def list_locations() -> list[Location]:
    return list(db.session.scalars(select(Location).order_by(Location.id)))


def branch_names() -> list[tuple[int, str, str]]:
    """(id, slug, short name) of every branch, the first one first."""
    query = select(Location.id, Location.slug, Location.name).order_by(Location.id)
    return [(row.id, row.slug, short_name(row.name)) for row in db.session.execute(query)]


def share_plan(location: Location) -> None:
    """Holds hours, closures, places and block-outs of a branch still until the transaction ends, as they are now.

    Any number of bookings hold it at once; whoever changes the plan waits for them, and they for him.
    """
    _read_again(location, read=True)


def lock_plan(location_id: int) -> Location:
    """The branch, its plan locked for this transaction. Raises NotFound.

    Not so that what only names the branch waits: a repair that is written twice in one transaction is asked for its
    branch again, and may hold a place of the calendar by then.
    """
    location = db.session.get(Location, location_id)
    if location is None:
        raise NotFound(_("There is no such branch."))
    _read_again(location, key_share=True)
    hold(location)
    return location


def _read_again(location: Location, **lock) -> None:
    query = select(Location).where(Location.id == location.id).with_for_update(of=Location, **lock)
    db.session.scalars(query.execution_options(populate_existing=True)).one()
    location.forget_hours()
