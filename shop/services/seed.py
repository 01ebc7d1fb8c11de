"""Reference data that every shop starts with. Loading it again changes nothing."""

from datetime import date

import holidays
from sqlalchemy import select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.location import Closure, Location
from shop.seed.load import load_catalogue

_INNER_LONDON = "E1 E2 E3 E8 E9 EC1 EC2 N1 SE1 WC1"
_YEARS_AHEAD = 2


def load_reference_data() -> None:
    """Catalogue, price list, and one branch with its hours and bank holidays; the caller commits."""
    load_catalogue()
    branch = db.session.scalars(select(Location).order_by(Location.id)).first() or _first_branch()
    _close_on_bank_holidays(branch)
    db.session.flush()


def _first_branch() -> Location:
    branch = Location(
        name="RevivaTech London",
        slug="london",
        address="14 Weaver’s Yard, London E2 7JP",
        phone="020 7946 0418",
        pickup_postcodes=_INNER_LONDON,
    )
    db.session.add(branch)
    db.session.flush()
    return branch


def _close_on_bank_holidays(branch: Location) -> None:
    known = {closure.day for closure in branch.closures}
    year = utc_now().year
    days = holidays.country_holidays(branch.country, subdiv="ENG", years=range(year, year + _YEARS_AHEAD))
    for day, name in sorted(days.items()):
        if day not in known and isinstance(day, date):
            branch.closures.append(Closure(day=day, name=name[:80]))
