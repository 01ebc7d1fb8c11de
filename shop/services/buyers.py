"""Whom a document is made out to: as typed, checked, and as it is printed."""

from dataclasses import replace

from flask_babel import gettext as _

from shop.models import invoicing
from shop.models.errors import Invalid
from shop.models.invoicing import Buyer, WrongTaxNumber
from shop.models.repair import Repair
from shop.models.text import is_plain, many_lines, one_line

_LONGEST = {"name": 120, "address": 300, "country": 2, "tax_number": 30, "email": 254}


def customer_of(repair: Repair) -> Buyer:
    """As on file."""
    return Buyer(name=repair.customer.name, email=repair.customer.email)


def clean_buyer(buyer: Buyer, *, seller_country: str) -> Buyer:
    """As it is printed. Raises Invalid with a sentence for each of `name`, `address`, `country` and `tax_number`."""
    cleaned = Buyer(
        name=one_line(buyer.name),
        address=many_lines(buyer.address),
        country=buyer.country.strip().upper(),
        tax_number=one_line(buyer.tax_number),
        email=one_line(buyer.email),
    )
    faults = {} if cleaned.name else {"name": _("Write whom the invoice is for.")}
    for field, longest in _LONGEST.items():
        text = getattr(cleaned, field)
        if len(text) > longest:
            faults[field] = _("Keep this under %(most)s characters.", most=longest)
        elif not is_plain(text):
            faults[field] = _("This holds characters that cannot be shown. Type it again.")
    try:
        number = invoicing.clean_tax_number(cleaned, seller_country=seller_country)
    except WrongTaxNumber as wrong:
        faults.setdefault("tax_number", _tax_fault(wrong))
    if faults:
        raise Invalid(faults)
    return replace(cleaned, tax_number=number)


def _tax_fault(wrong: WrongTaxNumber) -> str:
    return {
        "cpf_cnpj": _("This is no CPF or CNPJ: one of its digits is wrong."),
        "gb": _("This is no British VAT number: one of its digits is wrong."),
        "eu": _("This is no VAT number of that country. Write it with the country's letters, like DE136695976."),
    }[wrong.kind]
