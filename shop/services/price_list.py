"""Prices for the shop window, worked out by the engine and kept for the day."""

from dataclasses import replace
from datetime import date

from shop.models.base import utc_now
from shop.models.catalogue import RepairType
from shop.models.device_tiers import TIERS
from shop.models.location import Location
from shop.models.money import Money
from shop.models.price_engine import NoBasePrice, price
from shop.models.price_rules import PriceFacts, RepairFact, RuleBook
from shop.services import catalogue, pricing

_kept: dict[tuple[int, date, str], dict[str, Money]] = {}


def from_prices(location: Location) -> dict[str, Money]:
    """The lowest price of each category and each repair type by slug, free checks left out."""
    book = pricing.published_rules()
    today = utc_now().astimezone(location.hours.zone)
    key = (book.version, today.date(), location.currency)
    found = _kept.get(key)
    if found is None:
        found = _lowest(book, today, location)
        # Another thread may clear it again at once: what is answered is not read back from there.
        _kept.clear()
        _kept[key] = found
    return found


def _lowest(book: RuleBook, at, location: Location) -> dict[str, Money]:
    lowest: dict[str, Money] = {}
    for kind in catalogue.list_repair_types():
        for amount in _prices(book, kind, at, location):
            for slug in (kind.slug, kind.category.slug):
                lowest[slug] = min(lowest.get(slug, amount), amount, key=lambda money: money.amount)
    return lowest


def _prices(book: RuleBook, kind: RepairType, at, location: Location):
    fact = RepairFact(kind.slug, kind.name, kind.category.slug, needs_part=kind.needs_part)
    plain = PriceFacts("", "", None, (fact,), "in_store", "standard", location.currency, at, country=location.country)
    for category, tiers in TIERS.items():
        for tier in tiers:
            if not {category, tier}.isdisjoint(kind.fits.split(";")):
                try:
                    total = price(book, replace(plain, device_category=category, device_tier=tier)).total
                except NoBasePrice:
                    continue
                if total:
                    yield total
