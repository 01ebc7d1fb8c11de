"""The catalogue: find a device, what it can be repaired for, import and export."""

import base64
import binascii
import csv
import io
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

from flask_babel import gettext
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from shop.extensions import db
from shop.models.catalogue import DeviceCategory, DeviceModel, RepairType, ServiceCategory
from shop.models.device_index import DeviceCard, DeviceIndex, Ranking
from shop.models.device_rows import COLUMNS, OPTIONAL_COLUMNS, BadRow, RowFault, parse_device_row
from shop.models.errors import Invalid, NotFound

LARGEST_PAGE = 100
_indexes: WeakKeyDictionary = WeakKeyDictionary()
_building = Lock()


@dataclass(frozen=True, slots=True)
class Page:
    items: tuple[DeviceCard, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or with `is_applied` false what it would have done."""

    added: int
    updated: int
    unchanged: int
    bad: tuple[BadRow, ...]
    is_applied: bool


def search_devices(
    q: str | None,
    *,
    brand: str | None = None,
    category: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> Page:
    """Devices like `q`, best first, or without `q` all of them, the most repaired first.

    One statement. Retired devices never appear. Raises Invalid naming a bad category, limit or cursor.
    """
    _check_filters(category, limit)
    words = (q or "").strip()
    index = device_index()
    ranking = index.search(words) if words else Ranking(index.cards, {})
    wanted = [card for card in ranking.cards if _is_wanted(card, brand, category)]
    start = _start(wanted, cursor, is_search=bool(words))
    items = ranking.marked(wanted[start : start + limit])
    more = start + limit < len(wanted)
    return Page(tuple(items), _cursor(items[-1], start + limit, is_search=bool(words)) if more else None)


def _is_wanted(card: DeviceCard, brand: str | None, category: str | None) -> bool:
    return (not brand or card.brand.casefold() == brand.strip().casefold()) and (
        not category or card.category == category
    )


def _check_filters(category: str | None, limit: int) -> None:
    faults = {}
    if category and category not in set(DeviceCategory):
        faults["category"] = gettext("Choose one of: %(choices)s.", choices=", ".join(DeviceCategory))
    if not isinstance(limit, int) or not 1 <= limit <= LARGEST_PAGE:
        faults["limit"] = gettext("Ask for 1 to %(most)s devices at a time.", most=LARGEST_PAGE)
    if faults:
        raise Invalid(faults)


def _start(cards: list[DeviceCard], cursor: str | None, *, is_search: bool) -> int:
    if not cursor:
        return 0
    place = _read_cursor(cursor)
    if is_search and type(place) is int and 0 <= place <= 1_000_000:
        return place
    if not is_search and _is_browse_key(place):
        return bisect_right(cards, tuple(place), key=lambda card: card.browse_key)
    raise _bad_cursor()


def _is_browse_key(place) -> bool:
    return isinstance(place, list) and [type(part) for part in place] == [int, str, str, int]


def _cursor(last: DeviceCard, offset: int, *, is_search: bool) -> str:
    place = offset if is_search else list(last.browse_key)
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _read_cursor(cursor: str):
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        return json.loads(text)
    except (ValueError, binascii.Error, RecursionError):
        raise _bad_cursor() from None


def _bad_cursor() -> Invalid:
    return Invalid({"cursor": gettext("This place in the list is not known. Start again without it.")})


def device_index() -> DeviceIndex:
    """The search index of this database, built again when the catalogue has changed."""
    state = tuple(
        db.session.execute(select(func.count(), func.max(DeviceModel.updated_at)).select_from(DeviceModel)).one()
    )
    kept = _indexes.get(db.engine)
    if kept is None or kept[0] != state:
        with _building:
            kept = _indexes.get(db.engine)
            if kept is None or kept[0] != state:
                kept = _indexes[db.engine] = (state, DeviceIndex(_cards()))
    return kept[1]


def _cards() -> list[DeviceCard]:
    fields = (
        DeviceModel.id, DeviceModel.category, DeviceModel.brand, DeviceModel.family, DeviceModel.name,
        DeviceModel.model_numbers, DeviceModel.release_year, DeviceModel.tier, DeviceModel.popularity,
        DeviceModel.specs,
    )  # fmt: skip
    return [
        DeviceCard(
            id=row.id,
            category=row.category,
            brand=row.brand,
            family=row.family,
            name=row.name,
            model_numbers=tuple(number for number in row.model_numbers.split(";") if number),
            release_year=row.release_year,
            tier=row.tier,
            popularity=row.popularity,
            specs=json.loads(row.specs),
        )
        for row in db.session.execute(select(*fields).where(DeviceModel.retired_at.is_(None)))
    ]


def get_device(device_id: int) -> DeviceModel:
    """Raises NotFound for an unknown id. A retired device is found: old repairs point to it."""
    device = db.session.get(DeviceModel, device_id) if _is_id(device_id) else None
    if device is None:
        raise NotFound(gettext("This device is not in our catalogue."))
    return device


def find_device(device_id: int) -> DeviceModel | None:
    """A device that can be booked now, or None."""
    device = db.session.get(DeviceModel, device_id) if _is_id(device_id) else None
    return None if device is None or device.is_retired else device


def _is_id(value) -> bool:
    return type(value) is int and 0 < value < 2**31


def repair_types_for(device: DeviceModel) -> list[RepairType]:
    """What can be done to this device, in the order of the shelves."""
    return [kind for kind in list_repair_types() if kind.fits_device(device)]


def list_repair_types(ids: Iterable[int] | None = None) -> list[RepairType]:
    """What is offered, in the order of the shelves; with `ids` only those of them that are."""
    wanted = (
        select(RepairType)
        .where(RepairType.retired_at.is_(None))
        .options(joinedload(RepairType.category))
        .order_by(RepairType.position)
    )
    if ids is not None:
        wanted = wanted.where(RepairType.id.in_([key for key in ids if _is_id(key)]))
    return list(db.session.scalars(wanted))


def list_categories() -> list[ServiceCategory]:
    """The eight categories with their repair types."""
    return list(
        db.session.scalars(
            select(ServiceCategory)
            .options(selectinload(ServiceCategory.repair_types.and_(RepairType.retired_at.is_(None))))
            .order_by(ServiceCategory.position)
        )
    )


def list_brands() -> list[str]:
    """Brands with at least one device on offer, by name."""
    return list(
        db.session.scalars(
            select(DeviceModel.brand)
            .where(DeviceModel.retired_at.is_(None))
            .group_by(DeviceModel.brand)
            .order_by(func.lower(DeviceModel.brand))
        )
    )


def translated(msgid: str, params: Mapping | None = None) -> str:
    """A name or label from the data in the language of whoever reads."""
    text = gettext(msgid) if msgid else ""
    return text % params if params else text


def highlighted(card: DeviceCard) -> list[tuple[str, bool]]:
    """The name in pieces, each with whether the search matched it; for `<mark>` in a template."""
    pieces, done = [], 0
    for start, end in card.spans:
        pieces += [(card.name[done:start], False), (card.name[start:end], True)]
        done = end
    return [piece for piece in [*pieces, (card.name[done:], False)] if piece[0]]


def import_devices(rows: Iterable[Mapping], *, dry_run: bool = False, skip_bad: bool = False) -> ImportReport:
    """Adds or updates devices by brand and model; a second run of the same file changes nothing.

    A bad row is never imported. One bad row stops the whole import unless `skip_bad`.
    """
    known = {_identity(device.brand, device.name): device for device in db.session.scalars(select(DeviceModel))}
    good, bad = _checked_rows(rows, known_brands={device.brand for device in known.values()})
    is_applied = not dry_run and (skip_bad or not bad)
    added = [values for values in good if _identity(values["brand"], values["name"]) not in known]
    changes = [
        (device, values)
        for values in good
        if (device := known.get(_identity(values["brand"], values["name"])))
        and any(getattr(device, name) != value for name, value in values.items())
    ]
    if is_applied:
        _write_devices(added, changes)
    return ImportReport(
        added=len(added),
        updated=len(changes),
        unchanged=len(good) - len(added) - len(changes),
        bad=tuple(bad),
        is_applied=is_applied,
    )


def _checked_rows(rows: Iterable[Mapping], *, known_brands: set[str]) -> tuple[list[dict], list[BadRow]]:
    good, bad = [], []
    first_line: dict[tuple[str, str], int] = {}
    for number, row in enumerate(rows, start=2):
        line = getattr(rows, "line_num", number)
        try:
            values = parse_device_row(row, known_brands=known_brands)
            twin = first_line.setdefault(_identity(values["brand"], values["name"]), line)
            if twin != line:
                raise RowFault(f"the same device as line {twin}")
        except RowFault as fault:
            bad.append(BadRow(line, str(fault)))
        else:
            good.append(values)
    return good, bad


def _write_devices(added: list[dict], changes: list[tuple[DeviceModel, dict]]) -> None:
    db.session.add_all(DeviceModel(**values) for values in added)
    for device, values in changes:
        for name, value in values.items():
            setattr(device, name, value)
    db.session.flush()


def _identity(brand: str, name: str) -> tuple[str, str]:
    return brand.casefold(), name.casefold()


def export_devices() -> str:
    """The devices on offer as CSV that `import_devices` takes back unchanged."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, *OPTIONAL_COLUMNS))
    for device in db.session.scalars(
        select(DeviceModel).where(DeviceModel.retired_at.is_(None)).order_by(DeviceModel.id)
    ):
        specs = "" if device.specs == "{}" else device.specs
        writer.writerow(
            (device.category, device.brand, device.family, device.name, device.model_numbers,
             device.release_year or "", specs, device.source, device.tier, device.popularity)
        )  # fmt: skip
    return text.getvalue()
