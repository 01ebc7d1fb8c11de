import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.catalogue import DeviceModel, RepairType
from shop.models.errors import Invalid
from shop.models.money import Money
from shop.models.pricing import PriceRule, Quote, RuleSet
from shop.models.repair import Repair
from shop.services import pricing
from tests import factories

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_app(app, frozen):
    with app.app_context():
        yield
        db.session.rollback()


@pytest.fixture
def iphone(_in_app):
    return db.session.scalars(select(DeviceModel).where(DeviceModel.name == "iPhone 14 Pro")).one()


def repair_ids(*slugs):
    return list(
        db.session.scalars(select(RepairType.id).where(RepairType.slug.in_(slugs)).order_by(RepairType.position))
    )


def order(device, *slugs, **values):
    facts = {"service_type": "in_store", "urgency": "standard", "currency": "GBP", "at": AT}
    return {"device_id": device.id, "repair_type_ids": repair_ids(*slugs), **facts, **values}


def test_screen_and_battery_cost_what_the_shop_window_says(iphone):
    price = pricing.calculate(**order(iphone, "phone-display-original", "phone-battery"))

    assert [(line.label, line.amount.amount) for line in price.lines] == [
        ("Screen, original display", 18900),
        ("Phone battery", 7900),
        ("Both in one opening", -1500),
    ]
    assert (price.total, price.tax.tax) == (Money(25300, "GBP"), Money(4217, "GBP"))


def test_order_of_choosing_changes_nothing(iphone):
    forward = order(iphone, "phone-display-original", "phone-battery")
    backward = {**forward, "repair_type_ids": forward["repair_type_ids"][::-1]}

    assert pricing.calculate(**forward) == pricing.calculate(**backward)


@pytest.mark.parametrize("currency", ["GBP", "EUR", "USD", "BRL", "JPY"])
def test_presented_lines_add_up_in_every_currency(iphone, currency):
    shown = pricing.present(
        pricing.calculate(
            **order(iphone, "phone-display-original", "phone-battery", currency=currency, urgency="express"),
            demand=12_000,
        )
    )

    assert sum(line["amount"] for line in shown["lines"]) == shown["total"]
    assert sum(reason["amount"] for reason in shown["explanation"]) == shown["total"]
    assert json.loads(json.dumps(shown)) == shown


def test_presented_reasons_are_words(iphone):
    shown = pricing.present(pricing.calculate(**order(iphone, "phone-battery", urgency="express"), demand=12_000))

    assert [(reason["rule"], reason["effect"]) for reason in shown["explanation"][:2]] == [
        ("Phone battery: Base price", "Price list, tier S1"),
        ("Phone battery: A busy bench: urgent work takes a place", "+10% of £79.00"),
    ]


def test_brazilian_price_is_not_split(iphone):
    assert pricing.calculate(**order(iphone, "phone-battery", currency="BRL")).tax is None


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("device_id", {"device_id": 10**9}),
        ("device_id", {"device_id": "1"}),
        ("repair_type_ids", {"repair_type_ids": []}),
        ("repair_type_ids", {"repair_type_ids": None}),
        ("repair_type_ids", {"repair_type_ids": [10**9]}),
        ("repair_type_ids", {"repair_type_ids": [2**70]}),
        ("repair_type_ids", {"repair_type_ids": ["1"]}),
        ("repair_type_ids", {"repair_type_ids": [True]}),
        ("repair_type_ids", {"repair_type_ids": list(range(1, 12))}),
        ("service_type", {"service_type": "drone"}),
        ("urgency", {"urgency": None}),
        ("currency", {"currency": "XAU"}),
        ("currency", {"currency": ["GBP"]}),
        ("customer_tier", {"customer_tier": "royal"}),
        ("at", {"at": datetime(2026, 11, 24, 10, 0)}),  # noqa: DTZ001 - the fault under test
        ("at", {"at": datetime(1900, 1, 1, tzinfo=UTC)}),
        ("at", {"at": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)}),
    ],
)
def test_wrong_field_is_named_with_a_sentence(iphone, field, values):
    with pytest.raises(Invalid) as refused:
        pricing.calculate(**{**order(iphone, "phone-battery"), **values})

    assert list(refused.value.fields) == [field]
    assert refused.value.fields[field].endswith(".")


