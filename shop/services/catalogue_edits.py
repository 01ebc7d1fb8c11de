"""Staff work on the catalogue: add, change, retire, bring in a file. Each change is an event of its device."""

import csv
import io
from collections.abc import Mapping

from sqlalchemy import func, select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.catalogue import DeviceModel
from shop.models.device_rows import COLUMNS, OPTIONAL_COLUMNS, RowFault, parse_device_row
from shop.models.errors import Invalid, NotFound
from shop.services.catalogue import ImportReport, device_index, import_devices
from shop.services.events import hold, record
from shop.services.merging import merge

_FIELDS = (
    "category", "brand", "family", "name", "model_numbers", "release_year", "tier", "specs", "popularity", "source",
)  # fmt: skip


def add_device(cells: Mapping[str, str], *, actor: Actor) -> DeviceModel:
    """Adds a device from the cells of a file's row. Raises Invalid, also for one that exists already."""
    actor.require("catalogue.edit")
    values = _checked(cells)
    _refuse_twin(values, of=None)
    device = DeviceModel(**values, version=0)
    db.session.add(device)
    db.session.flush()
    hold(device)
    record("device_model.added", device, actor=actor, body={"changes": {"name": [None, device.name]}})
    return device


def change_device(
    device_id: int, cells: Mapping[str, str], *, base: Mapping[str, str] | None = None, actor: Actor
) -> DeviceModel:
    """Raises Invalid, NotFound. Saving what is there already changes nothing.

    With `base`, what the person saw before typing, it is merged with what a colleague saved meanwhile; raises Stale.
    """
    actor.require("catalogue.edit")
    device = _lock(device_id)
    if base:
        cells = merge(cells, base=base, now=cells_of(device))
    values = _checked(cells)
    _refuse_twin(values, of=device)
    _write(device, values, actor=actor)
    return device


def retire_device(device_id: int, *, actor: Actor) -> DeviceModel:
    """Takes a device out of every search; old repairs keep it. A second call changes nothing."""
    actor.require("catalogue.edit")
    device = _lock(device_id)
    if device.retired_at is None:
        device.retired_at = utc_now()
        record("device_model.retired", device, actor=actor)
    return device


def restore_device(device_id: int, *, actor: Actor) -> DeviceModel:
    """Puts a retired device on offer again. A second call changes nothing."""
    actor.require("catalogue.edit")
    device = _lock(device_id)
    if device.retired_at is not None:
        device.retired_at = None
        record("device_model.restored", device, actor=actor)
    return device


def import_file(text: str, *, actor: Actor, dry_run: bool) -> ImportReport:
    """Reads a CSV as `export_devices` writes it. Nothing is written if any line is bad, or on a dry run.

    Raises Invalid for something that is no such file.
    """
    actor.require("catalogue.edit")
    rows = _rows(text)
    before = {} if dry_run else {device.id: _state(device) for device in _lock_all()}
    try:
        report = import_devices(rows, dry_run=dry_run)
    except csv.Error as error:
        raise Invalid({"file": f"Line {rows.line_num} cannot be read: {error}."}) from None
    if report.is_applied:
        _record_import(before, actor=actor)
    return report


def search_ids(q: str) -> list[int]:
    """Ids of devices like `q`, best first: forgiving for those on offer, word by word for retired ones."""
    found = [card.id for card in device_index().search(q).cards]
    retired = select(DeviceModel.id).where(DeviceModel.retired_at.is_not(None))
    for word in q.lower().split():
        retired = retired.where(DeviceModel.search_text.contains(word, autoescape=True))
    return [*found, *db.session.scalars(retired.order_by(DeviceModel.name))]


def cells_of(device: DeviceModel) -> dict[str, str]:
    """A device as the row of a file, for a form."""
    return {
        "category": device.category,
        "brand": device.brand,
        "family": device.family,
        "model": device.name,
        "model_numbers": "; ".join(device.model_number_list),
        "release_year": str(device.release_year or ""),
        "specs_json": "" if device.specs == "{}" else device.specs,
        "source": device.source,
        "tier": device.tier,
        "popularity": str(device.popularity),
    }


def _checked(cells: Mapping[str, str]) -> dict:
    brands = set(db.session.scalars(select(DeviceModel.brand).distinct()))
    try:
        return parse_device_row(cells, known_brands=brands)
    except RowFault as fault:
        raise Invalid({"model": f"{fault}."}) from None


def _refuse_twin(values: dict, *, of: DeviceModel | None) -> None:
    same = (
        func.lower(DeviceModel.brand) == values["brand"].lower(),
        func.lower(DeviceModel.name) == values["name"].lower(),
        DeviceModel.id != (of.id if of else 0),
    )
    if db.session.scalar(select(DeviceModel.id).where(*same)):
        raise Invalid({"model": f"{values['brand']} {values['name']} is in the catalogue already."})


def _lock(device_id: int) -> DeviceModel:
    device = db.session.get(DeviceModel, device_id, with_for_update=True)
    if device is None:
        raise NotFound("This device is not in the catalogue.")
    hold(device)
    return device


def _lock_all() -> list[DeviceModel]:
    devices = list(db.session.scalars(select(DeviceModel).order_by(DeviceModel.id).with_for_update()))
    for device in devices:
        hold(device)
    return devices


def _write(device: DeviceModel, values: dict, *, actor: Actor) -> None:
    before = _state(device)
    for name, value in values.items():
        setattr(device, name, value)
    _record_change(device, before, actor=actor)


def _record_change(device: DeviceModel, before: dict, *, actor: Actor) -> None:
    now = _state(device)
    changes = {name: [before[name], now[name]] for name in _FIELDS if before[name] != now[name]}
    if changes:
        record("device_model.changed", device, actor=actor, body={"changes": changes})


def _record_import(before: dict[int, dict], *, actor: Actor) -> None:
    for device in _lock_all():
        if device.id in before:
            _record_change(device, before[device.id], actor=actor)
        else:
            record("device_model.added", device, actor=actor, body={"changes": {"name": [None, device.name]}})


def _state(device: DeviceModel) -> dict:
    return {name: getattr(device, name) for name in _FIELDS}


def _rows(text: str) -> csv.DictReader:
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = set(rows.fieldnames or ())
    except csv.Error as error:
        raise Invalid({"file": f"This is not a CSV file: {error}."}) from None
    missing = [name for name in COLUMNS if name not in header]
    unknown = sorted(name for name in header - {*COLUMNS, *OPTIONAL_COLUMNS})
    if missing or unknown:
        words = [f"no column {', '.join(missing)}"] if missing else []
        words += [f"an unknown column {', '.join(unknown)}"] if unknown else []
        raise Invalid({"file": f"The first line has {' and '.join(words)}. Start from an export."})
    return rows
