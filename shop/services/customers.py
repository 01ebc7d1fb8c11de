"""Who a customer is: contact details checked, and found again without overwriting anything."""

import re
import unicodedata
from dataclasses import dataclass, replace

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _
from sqlalchemy import func, select

from shop.extensions import db
from shop.locales import LOCALES
from shop.models.customer import Customer
from shop.models.errors import Invalid
from shop.models.text import is_plain, one_line

LONGEST_NAME = 120
LONGEST_EMAIL = 254
LONGEST_PHONE = 40
_SHORTEST_PHONE = 10
_BY_EMAIL = 7_305_002  # the relay's lock is 7_305_001
_REGION = {"en": "GB", "pt_BR": "BR"}
_LOCALE_OF_LANGUAGE = {locale.partition("_")[0]: locale for locale in LOCALES}


@dataclass(frozen=True, slots=True)
class CustomerDetails:
    """Contact details as typed. `locale` is the language to write to the customer in."""

    name: str
    email: str
    phone: str
    locale: str = "en"


def clean_details(details: CustomerDetails) -> CustomerDetails:
    """The details as they are kept: e-mail in lower case, phone as +447700900418.

    Raises Invalid with a sentence for each of `customer.name`, `.email`, `.phone` and `.locale`.
    """
    faults: dict[str, str] = {}
    locale = _clean(faults, "locale", _locale, details.locale)
    cleaned = CustomerDetails(
        name=_clean(faults, "name", _name, details.name),
        email=_clean(faults, "email", _email, details.email),
        phone=_clean(faults, "phone", _phone, details.phone, locale),
        locale=locale,
    )
    if faults:
        raise Invalid(faults)
    return cleaned


def clean_contact(details: CustomerDetails) -> CustomerDetails:
    """The same at the counter, where a phone number or an address is enough. Raises Invalid like `clean_details`."""
    if not details.phone.strip() and not details.email.strip():
        why = _("Write a phone number or an e-mail address, so that we can say when it is ready.")
        faults = {"customer.phone": why}
        if not one_line(details.name):
            faults["customer.name"] = _("Write the customer's name.")
        raise Invalid(faults)
    stand_in = replace(details, phone=details.phone or "07700 900000", email=details.email or "counter@example.com")
    cleaned = clean_details(stand_in)
    return replace(
        cleaned,
        phone=cleaned.phone if details.phone.strip() else "",
        email=cleaned.email if details.email.strip() else "",
    )


def normal_phone(typed: str, locale: str = "en") -> str:
    """The number as it is kept, or '' for what is none."""
    try:
        return _phone(typed, locale) if typed.strip() else ""
    except ValueError:
        return ""


def find_or_create(details: CustomerDetails) -> Customer:
    """The customer with this e-mail address and this name, as they are on file, or a new one.

    Takes cleaned details. Neither answers nor changes betray that the address is known: data on file is
    never overwritten from a form that anybody can send, and another name at the address is another customer.
    """
    queue_for(details.email or details.phone)
    same = Customer.email == details.email if details.email else Customer.phone == details.phone
    known = db.session.scalars(select(Customer).where(same).order_by(Customer.id))
    for customer in known:
        if _folded(customer.name) == _folded(details.name):
            return customer
    customer = Customer(name=details.name, email=details.email, phone=details.phone, locale=details.locale)
    db.session.add(customer)
    db.session.flush()
    return customer


def clean_email(email: str) -> str:
    """The address as it is kept. Raises Invalid with what is wrong with `email`."""
    try:
        return _email(email)
    except ValueError as error:
        raise Invalid({"email": str(error)}) from None


def find_phone(text: str) -> str | None:
    """The phone as it is kept, however it was written, in any of the shop's countries; None if it is none."""
    digits = re.sub(r"\D", "", text)
    if not _SHORTEST_PHONE <= len(digits) <= LONGEST_PHONE:
        return None
    spellings = [(text, region) for region in dict.fromkeys(_REGION.values())]
    spellings += [(f"+{digits}", "GB")] * digits.startswith(("44", "55"))
    found = [number for spelling, region in spellings if (number := _parsed(spelling, region))]
    found.sort(key=phonenumbers.is_valid_number, reverse=True)
    return phonenumbers.format_number(found[0], phonenumbers.PhoneNumberFormat.E164) if found else None


def queue_for(email: str) -> None:
    """Two requests for one address at the same moment must not both find nobody. SQLite has one writer at a time."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(select(func.pg_advisory_xact_lock(_BY_EMAIL, func.hashtext(email))))


def _clean(faults: dict[str, str], field: str, clean, *values: str) -> str:
    try:
        return clean(*values)
    except ValueError as error:
        faults[f"customer.{field}"] = str(error)
        return ""


def _name(value: str) -> str:
    name = one_line(value)
    if not any(character.isalnum() or ord(character) > 127 for character in name):
        raise ValueError(_("Tell us your name."))
    if len(name) > LONGEST_NAME:
        raise ValueError(_("Keep the name under %(most)s characters.", most=LONGEST_NAME))
    if not is_plain(name):
        raise ValueError(_("The name holds characters that cannot be shown. Type it again."))
    return name


def _email(value: str) -> str:
    email = value.strip()
    if not email:
        raise ValueError(_("Tell us your e-mail address: the confirmation goes there."))
    try:
        if not is_plain(email):
            raise EmailNotValidError
        # `.test` addresses are taken: shops try the whole way with them, and no customer types one by mistake.
        normalised = validate_email(email, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError:
        raise ValueError(_("This is not an e-mail address. Write it like name@example.com.")) from None
    if len(normalised) > LONGEST_EMAIL:
        raise ValueError(_("This e-mail address is too long."))
    return normalised


def _phone(value: str, locale: str) -> str:
    text = value.strip()
    if not text:
        raise ValueError(_("Tell us your phone number, in case we have a question."))
    found = [number for region in _regions(locale) if (number := _parsed(text, region))]
    # A number that is in use somewhere wins over one that merely has the right length.
    found.sort(key=phonenumbers.is_valid_number, reverse=True)
    if not found or len(text) > LONGEST_PHONE:
        raise ValueError(_("This is not a phone number. Write it like 07700 900418 or +44 7700 900418."))
    return phonenumbers.format_number(found[0], phonenumbers.PhoneNumberFormat.E164)


def _regions(locale: str) -> list[str]:
    return list(dict.fromkeys([_REGION.get(locale, "GB"), "GB"]))


def _parsed(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    reason = phonenumbers.is_possible_number_with_reason(number)
    return number if reason == phonenumbers.ValidationResult.IS_POSSIBLE else None


def _locale(value: str) -> str:
    language = value.strip().replace("-", "_").partition("_")[0].lower()
    if language not in _LOCALE_OF_LANGUAGE:
        raise ValueError(_("Choose one of: %(choices)s.", choices=", ".join(LOCALES)))
    return _LOCALE_OF_LANGUAGE[language]


def _folded(name: str) -> str:
    """The name as it is compared: case, width and spaces do not tell people apart."""
    return one_line(unicodedata.normalize("NFKC", name)).casefold()
