"""Which event goes to whom. Read it as a table: the event, then everyone who is owed a delivery of it.

Live updates are not listed: the relay announces every sealed event to the staff's browsers, and a browser
that missed one asks for all since the last position it saw.
"""

MAIL = "mail"

SUBSCRIPTIONS: dict[str, tuple[str, ...]] = {
    "repair.booked": (MAIL,),
    "repair.moved": (MAIL,),
    "repair.assigned": (),
    "repair.edited": (),
    "repair.noted": (),
    "repair.imported": (),
    "staff.created": (),
    "staff.signed_in": (),
    "staff.signed_out": (),
    "staff.locked": (),
    "staff.second_factor_changed": (),
}


def subscribers_of(verb: str) -> tuple[str, ...]:
    """Who is owed this event. A verb that is missing from the table is a programming error."""
    return SUBSCRIPTIONS[verb]
