"""One line of a device file: read, checked, and told in words what is wrong with it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from shop.models.catalogue import DeviceCategory
from shop.models.device_tiers import TIERS, derive_popularity, derive_tier

COLUMNS = ("category", "brand", "family", "model", "model_numbers", "release_year", "specs_json", "source")
OPTIONAL_COLUMNS = ("tier", "popularity")
_LONGEST = {"brand": 60, "family": 80, "model": 160, "model_numbers": 2000, "source": 2000}
_REQUIRED = ("category", "brand", "model")
_SPREADSHEET_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_YEARS = range(1970, 2101)


@dataclass(frozen=True, slots=True)
class BadRow:
    """`line` counts from 1 with the header, as an editor shows it."""

    line: int
    reason: str


class RowFault(ValueError):
    """The reason, for a person."""


def parse_device_row(row: Mapping, *, known_brands: Collection[str]) -> dict:
    """Column values of a DeviceModel. Raises RowFault with everything that is wrong in one sentence."""
    cells = {name: (row.get(name) or "").strip() for name in (*COLUMNS, *OPTIONAL_COLUMNS)}
    faults = [*_shape_faults(row), *_text_faults(cells), *_brand_faults(cells["brand"], known_brands)]
    year, specs = _year(cells["release_year"], faults), _specs(cells["specs_json"], faults)
    tier, popularity = _tier(cells, faults), _popularity(cells["popularity"], faults)
    if faults:
        raise RowFault("; ".join(faults))
    tier = tier or derive_tier(cells["category"], brand=cells["brand"], name=cells["model"])
    if popularity is None:
        popularity = derive_popularity(brand=cells["brand"], release_year=year, specs=specs, tier=tier)
    numbers = [number.strip() for number in cells["model_numbers"].split(";") if number.strip()]
    return {
        "category": cells["category"],
        "brand": cells["brand"],
        "family": cells["family"],
        "name": cells["model"],
        "model_numbers": ";".join(dict.fromkeys(numbers)),
        "release_year": year,
        "tier": tier,
        "specs": json.dumps(specs, ensure_ascii=False, sort_keys=True),
        "search_text": " ".join([cells["brand"], cells["family"], cells["model"], *numbers]).lower(),
        "popularity": popularity,
        "source": cells["source"],
    }


def _shape_faults(row: Mapping) -> list[str]:
    return ["the line has more cells than the header"] if None in row else []


def _text_faults(cells: Mapping[str, str]) -> list[str]:
    faults = [f"“{name}” is missing" for name in _REQUIRED if not cells[name]]
    if cells["category"] and cells["category"] not in TIERS:
        faults.append(f"“category” is “{_short(cells['category'])}”, not one of {', '.join(DeviceCategory)}")
    faults += [
        f"“{name}” is longer than {most} characters" for name, most in _LONGEST.items() if len(cells[name]) > most
    ]
    faults += [
        f"“{name}” starts with a sign that spreadsheets run as a formula"
        for name in ("brand", "family", "model", "model_numbers")
        if cells[name].startswith(_SPREADSHEET_FORMULA)
    ]
    return faults + [
        f"“{name}” holds a control character"
        for name in COLUMNS
        if any(ord(character) < 32 for character in cells[name])
    ]


def _brand_faults(brand: str, known: Collection[str]) -> list[str]:
    """A new brand is welcome; one that looks like a slip of a known one is not."""
    if not brand or brand in known:
        return []
    near = process.extractOne(brand, known, scorer=fuzz.ratio, score_cutoff=80, processor=str.lower)
    return [f"brand “{_short(brand)}” is unknown, did you mean {near[0]}?"] if near else []


def _year(text: str, faults: list[str]) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or int(text[:9]) not in _YEARS:
        faults.append(f"“release_year” is “{_short(text)}”")
        return None
    return int(text)


def _specs(text: str, faults: list[str]) -> dict:
    try:
        specs = json.loads(text or "{}")
    except (ValueError, RecursionError):
        specs = None
    if not isinstance(specs, dict):
        faults.append("“specs_json” is not a JSON object")
        return {}
    return specs


def _tier(cells: Mapping[str, str], faults: list[str]) -> str:
    tier, allowed = cells["tier"], TIERS.get(cells["category"], ())
    if tier and allowed and tier not in allowed:
        faults.append(f"“tier” is “{_short(tier)}”, not one of {', '.join(allowed)}")
    return tier


def _popularity(text: str, faults: list[str]) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 6:
        faults.append(f"“popularity” is “{_short(text)}”, not a whole number")
        return None
    return int(text)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
