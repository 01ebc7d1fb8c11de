"""The engine on small rule books of its own, then the published list under random facts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shop.models.device_tiers import TIERS
from shop.models.money import Money, minor_digits
from shop.models.price_engine import NoBasePrice, price
from shop.models.price_rules import PriceFacts, RepairFact, Rule, RuleBook
from shop.seed import price_rules as seed
from shop.seed.services import CATEGORIES, REPAIR_TYPES

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
DISPLAY = RepairFact("display", "Screen", "phone-screens", needs_part=True)
BATTERY = RepairFact("battery", "Battery", "batteries", needs_part=True)
FACTS = PriceFacts("smartphone", "S1", 4, (DISPLAY,), "in_store", "standard", "GBP", AT)
PUBLISHED = RuleBook(1, seed.CURRENCY, seed.RATES, seed.TAXES, seed.seed_rules())


def book(*rules, **values):
    base = {"version": 3, "currency": "GBP", "rates": {"GBP": 1_000_000, "JPY": 195_000_000}, "taxes": {"GB": 2000}}
    return RuleBook(**{**base, **values}, rules=(base_rule("display", 18900), base_rule("battery", 7900), *rules))


def base_rule(slug, amount):
    return Rule(f"base.{slug}", "Base price", "base", "item", {"op": "set", "amount": amount}, {"repair_type": [slug]})


def percent(code, bp, *, scope="order", **values):
    return Rule(code, code, "adjustment", scope, {"op": "percent", "bp": bp}, **values)


def fixed(code, amount, *, kind="fee", **values):
    return Rule(code, code, kind, "order", {"op": "add", "amount": amount}, **values)


def bound(kind, amount, *, scope="item"):
    return Rule(kind, kind, kind, scope, {"op": kind, "amount": amount})


def total(*rules, facts=FACTS, **values):
    return price(book(*rules, **values), facts).total.amount


def test_price_is_the_base_price_with_one_line_and_one_reason():
    quoted = price(book(), FACTS)

    assert [(line.label, line.amount) for line in quoted.lines] == [("Screen", Money(18900, "GBP"))]
    assert [(reason.code, reason.amount.amount) for reason in quoted.explanation] == [("base.display", 18900)]
    assert (quoted.total, quoted.rule_set_version) == (Money(18900, "GBP"), 3)


def test_price_holds_for_fourteen_days_to_the_end_of_the_day():
    quoted = price(book(), FACTS)

    assert quoted.valid_until == datetime(2026, 12, 8, 23, 59, 59, tzinfo=UTC)


def test_item_rule_changes_the_line_and_order_rule_adds_one():
    quoted = price(book(percent("age", 1000, scope="item"), percent("express", 2000)), FACTS)

    assert [(line.label, line.amount.amount) for line in quoted.lines] == [("Screen", 20790), ("express", 4158)]


def test_rules_run_in_order():
    first_percent = total(percent("tenth off", -1000), fixed("fee", 1000))
    first_fee = total(fixed("fee", 1000), percent("tenth off", -1000))

    assert (first_percent, first_fee) == (18010, 17910)


def test_repair_without_base_price_is_refused():
    unknown = replace(FACTS, repairs=(RepairFact("hologram", "Hologram", "phone-screens"),))

    with pytest.raises(NoBasePrice, match="hologram"):
        price(book(), unknown)


def test_exclusive_group_takes_the_first():
    rules = [percent(code, bp, stacking_group="g", stacking="first") for code, bp in (("a", -500), ("b", -2000))]

    assert total(*rules) == 18900 - 945


def test_exclusive_group_takes_the_best_for_the_customer():
    rules = [percent(code, bp, stacking_group="g", stacking="best") for code, bp in (("a", -500), ("b", -2000))]

    assert total(*rules) == 18900 - 3780


def test_rules_outside_a_group_stack():
    assert total(percent("a", -500), percent("b", -2000)) == 18900 - 945 - 3591


@pytest.mark.parametrize(
    ("moment", "is_valid"),
    [
        (AT - timedelta(microseconds=1), False),
        (AT, True),
        (AT + timedelta(days=1) - timedelta(microseconds=1), True),
        (AT + timedelta(days=1), False),
    ],
)
def test_rule_is_valid_from_its_first_moment_until_before_its_last(moment, is_valid):
    rule = fixed("offer", -1000, kind="discount", valid_from=AT, valid_until=AT + timedelta(days=1))

    assert total(rule, facts=replace(FACTS, at=moment)) == (17900 if is_valid else 18900)


def test_floor_lifts_and_ceiling_cuts():
    assert total(bound("floor", 20000)) == 20000
    assert total(bound("floor", 10000)) == 18900
    assert total(bound("ceiling", 15000)) == 15000
    assert total(bound("ceiling", 20000)) == 18900


def test_floor_leaves_a_free_check_free():
    free = replace(FACTS, repairs=(replace(DISPLAY, slug="check"),))
    rules = RuleBook(1, "GBP", {"GBP": 1_000_000}, {}, (base_rule("check", 0), bound("floor", 1500, scope="order")))

    assert price(rules, free).total == Money(0, "GBP")
    assert [line.amount.amount for line in price(rules, free).lines] == [0]


def test_discount_never_takes_more_than_there_is():
    assert total(fixed("voucher", -50000, kind="discount")) == 0


def test_part_dearer_than_the_list_allows_is_covered():
    cover = Rule(
        "part", "part", "adjustment", "item", {"op": "cover_part", "labour": 3500, "margin_bp": 2500},
        {"part_cost_known": True},
    )  # fmt: skip

    cheap = total(cover, facts=replace(FACTS, repairs=(replace(DISPLAY, part_cost=9000),)))
    dear = total(cover, facts=replace(FACTS, repairs=(replace(DISPLAY, part_cost=20000),)))

    assert (total(cover), cheap, dear) == (18900, 18900, 28500)


def test_rounding_is_explained_and_keeps_lines_whole():
    rounding = Rule("round", "Rounded", "round", "order", {"op": "round", "to": {"GBP": 100}})

    quoted = price(book(percent("express", 1234), rounding), FACTS)

    assert [line.amount.amount for line in quoted.lines] == [18900, 2300]
    assert [(reason.subject, reason.amount.amount) for reason in quoted.explanation[-2:]] == [
        ("", 2332),
        ("express", -32),
    ]


def test_zero_decimal_currency_is_whole():
    quoted = price(book(percent("express", 333)), replace(FACTS, currency="JPY"))

    assert quoted.total == Money(36855 + 1227, "JPY")


def test_demand_unknown_meets_no_demand_rule():
    busy = percent("busy", 1000, conditions={"demand_min": 11_000})
    quiet = percent("quiet", -500, conditions={"demand_max": 2_500})

    prices = [
        total(busy, quiet, facts=replace(FACTS, demand_bp=ratio)) for ratio in (None, 2_500, 2_501, 10_999, 11_000)
    ]

    assert prices == [18900, 17955, 18900, 18900, 20790]


def test_tax_is_not_split_where_the_country_has_none():
    assert price(book(), replace(FACTS, country="BR")).tax is None
    assert price(book(), FACTS).tax.tax == Money(3150, "GBP")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"effect": {"op": "eval"}}, "unknown effect eval"),
        ({"effect": {"op": "add", "amonut": 1}}, "add has no amonut"),
        ({"conditions": {"moon": ["full"]}}, "unknown condition moon"),
        ({"kind": "gift"}, "unknown kind gift"),
        ({"stacking": "first"}, "needs a group"),
        ({"effect": {"op": "cover_part", "labour": 1, "margin_bp": 1}}, "part_cost_known"),
    ],
)
def test_rule_that_cannot_be_used_says_why(change, fault):
    with pytest.raises(ValueError, match=fault):
        replace(fixed("fee", 1200), **change)


def test_published_list_has_enough_rules_with_names_of_their_own():
    codes = [rule.code for rule in PUBLISHED.rules]

    assert len(codes) >= 120
    assert len(set(codes)) == len(codes)


def test_published_list_prices_every_repair_on_every_tier_it_fits():
    based = {
        (rule.conditions["repair_type"][0], rule.conditions["tier"][0])
        for rule in PUBLISHED.rules
        if rule.kind == "base"
    }

    fitting = {
        (repair.slug, tier)
        for repair in REPAIR_TYPES
        for category, tiers in TIERS.items()
        for tier in tiers
        if {category, tier} & set(repair.fits.split(";"))
    }

    assert based == fitting


def test_published_list_gives_the_pictured_order():
    quoted = price(PUBLISHED, _facts_of("phone-display-original", "phone-battery"))

    assert [line.amount.amount for line in quoted.lines] == [18900, 7900, -1500]
    assert (quoted.total.amount, quoted.tax.tax.amount) == (25300, 4217)


@pytest.mark.parametrize(("service_type", "fee"), [("in_store", 0), ("pickup", 1200), ("postal", 900)])
def test_published_list_charges_the_way_it_arrives(service_type, fee):
    quoted = price(PUBLISHED, replace(_facts_of("phone-battery"), service_type=service_type))

    assert quoted.total.amount == 7900 + fee


@st.composite
def order_facts(draw):
    category = draw(st.sampled_from(sorted(TIERS)))
    tier = draw(st.sampled_from(TIERS[category]))
    fitting = [repair for repair in REPAIR_TYPES if {category, tier} & set(repair.fits.split(";"))]
    chosen = draw(st.lists(st.sampled_from(fitting), min_size=1, max_size=6, unique=True))
    costs = st.none() | st.integers(min_value=0, max_value=60_000)
    return PriceFacts(
        device_category=category,
        device_tier=tier,
        device_age_years=draw(st.none() | st.integers(min_value=0, max_value=30)),
        repairs=tuple(RepairFact(kind.slug, kind.name, kind.category, kind.part, draw(costs)) for kind in chosen),
        service_type=draw(st.sampled_from(["in_store", "pickup", "postal"])),
        urgency=draw(st.sampled_from(["standard", "express", "same_day"])),
        currency=draw(st.sampled_from(sorted(seed.RATES))),
        at=AT + draw(st.timedeltas(timedelta(days=-700), timedelta(days=700))),
        demand_bp=draw(st.none() | st.integers(min_value=0, max_value=1_000_000)),
        customer_tier=draw(st.sampled_from(["standard", "member", "business", "trade"])),
        country=draw(st.sampled_from(["GB", "IE", "BR", "FR"])),
    )


@settings(deadline=None, max_examples=150)
@given(order_facts())
def test_lines_and_reasons_each_add_up_to_the_total(facts):
    quoted = price(PUBLISHED, facts)

    assert sum(line.amount.amount for line in quoted.lines) == quoted.total.amount
    assert sum(reason.amount.amount for reason in quoted.explanation) == quoted.total.amount
    assert quoted.tax is None or quoted.tax.net + quoted.tax.tax == quoted.total


@settings(deadline=None, max_examples=100)
@given(order_facts())
def test_price_is_never_negative_whole_and_the_same_again(facts):
    quoted = price(PUBLISHED, facts)

    step = seed._STEPS.get(facts.currency, 10 ** minor_digits(facts.currency))
    assert quoted.total.amount >= 0
    assert all(line.amount.amount % step == 0 for line in quoted.lines)
    assert price(PUBLISHED, facts) == quoted


@settings(deadline=None, max_examples=100)
@given(order_facts())
def test_faster_is_never_cheaper(facts):
    prices = [
        price(PUBLISHED, replace(facts, urgency=urgency)).total.amount
        for urgency in ("standard", "express", "same_day")
    ]

    assert prices == sorted(prices)


@settings(deadline=None, max_examples=100)
@given(order_facts())
def test_busier_never_makes_a_price_lower(facts):
    prices = [
        price(PUBLISHED, replace(facts, demand_bp=ratio)).total.amount for ratio in (0, 5_000, 11_000, 15_000, 90_000)
    ]

    assert prices == sorted(prices)


@settings(deadline=None, max_examples=100)
@given(order_facts())
def test_customer_lines_stay_short(facts):
    quoted = price(PUBLISHED, facts)

    assert len(quoted.lines) <= len(facts.repairs) + 5


def _facts_of(*slugs):
    chosen = [repair for repair in REPAIR_TYPES if repair.slug in slugs]
    return replace(FACTS, repairs=tuple(RepairFact(kind.slug, kind.name, kind.category, kind.part) for kind in chosen))


def test_eight_categories_hold_every_repair_type():
    assert len(CATEGORIES) == 8
    assert {repair.category for repair in REPAIR_TYPES} == {category.slug for category in CATEGORIES}
