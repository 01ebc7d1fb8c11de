"""The price of what a visitor has chosen so far, and the promise that keeps it."""

from dataclasses import dataclass, replace
from datetime import datetime

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.booking import BookingDraft
from shop.models.catalogue import RepairType
from shop.models.device_tiers import TIERS
from shop.models.errors import Invalid
from shop.models.location import Location
from shop.models.money import Money
from shop.models.price_engine import NoBasePrice, Price, price
from shop.models.price_rules import PriceFacts, RepairFact, RuleBook
from shop.models.pricing import Quote
from shop.services import catalogue, drafts, pricing, promises
from shop.services.drafts import Answers
from shop.services.locations import home_location


@dataclass(frozen=True, slots=True)
class DraftDevice:
    """The device as the wizard speaks of it, whether the catalogue knows it or not."""

    label: str
    category: str


def device_of(answers: Answers) -> DraftDevice | None:
    if answers.device_id is not None:
        device = catalogue.get_device(answers.device_id)
        return DraftDevice(device.name, device.category)
    return DraftDevice(answers.device_label, answers.device_category) if answers.device_label else None


def repair_types_of(answers: Answers) -> list[RepairType]:
    """What can be chosen for this device. For one that we do not know: only the free look at it."""
    if answers.device_id is not None:
        return catalogue.repair_types_for(catalogue.get_device(answers.device_id))
    return [
        kind
        for kind in catalogue.list_repair_types()
        if kind.slug.endswith("-check") and answers.device_category in kind.fits.split(";")
    ]


def price_of(answers: Answers, *, location: Location, **changes) -> Price | None:
    """The price as it is now; None while device or repair is open. `changes` asks "and if …?"."""
    asked = replace(answers, **changes)
    if not asked.repair_type_ids:
        return None
    try:
        if asked.device_id is None:
            return _unlisted(asked, location)
        return _listed(asked, location, device_id=asked.device_id)
    except (Invalid, NoBasePrice):
        return None


def item_prices(answers: Answers, kinds: list[RepairType], *, location: Location) -> dict[int, Money]:
    """What each repair costs by itself, in store and without haste; repairs without a price are left out."""
    plain = {"service_type": "in_store", "urgency": "standard"}
    alone = (price_of(answers, location=location, repair_type_ids=(kind.id,), **plain) for kind in kinds)
    sample = next(filter(None, alone), None)
    if sample is None:
        return {}
    book = pricing.published_rules()
    found = {kind.id: _price_alone(book, sample.facts, kind) for kind in kinds}
    return {key: amount for key, amount in found.items() if amount is not None}


def differences(answers: Answers, *, location: Location) -> dict[str, Money]:
    """What each way to us and each urgency costs more than bringing the device in without haste."""
    plain = {"service_type": "in_store", "urgency": "standard"}
    base = price_of(answers, location=location, **plain)
    if base is None:
        return {}
    book = pricing.published_rules()
    asked = {value: replace(base.facts, service_type=value) for value in pricing.SERVICE_TYPES}
    asked |= {value: replace(base.facts, urgency=value) for value in pricing.URGENCIES}
    return {value: price(book, facts).total - base.total for value, facts in asked.items()}


def promise(draft: BookingDraft) -> Quote | None:
    """The living quote of the draft, made now if it has none. The caller commits."""
    answers = drafts.answers_of(draft)
    kept = promised(answers)
    if kept:
        return kept
    price = price_of(answers, location=home_location())
    if price is None:
        return None
    quote = pricing.make_quote(price, device_id=answers.device_id, repair_type_ids=answers.repair_type_ids)
    drafts.answer(draft, quote_id=quote.id)
    return quote


def promised(answers: Answers) -> Quote | None:
    """The quote that was made for these answers, while it holds."""
    quote = db.session.get(Quote, answers.quote_id) if answers.quote_id else None
    return quote if quote and not quote.is_expired(at=utc_now()) else None


def current_price(answers: Answers, *, location: Location) -> Price | None:
    """The promised price where there is one, else the price as it is now."""
    quote = promised(answers)
    return pricing.quoted_price(quote) if quote else price_of(answers, location=location)


def due_at(answers: Answers, *, location: Location) -> datetime:
    """When the device is ready if it is booked now as answered."""
    chosen = [kind for kind in repair_types_of(answers) if kind.id in answers.repair_type_ids]
    return promises.due_at(
        location,
        received_at=utc_now(),
        urgency=answers.urgency,
        minutes_of_work=sum(kind.duration_minutes for kind in chosen),
        service_type=answers.service_type,
        slot_start=answers.slot,
    )


def _listed(answers: Answers, location: Location, *, device_id: int) -> Price:
    return pricing.calculate(
        device_id=device_id,
        repair_type_ids=list(answers.repair_type_ids),
        service_type=answers.service_type or "in_store",
        urgency=answers.urgency,
        currency=location.currency,
    )


def _unlisted(answers: Answers, location: Location) -> Price:
    """A device that the catalogue does not know has no tier; the look at it costs the same on every tier."""
    kinds = [kind for kind in repair_types_of(answers) if kind.id in answers.repair_type_ids]
    facts = PriceFacts(
        device_category=answers.device_category,
        device_tier=TIERS[answers.device_category][-1],
        device_age_years=None,
        repairs=tuple(_fact(kind) for kind in kinds),
        service_type=answers.service_type or "in_store",
        urgency="standard",
        currency=location.currency,
        at=utc_now().astimezone(location.hours.zone),
        country=location.country,
    )
    return price(pricing.published_rules(), facts)


def _price_alone(book: RuleBook, facts: PriceFacts, kind: RepairType) -> Money | None:
    try:
        return price(book, replace(facts, repairs=(_fact(kind),))).total
    except NoBasePrice:
        return None


def _fact(kind: RepairType) -> RepairFact:
    return RepairFact(kind.slug, kind.name, kind.category.slug, needs_part=kind.needs_part)
