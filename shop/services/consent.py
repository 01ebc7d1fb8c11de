"""Whether a customer wants mails about the status of repairs.

They belong to the repair that was ordered, so they need no consent; but who does not want them gets none. The
confirmation of a booking, and what the customer asks for, are sent all the same.
"""

from enum import StrEnum

from shop.extensions import db
from shop.models.actor import CUSTOMER, Actor
from shop.models.base import utc_now
from shop.models.repair import Repair
from shop.services.events import record


class Source(StrEnum):
    """Who said so."""

    STAFF = "staff"
    CUSTOMER = "customer"


def set_status_mails(repair: Repair, wanted: bool, *, actor: Actor) -> bool:
    """Notes on the customer of a locked repair what they said; False if it was so already."""
    if actor != CUSTOMER:
        actor.require("customer.consent")
    customer = repair.customer
    db.session.refresh(customer, with_for_update=True)
    if customer.may_email == wanted:
        return False
    source = Source.CUSTOMER if actor == CUSTOMER else Source.STAFF
    customer.may_email, customer.may_email_source, customer.may_email_since = wanted, source, utc_now()
    repair.updated_at = utc_now()
    record(f"repair.mails_{'wanted' if wanted else 'unwanted'}", repair, actor=actor, body={"source": source})
    return True
