"""Amounts between the two companies' ways of writing them: whole minor units here, decimal strings there."""

import re
from decimal import Decimal

NO_DECIMALS = frozenset({"HUF", "JPY", "TWD"})
_CURRENCIES = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD"
SUPPORTED = frozenset(_CURRENCIES.split())
WRITTEN = re.compile(r"((-?[0-9]+)|(-?([0-9]+)?[.][0-9]+))")
BASIS_POINTS = 10_000


def digits_of(currency: str) -> int:
    return 0 if currency in NO_DECIMALS else 2


def minor(value: str, currency: str) -> int:
    """Whole minor units; the value must have been checked."""
    return int(Decimal(value).scaleb(digits_of(currency)))


def written(amount: int, currency: str) -> str:
    digits = digits_of(currency)
    return f"{Decimal(amount).scaleb(-digits):.{digits}f}"


def money(amount: int, currency: str) -> dict:
    return {"currency_code": currency, "value": written(amount, currency)}


def minor_of(money: dict) -> int:
    return minor(money["value"], money["currency_code"])


def fee_of(amount: int, *, basis_points: int, fixed: int) -> int:
    """Rounded half up. Of a very small amount it can be more than that."""
    return (amount * basis_points + BASIS_POINTS // 2) // BASIS_POINTS + fixed
