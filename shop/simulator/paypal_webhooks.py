"""PayPal's webhooks: who is told, the events, and whether a message is really PayPal's."""

import json
from urllib.parse import urlsplit

from flask import Response, abort, request

from shop.simulator import webhooks
from shop.simulator.paypal_errors import PayPalError
from shop.simulator.paypal_http import Call, Reply, blueprint, endpoint
from shop.simulator.runtime import simulator
from shop.simulator.signatures import ALGORITHM, paypal_message
from shop.simulator.store import Transaction, new_code

_VERIFIED = ("auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time", "webhook_id")
_TYPES = (
    "CHECKOUT.ORDER.APPROVED CHECKOUT.ORDER.COMPLETED CHECKOUT.PAYMENT-APPROVAL.REVERSED CUSTOMER.DISPUTE.CREATED "
    "CUSTOMER.DISPUTE.RESOLVED CUSTOMER.DISPUTE.UPDATED PAYMENT.AUTHORIZATION.CREATED PAYMENT.AUTHORIZATION.VOIDED "
    "PAYMENT.CAPTURE.COMPLETED PAYMENT.CAPTURE.DECLINED PAYMENT.CAPTURE.DENIED PAYMENT.CAPTURE.PENDING "
    "PAYMENT.CAPTURE.REFUNDED PAYMENT.CAPTURE.REVERSED PAYMENT.REFUND.FAILED PAYMENT.REFUND.PENDING"
)
EVENT_TYPES = tuple(_TYPES.split())


@endpoint("POST", "/v1/notifications/webhooks")
def create_webhook(tx: Transaction, call: Call) -> Reply:
    made = {"id": new_code(), "url": _url(call.body), "event_types": _types(call.body)}
    return Reply(201, _linked(tx, tx.add("paypal_webhook", made)))


@endpoint("GET", "/v1/notifications/webhooks")
def list_webhooks(tx: Transaction, call: Call) -> Reply:
    return Reply(200, {"webhooks": [_linked(tx, hook) for hook in tx.select("paypal_webhook")]})


@endpoint("GET", "/v1/notifications/webhooks/<id>")
def get_webhook(tx: Transaction, call: Call) -> Reply:
    return Reply(200, _linked(tx, _find(tx, call, "paypal_webhook")))


@endpoint("PATCH", "/v1/notifications/webhooks/<id>", takes=list)
def patch_webhook(tx: Transaction, call: Call) -> Reply:
    hook = _find(tx, call, "paypal_webhook")
    for operation in call.body:
        if not isinstance(operation, dict):
            raise PayPalError("INVALID_PARAMETER_SYNTAX", field="/0")
        name, value = str(operation.get("path", "")).strip("/"), operation.get("value")
        if operation.get("op") != "replace" or name not in ("url", "event_types"):
            raise PayPalError("INVALID_PARAMETER_VALUE", field="/0/path")
        hook[name] = _url({"url": value}) if name == "url" else _types({"event_types": value})
    return Reply(200, _linked(tx, tx.save(hook)))


@endpoint("DELETE", "/v1/notifications/webhooks/<id>")
def delete_webhook(tx: Transaction, call: Call) -> Reply:
    tx.remove(_find(tx, call, "paypal_webhook")["id"])
    return Reply(204, None)


@endpoint("GET", "/v1/notifications/webhooks-event-types")
def list_event_types(tx: Transaction, call: Call) -> Reply:
    return Reply(
        200, {"event_types": [{"name": name, "description": name, "status": "ENABLED"} for name in EVENT_TYPES]}
    )


@endpoint("GET", "/v1/notifications/webhooks-events")
def list_events(tx: Transaction, call: Call) -> Reply:
    size = request.args.get("page_size", "10")
    wanted = {"event_type": request.args["event_type"]} if "event_type" in request.args else {}
    wanted |= {"create_time__gte": request.args["start_time"]} if "start_time" in request.args else {}
    wanted |= {"create_time__lte": request.args["end_time"]} if "end_time" in request.args else {}
    found = tx.select("paypal_event", limit=int(size) if size.isdigit() else 10, **wanted)
    return Reply(200, {"events": found, "count": len(found), "links": []})


