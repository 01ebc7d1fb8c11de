"""From a finished draft to a repair, once."""

from shop.models.actor import CUSTOMER
from shop.models.booking import BookingDraft
from shop.models.pricing import Quote
from shop.models.repair import Repair
from shop.services import drafts
from shop.services.bookings import BookingRequest, CustomerDetails, create_booking
from shop.services.locations import home_location

SOURCE = "wizard"


def book(draft: BookingDraft, *, quote: Quote, pay: str | None = None) -> Repair:
    """Books what the locked draft says at the promised price, and notes the repair on the draft.

    The draft is the idempotency key: who holds its lock and finds `repair_id` set must not call this again.
    The caller commits. Raises what `create_booking` raises.
    """
    answers = drafts.answers_of(draft)
    request = BookingRequest(
        device_id=answers.device_id,
        device_label=answers.device_label,
        repair_type_ids=answers.repair_type_ids,
        service_type=answers.service_type,
        urgency=answers.urgency,
        currency=home_location().currency,
        slot_start=answers.slot,
        problem=answers.problem,
        customer=CustomerDetails(answers.name, answers.email, answers.phone, answers.locale or draft.locale),
        address=answers.address if answers.service_type == "pickup" else "",
        postcode=answers.postcode if answers.service_type == "pickup" else "",
    )
    repair = create_booking(request, actor=CUSTOMER, source=SOURCE, quote=quote, pay=pay)
    draft.repair_id, draft.typed = repair.id, "{}"
    return repair
