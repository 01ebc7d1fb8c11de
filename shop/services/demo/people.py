"""Invented people. Their telephone numbers are those that Ofcom keeps for drama: nobody is rung by mistake."""

import random
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from faker import Faker

from shop.models.permissions import Role

PASSWORD = "demo-shop-2026"  # noqa: S105 - of people who do not exist; the command prints it
COLLEAGUES = (
    ("Ellie Frost", Role.OWNER),
    ("Maya Lind", Role.MANAGER),
    ("Priya Nair", Role.TECHNICIAN),
    ("Tom Adeyemi", Role.TECHNICIAN),
    ("Ola Berg", Role.TECHNICIAN),
    ("Marta Kowal", Role.FRONT_DESK),
    ("Olu Bello", Role.READ_ONLY),
)
DOMAIN = "revivatech.example"

_BRAZILIAN = 0.12
_DRAWS = 3_000
# https://www.ofcom.org.uk, "Telephone numbers for use in TV and radio drama programmes"
_MOBILE = "+447700900"
_LANDLINES = ("+442079460", "+441134960", "+441174960", "+441214960", "+441314960", "+441614960", "+441632960")
_MAILBOXES = ("example.com", "example.org", "example.net")


class Person(NamedTuple):
    name: str
    email: str
    phone: str
    locale: str


def email_of(colleague: str) -> str:
    return f"{colleague.split()[0].lower()}@{DOMAIN}"


def people(rng: random.Random) -> Callable[[], Person]:
    """A source of people. Faker is slow, so it gives the names once and they are combined for ever."""
    british, brazilian = _names("en_GB", rng), _names("pt_BR", rng)

    def invent() -> Person:
        is_brazilian = rng.random() < _BRAZILIAN
        firsts, lasts = brazilian if is_brazilian else british
        first, last = rng.choice(firsts), rng.choice(lasts)
        mailbox = f"{_plain(first)}.{_plain(last)}{rng.randrange(1, 9_999)}@{rng.choice(_MAILBOXES)}"
        return Person(f"{first} {last}", mailbox, _phone(rng), "pt_BR" if is_brazilian else "en")

    return invent


def _names(locale: str, rng: random.Random) -> tuple[list[str], list[str]]:
    fake = Faker(locale)
    fake.seed_instance(rng.getrandbits(64))
    firsts = dict.fromkeys(fake.first_name() for _ in range(_DRAWS))
    lasts = dict.fromkeys(fake.last_name() for _ in range(_DRAWS))
    return list(firsts), list(lasts)


def _phone(rng: random.Random) -> str:
    if rng.random() < 0.8:
        return f"{_MOBILE}{rng.randrange(1_000):03}"
    return f"{rng.choice(_LANDLINES)}{rng.randrange(1_000):03}"


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(letter for letter in letters.lower() if letter.isalnum())
