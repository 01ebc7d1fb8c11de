"""The price list in words, and the place to try it."""

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.catalogue import RepairType
from shop.models.price_rules import _CONDITIONS, EFFECT_FIELDS, Rule
from shop.services import pricing, rule_words
from tests.bookings import iphone, repair_type


def attempt(browser, **query):
    return browser.get("/admin/price-rules/try", query_string=query)


def test_every_condition_and_effect_has_words():
    assert set(rule_words._EFFECTS) == set(EFFECT_FIELDS)
    assert set(rule_words._CONDITIONS) | {"age_min", "age_max"} == set(_CONDITIONS)


def test_every_published_rule_is_shown_once(app, manager, browser_of):
    book = pricing.published_rules()

    lines, base = rule_words.rule_lines(book), rule_words.base_prices(book)

    assert len(lines) + sum(len(row.prices) for row in base) == len(book.rules)
    page = browser_of(manager).get("/admin/price-rules/").text
    assert [line.code for line in lines if line.code not in page] == []


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({}, "Always"),
        ({"age_min": 6, "age_max": 8}, "The model is 6 to 8 years old"),
        ({"age_min": 9}, "The model is 9 years old or more"),
        (
            {"urgency": ["express", "same_day"], "demand_min": 11_000},
            "The urgency is express or same day, and open work is 110% of capacity or more",
        ),
        ({"months": [7, 8]}, "In July or August"),
    ],
)
def test_conditions_read_as_one_sentence(app, conditions, words):
    assert rule_words._Words("GBP").conditions(conditions) == words


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        ({"op": "percent", "bp": -1500}, "−15%"),
        ({"op": "percent", "bp": 2000, "at_least": 1500}, "+20%, at least £15.00"),
        ({"op": "add", "amount": -2500}, "−£25.00"),
        ({"op": "floor", "amount": 5900}, "At least £59.00"),
    ],
)
def test_effects_read_as_people_say_them(app, effect, words):
    rule = Rule("x", "X", "adjustment", "item", effect)

    assert rule_words._Words("GBP").effect(rule) == words


def test_trial_shows_the_price_that_the_shop_would_ask(app, manager, browser_of):
    kind = repair_type()
    expected = pricing.present(
        pricing.calculate(
            device_id=iphone().id, repair_type_ids=[kind.id], service_type="in_store", urgency="express", currency="GBP"
        )
    )

    page = attempt(browser_of(manager), q="iphone 14 pro", repair=kind.id, urgency="express").text

    assert f"£{expected['total'] / 100:,.2f}" in page
    assert all(reason["effect"] in page for reason in expected["explanation"])


def test_trial_answers_a_script_with_the_piece_alone(manager, browser_of):
    answer = browser_of(manager).get("/admin/price-rules/try?q=iphone+14+pro", headers={"HX-Request": "true"})

    assert answer.text.strip().startswith('<div id="trial"')
    assert "<html" not in answer.text


def test_repair_that_does_not_fit_the_device_is_not_priced(manager, browser_of):
    laptop = db.session.scalars(select(RepairType).where(RepairType.slug == "laptop-keyboard")).one()

    page = attempt(browser_of(manager), q="iphone 14 pro", repair=laptop.id).text

    assert "No price yet" in page


@pytest.mark.parametrize(
    "query",
    [
        {"q": "zzqqxxyy"},
        {"q": "\0"},
        {"q": "x" * 5000},
        {"q": "iphone", "repair": "x"},
        {"device_id": "9" * 30},
        {"currency": "XXX"},
        {"urgency": "<b>"},
    ],
    ids=["nobody", "nul", "long", "letters", "huge", "currency", "markup"],
)
def test_odd_questions_are_answered(manager, browser_of, query):
    answer = attempt(browser_of(manager), **query)

    assert answer.status_code == 200
    assert "Total" not in answer.text
