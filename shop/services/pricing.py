"""Prices from the published rule set, and quotes that keep them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from babel.numbers import format_percent
from flask_babel import get_locale, gettext
from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.catalogue import DeviceModel, RepairType
from shop.models.errors import Invalid, NotFound
from shop.models.money import Money, TaxSplit, format_money
from shop.models.price_engine import NoBasePrice, Percent, Price, PriceLine, Reason, price
from shop.models.price_rules import PriceFacts, RepairFact, Rule, RuleBook
from shop.models.pricing import Quote, RuleSet
from shop.models.repair import Repair
from shop.services.catalogue import find_device, list_repair_types, translated

SERVICE_TYPES = ("in_store", "pickup", "postal")
URGENCIES = ("standard", "express", "same_day")
CUSTOMER_TIERS = ("standard", "member", "business", "trade")
COUNTRY_OF_CURRENCY = {"BRL": "BR"}
HOME_COUNTRY = "GB"
CAPACITY = 60
MOST_REPAIRS = 10
_ZONE = ZoneInfo("Europe/London")
_PAST, _FUTURE = timedelta(days=5 * 366), timedelta(days=2 * 366)
_books: WeakKeyDictionary = WeakKeyDictionary()


def calculate(
    *,
    device_id: int,
    repair_type_ids: Sequence[int],
    service_type: str,
    urgency: str,
    currency: str,
    at: datetime | None = None,
    demand: int | Callable[[], int | None] | None = None,
    customer_tier: str | None = None,
    country: str | None = None,
) -> Price:
    """The price of these repairs on this device. Raises Invalid with a sentence for each wrong field.

    `at` is aware, now by default. `demand` is open work over capacity in basis points or a function
    that says it; by default today's queue is counted.
    """
    at = utc_now() if at is None else at
    customer_tier = customer_tier or CUSTOMER_TIERS[0]
    book = published_rules()
    faults = _choice_faults(
        service_type=(service_type, SERVICE_TYPES),
        urgency=(urgency, URGENCIES),
        currency=(currency, tuple(book.rates)),
        customer_tier=(customer_tier, CUSTOMER_TIERS),
    )
    faults |= _moment_faults(at)
    device = find_device(device_id)
    if device is None:
        faults["device_id"] = gettext("Choose a device from the catalogue.")
    kinds = _chosen_repairs(repair_type_ids, device, faults)
    if device is None or faults:
        raise Invalid(faults)
    facts = PriceFacts(
        device_category=device.category,
        device_tier=device.tier,
        device_age_years=_age(device, at),
        repairs=tuple(_repair_fact(kind) for kind in kinds),
        service_type=service_type,
        urgency=urgency,
        currency=currency,
        at=at.astimezone(_ZONE),
        demand_bp=_demand(demand),
        customer_tier=customer_tier,
        country=country or COUNTRY_OF_CURRENCY.get(currency, HOME_COUNTRY),
    )
    try:
        return price(book, facts)
    except NoBasePrice:
        raise Invalid({"repair_type_ids": gettext("We price this repair after a look at the device.")}) from None


def _choice_faults(**choices: tuple) -> dict[str, str]:
    return {
        name: gettext("Choose one of: %(choices)s.", choices=", ".join(allowed))
        for name, (value, allowed) in choices.items()
        if value not in allowed
    }


def _moment_faults(at: datetime) -> dict[str, str]:
    if not isinstance(at, datetime) or at.tzinfo is None:
        return {"at": gettext("Give the time with its zone, such as 2026-11-24T10:00:00Z.")}
    now = utc_now()
    if not now - _PAST <= at <= now + _FUTURE:
        return {"at": gettext("Choose a time within five years back and two years ahead.")}
    return {}


def _chosen_repairs(ids: Sequence[int], device: DeviceModel | None, faults: dict[str, str]) -> list[RepairType]:
    """The repair types in the order of the shelves, so that the order of choosing changes no price."""
    fault = _repairs_fault(ids)
    chosen = [] if fault else list_repair_types(ids)
    if not fault and len(chosen) < len(ids):
        fault = gettext("One of these repairs is not offered any more. Choose again.")
    if not fault and device and not all(kind.fits_device(device) for kind in chosen):
        misfits = ", ".join(translated(kind.name) for kind in chosen if not kind.fits_device(device))
        fault = gettext("%(repairs)s does not fit %(device)s.", repairs=misfits, device=device.name)
    if fault:
        faults["repair_type_ids"] = fault
    return chosen


def _repairs_fault(ids: Sequence[int]) -> str:
    if not isinstance(ids, list | tuple) or not ids or any(type(key) is not int for key in ids):
        return gettext("Choose at least one repair.")
    if len(set(ids)) != len(ids):
        return gettext("Each repair can be chosen once.")
    if len(ids) > MOST_REPAIRS:
        return gettext("Choose at most %(most)s repairs at a time.", most=MOST_REPAIRS)
    return ""


def _age(device: DeviceModel, at: datetime) -> int | None:
    return None if device.release_year is None else max(0, at.year - device.release_year)


def _repair_fact(kind: RepairType) -> RepairFact:
    return RepairFact(kind.slug, kind.name, kind.category.slug, needs_part=kind.needs_part)


def _demand(demand: int | Callable[[], int | None] | None) -> int | None:
    if demand is None:
        return current_demand()
    return demand() if callable(demand) else demand


def current_demand() -> int | None:
    """Open repairs over capacity in basis points; None while nothing is open and nothing can be said."""
    open_repairs = db.session.scalar(select(func.count()).select_from(Repair).where(Repair.is_open))
    return open_repairs * 10_000 // CAPACITY if open_repairs else None


def published_rules() -> RuleBook:
    """The rule set in force, read once for each version. Raises NotFound where none is published."""
    newest = db.session.execute(
        select(RuleSet.id, RuleSet.version, RuleSet.published_at)
        .where(RuleSet.state == "published")
        .order_by(RuleSet.version.desc())
        .limit(1)
    ).one_or_none()
    if newest is None:
        raise NotFound(gettext("No price list is published."))
    kept = _books.get(db.engine)
    if kept is None or kept[0] != tuple(newest):
        kept = _books[db.engine] = (tuple(newest), load_rules(newest.id))
    return kept[1]


def load_rules(rule_set_id: int) -> RuleBook:
    """A stored rule set, published or draft, as the value that the engine takes."""
    stored = db.session.scalars(
        select(RuleSet).where(RuleSet.id == rule_set_id).options(selectinload(RuleSet.rules))
    ).one()
    return RuleBook(
        version=stored.version,
        currency=stored.currency,
        rates=json.loads(stored.rates),
        taxes=json.loads(stored.taxes),
        rules=tuple(
            Rule(
                code=rule.code,
                label=rule.label,
                kind=rule.kind,
                scope=rule.scope,
                effect=json.loads(rule.effect),
                conditions=json.loads(rule.conditions),
                valid_from=rule.valid_from,
                valid_until=rule.valid_until,
                stacking_group=rule.stacking_group,
                stacking=rule.stacking,
            )
            for rule in stored.rules
        ),
    )


def present(price: Price) -> dict:
    """The price in the reader's language and in plain values: what the API answers and templates show."""
    return {
        "currency": price.currency,
        "total": price.total.amount,
        "lines": [{"label": translated(line.label), "amount": line.amount.amount} for line in price.lines],
        "explanation": [
            {"rule": _rule_words(reason), "effect": _effect_words(reason), "amount": reason.amount.amount}
            for reason in price.explanation
        ],
        "valid_until": price.valid_until.isoformat(),
    }


