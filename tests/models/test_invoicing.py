"""Invoices in figures: whatever is on them, lines, rates, parts and total agree to the penny."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.models.document import DocumentKind
from shop.models.invoicing import (
    Buyer,
    Line,
    WrongTaxNumber,
    clean_tax_number,
    due_on,
    is_reverse_charge,
    number_of,
    part,
    series_of,
    totals,
    without_tax,
)

amounts = st.integers(0, 10_000_000)
rates = st.sampled_from([2000, 500, 0, 1750, 2300])
lines = st.lists(st.builds(Line, st.just("Screen"), amounts, rates), min_size=1, max_size=60)
GERMAN = Buyer("Müller GmbH", country="DE", tax_number="DE 136 695 976")


@given(lines)
def test_lines_rates_and_total_agree_to_the_penny(lines):
    figures = totals(lines)

    assert figures.gross == figures.net + figures.tax == sum(line.amount for line in lines)
    assert sum(rate.gross for rate in figures.rates) == figures.gross
    for rate in figures.rates:
        gross = sum(line.amount for line in lines if line.rate_bp == rate.rate_bp)
        assert rate.gross == gross
        assert abs(rate.tax - Fraction(gross * rate.rate_bp, 10_000 + rate.rate_bp)) <= Fraction(1, 2)


@given(lines, st.data())
def test_parts_that_make_up_an_invoice_make_up_its_tax(lines, data):
    whole, done, parts = totals(lines), 0, []
    while done < whole.gross and len(parts) < 6:
        left = whole.gross - done
        amount = left if len(parts) == 5 else data.draw(st.integers(1, left))
        parts.append(part(whole, amount, before=done))
        assert parts[-1].gross == amount
        done += amount

    if done == whole.gross and parts:
        assert sum(one.tax for one in parts) == whole.tax
        assert sum(one.net for one in parts) == whole.net
        for place, rate in enumerate(whole.rates):
            assert sum(one.rates[place].tax for one in parts) == rate.tax


@given(lines)
def test_lines_without_tax_add_up_to_the_net(lines):
    bare = totals(without_tax(lines))

    assert (bare.gross, bare.tax) == (totals(lines).net, 0)


def test_a_discount_takes_its_own_tax_off():
    figures = totals([Line("Screen", 18_900, 2000), Line("Member", -1_890, 2000)])

    assert (figures.gross, figures.tax, figures.net) == (17_010, 2_835, 14_175)


def test_where_no_vat_is_shown_all_is_net():
    figures = totals([Line("Tela", 89_000), Line("Bateria", 35_000)])

    assert (figures.gross, figures.tax, figures.rates) == (124_000, 0, ())
    assert part(figures, 24_000).net == 24_000


@pytest.mark.parametrize(("amount", "before"), [(0, 0), (-1, 0), (101, 0), (1, 100), (50, 51)])
def test_no_more_than_the_rest_is_credited(amount, before):
    with pytest.raises(ValueError, match="not a part"):
        part(totals([Line("Check", 100, 2000)]), amount, before=before)


@pytest.mark.parametrize(
    ("buyer", "applies"),
    [
        (GERMAN, True),
        (Buyer("Müller", country="DE"), False),
        (Buyer("Müller", country="DE", tax_number="DE12"), False),
        (Buyer("Acme Ltd", country="GB", tax_number="GB123456782"), False),
        (Buyer("Acme Inc", country="US", tax_number="12-3456789"), False),
        (Buyer("Hannah Whitcombe"), False),
    ],
)
def test_reverse_charge_is_for_businesses_in_another_country_with_a_vat_number(buyer, applies):
    assert is_reverse_charge(buyer, seller_country="GB") is applies


def test_brazil_knows_no_reverse_charge():
    assert not is_reverse_charge(GERMAN, seller_country="BR")


@pytest.mark.parametrize(
    ("buyer", "country", "written"),
    [
        (Buyer("João", tax_number="52998224725"), "BR", "529.982.247-25"),
        (Buyer("Loja", tax_number="12abc34501de35"), "BR", "12.ABC.345/01DE-35"),
        (Buyer("Acme", tax_number="123456782"), "GB", "GB 123 4567 82"),
        (GERMAN, "GB", "DE 136 695 976"),
        (Buyer("Acme Inc", country="US", tax_number="12-3456789"), "GB", "12-3456789"),
        (Buyer("Hannah"), "GB", ""),
    ],
)
def test_tax_numbers_are_written_as_their_country_writes_them(buyer, country, written):
    assert clean_tax_number(buyer, seller_country=country) == written


@pytest.mark.parametrize(
    ("buyer", "country", "kind"),
    [
        (Buyer("João", tax_number="529.982.247-26"), "BR", "cpf_cnpj"),
        (Buyer("Acme", tax_number="GB 1"), "GB", "gb"),
        (Buyer("Müller", country="DE", tax_number="DE1"), "GB", "eu"),
    ],
)
def test_wrong_tax_numbers_are_refused_by_kind(buyer, country, kind):
    with pytest.raises(WrongTaxNumber) as refused:
        clean_tax_number(buyer, seller_country=country)

    assert refused.value.kind == kind


def test_numbers_are_of_a_series_and_a_year():
    assert number_of(series_of(DocumentKind.INVOICE, "GB"), 2026, 123) == "INV-2026-000123"
    assert number_of(series_of(DocumentKind.CREDIT_NOTE, "BR"), 2027, 1_000_000) == "CRN-BR-2027-1000000"


def test_invoice_falls_due_after_its_days():
    assert due_on(date(2026, 12, 24), days=14) == date(2027, 1, 7)
