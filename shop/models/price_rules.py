"""What a price depends on and the rules that say how. Values only: stored in `pricing`, run by `price_engine`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

KINDS = ("base", "adjustment", "discount", "surcharge", "fee", "floor", "ceiling", "round")
SCOPES = ("item", "order")
STACKING = ("stack", "first", "best")
EFFECT_FIELDS = {
    "set": {"amount"},
    "add": {"amount"},
    "percent": {"bp", "at_least"},
    "floor": {"amount"},
    "ceiling": {"amount"},
    "cover_part": {"labour", "margin_bp"},
    "round": {"to"},
}


@dataclass(frozen=True, slots=True)
class RepairFact:
    slug: str
    name: str
    category: str
    needs_part: bool = False
    part_cost: int | None = None


@dataclass(frozen=True, slots=True)
class PriceFacts:
    """All that a price may depend on.

    `at` is aware and in the zone in which seasons count. `demand_bp` is open work over capacity in
    basis points, None where unknown. `part_cost` of a repair is in minor units of the rule set.
    """

    device_category: str
    device_tier: str
    device_age_years: int | None
    repairs: tuple[RepairFact, ...]
    service_type: str
    urgency: str
    currency: str
    at: datetime
    demand_bp: int | None = None
    customer_tier: str = "standard"
    country: str = "GB"


@dataclass(frozen=True, slots=True)
class Rule:
    code: str
    label: str
    kind: str
    scope: str
    effect: Mapping
    conditions: Mapping = field(default_factory=dict)
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    stacking_group: str = ""
    stacking: str = "stack"

    def __post_init__(self):
        faults = rule_faults(self)
        if faults:
            raise ValueError(f"rule {self.code}: {'; '.join(faults)}")


@dataclass(frozen=True)
class RuleBook:
    """A rule set as a value, its rules in order of position."""

    version: int
    currency: str
    rates: Mapping[str, int]
    taxes: Mapping[str, int | None]
    rules: tuple[Rule, ...]
    hold_days: int = 14

    @cached_property
    def order_rules(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.scope == "order")

    @cached_property
    def _item_rules(self) -> dict[str, tuple[Rule, ...]]:
        return {}

    def item_rules(self, slug: str) -> tuple[Rule, ...]:
        """The rules that may touch this repair: most are base prices of others, which need no asking."""
        if slug not in self._item_rules:
            self._item_rules[slug] = tuple(
                rule
                for rule in self.rules
                if rule.scope == "item" and slug in rule.conditions.get("repair_type", (slug,))
            )
        return self._item_rules[slug]


def applies(rule: Rule, facts: PriceFacts, repair: RepairFact | None) -> bool:
    """Whether all conditions hold for one repair or, with None, for the order as a whole."""
    return all(_CONDITIONS[name](expected, facts, repair) for name, expected in rule.conditions.items())


_CONDITIONS: dict[str, Callable] = {
    "device_category": lambda allowed, facts, repair: facts.device_category in allowed,
    "tier": lambda allowed, facts, repair: facts.device_tier in allowed,
    "service_type": lambda allowed, facts, repair: facts.service_type in allowed,
    "urgency": lambda allowed, facts, repair: facts.urgency in allowed,
    "customer_tier": lambda allowed, facts, repair: facts.customer_tier in allowed,
    "country": lambda allowed, facts, repair: facts.country in allowed,
    "currency": lambda allowed, facts, repair: facts.currency in allowed,
    "months": lambda allowed, facts, repair: facts.at.month in allowed,
    "age_min": lambda years, facts, repair: facts.device_age_years is not None and facts.device_age_years >= years,
    "age_max": lambda years, facts, repair: facts.device_age_years is not None and facts.device_age_years <= years,
    "demand_min": lambda ratio, facts, repair: facts.demand_bp is not None and facts.demand_bp >= ratio,
    "demand_max": lambda ratio, facts, repair: facts.demand_bp is not None and facts.demand_bp <= ratio,
    "together": lambda wanted, facts, repair: sum(each.slug in wanted["of"] for each in facts.repairs) >= wanted["min"],
    "repair_type": lambda allowed, facts, repair: repair is not None and repair.slug in allowed,
    "repair_category": lambda allowed, facts, repair: repair is not None and repair.category in allowed,
    "needs_part": lambda needed, facts, repair: repair is not None and repair.needs_part is needed,
    "part_cost_known": lambda known, facts, repair: repair is not None and (repair.part_cost is not None) is known,
}


def rule_faults(rule: Rule) -> list[str]:
    """What is wrong with a rule, in words for whoever edits it; empty when it can be used."""
    op = rule.effect.get("op")
    faults = [f"unknown condition {name}" for name in rule.conditions if name not in _CONDITIONS]
    if op not in EFFECT_FIELDS:
        return [*faults, f"unknown effect {op}"]
    faults += [f"{op} has no {name}" for name in rule.effect.keys() - EFFECT_FIELDS[op] - {"op"}]
    faults += [
        f"unknown {name} {value}"
        for name, value, known in (
            ("kind", rule.kind, KINDS),
            ("scope", rule.scope, SCOPES),
            ("stacking", rule.stacking, STACKING),
        )
        if value not in known
    ]
    if rule.stacking != "stack" and not rule.stacking_group:
        faults.append(f"stacking {rule.stacking} needs a group")
    if op == "cover_part" and not rule.conditions.get("part_cost_known"):
        faults.append("cover_part needs the condition part_cost_known")
    return faults
