"""A walk-in: somebody stands at the counter with a device, and nobody has booked."""

import re
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.booking import Booking
from shop.models.customer import Customer, Device
from shop.models.errors import Invalid
from shop.models.location import Location
from shop.models.repair import Repair
from shop.models.text import is_plain, many_lines, one_line
from shop.models.workflow import State
from shop.services import catalogue, customers, promises, queue
from shop.services.bookings import LONGEST_LABEL, LONGEST_PROBLEM
from shop.services.customers import CustomerDetails
from shop.services.events import hold, record
from shop.services.filters import parse_filters
from shop.services.pricing import URGENCIES
from shop.services.repairs import next_repair_id, number_of

MOST_KNOWN = 4
LONGEST_PLACE = 40
_PRIORITY = {"same_day": 1, "express": 2, "standard": 3}


@dataclass(frozen=True, slots=True)
class CheckIn:
    """What the counter writes down, as typed. `customer_id` is somebody on file; else `details` are of somebody new.

    `device_id` is a model of the catalogue; without it `device_label` says what it is.
    """

    details: CustomerDetails
    device_label: str
    problem: str
    customer_id: int | None = None
    device_id: int | None = None
    place: str = ""
    urgency: str = "standard"


@dataclass(frozen=True, slots=True)
class Known:
    """A customer on file, as the counter tells them apart. `misses` are appointments nobody came to."""

    id: int
    name: str
    phone: str
    email: str
    repairs: int
    misses: int


def check_in(request: CheckIn, location: Location, *, actor: Actor) -> Repair:
    """Writes device, repair in `received` and, if new, customer; records `repair.checked_in`. The caller commits.

    The promise counts from now. There is no price yet: the diagnosis makes it. Raises Invalid by field.
    """
    actor.require("repair.check_in")
    request, customer = _checked(request)
    model = catalogue.get_device(request.device_id) if request.device_id else None
    if customer is None:
        customer = customers.find_or_create(request.details)
    device = Device(customer=customer, model_id=model.id if model else None, label=request.device_label)
    now, key = utc_now(), next_repair_id()
    repair = Repair(
        id=key, number=number_of(key), location=location, customer=customer, device=device,
        priority=_PRIORITY[request.urgency], service_type="in_store", urgency=request.urgency,
        problem=request.problem, place=request.place, currency=location.currency, received_at=now, updated_at=now,
        due_at=promises.due_at(
            location, received_at=now, urgency=request.urgency, minutes_of_work=0, service_type="in_store",
            slot_start=None,
        ),
        version=0,
    )  # fmt: skip
    repair.enter(State.RECEIVED, at=now)
    repair.refresh_search_text()
    db.session.add(repair)
    db.session.flush()
    hold(repair)
    body = {
        "status": repair.status, "source": "counter", "device_model": repair.device.model_id,
        "service_type": repair.service_type, "urgency": repair.urgency, "due_at": repair.due_at.isoformat(),
    }  # fmt: skip
    names = {"customer": customer.name, "email": customer.email, "phone": customer.phone, "device": device.label}
    record("repair.checked_in", repair, actor=actor, body=body, detail=names)
    return repair


def is_called(known: Known, typed: str) -> bool:
    """True if what is typed so far can be this customer's name: one telephone may belong to a family."""
    words = one_line(known.name).casefold().split()
    return all(any(word.startswith(part) for word in words) for part in one_line(typed).casefold().split())


def find_known(*, phone: str = "", email: str = "", name: str = "") -> list[Known]:
    """Customers on file with this phone or address, else those whose tickets hold these words. At most MOST_KNOWN."""
    ids = _by_contact(phone, email)
    if not ids and len(one_line(name)) >= 3:
        ids = _by_words(name)
    return _described(list(dict.fromkeys(ids))[:MOST_KNOWN])


def _by_contact(phone: str, email: str) -> list[int]:
    conditions = []
    if number := customers.normal_phone(phone):
        conditions.append(Customer.phone == number)
    if "@" in email and is_plain(email):
        conditions.append(Customer.email == email.strip().lower())
    found: list[int] = []
    for condition in conditions:
        query = select(Customer.id).where(condition).order_by(Customer.id.desc()).limit(MOST_KNOWN)
        found += db.session.scalars(query)
    return found


def _by_words(name: str) -> list[int]:
    """Through the one search index, newest tickets first."""
    page = queue.page(parse_filters({"q": one_line(name), "view": "all"}), me=0, day_ends=utc_now())
    numbers = [row.id for row in page.rows]
    query = select(Repair.customer_id, func.max(Repair.id)).where(Repair.id.in_(numbers)).group_by(Repair.customer_id)
    return [row[0] for row in db.session.execute(query.order_by(func.max(Repair.id).desc()))]


def _described(ids: list[int]) -> list[Known]:
    if not ids:
        return []
    query = (
        select(
            Customer.id, Customer.name, Customer.phone, Customer.email, func.count(Repair.id),
            func.coalesce(func.sum(Booking.misses), 0),
        )
        .outerjoin(Repair, Repair.customer_id == Customer.id)
        .outerjoin(Booking, Booking.repair_id == Repair.id)
        .where(Customer.id.in_(ids))
        .group_by(Customer.id, Customer.name, Customer.phone, Customer.email)
    )  # fmt: skip
    rows = {row[0]: Known(*row[:4], repairs=row[4], misses=int(row[5])) for row in db.session.execute(query)}
    return [rows[key] for key in ids if key in rows]


def _checked(request: CheckIn) -> tuple[CheckIn, Customer | None]:
    faults: dict[str, str] = {}
    customer, details = None, request.details
    if request.customer_id is not None:
        customer = db.session.get(Customer, request.customer_id)
        if customer is None:
            faults["customer.name"] = _("This customer is not on file any more. Type the name.")
    else:
        try:
            details = customers.clean_contact(details)
        except Invalid as error:
            faults |= error.fields
    label, problem, place = one_line(request.device_label), many_lines(request.problem), one_line(request.place)
    if request.device_id is not None:
        model = catalogue.find_device(request.device_id)
        label = model.name[:LONGEST_LABEL] if model else ""
    if not label:
        faults["device_label"] = _("Write the make and model.")
    if not re.search(r"\w", problem):
        faults["problem"] = _("Write what is wrong, in the customer's words.")
    texts = (
        ("device_label", label, LONGEST_LABEL),
        ("problem", problem, LONGEST_PROBLEM),
        ("place", place, LONGEST_PLACE),
    )
    for field, text, longest in texts:
        if len(text) > longest:
            faults[field] = _("Keep this under %(most)s characters.", most=longest)
        elif not is_plain(text):
            faults[field] = _("This holds characters that cannot be shown. Type it again.")
    if request.urgency not in URGENCIES:
        faults["urgency"] = _("Choose how soon.")
    if faults:
        raise Invalid(faults)
    cleaned = CheckIn(
        details, label, problem, customer_id=request.customer_id, device_id=request.device_id, place=place,
        urgency=request.urgency,
    )  # fmt: skip
    return cleaned, customer
