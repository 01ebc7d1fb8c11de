import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.models.money import (
    Money,
    divide_rounded,
    format_money,
    minor_digits,
    plain_money,
    read_money,
    split_inclusive,
)

amounts = st.integers(min_value=-(10**12), max_value=10**12)


def test_money_adds_within_one_currency():
    price, discount = Money(18900, "GBP"), Money(-1500, "GBP")

    total = price + discount

    assert total == Money(17400, "GBP")


@pytest.mark.parametrize("other", [Money(100, "EUR"), 100, 1.0, None])
def test_money_refuses_to_mix(other):
    price = Money(18900, "GBP")

    with pytest.raises((TypeError, ValueError), match="do not mix"):
        price + other


@pytest.mark.parametrize("amount", [189.0, "189", True, None])
def test_money_refuses_what_is_not_a_whole_number(amount):
    with pytest.raises(TypeError, match="whole minor units"):
        Money(amount, "GBP")


def test_money_refuses_a_float_factor():
    with pytest.raises(TypeError, match="whole minor units"):
        Money(100, "GBP") * 1.2


@pytest.mark.parametrize("currency", ["", "gbp", "QQQ", "£"])
def test_money_refuses_an_unknown_currency(currency):
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(1, currency)


def test_money_compares_within_one_currency_only():
    assert Money(1, "GBP") < Money(2, "GBP")
    with pytest.raises(ValueError, match="do not mix"):
        assert Money(1, "GBP") < Money(2, "EUR")


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [(5, 10, 1), (-5, 10, -1), (4, 10, 0), (-4, 10, 0), (15, 10, 2), (-15, 10, -2), (0, 7, 0), (25, 10, 3)],
)
def test_division_rounds_half_away_from_zero(numerator, denominator, rounded):
    assert divide_rounded(numerator, denominator) == rounded


@given(amounts, st.integers(min_value=1, max_value=10**9))
def test_division_is_never_more_than_half_off(numerator, denominator):
    rounded = divide_rounded(numerator, denominator)

    assert abs(numerator - rounded * denominator) * 2 <= denominator


@pytest.mark.parametrize(
    ("currency", "digits"), [("GBP", 2), ("EUR", 2), ("USD", 2), ("BRL", 2), ("JPY", 0), ("KWD", 3)]
)
def test_minor_digits_follow_the_currency(currency, digits):
    assert minor_digits(currency) == digits


@pytest.mark.parametrize(
    ("currency", "rate", "converted"),
    [("EUR", 1_150_000, 21735), ("BRL", 7_100_000, 134190), ("JPY", 195_000_000, 36855), ("KWD", 400_000, 75600)],
)
def test_conversion_respects_minor_digits(currency, rate, converted):
    price = Money(18900, "GBP")

    assert price.convert(currency, rate_millionths=rate) == Money(converted, currency)


def test_vat_of_the_pictured_order_is_split_as_shown():
    split = split_inclusive(Money(25300, "GBP"), 2000)

    assert (split.tax, split.net) == (Money(4217, "GBP"), Money(21083, "GBP"))


@given(amounts, st.integers(min_value=0, max_value=10_000))
def test_split_adds_up_and_mirrors_refunds(amount, rate):
    split = split_inclusive(Money(amount, "GBP"), rate)
    refund = split_inclusive(Money(-amount, "GBP"), rate)

    assert split.net + split.tax == Money(amount, "GBP")
    assert refund.tax == -split.tax


@pytest.mark.parametrize(
    ("money", "locale", "whole", "text"),
    [
        (Money(128450, "GBP"), "en_GB", False, "£1,284.50"),
        (Money(128450, "BRL"), "pt_BR", False, "R$ 1.284,50"),
        (Money(-1500, "GBP"), "en_GB", False, "-£15.00"),
        (Money(18900, "GBP"), "en_GB", True, "£189"),
        (Money(18950, "GBP"), "en_GB", True, "£189.50"),
        (Money(18900, "BRL"), "pt_BR", True, "R$ 189"),
        (Money(36855, "JPY"), "en_GB", False, "JP¥36,855"),
    ],
)
def test_money_is_written_as_the_reader_writes_it(money, locale, whole, text):
    assert format_money(money, locale, whole=whole).replace("\xa0", " ") == text


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("20", "GBP", 2_000), ("20.5", "GBP", 2_050), ("20,50", "GBP", 2_050), ("£ 1,234.50", "GBP", 123_450),
        ("R$ 1.234,50", "BRL", 123_450), ("1,234", "GBP", 123_400), ("1.234", "BRL", 123_400), ("0", "GBP", 0),
        ("-5.00", "GBP", -500), ("1,234", "JPY", 1_234), ("007", "GBP", 700), ("12,345,678.90", "GBP", 1_234_567_890),
        ("", "GBP", None), ("abc", "GBP", None), ("1.2.3", "GBP", None), ("20.555", "GBP", None),
        ("20.5555", "GBP", None), ("20.", "GBP", None), ("1e9", "GBP", None), ("--5", "GBP", None),
        ("٣", "GBP", None), ("9" * 13, "GBP", None), ("12.5", "JPY", None), ("1,23,456", "GBP", None),
    ],
)  # fmt: skip
def test_typed_amount_is_read_as_people_mean_it(typed, currency, minor):
    assert read_money(typed, currency) == minor


@given(amount=st.integers(-(10**11), 10**11), currency=st.sampled_from(["GBP", "BRL", "JPY", "EUR"]))
def test_field_shows_an_amount_as_it_is_read(amount, currency):
    assert read_money(plain_money(amount, currency), currency) == amount
