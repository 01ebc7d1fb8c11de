"""The appointment as a calendar file (RFC 5545)."""

from flask_babel import gettext
from icalendar import Calendar, Event

from shop.models.booking import Booking
from shop.models.repair import Repair


def appointment(repair: Repair, booking: Booking, *, address: str) -> bytes:
    """One event at the slot of the booking. The same booking always has the same UID, so a second import updates."""
    event = Event()
    event.add("uid", f"{repair.number}@revivatech")
    event.add("dtstamp", booking.created_at)
    event.add("sequence", booking.moves)
    event.add("dtstart", booking.slot.starts_at)
    event.add("dtend", booking.slot.ends_at)
    event.add(
        "summary", gettext("%(number)s: %(device)s to RevivaTech", number=repair.number, device=repair.device.label)
    )
    event.add("location", booking.address or repair.location.address)
    event.add("url", address)
    event.add("description", gettext("Follow the repair: %(address)s", address=address))
    calendar = Calendar()
    calendar.add("prodid", "-//RevivaTech//Shop//EN")
    calendar.add("version", "2.0")
    calendar.add_component(event)
    return calendar.to_ical()
