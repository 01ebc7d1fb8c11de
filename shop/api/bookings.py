"""Booking a repair."""

from shop.api import schemas
from shop.api.blueprint import blueprint, bookings_limit
from shop.api.prices import EXAMPLE
from shop.extensions import db
from shop.models.actor import CUSTOMER
from shop.models.repair import Repair
from shop.services import appointments, bookings, idempotency
from shop.services.customers import CustomerDetails
from shop.services.payments import keys

_SCOPE = "api.bookings"
_EXAMPLE = EXAMPLE | {
    "problem": "Cracked screen, touch dead along the top",
    "customer": {"name": "Hannah Whitcombe", "email": "hannah@example.com", "phone": "07700 900418", "locale": "en"},
}


@blueprint.route("/bookings", methods=["POST"], tags=["Bookings"])
@bookings_limit
@blueprint.arguments(schemas.BookingHeaders, location="headers")
@blueprint.arguments(schemas.BookingRequest, example=_EXAMPLE)
@blueprint.response(201, schemas.Booking)
@blueprint.problems(400, 409, 413, 415, 422)
def create_booking(headers: dict, body: dict):
    """Book a repair

    201 means that it is on disk. The same key and body again is the same booking and the same answer; the
    same key with another body is refused. The price is ours, worked out at this moment. Where `due_now` is not 0
    the place is kept until `held_until`: the payment confirms the booking, and without it the place is free again.
    """
    answer = idempotency.remembered(_SCOPE, headers["key"], body)
    if answer is None:
        repair = bookings.create_booking(_request(body), actor=CUSTOMER, source="api", pay=body.get("pay"))
        answer = _answer(repair)
        idempotency.remember(_SCOPE, headers["key"], answer)
        db.session.commit()
    return answer


def _request(body: dict) -> bookings.BookingRequest:
    given = {name: value for name, value in body.items() if name != "pay"}
    facts = given | {"repair_type_ids": tuple(body["repair_type_ids"]), "customer": CustomerDetails(**body["customer"])}
    return bookings.BookingRequest(**facts)


def _answer(repair: Repair) -> dict:
    settings, booking = keys.in_use(), appointments.get_booking(repair)
    can_pay = repair.total and settings.online_providers
    link = settings.BASE_URL + bookings.tracking_path(repair)
    return {
        "number": repair.number,
        "status": repair.status,
        "total": repair.total,
        "currency": repair.currency,
        "tracking_url": link,
        "due_now": booking.due_now,
        "held_until": booking.held_until.strftime("%Y-%m-%dT%H:%M:%SZ") if booking.held_until else None,
        "pay_url": f"{link}/pay" if can_pay else None,
    }
