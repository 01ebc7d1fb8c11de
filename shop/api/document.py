"""The OpenAPI document, generated from routes and schemas."""

from http import HTTPStatus

from flask import Blueprint, Flask, jsonify
from flask_smorest import Api

from shop.api.blueprint import reads_limit, revalidated
from shop.api.fields import DayOrMoment, Moment
from shop.api.problems import CONTENT_TYPE, PROBLEMS, Problem

DESCRIPTION = """Devices, prices, slots, bookings and payments of a repair shop.

Amounts are whole numbers of minor units: 18900 GBP is £189.00. Times are ISO 8601; we answer in UTC.
Every error is `application/problem+json` with a stable `code`. The same routes answer below `/api`."""

TAGS = [
    {"name": "Catalogue", "description": "Devices, and what can be done to them."},
    {"name": "Pricing", "description": "What a repair costs, and why."},
    {"name": "Bookings", "description": "When, and the booking itself."},
    {"name": "Payments", "description": "Paying for a booking, and what the providers tell us."},
]


class DocumentedApi(Api):
    """flask-smorest's collector of routes, with our errors in place of its own."""

    ERROR_SCHEMA = Problem
    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """None: `shop.errors` answers for the whole product."""

    def _register_pagination_header(self) -> None:
        """None: pages name the next one in their body."""

    def _register_responses(self) -> None:
        for status, (code, title, advice) in PROBLEMS.items():
            content = {CONTENT_TYPE: {"schema": Problem, "example": _example(status, code, title, advice)}}
            response = {"description": title, "content": content}
            if status in (429, 503):
                response["headers"] = {
                    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."}
                }
            self.spec.components.response(HTTPStatus(status).name, response, lazy=True)


def _example(status: int, code: str, title: str, advice: str) -> dict:
    example = {
        "type": f"urn:revivatech:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": advice,
        "request_id": "5b1f0c7e9a3d4c21",
    }
    if status == 422:
        example["errors"] = [{"field": "customer.email", "message": "Not an e-mail address."}]
    return example


def collector(app: Flask) -> DocumentedApi:
    info = {"description": DESCRIPTION}
    servers = [{"url": app.config["SETTINGS"].BASE_URL}]
    api = DocumentedApi(
        app, spec_kwargs={"title": "RevivaTech Shop", "version": "1.0", "info": info, "servers": servers}
    )
    api.register_field(Moment, "string", "date-time")
    api.register_field(DayOrMoment, "string", None)
    api.ma_plugin.converter.add_parameter_attribute_function(_empty_is_absent)
    return api


def _empty_is_absent(_converter, _field, *, ret: dict, **_) -> dict:
    """`?brand=&limit=` is what forms send; `schemas.Query` reads it as nothing asked."""
    return {"allowEmptyValue": True} if ret["in"] == "query" else {}


def serve(app: Flask, api: DocumentedApi) -> Blueprint:
    """The document's own routes; they are not part of what it describes."""
    room = Blueprint("api_document", __name__)
    document = api.spec.to_dict() | {"tags": TAGS}

    @room.get("/api/openapi.json")
    @room.get("/api/v1/openapi.json")
    @reads_limit
    def show_document():
        return revalidated(jsonify(document))

    app.register_blueprint(room)
    return room
