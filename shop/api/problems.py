"""Errors as application/problem+json (RFC 9457): one form, stable codes."""

from flask import Response, current_app, g
from flask_babel import gettext
from marshmallow import Schema, fields
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from shop.extensions import db
from shop.models.errors import Invalid, ShopError
from shop.models.price_engine import N_

CONTENT_TYPE = "application/problem+json"
MOST_FAULTS = 100
_LONGEST_FIELD = 100

# Status -> code, title, and what to do. A domain error brings its own code and its own words, already translated.
PROBLEMS: dict[int, tuple[str, str, str]] = {
    400: ("malformed_request", N_("The request cannot be read"), N_("Send one JSON object in UTF-8.")),
    402: ("payment_declined", N_("The payment was declined"), N_("Use another card, or another way to pay.")),
    403: ("not_allowed", N_("This is not allowed"), N_("Ask the shop for access.")),
    404: ("not_found", N_("There is nothing here"), N_("/api/openapi.json lists what there is.")),
    405: (
        "method_not_allowed",
        N_("This address does not take that method"),
        N_("The header Allow lists those it takes."),
    ),
    409: ("slot_full", N_("The slot is full"), N_("Choose another slot.")),
    413: ("too_large", N_("The request is too large"), N_("Send at most 128 kB.")),
    415: ("unsupported_media_type", N_("The body must be JSON"), N_("Send it with Content-Type: application/json.")),
    422: ("invalid", N_("Some fields cannot be used"), N_("`errors` says for each what to do about it.")),
    429: ("rate_limited", N_("Too many requests"), N_("Wait as many seconds as the header Retry-After says.")),
    500: (
        "internal_error",
        N_("Something went wrong on our side"),
        N_("Try again; quote request_id if you ask us for help."),
    ),
    502: (
        "provider_refused",
        N_("The payment provider refused this"),
        N_("Nothing was paid. Choose another way to pay, or ask us."),
    ),
    503: (
        "busy",
        N_("Too much at the same moment"),
        N_("Nothing was done. Send the same again, with the same key, after as many seconds as Retry-After says."),
    ),
}
_TITLES = {
    "idempotency_mismatch": N_("The key belongs to another request"),
    "provider_down": N_("The payment provider does not answer"),
    "webhook_refused": N_("This message is not taken"),
}


class Fault(Schema):
    field = fields.String(required=True, metadata={"description": "Path of the field, such as `customer.email`."})
    message = fields.String(required=True, metadata={"description": "What to do about it, in the language asked for."})


class Problem(Schema):
    """Every answer of 400 and above."""

    type = fields.String(required=True, metadata={"description": "A name for the kind of problem.", "format": "uri"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    code = fields.String(required=True, metadata={"description": "Stable: decide by this, never by the words."})
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(Fault), metadata={"description": "One entry for each wrong field."})
    request_id = fields.String(required=True, metadata={"description": "Quote it when you ask us for help."})


def answer(error: Exception, status: int, headers: dict) -> Response:
    """The problem document for an error that was raised below /api; what the request had begun is undone first."""
    db.session.rollback()
    code, title, advice = PROBLEMS.get(status) or PROBLEMS[500 if status >= 500 else 400]
    faults, advice = _faults(error), gettext(advice)
    if isinstance(error, ShopError):
        code = error.code
        advice = advice if faults else error.message
    elif isinstance(error, BadRequest | UnsupportedMediaType):
        advice = error.description
    body = {
        "type": f"urn:revivatech:problem:{code}",
        "title": gettext(_TITLES.get(code, title)),
        "status": status,
        "code": code,
        "detail": advice,
        "request_id": g.get("request_id", ""),
    }
    if faults:
        body["errors"] = [{"field": name[:_LONGEST_FIELD], "message": text} for name, text in faults[:MOST_FAULTS]]
    return Response(current_app.json.dumps(body), status, headers, content_type=CONTENT_TYPE)


def _faults(error: Exception) -> list[tuple[str, str]]:
    if isinstance(error, Invalid):
        return list(error.fields.items())
    by_location = (getattr(error, "data", None) or {}).get("messages") or {}
    return [fault for messages in by_location.values() for fault in _flat(messages, "")]


def _flat(messages, path: str) -> list[tuple[str, str]]:
    """marshmallow's nested messages as (path, sentence) pairs."""
    if not isinstance(messages, dict):
        return [(path or "body", " ".join(map(str, messages)))]
    faults = []
    for key, inner in messages.items():
        step = "" if key == "_schema" else str(key)
        faults += _flat(inner, f"{path}.{step}" if path and step else path or step)
    return faults
