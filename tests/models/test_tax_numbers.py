"""Tax numbers: examples that the offices publish, and what one wrong digit does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.models import tax_numbers as numbers

CPF = ("529.982.247-25", "111.444.777-35", "123.456.789-09")
# The third is the example of the Receita Federal for numbers with letters, since July 2026.
CNPJ = ("00.000.000/0001-91", "59.952.259/0001-85", "12.ABC.345/01DE-35")
GB = ("GB 123 4567 82", "123456727", "GB 980 7806 84", "GB123456782001", "GBGD001", "GBHA599")


@pytest.mark.parametrize("number", CPF)
def test_cpf_is_known_by_its_check_digits(number):
    assert numbers.is_cpf(number)
    assert numbers.format_cpf(numbers.compact(number)) == number


@pytest.mark.parametrize("number", CNPJ)
def test_cnpj_is_known_by_its_check_digits_with_and_without_letters(number):
    assert numbers.is_cnpj(number)
    assert numbers.is_cnpj(number.lower())
    assert numbers.format_cnpj(numbers.compact(number)) == number


@pytest.mark.parametrize(
    "number",
    [
        "",
        "529.982.247-26",
        "111.111.111-11",
        "5299822472",
        "529982247250",
        "52998224a25",
        "５２９９８２２４７２５",
        "1" * 200,
    ],
)
def test_what_is_no_cpf_is_refused(number):
    assert not numbers.is_cpf(number)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "00.000.000/0001-92",
        "00000000000000",
        "12.ABC.345/01DE-53",
        "12.ABC.345/01DE-3A",
        "12ABC34501DE3",
        "Ç2ABC34501DE35",
    ],
)
def test_what_is_no_cnpj_is_refused(number):
    assert not numbers.is_cnpj(number)


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=12, max_size=12), st.integers(0, 11), st.integers(1, 9))
def test_one_wrong_digit_of_a_cnpj_is_seen(body, place, step):
    first = numbers._check_digit(body, numbers._CNPJ_WEIGHTS[0])
    number = body + first + numbers._check_digit(body + first, numbers._CNPJ_WEIGHTS[1])
    # A letter weighs up to 42, so two of them can differ by eleven: only digits are told apart for sure.
    wrong = number[:12] + str((int(number[12]) + step) % 10) + number[13:]

    assert numbers.is_cnpj(number) == (len(set(number)) > 1)
    assert not numbers.is_cnpj(wrong)


@pytest.mark.parametrize("number", GB)
def test_british_vat_numbers_of_both_sums_are_known(number):
    assert numbers.is_gb_vat_number(number)


@pytest.mark.parametrize(
    "number", ["", "GB 123 4567 83", "GB000000000", "12345678", "GBGD500", "GBHA499", "DE123456782"]
)
def test_what_is_no_british_vat_number_is_refused(number):
    assert not numbers.is_gb_vat_number(number)


def test_british_vat_numbers_are_written_in_groups():
    assert numbers.format_gb_vat_number("123456782") == "GB 123 4567 82"
    assert numbers.format_gb_vat_number("GB123456782001") == "GB 123 4567 82 001"


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("DE 136695976", "DE"),
        ("EL094259216", "GR"),
        ("IE6388047V", "IE"),
        ("NL004495445B01", "NL"),
        ("ATU13585627", "AT"),
    ],
)
def test_european_vat_numbers_have_the_form_of_their_state(number, country):
    assert numbers.is_eu_vat_number(number, country)


@pytest.mark.parametrize(
    ("number", "country"), [("DE12345678", "DE"), ("DE136695976", "FR"), ("136695976", "DE"), ("US1", "US")]
)
def test_other_forms_are_refused(number, country):
    assert not numbers.is_eu_vat_number(number, country)


def test_iban_is_known_by_its_check_digits():
    assert numbers.is_iban("GB33 BUKB 2020 1555 5555 55")
    assert not numbers.is_iban("GB34BUKB20201555555555")
    assert numbers.format_iban("GB33BUKB20201555555555") == "GB33 BUKB 2020 1555 5555 55"
