import threading

import pytest

from shop.extensions import db
from shop.models.customer import Customer
from shop.models.errors import Invalid
from shop.services.customers import clean_details, find_or_create
from tests import factories
from tests.bookings import details


@pytest.mark.parametrize(
    ("typed", "locale", "kept"),
    [
        ("07700 900418", "en", "+447700900418"),
        ("+44 (0)7700 900418", "en", "+447700900418"),
        ("(11) 98765-4321", "pt_BR", "+5511987654321"),
        ("020 7946 0418", "pt_BR", "+442079460418"),
        ("+1 202 555 0123", "en", "+12025550123"),
    ],
)
def test_clean_details_keeps_phones_in_one_form(app, typed, locale, kept):
    assert clean_details(details(phone=typed, locale=locale)).phone == kept


@pytest.mark.parametrize("name", ["Ana 😀 Souza", "محمد علي", "יעל כהן", "O’Brien-Łukasz", "李", "👩‍🔧"])
def test_clean_details_takes_names_of_every_script(app, name):
    assert clean_details(details(name=f"  {name}  ")).name == name


def test_clean_details_keeps_email_in_lower_case_and_locale_as_ours(app):
    cleaned = clean_details(details(email=" Hannah@Example.COM ", locale="pt-BR"))

    assert (cleaned.email, cleaned.locale) == ("hannah@example.com", "pt_BR")


@pytest.mark.parametrize("email", ["o'brien+shop@sub.example.co.uk", "ana@bücher.example", "race7@shop.test"])
def test_clean_details_takes_addresses_of_every_kind(app, email):
    assert clean_details(details(email=email)).email == email


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", " \u00a0 "),
        ("name", "-"),
        ("name", "x" * 121),
        ("name", "Han\x00nah"),
        ("name", "Han\x1bnah"),
        ("name", "Hannah\u202egnp.exe"),
        ("name", "\ud800"),
        ("email", ""),
        ("email", "hannah"),
        ("email", "hannah@localhost"),
        ("email", "han\x00nah@example.com"),
        ("email", "\udc00@example.com"),
        ("email", f"{'x' * 300}@example.com"),
        ("phone", ""),
        ("phone", "call me"),
        ("phone", "123"),
        ("phone", "9" * 60),
        ("phone", "\x00"),
        ("locale", "tlh"),
        ("locale", ""),
    ],
)
def test_clean_details_names_the_field_that_cannot_be_used(app, field, value):
    with pytest.raises(Invalid) as refusal:
        clean_details(details(**{field: value}))

    assert list(refusal.value.fields) == [f"customer.{field}"]


def test_find_or_create_finds_whoever_has_both_address_and_name(app, session):
    hannah = factories.customer("Hannah Whitcombe", email="hannah@example.com")

    found = find_or_create(clean_details(details(name="hannah  WHITCOMBE", email="Hannah@example.com")))

    assert found is hannah


def test_find_or_create_never_overwrites_what_is_on_file(app, session):
    factories.customer("Hannah Whitcombe", phone="+447700900418", locale="en")

    found = find_or_create(clean_details(details(phone="07700 900999", locale="pt_BR")))

    assert (found.phone, found.locale) == ("+447700900418", "en")


def test_find_or_create_takes_another_name_at_the_address_for_another_person(app, session):
    hannah = factories.customer("Hannah Whitcombe")

    other = find_or_create(clean_details(details(name="Peter Whitcombe")))

    assert other.id != hannah.id
    assert session.query(Customer).filter_by(email="hannah@example.com").count() == 2


def test_find_or_create_makes_one_customer_of_bookings_at_the_same_moment(app, session):
    found, start, cleaned = [], threading.Barrier(8), clean_details(details())
    session.remove()

    def find() -> None:
        with app.app_context():
            start.wait(timeout=10)
            found.append(find_or_create(cleaned).id)
            db.session.commit()

    threads = [threading.Thread(target=find) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert len(found) == 8
    assert len(set(found)) == 1
