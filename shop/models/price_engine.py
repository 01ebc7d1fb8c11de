"""The price of a repair order: rules and facts in, a price with its reasons out.

Pure: no database and no clock, so the same rules and facts always give the same price. Rules run in
order of position, first those of scope `item` on each repair, then those of scope `order` on the
whole. Each item ends as one line, each order rule as one more, and the total is the sum of the lines.
Labels are English msgids; `docs/pricing.md` is the description for people.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import reduce
from operator import add

from shop.models.money import Money, TaxSplit, minor_digits, split_inclusive
from shop.models.price_rules import PriceFacts, RepairFact, Rule, RuleBook, applies


def N_(msgid: str) -> str:
    """Marks a text for translation where it is written; it is translated where it is shown."""
    return msgid


class NoBasePrice(LookupError):
    """The rule set has no base price for this repair on this tier."""


@dataclass(frozen=True, slots=True)
class Percent:
    basis_points: int


@dataclass(frozen=True, slots=True)
class PriceLine:
    label: str
    amount: Money
    code: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One step to the price. `subject` is the repair it changed, empty for the whole order."""

    subject: str
    label: str
    effect: str
    params: Mapping
    amount: Money
    code: str


@dataclass(frozen=True, slots=True)
class Price:
    total: Money
    lines: tuple[PriceLine, ...]
    explanation: tuple[Reason, ...]
    tax: TaxSplit | None
    valid_until: datetime
    rule_set_version: int
    facts: PriceFacts

    @property
    def currency(self) -> str:
        return self.total.currency


def price(book: RuleBook, facts: PriceFacts) -> Price:
    """Raises NoBasePrice for a repair the rules do not know, KeyError for a currency without rate."""
    if not facts.repairs:
        raise ValueError("a price needs at least one repair")
    lines, reasons = [], []
    for repair in facts.repairs:
        line, why = _price_item(repair, _Context(book, facts, repair))
        lines.append(line)
        reasons += why
    _price_order(_Context(book, facts, None), lines, reasons)
    lines = [line for line in lines if line.amount or line.code.startswith("repair:")]
    total = _sum([Money(0, facts.currency), *(line.amount for line in lines)])
    return Price(
        total=total,
        lines=tuple(lines),
        explanation=tuple(reasons),
        tax=_tax(book, facts.country, total),
        valid_until=_end_of_day(facts.at + timedelta(days=book.hold_days)),
        rule_set_version=book.version,
        facts=facts,
    )


def _tax(book: RuleBook, country: str, total: Money) -> TaxSplit | None:
    rate = book.taxes.get(country)
    return None if rate is None else split_inclusive(total, rate)


def _end_of_day(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time(23, 59, 59), moment.tzinfo).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class _Context:
    book: RuleBook
    facts: PriceFacts
    repair: RepairFact | None

    @property
    def part_cost(self) -> int:
        """Raises LookupError where it is unknown: rules that need it ask for `part_cost_known` first."""
        if self.repair is None or self.repair.part_cost is None:
            raise LookupError("the cost of the part is not known")
        return self.repair.part_cost

    def matching(self, rules: Iterable[Rule]) -> list[Rule]:
        return [
            rule
            for rule in rules
            if (rule.valid_from is None or rule.valid_from <= self.facts.at)
            and (rule.valid_until is None or self.facts.at < rule.valid_until)
            and applies(rule, self.facts, self.repair)
        ]

    def money(self, amount: int) -> Money:
        """An amount of the rule set in the currency of the price."""
        base = Money(amount, self.book.currency)
        if self.facts.currency == self.book.currency:
            return base
        return base.convert(self.facts.currency, rate_millionths=self.book.rates[self.facts.currency])


def _price_item(repair: RepairFact, context: _Context) -> tuple[PriceLine, list[Reason]]:
    deltas, reasons = [Money(0, context.facts.currency)], []
    matching = context.matching(context.book.item_rules(repair.slug))
    if not any(rule.kind == "base" for rule in matching):
        raise NoBasePrice(repair.slug)
    for rule, step in _steps(matching, context, lambda: _sum(deltas)):
        deltas.append(step.delta)
        reasons.append(_reason(rule, step, repair.name))
    return PriceLine(repair.name, _sum(deltas), f"repair:{repair.slug}"), reasons


def _price_order(context: _Context, lines: list[PriceLine], reasons: list[Reason]) -> None:
    """Adds the lines of the whole order to those of the items, then rounds each line."""
    matching = context.matching(context.book.order_rules)
    adding = [rule for rule in matching if rule.kind != "round"]
    for rule, step in _steps(adding, context, lambda: _sum(line.amount for line in lines)):
        lines.append(PriceLine(rule.label, step.delta, rule.code))
        reasons.append(_reason(rule, step, ""))
    for rule in matching:
        if rule.kind == "round":
            _round_lines(rule, context, lines, reasons)