@endpoint("GET", "/v1/notifications/webhooks-events/<id>")
def get_event(tx: Transaction, call: Call) -> Reply:
    return Reply(200, _find(tx, call, "paypal_event"))


@endpoint("POST", "/v1/notifications/webhooks-events/<id>/resend")
def resend_event(tx: Transaction, call: Call) -> Reply:
    event = _find(tx, call, "paypal_event")
    webhooks.resend(tx, "paypal", [event["id"]])
    return Reply(202, event)


@endpoint("POST", "/v1/notifications/verify-webhook-signature")
def verify_signature(tx: Transaction, call: Call) -> Reply:
    """Looks at the very bytes of `webhook_event` in the request, as PayPal does."""
    missing = next((name for name in (*_VERIFIED, "webhook_event") if name not in call.body), None)
    if missing:
        raise PayPalError("MISSING_REQUIRED_PARAMETER", field=f"/{missing}")
    given = {name: str(call.body[name]) for name in _VERIFIED}
    event = raw_member(call.raw.decode(), "webhook_event").encode()
    message = paypal_message(given["transmission_id"], given["transmission_time"], given["webhook_id"], event)
    signer = simulator().signer
    signed = (
        given["auth_algo"] == ALGORITHM
        and tx.find(given["webhook_id"], "paypal_webhook") is not None
        and urlsplit(given["cert_url"]).path.endswith(f"/v1/notifications/certs/{signer.certificate_name}")
        and signer.is_signed(message, given["transmission_sig"])
    )
    return Reply(200, {"verification_status": "SUCCESS" if signed else "FAILURE"})


@blueprint.get("/v1/notifications/certs/<name>")
def certificate(name: str) -> Response:
    signer = simulator().signer
    if name != signer.certificate_name:
        abort(404)
    return Response(signer.certificate, mimetype="application/x-pem-file")


def raw_member(text: str, wanted: str) -> str:
    """The text of one member of a JSON object, byte for byte as it stands there. Raises KeyError."""
    decoder = json.JSONDecoder()
    at = text.index("{") + 1
    while True:
        at = _after(text, at, " \t\r\n,")
        if text[at] == "}":
            raise KeyError(wanted)
        name, at = decoder.raw_decode(text, at)
        at = _after(text, at, " \t\r\n:")
        _, end = decoder.raw_decode(text, at)
        if name == wanted:
            return text[at:end]
        at = end


def prepare(tx: Transaction) -> None:
    """The shop's own webhook, as the settings have it now."""
    settings = tx.settings
    tx.remove(settings.paypal_webhook_id)
    if settings.shop_url:
        url = settings.shop_url.rstrip("/") + settings.paypal_webhook_path
        hook = {"id": settings.paypal_webhook_id, "url": url, "event_types": [{"name": "*"}]}
        tx.add("paypal_webhook", hook)


def _after(text: str, at: int, skipped: str) -> int:
    while text[at] in skipped:
        at += 1
    return at


def _find(tx: Transaction, call: Call, kind: str) -> dict:
    found = tx.find(call.ids["id"], kind)
    if found is None:
        raise PayPalError("INVALID_RESOURCE_ID", field="id", value=call.ids["id"])
    return found


def _linked(tx: Transaction, hook: dict) -> dict:
    here = f"{tx.origin.api_url}/v1/notifications/webhooks/{hook['id']}"
    rels = (("self", "GET"), ("update", "PATCH"), ("delete", "DELETE"))
    return hook | {"links": [{"href": here, "rel": rel, "method": method} for rel, method in rels]}


def _url(body: dict) -> str:
    url = body.get("url")
    if not isinstance(url, str):
        raise PayPalError("MISSING_REQUIRED_PARAMETER", field="/url")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise PayPalError("INVALID_PARAMETER_SYNTAX", field="/url", value=url)
    return url


def _types(body: dict) -> list[dict]:
    types = body.get("event_types")
    if not isinstance(types, list) or not types:
        raise PayPalError("MISSING_REQUIRED_PARAMETER", field="/event_types")
    names = [item.get("name") if isinstance(item, dict) else None for item in types]
    if any(name != "*" and name not in EVENT_TYPES for name in names):
        raise PayPalError("INVALID_PARAMETER_VALUE", field="/event_types")
    return [{"name": name} for name in names]
