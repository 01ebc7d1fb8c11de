"""Stripe's events, and the endpoints that are told of them."""

from urllib.parse import urlsplit

from shop.simulator.store import Transaction, new_id
from shop.simulator.stripe_api import get
from shop.simulator.stripe_errors import invalid
from shop.simulator.stripe_forms import Params
from shop.simulator.stripe_http import Call, endpoint
from shop.simulator.stripe_lists import list_of

SHOP_ENDPOINT = "we_shop"
MOST_TYPES = 20


@endpoint("GET", "/events", "events.list")
def list_events(tx: Transaction, call: Call) -> dict:
    types = call.params.items_of("types")
    if len(types) > MOST_TYPES:
        raise invalid(f"At most {MOST_TYPES} types", param="types")
    wanted = {"type__in": types} if types else {}
    return list_of(tx, "event", call.params, "/v1/events", "type", **wanted)


@endpoint("GET", "/events/<id>")
def retrieve_event(tx: Transaction, call: Call) -> dict:
    return get(tx, "event", call)


@endpoint("POST", "/webhook_endpoints", "webhook_endpoints.create")
def create_endpoint(tx: Transaction, call: Call) -> dict:
    """The answer alone carries the secret."""
    made = endpoint_of(
        tx,
        new_id("we"),
        url=_url(call.params),
        secret=new_id("whsec", 32),
        api_version=call.params.text("api_version"),
        description=call.params.text("description"),
        enabled_events=_events(call.params),
        metadata=call.params.metadata(),
    )
    return tx.add("webhook_endpoint", made)


@endpoint("GET", "/webhook_endpoints", "webhook_endpoints.list")
def list_endpoints(tx: Transaction, call: Call) -> dict:
    page = list_of(tx, "webhook_endpoint", call.params, "/v1/webhook_endpoints")
    return page | {"data": [_without_secret(item) for item in page["data"]]}


@endpoint("GET", "/webhook_endpoints/<id>")
def retrieve_endpoint(tx: Transaction, call: Call) -> dict:
    return _without_secret(get(tx, "webhook_endpoint", call))


@endpoint("POST", "/webhook_endpoints/<id>", "webhook_endpoints.update")
def update_endpoint(tx: Transaction, call: Call) -> dict:
    found, params = get(tx, "webhook_endpoint", call), call.params
    if "url" in params:
        found["url"] = _url(params)
    if "enabled_events" in params:
        found["enabled_events"] = _events(params)
    if "disabled" in params:
        found["status"] = "disabled" if params.flag("disabled") else "enabled"
    if "description" in params:
        found["description"] = params.text("description")
    found["metadata"] = params.metadata(found["metadata"])
    return _without_secret(tx.save(found))


@endpoint("DELETE", "/webhook_endpoints/<id>")
def delete_endpoint(tx: Transaction, call: Call) -> dict:
    found = get(tx, "webhook_endpoint", call)
    tx.remove(found["id"])
    return {"id": found["id"], "object": "webhook_endpoint", "deleted": True}


def endpoint_of(tx: Transaction, endpoint_id: str, *, url: str, secret: str, **fields) -> dict:
    return {
        "id": endpoint_id,
        "object": "webhook_endpoint",
        "api_version": None,
        "application": None,
        "created": tx.now,
        "description": None,
        "enabled_events": ["*"],
        "livemode": False,
        "metadata": {},
        "secret": secret,
        "status": "enabled",
        "url": url,
    } | fields


def prepare(tx: Transaction) -> None:
    """The shop's own endpoint, as the settings have it now."""
    settings = tx.settings
    tx.remove(SHOP_ENDPOINT)
    if settings.shop_url:
        url = settings.shop_url.rstrip("/") + settings.stripe_webhook_path
        tx.add("webhook_endpoint", endpoint_of(tx, SHOP_ENDPOINT, url=url, secret=settings.stripe_webhook_secret))


def _url(params: Params) -> str:
    url = params.required("url")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise invalid("Not a valid URL", param="url", code="url_invalid")
    return url


def _events(params: Params) -> list[str]:
    names = params.items_of("enabled_events")
    if not names:
        raise invalid("Missing required param: enabled_events.", param="enabled_events", code="parameter_missing")
    return names


def _without_secret(found: dict) -> dict:
    return {key: value for key, value in found.items() if key != "secret"}
