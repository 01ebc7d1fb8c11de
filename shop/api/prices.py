"""What a repair costs."""

from shop import database
from shop.api import schemas
from shop.api.blueprint import blueprint, prices_limit
from shop.services import pricing

EXAMPLE = {
    "device_id": 32,
    "repair_type_ids": [1],
    "service_type": "in_store",
    "urgency": "standard",
    "currency": "GBP",
}


@blueprint.route("/pricing/calculate", methods=["POST"], tags=["Pricing"])
@prices_limit
@blueprint.arguments(schemas.PriceRequest, example=EXAMPLE)
@blueprint.response(200, schemas.Price)
@blueprint.problems(400, 413, 415, 422)
def calculate_price(body: dict):
    """The price of a repair, with its reasons

    Stores nothing. The same facts, time and demand always give the same price. Lines add up to the total.
    """
    with database.reading():
        return pricing.present(pricing.calculate(**body))
