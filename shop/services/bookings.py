"""A booking: everything checked, priced, given its slot and written in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.booking import Booking, Slot
from shop.models.catalogue import DeviceModel, RepairType
from shop.models.customer import Device
from shop.models.errors import Invalid
from shop.models.grid import SLOTTED
from shop.models.location import Location
from shop.models.price_engine import Price
from shop.models.pricing import Quote
from shop.models.repair import Repair, RepairLine
from shop.models.text import is_plain, many_lines, one_line
from shop.models.workflow import State
from shop.services import booking_payments, pricing, promises, slots
from shop.services.catalogue import get_device
from shop.services.customers import CustomerDetails, clean_details, find_or_create
from shop.services.events import hold, record
from shop.services.locations import home_location
from shop.services.repairs import next_repair_id, number_of

__all__ = ["BookingRequest", "CustomerDetails", "create_booking", "tracking_path"]

LONGEST_PROBLEM = 5_000
LONGEST_ADDRESS = 500
LONGEST_LABEL = 160
_LONGEST = {"problem": LONGEST_PROBLEM, "address": LONGEST_ADDRESS, "postcode": 10, "device_label": LONGEST_LABEL}
_PRICED = ("device_id", "repair_type_ids", "service_type", "urgency", "currency")
_PRIORITY = {"same_day": 1, "express": 2, "standard": 3}


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """What a customer asks for, as given. Nothing in it is trusted, least of all a price: it has none.

    `device_id` is None for a device that the catalogue does not know: `device_label` then names it, and the
    price is that of a quote. `slot_start` is an aware moment, or None where none is needed. `problem` may be
    empty: the chosen repairs can say enough. `address` and `postcode` say where the rider collects.
    """

    device_id: int | None
    repair_type_ids: tuple[int, ...]
    service_type: str
    urgency: str
    currency: str
    slot_start: datetime | None
    problem: str
    customer: CustomerDetails
    address: str = ""
    postcode: str = ""
    device_label: str = ""


def create_booking(
    request: BookingRequest, *, actor: Actor, source: str, quote: Quote | None = None, pay: str | None = None
) -> Repair:
    """Writes repair, booking, device and, if new, customer; records `repair.booked`. The caller commits.

    The price is worked out here, or is that of `quote` if it was made for the same facts and has not expired.
    `pay` is how it is paid (PayChoice), None for the way that is proposed; where something is due now the place is
    kept for it, see `booking_payments`. In store and postal can do without a slot ("any time in opening hours");
    pick-up cannot.
    Raises Invalid with a sentence for each wrong field (`customer.email`, `slot_start`, `quote` …), and
    SlotFull when the last place has gone. Not idempotent: see `idempotency`.
    """
    location = home_location()
    request, price = _checked(request, location, quote)
    _choice, due = booking_payments.choose(pay, total=price.total.amount, urgency=request.urgency)
    device = None if request.device_id is None else get_device(request.device_id)
    kinds = _repair_types(request.repair_type_ids)
    slot = slots.take(location, request.service_type, starts_at=request.slot_start) if request.slot_start else None
    repair = _write_repair(request, location, device, kinds, price, quote)
    booking = Booking(
        repair_id=repair.id,
        slot_id=slot.id if slot else None,
        source=source,
        address=request.address,
        postcode=request.postcode,
    )
    db.session.add(booking)
    hold(repair)
    facts = _facts(request, repair, source, slot) | ({"due_now": due} if due else {})
    record("repair.booked", repair, actor=actor, body=facts, detail=_names(request, repair))
    if due:
        booking_payments.keep_place(repair, booking, amount=due, actor=actor)
    return repair


def tracking_path(repair: Repair) -> str:
    """The private page of one repair, from the root of the site."""
    return f"/track/{repair.tracking_token}"


def faults_of_parts(facts: Mapping) -> dict[str, str]:
    """What is wrong with those parts of a request that are here: to be said together with what cannot be read at all.

    `facts` are fields of BookingRequest, any of them missing, with the customer's details as a mapping.
    """
    faults: dict[str, str] = {}
    if all(name in facts for name in _PRICED):
        _tried(faults, lambda: pricing.calculate(**{name: facts[name] for name in _PRICED}))
    given = facts.get("customer", {})
    blank = CustomerDetails(name="", email="", phone="")
    _tried(faults, clean_details, replace(blank, **given))
    return {field: text for field, text in faults.items() if field.removeprefix("customer.") in {*facts, *given}}


def _checked(request: BookingRequest, location: Location, quote: Quote | None) -> tuple[BookingRequest, Price]:
    faults: dict[str, str] = {}
    price = _tried(faults, _price, request, quote)
    customer = _tried(faults, clean_details, request.customer)
    request = replace(
        request,
        customer=customer or request.customer,
        problem=many_lines(request.problem),
        device_label=one_line(request.device_label),
        address=many_lines(request.address),
        postcode=_postcode(request.postcode),
    )
    faults |= _text_faults(request) | _arrival_faults(request, location)
    if faults or price is None:
        raise Invalid(faults)
    return request, price


def _tried(faults: dict[str, str], use, *values):
    try:
        return use(*values)
    except Invalid as error:
        faults.update(error.fields)
        return None


def _price(request: BookingRequest, quote: Quote | None) -> Price:
    if quote is None:
        return pricing.calculate(
            device_id=request.device_id or 0,
            repair_type_ids=request.repair_type_ids,
            service_type=request.service_type,
            urgency=request.urgency,
            currency=request.currency,
        )
    if quote.is_expired(at=utc_now()):
        raise Invalid({"quote": _("This price was held for you until it expired. Look at the new one and book again.")})
    promised = quote.facts_dict
    asked = {
        "device_id": request.device_id,
        "service_type": request.service_type,
        "urgency": request.urgency,
        "currency": request.currency,
    }
    same_repairs = set(promised["repair_type_ids"]) == set(request.repair_type_ids)
    if not same_repairs or any(promised[name] != value for name, value in asked.items()):
        raise Invalid({"quote": _("This price was made for another repair. Look at the new one and book again.")})
    return pricing.quoted_price(quote)


def _text_faults(request: BookingRequest) -> dict[str, str]:
    faults = {}
    if request.device_id is None and not request.device_label:
        faults["device_label"] = _("Write the make and model.")
    for field, longest in _LONGEST.items():
        text = getattr(request, field)
        if len(text) > longest:
            faults[field] = _("Keep this under %(most)s characters.", most=longest)
        elif not is_plain(text):
            faults[field] = _("This holds characters that cannot be shown. Type it again.")
    return faults


def _arrival_faults(request: BookingRequest, location: Location) -> dict[str, str]:
    """What is wrong with when and where the device comes to us."""
    faults: dict[str, str] = {}
    if request.service_type == "pickup":
        faults |= _pickup_faults(request, location)
    if request.slot_start is None:
        return faults
    if request.service_type == "postal":
        faults["slot_start"] = _("A parcel needs no time. Leave it out.")
    elif request.service_type in SLOTTED and not slots.find_slot(location, request.service_type, request.slot_start):
        faults["slot_start"] = slots.no_such_slot()
    return faults


def _pickup_faults(request: BookingRequest, location: Location) -> dict[str, str]:
    faults = {}
    if request.slot_start is None:
        faults["slot_start"] = _("Choose when we may collect it.")
    if not request.address:
        faults["address"] = _("Tell us where to collect it.")
    if not request.postcode:
        faults["postcode"] = _("Tell us the postcode.")
    elif not location.takes_postcode(request.postcode):
        faults["postcode"] = _("We do not collect there yet. Choose in store or post.")
    return faults


def _postcode(text: str) -> str:
    """E2 7JP, however it was typed."""
    compact = "".join(text.upper().split())
    return f"{compact[:-3]} {compact[-3:]}" if 5 <= len(compact) <= 7 else compact


def _repair_types(ids: tuple[int, ...]) -> list[RepairType]:
    return list(db.session.scalars(select(RepairType).where(RepairType.id.in_(ids)).order_by(RepairType.position)))


def _write_repair(
    request: BookingRequest,
    location: Location,
    model: DeviceModel | None,
    kinds: list[RepairType],
    price: Price,
    quote: Quote | None,
) -> Repair:
    now = utc_now()
    customer = find_or_create(request.customer)
    device = Device(
        customer=customer,
        model_id=model.id if model else None,
        label=(model.name if model else request.device_label)[:160],
    )
    key = next_repair_id()
    repair = Repair(
        id=key,
        number=number_of(key),
        location=location,
        customer=customer,
        device=device,
        quote_id=quote.id if quote else None,
        priority=_PRIORITY[request.urgency],
        service_type=request.service_type,
        urgency=request.urgency,
        problem=request.problem,
        work=" + ".join(kind.name for kind in kinds)[:200],
        work_minutes=sum(kind.duration_minutes for kind in kinds) if kinds else None,
        total=price.total.amount,
        currency=price.currency,
        received_at=now,
        updated_at=now,
        due_at=promises.due_at(
            location,
            received_at=now,
            urgency=request.urgency,
            minutes_of_work=sum(kind.duration_minutes for kind in kinds),
            service_type=request.service_type,
            slot_start=request.slot_start,
        ),
        lines=_lines(price, kinds),
        version=0,
    )
    repair.enter(State.EXPECTED, at=now)
    repair.refresh_search_text()
    db.session.add(repair)
    db.session.flush()
    return repair


def _lines(price: Price, kinds: list[RepairType]) -> list[RepairLine]:
    type_ids = {f"repair:{kind.slug}": kind.id for kind in kinds}
    return [
        RepairLine(
            position=position,
            label=line.label[:200],
            amount=line.amount.amount,
            repair_type_id=type_ids.get(line.code),
        )
        for position, line in enumerate(price.lines)
    ]


def _facts(request: BookingRequest, repair: Repair, source: str, slot: Slot | None) -> dict:
    """What is sealed for ever: nothing that names a person."""
    return {
        "status": repair.status,
        "source": source,
        "device_model": request.device_id,
        "repair_types": sorted(request.repair_type_ids),
        "service_type": repair.service_type,
        "urgency": repair.urgency,
        "total": repair.total,
        "currency": repair.currency,
        "slot": slot.starts_at.isoformat() if slot else None,
        "due_at": repair.due_at.isoformat(),
    }


def _names(request: BookingRequest, repair: Repair) -> dict:
    """Contact details as given with this booking: what is on file may differ and stays as it is."""
    details = request.customer
    return {"customer": details.name, "email": details.email, "phone": details.phone, "device": repair.device.label}
