# ruff: noqa: E501
"""The first published rule set: base prices from `prices.csv`, then what changes them, in order.

Amounts are pence. Calibrated on UK prices gathered by the project (2011 to 2023, brought to today);
no single price is copied.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from shop.models.price_engine import N_
from shop.models.price_rules import Rule

NAME = "List 2026"
CURRENCY = "GBP"
RATES = {"GBP": 1_000_000, "EUR": 1_150_000, "USD": 1_320_000, "BRL": 7_100_000, "JPY": 195_000_000}
TAXES = {"GB": 2000, "IE": 2300, "BR": None}

_PHONES, _TABLETS, _LAPTOPS = ["smartphone"], ["tablet"], ["laptop"]
_DESKTOPS, _CONSOLES, _WATCHES = ["desktop"], ["console"], ["wearable"]
_COMPUTERS = ["laptop", "desktop"]
_GLASS = [
    "phone-display-original",
    "phone-display-compatible",
    "phone-glass",
    "phone-back-glass",
    "tablet-display",
    "tablet-glass",
    "watch-display",
    "handheld-display",
]
_OPENED_PHONE = [
    "phone-display-original",
    "phone-display-compatible",
    "phone-glass",
    "phone-back-glass",
    "phone-camera",
    "phone-speaker",
    "phone-microphone",
    "phone-buttons",
    "phone-unlock",
    "phone-sim",
    "phone-battery",
    "phone-port",
    "phone-wireless",
]
_OPENED_TABLET = [
    "tablet-display",
    "tablet-glass",
    "tablet-camera",
    "tablet-buttons",
    "tablet-speaker",
    "tablet-battery",
    "tablet-port",
]
_OPENED_COMPUTER = [
    "laptop-display",
    "laptop-keyboard",
    "laptop-trackpad",
    "laptop-hinge",
    "laptop-battery",
    "laptop-port",
    "computer-cooling",
    "computer-storage",
    "computer-memory",
    "desktop-power",
    "desktop-graphics",
    "desktop-display",
]
_OPENED_CONSOLE = [
    "console-hdmi",
    "console-drive",
    "console-power",
    "console-cooling",
    "console-storage",
    "handheld-display",
    "handheld-card",
    "handheld-battery",
    "handheld-port",
]
_SOFTWARE = ["computer-reinstall", "computer-virus", "computer-transfer"]


def seed_rules() -> tuple[Rule, ...]:
    """Every rule in the order in which it runs."""
    return (*_base_prices(), *_item_rules(), *_order_rules())


def _base_prices() -> Iterator[Rule]:
    with Path(__file__).with_name("prices.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for entry in row["prices"].split():
                tier, pounds = entry.split("=")
                yield Rule(
                    code=f"base.{row['repair_type']}.{tier}",
                    label=N_("Base price"),
                    kind="base",
                    scope="item",
                    conditions={"repair_type": [row["repair_type"]], "tier": [tier]},
                    effect={"op": "set", "amount": int(pounds) * 100},
                )


def _item_rules() -> Iterator[Rule]:
    yield from _age_rules()
    yield from _season_rules()
    yield from _demand_rules()
    yield from _bounds()
    yield from _part_rules()
    yield _item("round.item", N_("Rounded as shops round"), "round", {"op": "round", "to": _STEPS})


_STEPS = {"GBP": 100, "EUR": 100, "USD": 100, "BRL": 500, "JPY": 100}


def _age_rules() -> Iterator[Rule]:
    for code, label, bp, age, parts in (
        ("age.glass.new", N_("Parts for a model of this year are scarce"), 2000, (0, 1), _GLASS),
        ("age.glass.recent", N_("Parts for a recent model"), 1000, (2, 2), _GLASS),
        ("age.glass.older", N_("Parts for an older model cost less"), -1500, (6, 8), _GLASS),
        ("age.glass.old", N_("Parts for an old model cost less"), -2500, (9, None), _GLASS),
        ("age.laptop-display.new", N_("Panels for a model of this year are scarce"), 1500, (0, 1), ["laptop-display", "desktop-display"]),
        ("age.laptop-display.old", N_("Panels for an older model cost less"), -1500, (7, None), ["laptop-display", "desktop-display"]),
        ("age.battery.old", N_("Batteries for an old model are made to order"), 1000, (10, None), ["laptop-battery", "tablet-battery"]),
        ("age.keyboard.old", N_("Keyboards for an old model are made to order"), 1000, (10, None), ["laptop-keyboard", "water-keyboard"]),
        ("age.board.old", N_("Board parts for an old model take searching"), 1000, (8, None), ["phone-board", "laptop-board", "console-board", "desktop-board"]),
        ("age.console.old", N_("Parts for a collector's console take searching"), 1500, (15, None), ["console-drive", "console-power", "handheld-display", "console-controller"]),
    ):  # fmt: skip
        low, high = age
        bounds = {"age_min": low} | ({} if high is None else {"age_max": high})
        yield _item(
            code, label, "adjustment", {"op": "percent", "bp": bp},
            conditions={"repair_type": parts, **bounds}, group="age", stacking="first",
        )  # fmt: skip


def _season_rules() -> Iterator[Rule]:
    for code, label, bp, months, conditions in (
        ("season.january.batteries", N_("January is battery month"), -1000, [1], {"repair_category": ["batteries"]}),
        ("season.summer.water", N_("Summer price for water damage"), -1000, [7, 8], {"repair_type": ["water-diagnosis", "water-board"]}),
        ("season.study.laptops", N_("Back to study"), -1000, [9], {"device_category": _LAPTOPS, "needs_part": True}),
        ("season.study.tablets", N_("Back to study"), -1000, [9], {"device_category": _TABLETS, "needs_part": True}),
        ("season.christmas.consoles", N_("Parts before Christmas"), 500, [12], {"device_category": _CONSOLES, "needs_part": True}),
        ("season.tax.software", N_("Winter price for system work"), -1000, [2], {"repair_type": _SOFTWARE}),
    ):  # fmt: skip
        yield _item(
            code, label, "adjustment", {"op": "percent", "bp": bp},
            conditions={"months": months, **conditions}, group="season", stacking="best",
        )  # fmt: skip
    yield _item(
        "season.2027.spring-cooling", N_("Spring clean 2027"), "adjustment",
        {"op": "percent", "bp": -1500},
        conditions={"repair_type": ["computer-cooling", "console-cooling"]},
        group="season", stacking="best",
        valid=(datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 4, 1, tzinfo=UTC)),
    )  # fmt: skip


def _demand_rules() -> Iterator[Rule]:
    urgent = {"urgency": ["express", "same_day"]}
    yield _demand(
        "demand.full", N_("The bench is full: urgent work waits for nobody"), 1500, {**urgent, "demand_min": 15_000}
    )
    yield _demand("demand.busy", N_("A busy bench: urgent work takes a place"), 1000, {**urgent, "demand_min": 11_000})
    for name, categories in (("computers", _COMPUTERS), ("consoles", _CONSOLES)):
        yield _demand(
            f"demand.quiet.{name}", N_("A quiet bench"), -500,
            {"urgency": ["standard"], "device_category": categories, "demand_max": 2500},
        )  # fmt: skip


def _bounds() -> Iterator[Rule]:
    for code, kind, pounds, conditions in (
        ("ceiling.phone-display", "ceiling", 299, {"repair_type": _GLASS, "tier": ["S1", "S2", "S3"]}),
        ("ceiling.fold-display", "ceiling", 479, {"repair_type": _GLASS, "tier": ["SF"]}),
        ("ceiling.tablet-display", "ceiling", 379, {"repair_type": ["tablet-display"]}),
        ("ceiling.laptop-display", "ceiling", 299, {"repair_type": ["laptop-display"]}),
        ("floor.phone-display", "floor", 59, {"repair_type": ["phone-display-original", "phone-display-compatible"]}),
        ("floor.tablet-glass", "floor", 79, {"repair_type": ["tablet-glass", "tablet-display"]}),
        ("floor.back-glass", "floor", 49, {"repair_type": ["phone-back-glass"]}),
        ("floor.battery", "floor", 35, {"repair_category": ["batteries"]}),
        ("floor.watch-display", "floor", 79, {"repair_type": ["watch-display"]}),
        ("floor.laptop-display", "floor", 99, {"repair_type": ["laptop-display"]}),
    ):  # fmt: skip
        label = N_("Highest price for this repair") if kind == "ceiling" else N_("Lowest price for this repair")
        yield _item(code, label, kind, {"op": kind, "amount": pounds * 100}, conditions=conditions)


def _part_rules() -> Iterator[Rule]:
    for categories, labour in (
        (_PHONES, 3500), (_TABLETS, 4500), (_LAPTOPS, 5500), (_DESKTOPS, 5000), (_CONSOLES, 4500), (_WATCHES, 4000),
    ):  # fmt: skip
        yield _item(
            f"part.{categories[0]}", N_("The part costs more than the list allows for"), "adjustment",
            {"op": "cover_part", "labour": labour, "margin_bp": 2500},
            conditions={"device_category": categories, "part_cost_known": True},
        )  # fmt: skip


def _order_rules() -> Iterator[Rule]:
    yield from _urgency_rules()
    yield from _bundle_rules()
    yield from _customer_rules()
    yield _order("floor.order", N_("Minimum charge"), "floor", {"op": "floor", "amount": 1500})
    yield from _fees()
    yield _order("round.order", N_("Rounded as shops round"), "round", {"op": "round", "to": _STEPS})


def _urgency_rules() -> Iterator[Rule]:
    for urgency, label, rates, minimum in (
        ("express", N_("Express, next in line"), (2000, 2500, 2000), 1500),
        ("same_day", N_("Ready the same day"), (3500, 4000, 3500), 2500),
    ):
        groups = (("phones", _PHONES + _TABLETS + _WATCHES), ("computers", _COMPUTERS), ("consoles", _CONSOLES))
        for (name, categories), bp in zip(groups, rates, strict=True):
            yield _order(
                f"urgency.{urgency}.{name}", label, "surcharge",
                {"op": "percent", "bp": bp, "at_least": minimum},
                conditions={"urgency": [urgency], "device_category": categories},
            )  # fmt: skip


def _bundle_rules() -> Iterator[Rule]:
    for name, repairs, two, three in (
        ("phone", _OPENED_PHONE, -1500, -2500),
        ("tablet", _OPENED_TABLET, -1500, -2500),
        ("computer", _OPENED_COMPUTER, -2000, -3500),
        ("console", _OPENED_CONSOLE, -1500, -2500),
        ("watch", ["watch-display", "watch-battery", "watch-crown"], -1500, -2000),
    ):
        for count, label, amount in (
            (2, N_("Both in one opening"), two),
            (3, N_("All in one opening"), three),
        ):
            yield _order(
                f"bundle.{name}.{count}", label, "discount", {"op": "add", "amount": amount},
                conditions={"together": {"of": repairs, "min": count}}, group="bundle", stacking="best",
            )  # fmt: skip
    yield _order(
        "bundle.software", N_("System work done together"), "discount", {"op": "add", "amount": -2000},
        conditions={"together": {"of": _SOFTWARE, "min": 2}}, group="bundle", stacking="best",
    )  # fmt: skip


def _customer_rules() -> Iterator[Rule]:
    for tier, label, bp in (
        ("trade", N_("Trade price"), -1500),
        ("business", N_("Business account"), -800),
        ("member", N_("Returning customer"), -500),
    ):
        yield _order(
            f"customer.{tier}", label, "discount", {"op": "percent", "bp": bp},
            conditions={"customer_tier": [tier]}, group="customer", stacking="best",
        )  # fmt: skip


def _fees() -> Iterator[Rule]:
    for service, label, amounts in (
        ("pickup", N_("Pick-up and return by rider"), {1200: [*_PHONES, *_TABLETS, *_WATCHES, *_LAPTOPS, *_CONSOLES], 1800: _DESKTOPS}),
        ("postal", N_("Insured post, both ways"), {900: [*_PHONES, *_TABLETS, *_WATCHES], 1400: [*_LAPTOPS, *_CONSOLES], 2400: _DESKTOPS}),
    ):  # fmt: skip
        for amount, categories in amounts.items():
            yield _order(
                f"fee.{service}.{categories[0]}", label, "fee", {"op": "add", "amount": amount},
                conditions={"service_type": [service], "device_category": categories},
            )  # fmt: skip


def _item(
    code: str,
    label: str,
    kind: str,
    effect: dict,
    *,
    conditions: dict | None = None,
    group: str = "",
    stacking: str = "stack",
    valid: tuple = (None, None),
) -> Rule:
    return Rule(
        code=code, label=label, kind=kind, scope="item", effect=effect, conditions=conditions or {},
        stacking_group=group, stacking=stacking, valid_from=valid[0], valid_until=valid[1],
    )  # fmt: skip


def _order(
    code: str,
    label: str,
    kind: str,
    effect: dict,
    *,
    conditions: dict | None = None,
    group: str = "",
    stacking: str = "stack",
) -> Rule:
    return Rule(
        code=code, label=label, kind=kind, scope="order", effect=effect, conditions=conditions or {},
        stacking_group=group, stacking=stacking,
    )  # fmt: skip


def _demand(code: str, label: str, bp: int, conditions: dict) -> Rule:
    return _item(
        code, label, "adjustment", {"op": "percent", "bp": bp}, conditions=conditions,
        group="demand", stacking="first",
    )  # fmt: skip
