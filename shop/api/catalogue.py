"""Devices, and what can be done to them."""

from flask import jsonify

from shop.api import schemas
from shop.api.blueprint import blueprint, reads_limit, revalidated
from shop.models.device_index import DeviceCard
from shop.services import catalogue

_NOT_MODIFIED = {"description": "You have this already: its ETag was in your If-None-Match."}


@blueprint.route("/devices", tags=["Catalogue"])
@reads_limit
@blueprint.arguments(schemas.DeviceQuery, location="query")
@blueprint.response(200, schemas.DevicePage)
@blueprint.alt_response(304, **_NOT_MODIFIED, success=True)
@blueprint.problems(422)
def list_devices(query: dict):
    """Devices we repair

    With `q` the best match first, else the most repaired first.
    """
    query.pop("lang", None)
    page = catalogue.search_devices(query.pop("q", None), **query)
    return revalidated(jsonify(items=[_device(card) for card in page.items], next=page.next))


@blueprint.route("/services/categories", tags=["Catalogue"])
@reads_limit
@blueprint.arguments(schemas.CategoryQuery, location="query")
@blueprint.response(200, schemas.CategoryList)
@blueprint.alt_response(304, **_NOT_MODIFIED, success=True)
@blueprint.problems(422)
def list_categories(_query: dict):
    """Categories with their repair types"""
    items = [
        {
            "id": category.id,
            "slug": category.slug,
            "name": catalogue.translated(category.name),
            "repair_types": [_repair_type(kind) for kind in category.repair_types],
        }
        for category in catalogue.list_categories()
    ]
    return revalidated(jsonify(items=items))


def _device(card: DeviceCard) -> dict:
    # By hand: marshmallow would take longer for a page of a hundred than the search does.
    return {
        "id": card.id,
        "brand": card.brand,
        "category": card.category,
        "family": card.family,
        "name": card.name,
        "model_numbers": card.model_numbers,
        "release_year": card.release_year,
    }


def _repair_type(kind) -> dict:
    return {
        "id": kind.id,
        "slug": kind.slug,
        "name": catalogue.translated(kind.name),
        "duration_minutes": kind.duration_minutes,
        "warranty_days": kind.warranty_days,
    }
