"""The company that issues documents. Kept in settings; nothing else may read them, so that a table can follow."""

from functools import lru_cache
from pathlib import Path

from flask import current_app

from shop.models.company import Company
from shop.models.tax_numbers import format_cnpj, format_gb_vat_number, format_iban


def our_company() -> Company:
    """As the settings say it now. What was issued keeps what it said then."""
    settings = current_app.config["SETTINGS"]
    return Company(
        name=settings.COMPANY_NAME,
        address="\n".join(part.strip() for part in settings.COMPANY_ADDRESS.split(";")),
        vat_number=settings.COMPANY_VAT_NUMBER and format_gb_vat_number(settings.COMPANY_VAT_NUMBER),
        number=settings.COMPANY_NUMBER,
        cnpj=settings.COMPANY_CNPJ and format_cnpj(settings.COMPANY_CNPJ),
        iban=settings.COMPANY_IBAN and format_iban(settings.COMPANY_IBAN),
        bic=settings.COMPANY_BIC,
        bank=settings.COMPANY_BANK,
        email=settings.COMPANY_EMAIL,
        phone=settings.COMPANY_PHONE,
        website=settings.COMPANY_WEBSITE,
        logo=_drawing(settings.COMPANY_LOGO),
        payment_days=settings.COMPANY_PAYMENT_DAYS,
        is_invented=settings.has_invented_company,
    )


@lru_cache(maxsize=4)
def _drawing(path: str) -> str:
    return Path(path).read_text(encoding="utf-8") if path else ""
