"""What an invoice, a receipt or a credit note says in figures. Pure: no database, no clock, no words.

Prices include VAT. **Rounding rule:** the lines of one rate are added first, then the tax is taken out of their sum
once, rounded half away from zero; the net is the rest. So lines, rates and total agree to the penny, and no line has a
tax of its own (HMRC's VAT guide, Notice 700, section 17.5, lets the tax be rounded on the total of an invoice).
A part of an invoice takes with it the same part of each rate, counted from the start of the invoice, so that parts that
make up the whole make up its tax too.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from shop.models.document import DocumentKind
from shop.models.money import BASIS_POINTS, Money, divide_rounded, split_inclusive
from shop.models.tax_numbers import (
    EU_COUNTRIES,
    format_cnpj,
    format_cpf,
    format_gb_vat_number,
    is_cnpj,
    is_cpf,
    is_eu_vat_number,
    is_gb_vat_number,
)

BRAZIL, UNITED_KINGDOM = "BR", "GB"
_SERIES = {DocumentKind.INVOICE: "INV", DocumentKind.RECEIPT: "REC", DocumentKind.CREDIT_NOTE: "CRN"}
_NUMBER = re.compile(r"([A-Z]{3}(?:-[A-Z]{2})?)-(\d{4})-(\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """`amount` is what the customer pays for it, in minor units; `rate_bp` the VAT in it, None where none is shown."""

    label: str
    amount: int
    rate_bp: int | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """All lines of one VAT rate; gross is net and tax."""

    rate_bp: int
    net: int
    tax: int

    @property
    def gross(self) -> int:
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class Totals:
    """Minor units. `rates` is empty where no VAT is shown: then all of it is net."""

    net: int
    tax: int
    rates: tuple[Rate, ...]

    @property
    def gross(self) -> int:
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who a document is made out to. `tax_number` is a VAT number, a CPF or a CNPJ, as it was typed."""

    name: str
    address: str = ""
    country: str = ""
    tax_number: str = ""
    email: str = ""


class WrongTaxNumber(ValueError):
    """A tax number whose check digits or form are wrong. `kind` is `cpf_cnpj`, `gb` or `eu`."""

    def __init__(self, kind: str):
        super().__init__(kind)
        self.kind = kind


def series_of(kind: DocumentKind | str, country: str) -> str:
    """INV, REC and CRN at home, INV-BR and so on elsewhere: each country's tax office sees its own row of numbers."""
    name = _SERIES[DocumentKind(kind)]
    return name if country == UNITED_KINGDOM else f"{name}-{country}"


def number_of(series: str, year: int, number: int) -> str:
    """INV-2026-000123"""
    return f"{series}-{year}-{number:06}"


def read_number(text: str) -> tuple[str, int, int] | None:
    """(series, year, number) of a document's number, however it is typed; None for what is none."""
    match = _NUMBER.fullmatch(text.strip().upper())
    return (match[1], int(match[2]), int(match[3])) if match else None


def totals(lines: Iterable[Line]) -> Totals:
    """Rates from the highest down. See the rounding rule above."""
    gross: dict[int, int] = {}
    untaxed = 0
    for line in lines:
        if line.rate_bp is None:
            untaxed += line.amount
        else:
            gross[line.rate_bp] = gross.get(line.rate_bp, 0) + line.amount
    rates = tuple(_rate(bp, amount) for bp, amount in sorted(gross.items(), reverse=True))
    return Totals(untaxed + sum(rate.net for rate in rates), sum(rate.tax for rate in rates), rates)


def _rate(rate_bp: int, gross: int) -> Rate:
    # Only the amounts count here; any currency does.
    split = split_inclusive(Money(gross, "GBP"), rate_bp)
    return Rate(rate_bp, split.net.amount, split.tax.amount)


def part(whole: Totals, amount: int, *, before: int = 0) -> Totals:
    """`amount` of an invoice, after `before` of it was credited already. Raises ValueError for more than is left.

    Parts that add up to the whole add up to its net, its tax and each of its rates.
    """
    if amount <= 0 or before < 0 or before + amount > whole.gross:
        raise ValueError("not a part of what is left")
    if not whole.rates:
        return Totals(amount, 0, ())
    upper, lower = _share(whole, before + amount), _share(whole, before)
    rates = tuple(
        Rate(rate.rate_bp, up[0] - low[0], up[1] - low[1])
        for rate, up, low in zip(whole.rates, upper, lower, strict=True)
    )
    untaxed = amount - sum(rate.gross for rate in rates)
    return Totals(untaxed + sum(rate.net for rate in rates), sum(rate.tax for rate in rates), rates)


def _share(whole: Totals, amount: int) -> list[tuple[int, int]]:
    """(net, tax) of each rate in the first `amount` of the invoice."""
    shares, seen, given = [], 0, 0
    for rate in whole.rates:
        # What is rounded is the running sum, so that the rates of a part make up the part.
        seen += rate.gross
        gross = divide_rounded(amount * seen, whole.gross) - given
        given += gross
        tax = divide_rounded(rate.tax * amount, whole.gross)
        shares.append((gross - tax, tax))
    return shares


def without_tax(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The same lines net of their VAT, at 0 %: what a customer pays who accounts for the tax.

    They add up to the net of the whole; what rounding leaves over goes to the last line.
    """
    net = totals(lines).net
    bare = [replace(line, amount=_net(line), rate_bp=0) for line in lines]
    if bare:
        bare[-1] = replace(bare[-1], amount=bare[-1].amount + net - sum(line.amount for line in bare))
    return tuple(bare)


def _net(line: Line) -> int:
    return divide_rounded(line.amount * BASIS_POINTS, BASIS_POINTS + (line.rate_bp or 0))


def is_reverse_charge(buyer: Buyer, *, seller_country: str) -> bool:
    """A business in another country of the European VAT area, with a VAT number of that country.

    Then the customer accounts for the tax (Article 196 of Directive 2006/112/EC; VAT Act 1994, section 7A): 0 % and a
    sentence that says so.
    """
    is_elsewhere = buyer.country not in ("", seller_country)
    in_area = {*EU_COUNTRIES, UNITED_KINGDOM}
    return is_elsewhere and {buyer.country, seller_country} <= in_area and _is_vat_number(buyer)


def _is_vat_number(buyer: Buyer) -> bool:
    if buyer.country == UNITED_KINGDOM:
        return is_gb_vat_number(buyer.tax_number)
    return is_eu_vat_number(buyer.tax_number, buyer.country)


def clean_tax_number(buyer: Buyer, *, seller_country: str) -> str:
    """The buyer's number as it is written on a document, '' for none. Raises WrongTaxNumber.

    Where we know no rule, as for a company outside Europe and Brazil, it stays as it was typed.
    """
    country, text = buyer.country or seller_country, buyer.tax_number.strip()
    if not text:
        return ""
    if country == BRAZIL:
        if is_cpf(text):
            return format_cpf(text)
        if is_cnpj(text):
            return format_cnpj(text)
        raise WrongTaxNumber("cpf_cnpj")
    if country == UNITED_KINGDOM:
        if not is_gb_vat_number(text):
            raise WrongTaxNumber("gb")
        return format_gb_vat_number(text)
    if country in EU_COUNTRIES and not is_eu_vat_number(text, country):
        raise WrongTaxNumber("eu")
    return " ".join(text.upper().split())


def due_on(issued: date, *, days: int) -> date:
    """The day by which it is to be paid; 0 days is at once."""
    return issued + timedelta(days=days)
