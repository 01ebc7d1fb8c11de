"""Pix, the instant payments of Brazil: keys, the code that a bank's app reads, and the ids of what has arrived.

The code is EMV's for codes that a merchant shows, with Brazil's rules for it. Source: Banco Central do Brasil, "Manual
do BR Code" and "Manual de Padrões para Iniciação do Pix".
"""

import re
import unicodedata
from binascii import crc_hqx
from datetime import UTC, datetime, timedelta

from shop.models.money import plain_money
from shop.models.tax_numbers import compact, is_cnpj, is_cpf

CURRENCY = "BRL"
LONGEST_NAME, LONGEST_CITY = 25, 15
# What stands where a code names no payment of its own.
ANY_TXID = "***"
_LONGEST_KEY = 77
_EMAIL = re.compile(r"[a-z0-9.!#$&'*+/=?^_`{|}~-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_PHONE = re.compile(r"\+55[1-9]\d(?:9\d{8}|[2-5]\d{7})")
_RANDOM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TXID = re.compile(r"[A-Za-z0-9]{1,25}")
_ARRIVED = re.compile(r"E\d{8}(\d{12})[A-Z0-9]{11}", re.ASCII)
_CLOCKS_DIFFER = timedelta(hours=1)


def read_key(text: str) -> str | None:
    """A key as the code wants it; None for what is no CPF, CNPJ, e-mail, Brazilian phone with +55, or random key."""
    key = text.strip()
    if not key.isascii():
        return None
    if "@" in key:
        key = key.lower()
        return key if len(key) <= _LONGEST_KEY and _EMAIL.fullmatch(key) else None
    if _RANDOM.fullmatch(key.lower()):
        return key.lower()
    if key.startswith("+"):
        phone = re.sub(r"[\s()-]", "", key)
        return phone if _PHONE.fullmatch(phone) else None
    return compact(key) if is_cpf(key) or is_cnpj(key) else None


def plain_text(text: str) -> str:
    """In the letters that every bank's app can read: without accents, in one line. What has no such letter is left."""
    parted = unicodedata.normalize("NFKD", text)
    return " ".join("".join(one for one in parted if not unicodedata.combining(one)).split())


def txid_of(number: str) -> str:
    """RT-10042 as a payment may be called: RT10042"""
    return re.sub(r"[^A-Za-z0-9]", "", number)[:25] or ANY_TXID


def br_code(key: str, *, name: str, city: str, amount: int | None = None, txid: str = ANY_TXID) -> str:
    """What a customer's bank reads, as a picture or pasted. `amount` is centavos; None lets the customer name it.

    Raises ValueError for a key, a name, a city, an amount or a txid that no bank would take.
    """
    name, city = plain_text(name), plain_text(city)
    is_named = _fits(name, LONGEST_NAME) and _fits(city, LONGEST_CITY)
    is_sum = amount is None or 0 < amount < 10**12
    if read_key(key) != key or not is_named or not is_sum or not (txid == ANY_TXID or _TXID.fullmatch(txid)):
        raise ValueError("no bank reads a code of these")
    fields = [
        _field("00", "01"),
        _field("26", _field("00", "br.gov.bcb.pix") + _field("01", key)),
        _field("52", "0000"),
        _field("53", "986"),
        "" if amount is None else _field("54", plain_money(amount, CURRENCY)),
        _field("58", "BR"),
        _field("59", name),
        _field("60", city),
        _field("62", _field("05", txid)),
        "6304",
    ]
    code = "".join(fields)
    return f"{code}{check_sum(code)}"


def check_sum(code: str) -> str:
    """Four hexadecimal digits over all before them: polynomial 1021, begun with FFFF (ISO/IEC 13239)."""
    return f"{crc_hqx(code.encode('ascii'), 0xFFFF):04X}"


def read_end_to_end(text: str, *, now: datetime) -> str | None:
    """The id under which all banks know one payment, in capitals: E, the payer's bank, a moment in UTC, eleven more.

    None for anything else, for a moment that is none, and for one that has not come yet.
    """
    found = _ARRIVED.fullmatch(re.sub(r"\s", "", text).upper())
    if not found:
        return None
    try:
        begun = datetime.strptime(found[1], "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None
    return found[0] if begun <= now + _CLOCKS_DIFFER else None


def _fits(text: str, most: int) -> bool:
    return 0 < len(text) <= most and text.isascii() and text.isprintable()


def _field(number: str, value: str) -> str:
    return f"{number}{len(value):02}{value}"
