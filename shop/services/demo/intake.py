"""What comes over the counter: a customer, a device, a complaint, the repair it asks for and its price."""

import random
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from zlib import crc32

from shop.models.catalogue import DeviceModel, RepairType
from shop.models.price_engine import Price, price
from shop.models.price_rules import PriceFacts, RepairFact
from shop.services import pricing
from shop.services.catalogue import list_repair_types
from shop.services.consent import Source
from shop.services.demo.people import people
from shop.services.demo.rows import CustomerRow, DeviceRow
from shop.services.demo.texts import Complaint, Texts


class Lot:
    """Things drawn by weight; with `random.choices` a million repairs take a minute longer."""

    def __init__(self, things: Sequence, weights: Iterable[float]):
        self._things, self._sums = things, list(accumulate(weights))

    def draw(self, rng: random.Random):
        return self._things[bisect_right(self._sums, rng.random() * self._sums[-1])]


_CATEGORIES = Lot(("smartphone", "laptop", "tablet", "console", "desktop", "wearable"), (56, 20, 10, 8, 4, 2))
_URGENCIES = Lot(("standard", "express", "same_day"), (78, 16, 6))
_SERVICES = Lot(("in_store", "pickup", "postal"), (84, 10, 6))
_COMES_BACK = 0.35
# One customer in so many.
_WITHOUT_EMAIL, _OPTED_OUT = 23, 31
_SAME_DEVICE = 0.4
_REMEMBERED = 4_000
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


@dataclass(frozen=True, slots=True)
class Intake:
    customer: CustomerRow
    device: DeviceRow
    model: DeviceModel
    complaint: Complaint
    kind: RepairType
    price: Price
    urgency: str
    service_type: str


def _with_wishes(customer: CustomerRow) -> CustomerRow:
    """Some have no e-mail, and some want none about the status: the same people for the same seed."""
    lot = crc32(customer.email.encode())
    if lot % _WITHOUT_EMAIL == 0:
        return customer._replace(email="")
    if lot % _OPTED_OUT == 0:
        return customer._replace(
            may_email=False, may_email_source=Source.CUSTOMER.value, may_email_since=customer.created_at
        )
    return customer


class Counter:
    """Serves one customer after the other, and keeps the rows of who and what is new until they are taken.

    `now` stands in the zone of the shop: seasons of the price list are counted there.
    """

    def __init__(self, models: list[DeviceModel], *, now: datetime, rng: random.Random):
        self.now, self.rng = now, rng
        self.texts = Texts(list_repair_types())
        self._new_customers: list[CustomerRow] = []
        self._new_devices: list[DeviceRow] = []
        self._models, self._invent = models, people(rng)
        self._known: deque[tuple[CustomerRow, DeviceRow, DeviceModel]] = deque(maxlen=_REMEMBERED)
        self._on_offer: dict[tuple[str, int], Lot] = {}
        self._rules = pricing.published_rules()
        self._prices: dict[tuple[str, int, str, str], Price] = {}

    def serve(self, moment: datetime, *, customer_id: int, device_id: int) -> Intake:
        """`customer_id` and `device_id` are taken if somebody new comes, or something new is brought."""
        customer, device, model = self._who(moment, customer_id, device_id)
        complaint = self.texts.complaint(model.category, self.rng)
        kind = self.texts.repair_for(complaint, model, self.rng)
        urgency, service_type = _URGENCIES.draw(self.rng), _SERVICES.draw(self.rng)
        price = self._price(model, kind, urgency, service_type)
        return Intake(customer, device, model, complaint, kind, price, urgency, service_type)

    def take_new_customers(self) -> list[CustomerRow]:
        rows, self._new_customers = self._new_customers, []
        return rows

    def take_new_devices(self) -> list[DeviceRow]:
        rows, self._new_devices = self._new_devices, []
        return rows

    def _who(self, moment: datetime, customer_id: int, device_id: int) -> tuple[CustomerRow, DeviceRow, DeviceModel]:
        if self._known and self.rng.random() < _COMES_BACK:
            customer, device, model = self.rng.choice(self._known)
            if self.rng.random() < _SAME_DEVICE:
                return customer, device, model
        else:
            customer = _with_wishes(CustomerRow(customer_id, *self._invent(), created_at=moment))
            self._new_customers.append(customer)
        model = self._choose_model(moment.year)
        device = DeviceRow(device_id, customer.id, model.id, model.name[:160], *self._marks(model))
        self._new_devices.append(device)
        self._known.append((customer, device, model))
        return customer, device, model

    def _choose_model(self, year: int) -> DeviceModel:
        """What was on sale by that year, the popular models far more often."""
        category = _CATEGORIES.draw(self.rng)
        if (category, year) not in self._on_offer:
            models = [m for m in self._models if m.category == category and (m.release_year or 0) <= year]
            self._on_offer[category, year] = Lot(models, (m.popularity**3 + 1 for m in models))
        return self._on_offer[category, year].draw(self.rng)

    def _marks(self, model: DeviceModel) -> tuple[str, str]:
        """(serial, imei): a telephone has the one, anything else the other, and some were not written down."""
        if self.rng.random() < 0.3:
            return "", ""
        if model.category == "smartphone":
            return "", _imei(self.rng)
        return "".join(self.rng.choices(_LETTERS, k=11)), ""

    def _price(self, model: DeviceModel, kind: RepairType, urgency: str, service_type: str) -> Price:
        """By the rules in force; models of one tier share the price that the first of them was given."""
        key = model.tier, kind.id, urgency, service_type
        if key not in self._prices:
            facts = PriceFacts(
                device_category=model.category,
                device_tier=model.tier,
                device_age_years=self.now.year - (model.release_year or self.now.year),
                repairs=(RepairFact(kind.slug, kind.name, kind.category.slug, needs_part=kind.needs_part),),
                service_type=service_type,
                urgency=urgency,
                currency=self._rules.currency,
                at=self.now,
            )
            self._prices[key] = price(self._rules, facts)
        return self._prices[key]


def _imei(rng: random.Random) -> str:
    """A type code that no maker has, and a right check digit (3GPP TS 23.003, annex B)."""
    body = f"000000{rng.randrange(10**8):08}"
    total = sum(sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(body))
    return f"{body}{-total % 10}"
