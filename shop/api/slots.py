"""When a device can be brought or collected."""

from datetime import timedelta

from shop.api import schemas
from shop.api.blueprint import blueprint, reads_limit
from shop.models.base import utc_now
from shop.services.locations import home_location
from shop.services.slots import list_slots

_DEFAULT_SPAN = timedelta(days=14)


@blueprint.route("/slots", tags=["Bookings"])
@reads_limit
@blueprint.arguments(schemas.SlotQuery, location="query")
@blueprint.response(200, schemas.SlotList)
@blueprint.problems(422)
def list_open_slots(query: dict):
    """Slots that can be booked, full ones too

    Only future ones, at most 60 days ahead. Postal has none: a parcel needs no slot.
    """
    start = max(query.get("start", utc_now()), utc_now())
    end = query.get("end", start + _DEFAULT_SPAN)
    return {"items": list_slots(home_location(), query["service_type"], start=start, end=end)}
