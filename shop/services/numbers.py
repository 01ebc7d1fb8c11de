"""Numbers as they are scanned, typed or pasted: ticket numbers, IMEIs, phones, serial numbers, tracking links.

Reading them is pure; `look_up` asks the database for all of them in one statement, by exact indexes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import CompoundSelect, Select, String, bindparam, literal, select, union, union_all

from shop.extensions import db
from shop.models.customer import Customer, Device, is_imei
from shop.models.repair import Repair
from shop.services.customers import find_phone
from shop.services.statements import as_written

MOST = 200
LONGEST_PASTE = 20_000
# A phone can be on many repairs; more of them than this are not listed.
MOST_FOUND = 1_000
KINDS = ("ticket", "link", "imei", "serial", "phone")

_BREAKS = re.compile(r"[\n\r\t,;|]+")
_LINK = re.compile(r"https?://\S+?/(?:t|track)/([A-Za-z0-9_-]{8,32})(?:[/?#]\S*)?", re.IGNORECASE)
_TICKET_LINK = re.compile(r"https?://\S+?/(RT-\d{1,9})(?:[/?#]\S*)?", re.IGNORECASE)
_TICKET = re.compile(r"#?\s*RT[\s-]*(\d{1,9})|#?(\d{5,8})|#(\d{1,9})", re.IGNORECASE)
# Grouped as on a box, or as a phone shows it; without its check digit, or as an IMEISV, only in one piece.
_IMEI = re.compile(r"\d[\d\s./-]{13,24}\d|\d{14}")
_PHONE = re.compile(r"(\+|00|\(?0|\()?[\d\s().-]{7,20}")
_SERIAL = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9-]{8,40}")
_MOST_PARTS = 5


@dataclass(frozen=True, slots=True)
class Number:
    """`typed` as it was written, without spaces inside; `key` as it is stored."""

    typed: str
    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Pasted:
    """Several numbers. `strange` are words between them that are no number, `twice` what stood there again,
    `left_out` how many came after the first MOST."""

    numbers: tuple[Number, ...]
    strange: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()
    left_out: int = 0

    @property
    def text(self) -> str:
        """The same in the shortest form that reads the same again."""
        return ",".join([*(number.typed for number in self.numbers), *self.strange, *self.twice])


@dataclass(frozen=True, slots=True)
class Report:
    """What became of pasted numbers: how many have a ticket, which have none, which have several."""

    found: int
    missing: tuple[str, ...]
    several: tuple[tuple[str, int], ...]
    pasted: Pasted

    @property
    def all(self) -> int:
        return len(self.pasted.numbers)


@lru_cache(maxsize=256)
def read_list(text: str) -> Pasted | None:
    """The numbers of a text that holds two or more; None for anything else, such as a name or one number."""
    segments = [part.strip() for part in _BREAKS.split(text) if part.strip()]
    found = [part for segment in segments for part in _parts(segment)]
    numbers = [part for part in found if isinstance(part, Number)]
    strange = tuple(dict.fromkeys(part for part in found if isinstance(part, str)))
    # Without commas or line ends it is a list only if there is nothing else in it: "iPhone 14 10482" is a search.
    if len(numbers) < 2 or (len(segments) == 1 and (strange or any(map(_may_be_a_word, numbers)))):
        return None
    first: dict[tuple[str, str], Number] = {}
    twice = []
    for number in numbers:
        known = first.setdefault((number.kind, number.key), number)
        if known is not number:
            twice.append(number.typed)
    kept = tuple(first.values())
    return Pasted(kept[:MOST], strange[:MOST], tuple(dict.fromkeys(twice)), max(0, len(kept) - MOST))


def read_one(text: str) -> Number | None:
    """The number that the whole text is, however it is spelled; None for words."""
    text = text.strip()
    if match := _LINK.fullmatch(text):
        return Number(text, "link", match[1])
    if match := _TICKET_LINK.fullmatch(text):
        return Number(text, "ticket", match[1].upper())
    typed = re.sub(r"\s", "", text)
    if match := _TICKET.fullmatch(text):
        return Number(typed, "ticket", f"RT-{int(match[1] or match[2] or match[3])}")
    if _IMEI.fullmatch(text) and (imei := _imei(re.sub(r"\D", "", text), is_whole=text.isdecimal())):
        return Number(typed, "imei", imei)
    if _PHONE.fullmatch(text) and (phone := find_phone(text)):
        return Number(typed, "phone", phone)
    return Number(typed, "serial", text.upper()) if _SERIAL.fullmatch(text) else None


def look_up(numbers: Sequence[Number]) -> dict[Number, list[str]]:
    """The ticket numbers that each of them stands for, newest first; an empty list for one that is not found."""
    statement = _statement(tuple(sorted({number.kind for number in numbers})))
    found: dict[Number, list[str]] = {number: [] for number in numbers}
    keys = {(number.kind, number.key): number for number in numbers}
    for kind, key, ticket in db.session.connection().execute(statement, values(numbers)):
        number = keys.get((kind, key.upper() if kind == "serial" else key))
        if number and ticket not in found[number]:
            found[number].append(ticket)
    return found


def report(pasted: Pasted) -> Report:
    found = look_up(pasted.numbers)
    return Report(
        found=sum(map(bool, found.values())),
        missing=tuple(number.typed for number, tickets in found.items() if not tickets),
        several=tuple((number.typed, len(tickets)) for number, tickets in found.items() if len(tickets) > 1),
        pasted=pasted,
    )


def find_only(text: str) -> str | None:
    """The ticket that this one number stands for, if it is one ticket and no more; None for names and words."""
    number = read_one(text)
    tickets = look_up([number])[number] if number else []
    return tickets[0] if len(tickets) == 1 else None


def ids(kinds: tuple[str, ...]) -> CompoundSelect:
    """The ids of all repairs that numbers of these kinds stand for; parameters as in `values`."""
    return union(*(_source(kind, Repair.id) for kind in kinds))


def values(numbers: Sequence[Number]) -> dict[str, list[str]]:
    keys: dict[str, list[str]] = {}
    for number in numbers:
        keys.setdefault(f"{number.kind}_keys", []).append(number.key)
    # Serial numbers are kept as they were typed at intake.
    serials = [number.typed for number in numbers if number.kind == "serial"]
    if serials:
        keys["serial_keys"] = list(dict.fromkeys([*keys["serial_keys"], *serials]))
    return keys


@lru_cache(maxsize=64)
def _statement(kinds: tuple[str, ...]):
    parts = [_source(kind, literal(kind, String), _key(kind), Repair.number) for kind in kinds]
    found = union_all(*parts).subquery() if len(parts) > 1 else parts[0].subquery()
    kind, key, number = found.c
    return select(kind, key, number).order_by(number.desc()).limit(as_written(MOST_FOUND))


def _source(kind: str, *columns) -> Select:
    query = select(*columns).select_from(Repair)
    if kind in ("imei", "serial"):
        query = query.join(Device, Device.id == Repair.device_id)
    if kind == "phone":
        query = query.join(Customer, Customer.id == Repair.customer_id)
    return query.where(_key(kind).in_(bindparam(f"{kind}_keys", expanding=True, type_=String)))


def _key(kind: str):
    return {
        "ticket": Repair.number,
        "link": Repair.tracking_token,
        "imei": Device.imei,
        "serial": Device.serial,
        "phone": Customer.phone,
    }[kind]


def _parts(segment: str) -> list[Number | str]:
    """The numbers between two commas or line ends. A phone or an IMEI may be written with spaces in it."""
    words = segment.split()
    if (whole := read_one(segment)) and (len(words) == 1 or not _is_row_of_tickets(words)):
        return [whole]
    found: list[Number | str] = []
    place = 0
    while place < len(words):
        longest = min(len(words), place + _MOST_PARTS)
        ends = (end for end in range(longest, place + 1, -1) if _is_spelled_apart(words[place:end]))
        taken = next(ends, place + 1)
        text = " ".join(words[place:taken])
        found.append(read_one(text) or text)
        place = taken
    return found if any(isinstance(part, Number) for part in found) else [segment]


def _is_spelled_apart(words: list[str]) -> bool:
    """Whether these are one phone ("07700 900418") or one IMEI ("49 015420 323751 8"), not several numbers."""
    if not words[0].startswith(("+", "0", "(")) and _is_row_of_tickets(words):
        return False
    if not all(re.fullmatch(r"[+()\d./-]+", word) for word in words):
        return False
    number = read_one(" ".join(words))
    return number is not None and number.kind in ("phone", "imei")


def _is_row_of_tickets(words: list[str]) -> bool:
    return all(re.fullmatch(r"\d{5,8}", word) for word in words)


def _may_be_a_word(number: Number) -> bool:
    """A model ("iphone14promax") looks like a serial number; those are scanned in capitals."""
    return number.kind == "serial" and number.typed != number.typed.upper()


def _imei(digits: str, *, is_whole: bool) -> str | None:
    """The IMEI as stored; of an IMEISV, or of one without its check digit, the same with the digit added."""
    if len(digits) == 15:
        return digits if is_imei(digits) else None
    if not is_whole or len(digits) not in (14, 16) or digits.startswith("00"):
        return None
    return next(imei for last in range(10) if is_imei(imei := f"{digits[:14]}{last}"))
