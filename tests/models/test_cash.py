import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.models.cash import DENOMINATIONS, counted, denominations, likely_tenders, payable
from shop.seed.price_rules import RATES


@pytest.mark.parametrize("currency", DENOMINATIONS)
def test_coins_are_few_different_and_largest_first(currency):
    coins = denominations(currency)

    assert list(coins) == sorted(set(coins), reverse=True)


def test_every_money_in_which_a_price_can_be_has_its_coins():
    assert set(RATES) <= set(DENOMINATIONS)


def test_yen_have_no_smaller_unit():
    assert (payable(12_345, "JPY"), counted({10_000: 1, 1: 5}, "JPY")) == (12_345, 10_005)
    assert likely_tenders(12_345, "JPY") == [12_345, 12_400, 12_500, 13_000]


def test_single_centavos_are_rounded_to_coins_that_exist():
    assert [payable(amount, "BRL") for amount in (1000, 1002, 1003, 1008)] == [1000, 1000, 1005, 1010]
    assert payable(1003, "GBP") == 1003


def test_count_adds_up_every_coin():
    assert counted({2_000: 3, 50: 4, 1: 7}, "GBP") == 6_207


@pytest.mark.parametrize("counts", [{3: 1}, {2_000: -1}])
def test_coin_that_does_not_exist_or_is_owed_is_refused(counts):
    with pytest.raises(ValueError, match="unknown coin"):
        counted(counts, "GBP")


def test_likely_tenders_are_the_sum_itself_and_the_next_round_ones():
    assert likely_tenders(8_450, "GBP") == [8_450, 8_500, 8_600, 9_000]


@given(amount=st.integers(1, 5_000_00), currency=st.sampled_from(sorted(DENOMINATIONS)))
def test_every_tender_pays_and_the_first_is_exact(amount, currency):
    tenders = likely_tenders(amount, currency)

    assert tenders[0] == payable(amount, currency)
    assert min(tenders) == tenders[0]
    assert len(set(tenders)) == len(tenders) <= 4