def test_every_wrong_field_is_named_at_once():
    with pytest.raises(Invalid) as refused:
        pricing.calculate(device_id=0, repair_type_ids=[], service_type="", urgency="", currency="", at=AT)

    assert set(refused.value.fields) == {"device_id", "repair_type_ids", "service_type", "urgency", "currency"}


def test_repair_chosen_twice_is_refused(iphone):
    battery = repair_ids("phone-battery")

    with pytest.raises(Invalid, match="once"):
        pricing.calculate(**order(iphone, repair_type_ids=battery * 2))


def test_repair_that_does_not_fit_names_repair_and_device(iphone):
    with pytest.raises(Invalid, match="HDMI port does not fit iPhone 14 Pro"):
        pricing.calculate(**order(iphone, "phone-battery", "console-hdmi"))


def test_demand_is_open_work_over_capacity(cracked_iphone):
    one = pricing.current_demand()
    factories.repair()

    assert (one, pricing.current_demand()) == (10_000 // pricing.CAPACITY, 20_000 // pricing.CAPACITY)


def test_demand_counts_open_repairs_only(cracked_iphone):
    db.session.get(Repair, cracked_iphone.id).is_open = False
    db.session.flush()

    assert pricing.current_demand() is None


def test_demand_may_be_given_as_a_function(iphone):
    calm = pricing.calculate(**order(iphone, "phone-battery", urgency="express"), demand=lambda: 0)
    full = pricing.calculate(**order(iphone, "phone-battery", urgency="express"), demand=lambda: 15_000)

    assert calm.total < full.total


def test_device_age_counts_from_its_release_year(iphone):
    before = pricing.calculate(**order(iphone, "phone-display-original"))
    later = pricing.calculate(**order(iphone, "phone-display-original", at=AT + timedelta(days=2 * 365)))

    assert (before.facts.device_age_years, later.facts.device_age_years) == (4, 6)
    assert later.total < before.total


def test_quote_keeps_the_price_when_the_rules_change(iphone):
    chosen = order(iphone, "phone-display-original", "phone-battery")
    promised = pricing.calculate(**chosen)
    quote = pricing.make_quote(promised, device_id=iphone.id, repair_type_ids=chosen["repair_type_ids"])
    _publish_dearer_rules()
    db.session.expire_all()

    kept = db.session.get(Quote, quote.id)

    assert pricing.calculate(**chosen).total == Money(18900 + 2 * 7900 - 1500, "GBP")
    assert pricing.quoted_price(kept) == promised
    assert kept.money == Money(25300, "GBP")
    assert kept.facts_dict["repair_type_ids"] == chosen["repair_type_ids"]


def test_quote_expires_on_the_date_that_was_shown(iphone):
    price = pricing.calculate(**order(iphone, "phone-battery"))
    quote = pricing.make_quote(price, device_id=iphone.id, repair_type_ids=repair_ids("phone-battery"))

    assert quote.expires_at == datetime(2026, 12, 8, 23, 59, 59, tzinfo=UTC)
    assert not quote.is_expired(at=quote.expires_at - timedelta(seconds=1))
    assert quote.is_expired(at=quote.expires_at)


def test_draft_rules_change_no_price(iphone):
    before = pricing.calculate(**order(iphone, "phone-battery"))

    _publish_dearer_rules(state="draft")

    assert pricing.calculate(**order(iphone, "phone-battery")) == before


def _publish_dearer_rules(state="published"):
    """Version 2: as version 1, with the battery of tier S1 at twice its price."""
    first = db.session.scalars(select(RuleSet).where(RuleSet.version == 1)).one()
    second = RuleSet(
        version=2, name="Dearer", state=state, currency=first.currency, rates=first.rates, taxes=first.taxes,
        published_at=AT,
    )  # fmt: skip
    columns = [column.key for column in PriceRule.__table__.columns if column.key not in ("id", "rule_set_id")]
    second.rules = [PriceRule(**{name: getattr(rule, name) for name in columns}) for rule in first.rules]
    battery = next(rule for rule in second.rules if rule.code == "base.phone-battery.S1")
    battery.effect = json.dumps({"op": "set", "amount": 2 * 7900})
    db.session.add(second)
    db.session.flush()
