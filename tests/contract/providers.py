"""Whether a request or an answer is what Stripe's and PayPal's published API descriptions say.

    assert_request_valid("stripe", "POST", "/v1/refunds", {"payment_intent": "pi_1"})
    assert_answer_valid("paypal", "POST", "/v2/checkout/orders", 201, answer.json())

Bodies are parsed: for Stripe's forms a dictionary as the SDK takes it or as `parse_form` makes it of strings.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jsonschema_rs

FOLDER = Path(__file__).parent / "providers"
FILES = {"stripe": ["stripe"], "paypal": ["paypal-orders", "paypal-payments", "paypal-webhooks"]}
_LONGEST_LIST = 5


class Operation(NamedTuple):
    document: str
    template: str
    method: str


def assert_request_valid(provider: str, method: str, path: str, body) -> None:
    """Fails with what is wrong with the body, or if the description has no such call or takes no body."""
    found = _operation(provider, method, path)
    media, schema = _request_schema(found)
    if schema is None:
        assert not body, f"{method} {found.template} takes no body"
        return
    if media.endswith("form-urlencoded"):
        body = _typed(found.document, schema, body)
    _assert_valid(found.document, schema, body, f"the request {method} {found.template}")


def assert_answer_valid(provider: str, method: str, path: str, status: int, body) -> None:
    """Fails with what is wrong with the body, or if the description has no such call or answer."""
    found = _operation(provider, method, path)
    responses = _operations(found.document)[found]["responses"]
    # A repeated request is answered 200 with what 201 said, also where only the 201 is described.
    repeated = responses.get("201") if status == 200 else None
    answer = responses.get(str(status)) or repeated or responses.get("default")
    assert answer is not None, f"{method} {found.template} does not answer {status}"
    content = _resolved(found.document, answer).get("content", {})
    if not content:
        assert not body, f"{method} {found.template} answers {status} without a body"
        return
    schema = content["application/json"]["schema"]
    _assert_valid(found.document, schema, body, f"the answer {status} to {method} {found.template}")


def is_described(provider: str, method: str, path: str) -> bool:
    return _find(provider, method, path) is not None


def parameters_of(provider: str, method: str, template: str) -> set[str]:
    """The names that the call takes: of the form for POST, of the query for GET."""
    found = _operation(provider, method, template)
    if method == "GET":
        listed = [_resolved(found.document, item) for item in _operations(found.document)[found].get("parameters", [])]
        return {item["name"] for item in listed if item["in"] == "query"}
    _, schema = _request_schema(found)
    return set(_resolved(found.document, schema or {}).get("properties", {}))


def assert_object_valid(document: str, schema: str, body) -> None:
    """For objects that no described call answers with, but which the description knows: `balance_transaction`."""
    _assert_valid(document, {"$ref": f"#/components/schemas/{schema}"}, body, schema)


def _operation(provider: str, method: str, path: str) -> Operation:
    found = _find(provider, method, path)
    assert found is not None, f"{provider} describes no {method} {path}"
    return found


def _find(provider: str, method: str, path: str) -> Operation | None:
    path = path.partition("?")[0]
    matches = [
        operation
        for document in FILES[provider]
        for operation in _operations(document)
        if operation.method == method.upper() and _fits(operation.template, path)
    ]
    # `/refunds/{id}` and `/refunds/search` both fit: the one with fewer blanks is meant.
    return min(matches, key=lambda operation: operation.template.count("{"), default=None)


def _fits(template: str, path: str) -> bool:
    return path == template or re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path) is not None


@cache
def _document(name: str) -> dict:
    return _as_2020(json.loads((FOLDER / f"{name}.openapi.json").read_text()))


@cache
def _operations(name: str) -> dict[Operation, dict]:
    return {
        Operation(name, template, method.upper()): described
        for template, methods in _document(name)["paths"].items()
        for method, described in methods.items()
        if method in ("get", "post", "patch", "put", "delete")
    }


@cache
def _validator(document: str, schema: str):
    """The schema (as JSON text) with the document's components beside it."""
    whole = {"allOf": [json.loads(schema)], "components": {"schemas": _document(document)["components"]["schemas"]}}
    return jsonschema_rs.validator_for(whole)


def _assert_valid(document: str, schema: dict, body, what: str) -> None:
    errors = list(_validator(document, json.dumps(schema, sort_keys=True)).iter_errors(body))
    listed = "\n".join(
        f"  at {'/'.join(map(str, error.instance_path))}: {error.message[:400]}" for error in errors[:_LONGEST_LIST]
    )
    assert not errors, f"{what} is not as described:\n{listed}"


def _as_2020(node):
    """OpenAPI 3.0 as JSON Schema: `nullable` is a type, neighbours of a `$ref` say nothing, examples are no schema."""
    if isinstance(node, list):
        return [_as_2020(item) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        return {"$ref": node["$ref"]}
    plain = {key: _as_2020(value) for key, value in node.items() if key not in ("example", "examples", "nullable")}
    if {"issue", "description"} <= plain.keys():
        # An error's description "can change over the lifetime of an API", its issue cannot.
        plain["description"] = {"type": "string"}
    if node.get("nullable") is not True:
        return plain
    if "enum" in plain:
        plain["enum"] = [*plain["enum"], None]
    return {"anyOf": [plain, {"type": "null"}]} if isinstance(node.get("nullable"), bool) else plain


def _request_schema(found: Operation) -> tuple[str, dict | None]:
    described = _operations(found.document)[found].get("requestBody")
    if described is None:
        return "", None
    media, content = next(iter(_resolved(found.document, described)["content"].items()))
    return media, content["schema"]


def _resolved(document: str, node: dict) -> dict:
    while "$ref" in node:
        target = _document(document)
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def _typed(document: str, schema: dict, value):
    """A form's strings as the numbers and truths that they stand for, where the schema wants those."""
    schema = _resolved(document, schema)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        variants = [_resolved(document, item) for item in schema.get("anyOf", [])]
        known = known or next((item["properties"] for item in variants if "properties" in item), {})
        return {key: _typed(document, known.get(key, {}), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(document, schema.get("items", {}), item) for item in value]
    kinds = {schema.get("type"), *(_resolved(document, item).get("type") for item in schema.get("anyOf", []))}
    if isinstance(value, str) and "integer" in kinds and re.fullmatch(r"-?\d+", value):
        return int(value)
    if isinstance(value, str) and "boolean" in kinds and value in ("true", "false"):
        return value == "true"
    return value
