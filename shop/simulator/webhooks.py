"""What the companies have to tell the shop: events, written in the transaction that made them true, and how they shall
be delivered: late, twice, in another order or not at all, if somebody asked for that.
"""

import random
import uuid
from datetime import UTC, datetime

from shop.simulator.store import Transaction, new_code, new_id, shown

STRIPE_VERSION = "2023-08-16"
CONTROLS = {"delay": 0.0, "duplicates": 0, "reorder": 0.0, "drop": 0, "paused": False}
METADATA_PREFIX = "simulate_"
_EVERYTHING = "*"


def emit_stripe(tx: Transaction, kind: str, subject: dict, previous: dict | None = None) -> dict:
    """Writes the event and one delivery for each endpoint that wants it."""
    ids = {"stripe", subject["id"], *(subject.get(key) for key in ("payment_intent", "charge"))}
    endpoints = [
        endpoint
        for endpoint in tx.select("webhook_endpoint", status="enabled")
        if _wants(endpoint["enabled_events"], kind)
    ]
    version = next((endpoint["api_version"] for endpoint in endpoints if endpoint["api_version"]), STRIPE_VERSION)
    event = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": version,
        "created": tx.now,
        "data": {"object": shown(subject)} | ({"previous_attributes": previous} if previous else {}),
        "livemode": False,
        "pending_webhooks": len(endpoints),
        "request": {"id": tx.origin.request_id, "idempotency_key": tx.origin.idempotency_key},
        "type": kind,
    }
    tx.add("event", event)
    controls = controls_of(tx, ids, subject.get("metadata"))
    _deliver(tx, "stripe", event["id"], [endpoint["id"] for endpoint in endpoints], controls)
    return event


def emit_paypal(tx: Transaction, kind: str, resource: dict, *, resource_type: str, summary: str, about: set) -> dict:
    """`about` are the ids that belong together: the order, the capture, the refund."""
    event = {
        "id": f"WH-{new_code()}-{new_code()}",
        "event_version": "1.0",
        "create_time": timestamp(tx.clock, milliseconds=True),
        "resource_type": resource_type,
        "resource_version": "2.0",
        "event_type": kind,
        "summary": summary,
        "resource": shown(resource),
    }
    event["links"] = [
        {"href": f"{tx.origin.api_url}/v1/notifications/webhooks-events/{event['id']}", "rel": "self", "method": "GET"},
        {"href": f"{tx.origin.api_url}/v1/notifications/webhooks-events/{event['id']}/resend", "rel": "resend",
         "method": "POST"},
    ]  # fmt: skip
    tx.add("paypal_event", event | {"_transmission_id": str(uuid.uuid4()), "_base": tx.origin.api_url})
    hooks = [
        hook["id"] for hook in tx.select("paypal_webhook") if _wants([e["name"] for e in hook["event_types"]], kind)
    ]
    _deliver(tx, "paypal", event["id"], hooks, controls_of(tx, {"paypal", *about}))
    return event


def controls_of(tx: Transaction, ids: set, metadata: dict | None = None) -> dict:
    """The rules for everything, then for the company, then for the objects that the event is about."""
    found = dict(CONTROLS)
    for subject in sorted((key for key in ids if key), key=lambda key: key not in ("stripe", "paypal")):
        found |= tx.meta(f"controls:{subject}", {})
    for name, value in (metadata or {}).items():
        control = name.removeprefix(METADATA_PREFIX)
        if name.startswith(METADATA_PREFIX) and control in CONTROLS and value.replace(".", "", 1).isdigit():
            found[control] = type(CONTROLS[control])(float(value))
    return found


def set_controls(tx: Transaction, subject: str, changes: dict) -> dict:
    """`subject` is a company's name or an object's id. Raises ValueError for an unknown or unusable control."""
    for name, value in changes.items():
        if name not in CONTROLS or isinstance(value, str) or value is None or value < 0:
            raise ValueError(name)
    controls = tx.meta(f"controls:{subject}", {}) | changes
    tx.set_meta(f"controls:{subject}", controls)
    tx.told = True
    return CONTROLS | controls


def resend(tx: Transaction, provider: str, event_ids: list[str]) -> int:
    """Delivers these events once more to every endpoint of their company, whatever became of them before."""
    kind = "webhook_endpoint" if provider == "stripe" else "paypal_webhook"
    endpoints = [endpoint["id"] for endpoint in tx.select(kind)]
    for event_id in event_ids:
        _deliver(tx, provider, event_id, endpoints, dict(CONTROLS))
    return len(event_ids) * len(endpoints)


def timestamp(seconds: float, *, milliseconds: bool = False) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{moment.microsecond // 1000:03d}Z" if milliseconds else "Z")


def _wants(names: list[str], kind: str) -> bool:
    return _EVERYTHING in names or kind in names


def _deliver(tx: Transaction, provider: str, event_id: str, endpoints: list[str], controls: dict) -> None:
    state = "dropped" if _takes_drop(tx, provider, controls) else "waiting"
    for endpoint in endpoints:
        for _ in range(1 + int(controls["duplicates"])):
            due = tx.clock + controls["delay"] + random.random() * controls["reorder"]
            row = (provider, event_id, endpoint, due, state)
            tx.connection.execute(
                "INSERT INTO deliveries (provider, event_id, endpoint_id, due, state) VALUES (?, ?, ?, ?, ?)", row
            )
    tx.told = tx.told or bool(endpoints)


def _takes_drop(tx: Transaction, provider: str, controls: dict) -> bool:
    """True if this event shall be lost; `drop` counts how many more of the company's will be."""
    if controls["drop"] and (left := tx.meta(f"controls:{provider}", {})).get("drop"):
        tx.set_meta(f"controls:{provider}", left | {"drop": left["drop"] - 1})
    return bool(controls["drop"])
