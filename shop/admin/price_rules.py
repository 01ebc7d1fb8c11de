"""The price list as it is published, and a place to try it."""

from flask import request
from flask_admin import Admin, expose
from flask_babel import gettext as _

from shop.admin.access import requires
from shop.admin.console import ConsoleView, show
from shop.admin.forms import place
from shop.models.errors import Invalid
from shop.services import catalogue, pricing, rule_words

MOST_MATCHES = 6
_CHOICES = {
    "service_type": pricing.SERVICE_TYPES,
    "urgency": pricing.URGENCIES,
    "customer_tier": pricing.CUSTOMER_TIERS,
}


class PriceRulesView(ConsoleView):
    @expose("/")
    @requires("pricing.view")
    def index(self):
        book = pricing.published_rules()
        return show(
            "admin/price_rules/page.html",
            book=book, base=rule_words.base_prices(book), tiers=_tiers(book), lines=rule_words.rule_lines(book),
        )  # fmt: skip

    @expose("/try")
    @requires("pricing.view")
    def attempt(self):
        book = pricing.published_rules()
        asked = _asked(book)
        device, matches = _device()
        kinds = catalogue.repair_types_for(device) if device else []
        chosen = [kind.id for kind in kinds if str(kind.id) in request.args.getlist("repair")]
        price, faults = _price(device, chosen, asked)
        return show(
            "admin/price_rules/try.html", "trial",
            book=book, asked=asked, device=device, matches=matches, kinds=kinds, chosen=chosen,
            price=price, faults=faults, choices={**_CHOICES, "currency": tuple(book.rates)},
        )  # fmt: skip


def init_app(admin: Admin) -> None:
    admin.add_view(PriceRulesView("Price rules", path="price-rules"))


def _tiers(book) -> list[str]:
    return sorted({" ".join(rule.conditions["tier"]) for rule in book.rules if rule.kind == "base"})


def _asked(book) -> dict[str, str]:
    """The choices of the form; what is not offered falls back to the first."""
    offered = {**_CHOICES, "currency": tuple(book.rates)}
    return {
        name: value if (value := request.args.get(name)) in allowed else allowed[0] for name, allowed in offered.items()
    }


def _device():
    """(the chosen device or the best match, all near matches)."""
    key = place("device_id")
    q = request.args.get("q", "")[:100].replace("\0", "").strip()
    chosen = catalogue.find_device(key) if key else None
    matches = catalogue.search_devices(q, limit=MOST_MATCHES).items if q else ()
    if chosen is None and matches:
        chosen = catalogue.find_device(matches[0].id)
    return chosen, matches


def _price(device, chosen: list[int], asked: dict[str, str]):
    if device is None or not chosen:
        return None, {}
    try:
        return pricing.present(pricing.calculate(device_id=device.id, repair_type_ids=chosen, **asked)), {}
    except Invalid as error:
        return None, error.fields or {"price": _("No price for this.")}
