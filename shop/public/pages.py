"""What the shop says of itself."""

from flask import render_template, request

from shop.models.catalogue import DeviceCategory
from shop.models.price_engine import N_
from shop.public.blueprint import bp
from shop.services import catalogue, draft_prices, price_list
from shop.services.drafts import Answers
from shop.services.locations import home_location

HERO_DEVICE = "iPhone 14 Pro"
# The parts of the drawing from top to bottom: the repair that replaces each, and its short name.
HERO_PARTS = {
    "phone-glass": N_("Glass only"),
    "phone-display-original": N_("Full display"),
    "phone-board": N_("Board"),
    "phone-port": N_("Charging port"),
    "phone-back-glass": N_("Back glass"),
}


@bp.get("/")
def home():
    location = home_location()
    return render_template(
        "public/home.html", location=location, categories=catalogue.list_categories(),
        lowest=price_list.from_prices(location), hero=_hero(location),
    )  # fmt: skip


@bp.get("/services")
def services():
    location = home_location()
    return render_template(
        "public/services.html", location=location, categories=catalogue.list_categories(),
        lowest=price_list.from_prices(location),
    )  # fmt: skip


@bp.get("/prices")
def prices():
    """The price list of one device, or a search for it."""
    location, q = home_location(), request.args.get("q", "").replace("\x00", "").strip()
    category = request.args.get("category", "")
    category = category if category in set(DeviceCategory) else ""
    device = catalogue.find_device(request.args.get("device", type=int))
    found = catalogue.search_devices(q, category=category, limit=10).items if not device else ()
    return render_template(
        "public/prices.html", location=location, q=q, category=category, device=device, devices=found,
        offers=_offers(device, location) if device else [],
    )  # fmt: skip


@bp.get("/how-it-works")
def how_it_works():
    return render_template("public/how_it_works.html", location=home_location())


@bp.get("/privacy")
def privacy():
    return render_template("public/privacy.html", location=home_location())


@bp.get("/terms")
def terms():
    return render_template("public/terms.html", location=home_location())


def _offers(device, location) -> list[tuple]:
    """(repair type, price) of all that can be done to a device."""
    kinds = catalogue.repair_types_for(device)
    amounts = draft_prices.item_prices(Answers(device_id=device.id), kinds, location=location)
    return [(kind, amounts[kind.id]) for kind in kinds if kind.id in amounts]


def _hero(location) -> dict | None:
    """The device of the drawing with the price of each part; None if the catalogue does not hold it."""
    card = next(iter(catalogue.search_devices(HERO_DEVICE, limit=1).items), None)
    if card is None:
        return None
    prices = {kind.slug: amount for kind, amount in _offers(catalogue.get_device(card.id), location)}
    parts = [(name, prices[slug]) for slug, name in HERO_PARTS.items() if slug in prices]
    return {"device": card, "parts": parts}
