"""The price list in words: when each rule holds and what it does."""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shop.models.money import Money, format_money
from shop.models.price_rules import Rule, RuleBook
from shop.services.catalogue import list_categories, list_repair_types

LOCALE = "en_GB"
_LIST_AT_MOST = 4


@dataclass(frozen=True, slots=True)
class RuleLine:
    code: str
    label: str
    kind: str
    scope: str
    when: str
    does: str
    stacking: str
    valid_from: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class BasePrices:
    """What one repair costs on each tier, in minor units of the rule set."""

    name: str
    prices: Mapping[str, int]


def base_prices(book: RuleBook) -> list[BasePrices]:
    """In the order of the shelves."""
    prices: dict[str, dict[str, int]] = {}
    for rule in book.rules:
        if rule.kind == "base":
            for slug in rule.conditions["repair_type"]:
                prices.setdefault(slug, {})[" ".join(rule.conditions["tier"])] = rule.effect["amount"]
    return [BasePrices(kind.name, prices[kind.slug]) for kind in list_repair_types() if kind.slug in prices]


def rule_lines(book: RuleBook) -> list[RuleLine]:
    """Everything but the base prices, in the order in which it runs."""
    words = _Words(book.currency)
    return [
        RuleLine(
            code=rule.code,
            label=rule.label,
            kind=rule.kind,
            scope=rule.scope,
            when=words.conditions(rule.conditions),
            does=words.effect(rule),
            stacking=_stacking(rule),
            valid_from=rule.valid_from,
            valid_until=rule.valid_until,
        )
        for rule in book.rules
        if rule.kind != "base"
    ]


def _stacking(rule: Rule) -> str:
    if rule.stacking == "best":
        return f"Best of the {rule.stacking_group} rules"
    if rule.stacking == "first":
        return f"First of the {rule.stacking_group} rules"
    return ""


class _Words:
    def __init__(self, currency: str):
        self.currency = currency
        self.repairs = {kind.slug: kind.name for kind in list_repair_types()}
        self.categories = {category.slug: category.name for category in list_categories()}

    def conditions(self, conditions: Mapping) -> str:
        """All that must hold, as one sentence."""
        rest = dict(conditions)
        age = _age(rest.pop("age_min", None), rest.pop("age_max", None))
        parts = [*(_CONDITIONS[name](self, value) for name, value in rest.items()), *age]
        words = ", and ".join(parts) or "always"
        return words[0].upper() + words[1:]

    def effect(self, rule: Rule) -> str:
        return _EFFECTS[rule.effect["op"]](self, rule.effect)

    def money(self, amount: int) -> str:
        return format_money(Money(amount, self.currency), LOCALE)

    def repair_names(self, slugs) -> str:
        names = [f"“{self.repairs.get(slug, slug)}”" for slug in slugs]
        if len(names) <= _LIST_AT_MOST:
            return _or(names)
        return f"{', '.join(names[: _LIST_AT_MOST - 1])} or {len(names) - _LIST_AT_MOST + 1} more"


def _or(names) -> str:
    names = [str(name).replace("_", " ") for name in names]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _age(low: int | None, high: int | None) -> list[str]:
    if low is None and high is None:
        return []
    if high is None:
        return [f"the model is {low} years old or more"]
    span = f"{low or 0}" if low == high else f"{low or 0} to {high}"
    return [f"the model is {span} years old"]


def _percent(basis_points: int) -> str:
    return f"{basis_points / 100:+g}%".replace("-", "−")


_CONDITIONS = {
    "device_category": lambda words, value: f"the device is a {_or(value)}",
    "tier": lambda words, value: f"the tier is {_or(value)}",
    "service_type": lambda words, value: f"the service is {_or(value)}",
    "urgency": lambda words, value: f"the urgency is {_or(value)}",
    "customer_tier": lambda words, value: f"the customer is {_or(value)}",
    "country": lambda words, value: f"the country is {_or(value)}",
    "currency": lambda words, value: f"paid in {_or(value)}",
    "months": lambda words, value: f"in {_or([calendar.month_name[month] for month in value])}",
    "demand_min": lambda words, value: f"open work is {value / 100:g}% of capacity or more",
    "demand_max": lambda words, value: f"open work is {value / 100:g}% of capacity or less",
    "together": lambda words, value: f"{value['min']} or more together of {words.repair_names(value['of'])}",
    "repair_type": lambda words, value: f"the repair is {words.repair_names(value)}",
    "repair_category": lambda words, value: f"it is from {_or([words.categories.get(slug, slug) for slug in value])}",
    "needs_part": lambda words, value: "a part is needed" if value else "no part is needed",
    "part_cost_known": lambda words, value: "the part's cost is known" if value else "the part's cost is not known",
}
_EFFECTS = {
    "set": lambda words, effect: f"Costs {words.money(effect['amount'])}",
    "add": lambda words, effect: f"{'+' if effect['amount'] >= 0 else '−'}{words.money(abs(effect['amount']))}",
    "percent": lambda words, effect: (
        _percent(effect["bp"]) + (f", at least {words.money(effect['at_least'])}" if effect.get("at_least") else "")
    ),
    "floor": lambda words, effect: f"At least {words.money(effect['amount'])}",
    "ceiling": lambda words, effect: f"At most {words.money(effect['amount'])}",
    "cover_part": lambda words, effect: (
        f"At least the part, {_percent(effect['margin_bp'])} margin and {words.money(effect['labour'])} labour"
    ),
    "round": lambda words, effect: (
        "To the nearest "
        + (words.money(effect["to"][words.currency]) if words.currency in effect.get("to", {}) else "whole unit")
    ),
}
