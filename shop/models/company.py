"""Who issues the shop's documents, as its settings say."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Company:
    """What an invoice must say of its issuer. Empty is what the company has not, and is not printed.

    `address` has a line for each part. `logo` is the text of an SVG drawing; without one the house's mark is drawn.
    `payment_days` is how long customers have to pay an invoice; 0 is at once.
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
    payment_days: int = 0
    is_invented: bool = False
