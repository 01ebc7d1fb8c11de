"""Puts the catalogue and the first price list into the database. Safe to run again: it only adds and mends."""

import csv
import json
from pathlib import Path

from sqlalchemy import select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.catalogue import RepairType, ServiceCategory
from shop.models.pricing import PriceRule, RuleSet
from shop.seed import price_rules, services
from shop.services.catalogue import import_devices

_DEVICES = Path(__file__).with_name("devices.csv")


def load_catalogue() -> None:
    """Categories, repair types, devices and the published rule set. The caller commits."""
    load_services()
    load_devices()
    load_rule_set()


def load_services() -> None:
    categories = {category.slug: category for category in db.session.scalars(select(ServiceCategory))}
    for position, seed in enumerate(services.CATEGORIES):
        category = categories.setdefault(seed.slug, ServiceCategory(slug=seed.slug))
        category.name, category.icon = seed.name, seed.icon
        category.description, category.position = seed.description, position
        db.session.add(category)
    db.session.flush()
    repair_types = {kind.slug: kind for kind in db.session.scalars(select(RepairType))}
    for position, seed in enumerate(services.REPAIR_TYPES):
        kind = repair_types.get(seed.slug) or RepairType(slug=seed.slug)
        kind.category_id, kind.position = categories[seed.category].id, position
        kind.name, kind.description, kind.fits = seed.name, seed.description, seed.fits
        kind.duration_minutes, kind.warranty_days = seed.minutes, seed.warranty
        kind.needs_part = seed.part
        db.session.add(kind)
    db.session.flush()


def load_devices() -> None:
    with _DEVICES.open(encoding="utf-8", newline="") as file:
        import_devices(csv.DictReader(file))


def load_rule_set() -> None:
    """The first version only: a shop that has published its own list keeps it."""
    if db.session.scalar(select(RuleSet.id).limit(1)):
        return
    rule_set = RuleSet(
        version=1,
        name=price_rules.NAME,
        state="published",
        currency=price_rules.CURRENCY,
        rates=json.dumps(price_rules.RATES),
        taxes=json.dumps(price_rules.TAXES),
        published_at=utc_now(),
    )
    rule_set.rules = [
        PriceRule(
            position=position,
            kind=rule.kind,
            scope=rule.scope,
            code=rule.code,
            label=rule.label,
            conditions=json.dumps(rule.conditions),
            effect=json.dumps(rule.effect),
            valid_from=rule.valid_from,
            valid_until=rule.valid_until,
            stacking_group=rule.stacking_group,
            stacking=rule.stacking,
        )
        for position, rule in enumerate(price_rules.seed_rules())
    ]
    db.session.add(rule_set)
    db.session.flush()
