"""Numbers that tax offices give to people and companies: their check digits, and how they are written.

They are compared without spaces, points and dashes. What passes here is well formed; whether it was ever given out
only the tax office can say.
"""

import re

_CPF_WEIGHTS = (range(10, 1, -1), range(11, 1, -1))
_CNPJ_WEIGHTS = ((5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))
_CPF = re.compile(r"\d{11}")
_CNPJ = re.compile(r"[0-9A-Z]{12}\d{2}")
_GB = re.compile(r"(?:GB|XI)?(\d{9})(\d{3})?")
_GB_PUBLIC = re.compile(r"(?:GB|XI)(?:GD([0-4]\d\d)|HA([5-9]\d\d))")
# What stands after the country's letters. Source: European Commission, VIES, "Structure of VAT numbers".
_EU = {
    "AT": r"U\d{8}",
    "BE": r"[01]\d{9}",
    "BG": r"\d{9,10}",
    "CY": r"\d{8}[A-Z]",
    "CZ": r"\d{8,10}",
    "DE": r"\d{9}",
    "DK": r"\d{8}",
    "EE": r"\d{9}",
    "EL": r"\d{9}",
    "ES": r"[A-Z0-9]\d{7}[A-Z0-9]",
    "FI": r"\d{8}",
    "FR": r"[A-Z0-9]{2}\d{9}",
    "HR": r"\d{11}",
    "HU": r"\d{8}",
    "IE": r"\d[A-Z0-9+*]\d{5}[A-Z]{1,2}",
    "IT": r"\d{11}",
    "LT": r"(?:\d{9}|\d{12})",
    "LU": r"\d{8}",
    "LV": r"\d{11}",
    "MT": r"\d{8}",
    "NL": r"[A-Z0-9+*]{10}\d{2}",
    "PL": r"\d{10}",
    "PT": r"\d{9}",
    "RO": r"\d{2,10}",
    "SE": r"\d{12}",
    "SI": r"\d{8}",
    "SK": r"\d{10}",
}
# Greece is EL in VAT numbers and GR everywhere else.
_PREFIX = {"GR": "EL"}
EU_COUNTRIES = frozenset({*_EU} - {"EL"} | {"GR"})


def compact(text: str) -> str:
    """The number as it is compared: capitals, without what people write between its parts."""
    return re.sub(r"[\s./-]", "", text).upper()


def is_cpf(text: str) -> bool:
    """A Brazilian person's number: eleven digits, the last two by modulo 11 (Receita Federal)."""
    number = compact(text)
    return bool(_CPF.fullmatch(number)) and _has_check_digits(number, _CPF_WEIGHTS)


def is_cnpj(text: str) -> bool:
    """A Brazilian company's number, of digits or, since July 2026, with letters in its first twelve places.

    A letter counts as its ASCII code less 48, so that numbers of digits keep their check digits
    (Instrução Normativa RFB 2.229/2024, Nota Técnica COCAD/SUARA/RFB 49/2024).
    """
    number = compact(text)
    return bool(_CNPJ.fullmatch(number)) and _has_check_digits(number, _CNPJ_WEIGHTS)


def format_cpf(text: str) -> str:
    """529.982.247-25"""
    n = compact(text)
    return f"{n[:3]}.{n[3:6]}.{n[6:9]}-{n[9:]}"


def format_cnpj(text: str) -> str:
    """12.ABC.345/01DE-35"""
    n = compact(text)
    return f"{n[:2]}.{n[2:5]}.{n[5:8]}/{n[8:12]}-{n[12:]}"


def is_gb_vat_number(text: str) -> bool:
    """A VAT number of the United Kingdom, with or without its letters, also of a branch (twelve digits).

    The seven weighted digits and the check pair make a multiple of 97, or in numbers given out since 2010, one less 55.
    Government departments (GD) and health authorities (HA) have no check digits.
    """
    number = compact(text)
    if _GB_PUBLIC.fullmatch(number):
        return True
    match = _GB.fullmatch(number)
    if not match or not match[1].strip("0"):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(match[1], range(8, 1, -1), strict=False))
    return (total + int(match[1][7:])) % 97 in (0, 97 - 55)


def is_eu_vat_number(text: str, country: str) -> bool:
    """Whether it has the form of that member state's numbers; their check digits are not looked at."""
    number, prefix = compact(text), _PREFIX.get(country, country)
    return prefix in _EU and bool(re.fullmatch(f"{prefix}{_EU[prefix]}", number))


def is_iban(text: str) -> bool:
    """ISO 13616: the first four characters moved to the end, letters as 10 to 35, modulo 97 is 1."""
    number = compact(text)
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", number):
        return False
    return int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 == 1


def format_iban(text: str) -> str:
    """In groups of four."""
    number = compact(text)
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def format_gb_vat_number(text: str) -> str:
    """GB 123 4567 82"""
    number = compact(text)
    match = _GB.fullmatch(number)
    if not match:
        return number
    digits = match[1]
    return " ".join(
        filter(None, (number[:2] if number[:1].isalpha() else "GB", digits[:3], digits[3:7], digits[7:], match[2]))
    )


def _has_check_digits(number: str, weights) -> bool:
    # A row of one digit passes the sum, and was never given out.
    if len(set(number)) == 1:
        return False
    return all(number[len(own)] == _check_digit(number, own) for own in weights)


def _check_digit(number: str, weights) -> str:
    total = sum((ord(character) - 48) * weight for character, weight in zip(number, weights, strict=False))
    rest = total % 11
    return "0" if rest < 2 else str(11 - rest)
