import pytest

from shop.models.device_rows import RowFault, parse_device_row

GOOD = {
    "category": "smartphone",
    "brand": "Apple",
    "family": "iPhone",
    "model": "iPhone 14 Pro",
    "model_numbers": "A2650; A2890;A2650",
    "release_year": "2022",
    "specs_json": '{"screen_in":6.1}',
    "source": "general-knowledge",
}


def test_good_row_becomes_a_device():
    values = parse_device_row(GOOD, known_brands={"Apple"})

    assert (values["name"], values["release_year"], values["tier"]) == ("iPhone 14 Pro", 2022, "S1")
    assert values["model_numbers"] == "A2650;A2890"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"release_year": "20222"}, "“release_year” is “20222”"),
        ({"release_year": "١٩٩٩"}, "“release_year”"),
        ({"release_year": "1900"}, "“release_year”"),
        ({"release_year": "9999"}, "“release_year”"),
        ({"brand": "Samsnug"}, "did you mean Samsung?"),
        ({"brand": " "}, "“brand” is missing"),
        ({"model": None}, "“model” is missing"),
        ({"category": "toaster"}, "“category” is “toaster”"),
        ({"specs_json": "{"}, "“specs_json”"),
        ({"specs_json": "[1]"}, "“specs_json”"),
        ({"specs_json": "[" * 100_000}, "“specs_json”"),
        ({"model": "=cmd|' /C calc'!A0"}, "formula"),
        ({"model": "x" * 161}, "longer than 160"),
        ({"model": "a\x00b"}, "control character"),
        ({"tier": "L1"}, "“tier” is “L1”"),
        ({"popularity": "many"}, "“popularity”"),
        ({None: ["extra"]}, "more cells"),
    ],
)
def test_bad_row_says_what_is_wrong(change, reason):
    row = {**GOOD, **change}

    with pytest.raises(RowFault) as fault:
        parse_device_row(row, known_brands={"Apple", "Samsung"})

    assert reason in str(fault.value)


def test_bad_row_names_every_fault():
    with pytest.raises(RowFault) as fault:
        parse_device_row({**GOOD, "release_year": "x", "category": ""}, known_brands=())

    assert "“category” is missing" in str(fault.value)
    assert "“release_year”" in str(fault.value)


def test_new_brand_is_welcome():
    values = parse_device_row({**GOOD, "brand": "Teenage Engineering"}, known_brands={"Apple", "Samsung"})

    assert values["brand"] == "Teenage Engineering"
