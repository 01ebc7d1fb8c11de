"""Pix: keys, codes against published ones, and the ids of what has arrived."""

import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.models.pix import br_code, check_sum, plain_text, read_end_to_end, read_key, txid_of

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
RANDOM_KEY = "123e4567-e12b-12d1-a456-426655440000"
# Banco Central do Brasil, "Manual de Padrões para Iniciação do Pix": its static and its dynamic example.
STATIC = (
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR"
    "5913Fulano de Tal6008BRASILIA62070503***63041D3D"
)
DYNAMIC = (
    "00020101021226700014br.gov.bcb.pix2548pix.example.com/8b3da2f39a4140d1a91abd93113bd4415204000053039865802BR"
    "5913Fulano de Tal6008BRASILIA62070503***630464E4"
)
# With an amount, and a name of its own; made by another program, published with the tests of a ticket shop.
WITH_AMOUNT = (
    "00020126330014BR.GOV.BCB.PIX011111144477735520400005303986540599.905802BR"
    "5917DUROCK RJ EVENTOS6014RIO DE JANEIRO62150511EVT12AB34CD6304AEE3"
)


def fields_of(code: str) -> dict[str, str]:
    """Read as a bank does: two digits of a number, two of a length, and so many characters."""
    found, place = {}, 0
    while place < len(code):
        number, length = code[place : place + 2], int(code[place + 2 : place + 4])
        found[number] = code[place + 4 : place + 4 + length]
        place += 4 + length
    assert place == len(code)
    return found


def test_the_code_is_the_one_of_the_manual():
    assert br_code(RANDOM_KEY, name="Fulano de Tal", city="BRASILIA") == STATIC


@pytest.mark.parametrize("published", [STATIC, DYNAMIC, WITH_AMOUNT])
def test_check_sum_is_that_of_published_codes(published):
    assert check_sum(published[:-4]) == published[-4:]


def test_check_sum_of_the_catalogue():
    """CRC-16/IBM-3740, also called CCITT-FALSE, in the catalogue of parametrised CRC algorithms."""
    assert check_sum("123456789") == "29B1"


def test_code_with_an_amount_has_the_fields_of_a_published_one():
    ours = fields_of(
        br_code("11144477735", name="DUROCK RJ EVENTOS", city="RIO DE JANEIRO", amount=9_990, txid="EVT12AB34CD")
    )
    theirs = fields_of(WITH_AMOUNT)

    # The check sum differs with the letters of the scheme, which are small in the manual.
    assert {**ours, "63": "", "26": ours["26"].upper()} == {**theirs, "63": ""}
    assert list(ours) == list(theirs)


@given(
    amount=st.integers(1, 10**11),
    name=st.text(string.ascii_letters + " ", min_size=1, max_size=25).map(str.strip).filter(bool),
    number=st.integers(10_000, 10**9),
)
def test_every_code_can_be_read_again(amount, name, number):
    code = br_code(RANDOM_KEY, name=name, city="Sao Paulo", amount=amount, txid=txid_of(f"RT-{number}"))

    found = fields_of(code)
    assert found["54"] == f"{amount // 100}.{amount % 100:02}"
    assert fields_of(found["26"]) == {"00": "br.gov.bcb.pix", "01": RANDOM_KEY}
    assert fields_of(found["62"]) == {"05": f"RT{number}"}
    assert (found["00"], found["52"], found["53"], found["58"]) == ("01", "0000", "986", "BR")
    assert (found["59"], found["60"]) == (plain_text(name), "Sao Paulo")
    assert check_sum(code[:-4]) == found["63"] == code[-4:]


def test_longest_key_just_fits():
    key = f"{'a' * 64}@{'b' * 8}.com"

    assert len(fields_of(br_code(key, name="A", city="B"))["26"]) == 99
    assert read_key(f"a{key}") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "529.982.247-25"},
        {"name": ""},
        {"name": "N" * 26},
        {"name": "雪"},
        {"city": "C" * 16},
        {"amount": 0},
        {"amount": -1},
        {"amount": 10**12},
        {"txid": "RT-10042"},
        {"txid": "1" * 26},
    ],
)
def test_what_no_bank_would_read_is_refused(wrong):
    facts = {"key": RANDOM_KEY, "name": "Fulano", "city": "Recife", "amount": 100, **wrong}

    with pytest.raises(ValueError, match="no bank reads"):
        br_code(facts.pop("key"), **facts)


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("529.982.247-25", "52998224725"),
        ("11.222.333/0001-81", "11222333000181"),
        ("12.abc.345/01de-35", "12ABC34501DE35"),
        (" Loja@Example.COM.br ", "loja@example.com.br"),
        ("+55 (11) 98765-4321", "+5511987654321"),
        ("+55 11 3456-7890", "+551134567890"),
        (RANDOM_KEY.upper(), RANDOM_KEY),
    ],
)
def test_keys_as_people_write_them(typed, key):
    assert read_key(typed) == key


@pytest.mark.parametrize(
    "typed",
    [
        "", "529.982.247-26", "11.222.333/0001-82", "111.111.111-11", "loja@", "@example.com", "a b@example.com",
        "+44 20 7946 0418", "+55 01 98765-4321", "11987654321", "+551198765432", RANDOM_KEY[:-1], "５２９98224725",
    ],
)  # fmt: skip
def test_what_is_no_key(typed):
    assert read_key(typed) is None


def test_end_to_end_id_is_read_as_it_is_pasted():
    assert read_end_to_end(" e12345678202611240959abcdefghi23 ", now=NOW) == "E12345678202611240959ABCDEFGHI23"


@pytest.mark.parametrize(
    "typed",
    [
        "", "D12345678202611240959ABCDEFGHI23", "E12345678202611240959ABCDEFGHI2", "E12345678202611240959ABCDEFGHI234",
        "E1234567A202611240959ABCDEFGHI23", "E12345678202613240959ABCDEFGHI23", "E12345678202602300959ABCDEFGHI23",
        "E12345678202611241101ABCDEFGHI23", "E12345678202611240959ABCDEFGH-23",
    ],
)  # fmt: skip
def test_what_is_no_end_to_end_id(typed):
    assert read_end_to_end(typed, now=NOW) is None
