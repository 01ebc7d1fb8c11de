"""What people are good at, and what a repair asks for."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.catalogue import DeviceCategory, DeviceModel, RepairType, ServiceCategory
from shop.models.customer import Device
from shop.models.errors import Invalid
from shop.models.repair import Repair, RepairLine
from shop.models.roster import Skill
from shop.models.skills import Level, Needs
from shop.services.events import record
from shop.services.staff import lock_staff


@dataclass(frozen=True, slots=True)
class Subjects:
    """Everything a skill can be about: subject to the word for it, which is a msgid except for brands."""

    devices: dict[str, str]
    categories: dict[str, str]
    types: dict[str, str]
    brands: dict[str, str]

    @property
    def words(self) -> dict[str, str]:
        return {**self.devices, **self.categories, **self.types, **self.brands}


def list_subjects() -> Subjects:
    """Three statements."""
    categories = db.session.execute(
        select(ServiceCategory.slug, ServiceCategory.name).order_by(ServiceCategory.position)
    ).all()
    types = db.session.execute(
        select(RepairType.slug, RepairType.name).where(RepairType.retired_at.is_(None)).order_by(RepairType.position)
    ).all()
    brands = db.session.scalars(select(DeviceModel.brand).distinct().order_by(DeviceModel.brand)).all()
    return Subjects(
        devices={f"device:{category}": category.value for category in DeviceCategory},
        categories={f"category:{slug}": name for slug, name in categories},
        types={f"type:{slug}": name for slug, name in types},
        brands={f"brand:{brand.lower()}": brand for brand in brands},
    )


def set_skills(staff_id: int, levels: Mapping[str, str], *, actor: Actor) -> None:
    """Writes the named subjects and leaves the others; an empty level forgets one. The same again changes nothing.

    Raises Invalid for a level or a subject that does not exist.
    """
    actor.require("roster.manage")
    if any(level and level not in list(Level) for level in levels.values()):
        raise Invalid({"level": _("Choose one of the list.")})
    person = lock_staff(staff_id)
    rows = {row.subject: row for row in db.session.scalars(select(Skill).where(Skill.staff_id == staff_id))}
    changed = {
        subject: [rows[subject].level if subject in rows else "", level]
        for subject, level in levels.items()
        if (rows[subject].level if subject in rows else "") != level
    }
    if unknown := [subject for subject in changed if changed[subject][1] and not _exists(subject)]:
        raise Invalid({"subject": _("There is no such work: %(name)s.", name=unknown[0])})
    if not changed:
        return
    for subject, (_before, level) in changed.items():
        _write(staff_id, subject, level, rows.get(subject))
    record("staff.skills_changed", person, actor=actor, detail=changed)


def needs_of(repair_ids: Iterable[int]) -> dict[int, Needs]:
    """What each of these repairs asks for: two statements, whatever their number."""
    ids = list(repair_ids)
    if not ids:
        return {}
    lines = (
        select(RepairLine.repair_id, RepairType.slug, ServiceCategory.slug)
        .join(RepairType, RepairType.id == RepairLine.repair_type_id)
        .join(ServiceCategory, ServiceCategory.id == RepairType.category_id)
        .where(RepairLine.repair_id.in_(ids))
        .order_by(RepairLine.repair_id, RepairLine.position)
    )
    work: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for repair_id, kind, category in db.session.execute(lines):
        work[repair_id].append((kind, category))
    devices = (
        select(Repair.id, DeviceModel.category, DeviceModel.brand)
        .join(Device, Device.id == Repair.device_id)
        .outerjoin(DeviceModel, DeviceModel.id == Device.model_id)
        .where(Repair.id.in_(ids))
    )
    return {
        repair_id: Needs(tuple(work.get(repair_id, ())), category or "", brand or "")
        for repair_id, category, brand in db.session.execute(devices)
    }


def _exists(subject: str) -> bool:
    kind, _colon, name = subject.partition(":")
    if kind == "device":
        return name in list(DeviceCategory)
    columns = {"type": RepairType.slug, "category": ServiceCategory.slug}
    if kind in columns:
        return db.session.scalar(select(columns[kind]).where(columns[kind] == name)) is not None
    if kind == "brand":
        return any(brand.lower() == name for brand in db.session.scalars(select(DeviceModel.brand).distinct()))
    return False


def _write(staff_id: int, subject: str, level: str, row: Skill | None) -> None:
    if row is None:
        db.session.add(Skill(staff_id=staff_id, subject=subject, level=level))
    elif level:
        row.level = level
    else:
        db.session.delete(row)
