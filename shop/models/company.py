"""Who issues the shop's documents, as its settings say."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Company:
    """What an invoice must say of its issuer. Empty is what the company has not, and is not printed.

    `address` has a line for each part. `logo` is the text of an SVG drawing; without one the house's mark is drawn.
    """

    name: str
    address: str
    vat_number: str = ""
    number: str = ""
    cnpj: str = ""
    iban: str = ""
    bic: str = ""
    bank: str = ""
    email: str = ""
    phone: str = ""
    website: str = ""
    logo: str = ""
    country: str = "GB"
    payment_days: int = 0