def _sum(amounts: Iterable[Money]) -> Money:
    return reduce(add, amounts)


def _round_lines(rule: Rule, context: _Context, lines: list[PriceLine], reasons: list[Reason]) -> None:
    """Each line is rounded by itself, so that rounding never needs a line of its own."""
    for index, line in enumerate(lines):
        step = _effect(rule, line.amount, context)
        if step.delta:
            lines[index] = PriceLine(line.label, line.amount + step.delta, line.code)
            reasons.append(_reason(rule, step, line.label))


@dataclass(frozen=True, slots=True)
class _Step:
    delta: Money
    effect: str
    params: Mapping


def _reason(rule: Rule, step: _Step, subject: str) -> Reason:
    return Reason(subject, rule.label, step.effect, step.params, step.delta, rule.code)


def _steps(rules: list[Rule], context: _Context, running: Callable[[], Money]) -> Iterable:
    """Yields the rules that take part, by stacking policy, with what each does to `running`."""
    settled: set[str] = set()
    for rule in rules:
        if rule.stacking_group in settled:
            continue
        chosen, step = rule, _effect(rule, running(), context)
        if rule.stacking != "stack":
            settled.add(rule.stacking_group)
        if rule.stacking == "best":
            rivals = [other for other in rules if other.stacking_group == rule.stacking_group]
            chosen, step = min(
                ((other, _effect(other, running(), context)) for other in rivals),
                key=lambda pair: pair[1].delta.amount,
            )
        if step.delta or chosen.kind == "base":
            yield chosen, step


def _effect(rule: Rule, running: Money, context: _Context) -> _Step:
    step = _EFFECTS[rule.effect["op"]](rule.effect, running, context)
    lowest = -running if running.amount > 0 else Money(0, running.currency)
    if rule.kind not in ("base", "round") and step.delta < lowest:
        return _Step(lowest, step.effect, step.params)
    return step


def _set(effect: Mapping, running: Money, context: _Context) -> _Step:
    return _Step(
        context.money(effect["amount"]) - running,
        N_("Price list, tier %(tier)s"),
        {"tier": context.facts.device_tier},
    )


def _add(effect: Mapping, running: Money, context: _Context) -> _Step:
    return _Step(context.money(effect["amount"]), N_("Fixed amount"), {})


def _percent(effect: Mapping, running: Money, context: _Context) -> _Step:
    delta = running.percent(effect["bp"])
    minimum = context.money(effect.get("at_least", 0))
    if minimum and delta < minimum:
        return _Step(minimum, N_("At least %(minimum)s"), {"minimum": minimum})
    return _Step(
        delta,
        N_("%(percent)s of %(amount)s"),
        {"percent": Percent(effect["bp"]), "amount": running},
    )


def _floor(effect: Mapping, running: Money, context: _Context) -> _Step:
    bound = context.money(effect["amount"])
    lift = bound - running if 0 < running.amount < bound.amount else Money(0, bound.currency)
    return _Step(lift, N_("Raised to %(bound)s"), {"bound": bound})


def _ceiling(effect: Mapping, running: Money, context: _Context) -> _Step:
    bound = context.money(effect["amount"])
    cut = bound - running if running > bound else Money(0, bound.currency)
    return _Step(cut, N_("Lowered to %(bound)s"), {"bound": bound})


def _cover_part(effect: Mapping, running: Money, context: _Context) -> _Step:
    cost = context.money(context.part_cost)
    labour = context.money(effect["labour"])
    needed = cost + cost.percent(effect["margin_bp"]) + labour
    return _Step(
        max(needed - running, Money(0, running.currency), key=lambda money: money.amount),
        N_("Part at %(cost)s, margin %(margin)s, labour %(labour)s"),
        {"cost": cost, "margin": Percent(effect["margin_bp"]), "labour": labour},
    )


def _round(effect: Mapping, running: Money, context: _Context) -> _Step:
    currency = running.currency
    step = effect.get("to", {}).get(currency, 10 ** minor_digits(currency))
    return _Step(running.round_to(step) - running, N_("To the nearest %(step)s"), {"step": Money(step, currency)})


_EFFECTS = {
    "set": _set,
    "add": _add,
    "percent": _percent,
    "floor": _floor,
    "ceiling": _ceiling,
    "cover_part": _cover_part,
    "round": _round,
}
