"""Money is an integer of minor units and a currency, never a float.

Rounding rule of the whole shop: half away from zero, so 0.5 becomes 1 and -0.5 becomes -1.
Percentages are basis points (1 % is 100), exchange rates are millionths.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from babel import Locale
from babel.numbers import format_currency, get_currency_precision, is_currency

BASIS_POINTS = 10_000
MILLIONTHS = 1_000_000


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` counts the smallest unit of `currency`: pence for GBP, whole yen for JPY."""

    amount: int
    currency: str

    def __post_init__(self):
        _require_int(self.amount)
        if not _is_known(self.currency):
            raise ValueError(f"{self.currency!r} is not an ISO 4217 currency code")

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __abs__(self) -> "Money":
        return Money(abs(self.amount), self.currency)

    def __mul__(self, factor: int) -> "Money":
        return Money(self.amount * _require_int(factor), self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        return self.amount >= self._same(other)

    def __bool__(self) -> bool:
        return self.amount != 0

    def percent(self, basis_points: int) -> "Money":
        return Money(divide_rounded(self.amount * _require_int(basis_points), BASIS_POINTS), self.currency)

    def round_to(self, step: int) -> "Money":
        """The nearest multiple of `step` minor units."""
        return Money(divide_rounded(self.amount, step) * step, self.currency)

    def convert(self, currency: str, *, rate_millionths: int) -> "Money":
        """In `currency`, at `rate_millionths` of one major unit of it for one major unit of ours."""
        numerator = self.amount * _require_int(rate_millionths) * 10 ** minor_digits(currency)
        return Money(divide_rounded(numerator, MILLIONTHS * 10 ** minor_digits(self.currency)), currency)

    def _same(self, other: "Money") -> int:
        if not isinstance(other, Money):
            raise TypeError(f"money and {type(other).__name__} do not mix")
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")
        return other.amount


def _require_int(value: int) -> int:
    if type(value) is not int:
        raise TypeError(f"money counts in whole minor units, not {type(value).__name__}")
    return value


_is_known = cache(is_currency)


@dataclass(frozen=True, slots=True)
class TaxSplit:
    """An inclusive amount parted into net and tax; the two always add up to it."""

    net: Money
    tax: Money
    rate_bp: int


def split_inclusive(amount: Money, rate_bp: int) -> TaxSplit:
    """The tax contained in `amount`: gross x rate / (100 % + rate), rounded; the net is the rest."""
    if _require_int(rate_bp) < 0:
        raise ValueError("a tax rate cannot be negative")
    tax = Money(divide_rounded(amount.amount * rate_bp, BASIS_POINTS + rate_bp), amount.currency)
    return TaxSplit(net=amount - tax, tax=tax, rate_bp=rate_bp)


def divide_rounded(numerator: int, denominator: int) -> int:
    """Integer division, half away from zero. `denominator` is positive."""
    quotient, remainder = divmod(abs(_require_int(numerator)), denominator)
    rounded = quotient + (2 * remainder >= denominator)
    return rounded if numerator >= 0 else -rounded


def read_money(text: str, currency: str) -> int | None:
    """Minor units of what a person typed: 20, 20.5, 20,50, 1,234.50, £ 20 or R$ 1.234,50. None for anything else.

    Either mark may stand before the decimals; thousands are grouped by the mark that the currency's people use.
    """
    plain = "".join(one for one in text if not one.isspace() and unicodedata.category(one) != "Sc").removeprefix("R")
    found = _typed(currency).fullmatch(plain)
    if not found:
        return None
    whole = re.sub("[.,]", "", found["plain"] or found["grouped"])
    cents = found["cents"] or found["cents_too"] or ""
    value = int(whole + cents.ljust(minor_digits(currency), "0"))
    return -value if found["sign"] else value


def plain_money(amount: int, currency: str) -> str:
    """For a field, as `read_money` reads it: 189.00."""
    return f"{Decimal(amount).scaleb(-minor_digits(currency)):.{minor_digits(currency)}f}"


@cache
def _typed(currency: str) -> re.Pattern:
    group, decimal = (r"\.", ",") if currency == "BRL" else (",", r"\.")
    digits = minor_digits(currency)
    cents, cents_too = (
        rf"(?:{mark}(?P<{name}>\d{{1,{digits}}}))?" if digits else f"(?P<{name}>)"
        for mark, name in (("[.,]", "cents"), (decimal, "cents_too"))
    )
    return re.compile(
        rf"(?P<sign>-?)(?:(?P<plain>\d{{1,12}}){cents}|(?P<grouped>\d{{1,3}}(?:{group}\d{{3}}){{1,3}}){cents_too})",
        re.ASCII,
    )


@cache
def minor_digits(currency: str) -> int:
    """Decimal places of the currency: 2 for GBP, EUR, USD and BRL, 0 for JPY."""
    return get_currency_precision(currency)


def read_amount(typed: str, currency: str) -> int | None:
    """Minor units of an amount as people type it, `12.50`, `12,5` or `£12`; None for anything else."""
    text = re.sub(r"^[^\d-]+|\s", "", typed.strip())
    match = re.fullmatch(r"(\d{1,9})(?:[.,](\d{1,3}))?", text, re.ASCII)
    if not match or len(match[2] or "") > minor_digits(currency):
        return None
    return int(match[1] + (match[2] or "").ljust(minor_digits(currency), "0"))


def format_money(money: Money, locale: str, *, whole: bool = False) -> str:
    """For people's eyes only. `whole` leaves out minor units that are zero: £189."""
    digits = minor_digits(money.currency)
    value = Decimal(money.amount).scaleb(-digits)
    if not whole or money.amount % 10**digits:
        return format_currency(value, money.currency, locale=locale)
    pattern = Locale.parse(locale).currency_formats["standard"].pattern.replace(".00", "")
    return format_currency(value, money.currency, locale=locale, format=pattern, currency_digits=False)