def _rule_words(reason: Reason) -> str:
    rule = translated(reason.label)
    return f"{translated(reason.subject)}: {rule}" if reason.subject else rule


def _effect_words(reason: Reason) -> str:
    locale = str(get_locale() or "en_GB")
    return translated(reason.effect, {name: _shown(value, locale) for name, value in reason.params.items()})


def _shown(value, locale: str) -> str:
    if isinstance(value, Money):
        return format_money(value, locale)
    if isinstance(value, Percent):
        return format_percent(value.basis_points / 10_000, format="+#,##0.##%;-#,##0.##%", locale=locale)
    return str(value)


def make_quote(price: Price, *, device_id: int | None, repair_type_ids: Sequence[int]) -> Quote:
    """Keeps the price as it is now, until its `valid_until`; later rules never alter it."""
    quote = Quote(
        facts=_dump({**asdict(price.facts), "device_id": device_id, "repair_type_ids": list(repair_type_ids)}),
        result=_dump(
            {
                "lines": [asdict(line) for line in price.lines],
                "explanation": [{**asdict(reason), "params": _plain_params(reason)} for reason in price.explanation],
                "tax": price.tax and asdict(price.tax),
            }
        ),
        total=price.total.amount,
        currency=price.currency,
        rule_set_version=price.rule_set_version,
        expires_at=price.valid_until,
    )
    db.session.add(quote)
    db.session.flush()
    return quote


def _dump(value: dict) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=datetime.isoformat)


def _plain_params(reason: Reason) -> dict:
    return {
        name: {type(value).__name__: asdict(value)} if isinstance(value, Money | Percent) else value
        for name, value in reason.params.items()
    }


def quoted_price(quote: Quote) -> Price:
    """The promised price with its lines and reasons, as it was when the quote was made."""
    result, facts = json.loads(quote.result), quote.facts_dict
    tax = result["tax"]
    return Price(
        total=quote.money,
        lines=tuple(PriceLine(**{**line, "amount": Money(**line["amount"])}) for line in result["lines"]),
        explanation=tuple(_restored_reason(reason) for reason in result["explanation"]),
        tax=tax and TaxSplit(Money(**tax["net"]), Money(**tax["tax"]), tax["rate_bp"]),
        valid_until=quote.expires_at,
        rule_set_version=quote.rule_set_version,
        facts=_restored_facts(facts),
    )


def _restored_reason(stored: dict) -> Reason:
    kinds = {"Money": Money, "Percent": Percent}
    params = {
        name: next(kinds[kind](**fields) for kind, fields in value.items()) if isinstance(value, dict) else value
        for name, value in stored["params"].items()
    }
    return Reason(**{**stored, "params": params, "amount": Money(**stored["amount"])})


def _restored_facts(stored: dict) -> PriceFacts:
    names = PriceFacts.__dataclass_fields__
    values = {name: value for name, value in stored.items() if name in names}
    values["repairs"] = tuple(RepairFact(**repair) for repair in values["repairs"])
    values["at"] = datetime.fromisoformat(values["at"])
    return PriceFacts(**values)
