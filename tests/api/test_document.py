import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
OPERATIONS = {
    ("GET", "/api/v1/devices"),
    ("GET", "/api/v1/services/categories"),
    ("GET", "/api/v1/slots"),
    ("POST", "/api/v1/pricing/calculate"),
    ("POST", "/api/v1/bookings"),
    ("POST", "/api/v1/payments/stripe/payment-intent"),
    ("POST", "/api/v1/payments/stripe/confirm"),
    ("POST", "/api/v1/payments/stripe/webhooks"),
    ("POST", "/api/v1/payments/paypal/create-order"),
    ("POST", "/api/v1/payments/paypal/capture-order"),
    ("POST", "/api/v1/payments/paypal/webhooks"),
}


def operations_of(document: dict) -> dict:
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


@pytest.fixture
def document(stranger) -> dict:
    return stranger.get("/api/openapi.json").json


def test_the_document_describes_every_route_of_v1_and_nothing_else(document, app):
    rules = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.rule.endswith("openapi.json")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert document["openapi"].startswith("3.1")
    assert set(operations_of(document)) == OPERATIONS == rules


def test_the_document_is_the_same_under_both_roots(document, stranger):
    assert stranger.get("/api/v1/openapi.json").json == document


def test_every_operation_declares_its_problems(document):
    for (method, path), operation in operations_of(document).items():
        declared = {status for status in operation["responses"] if status >= "400"}
        expected = {"422", "429", "500", "503"} | ({"400", "413", "415"} if method == "POST" else set())
        if path.endswith("/webhooks"):
            # Any bytes may come, and all that they have to be is signed.
            expected -= {"415", "422"}
        elif "/payments/" in path:
            expected |= {"404", "502"}
        assert declared == expected | ({"409"} if path.endswith("/bookings") else set())
    for response in document["components"]["responses"].values():
        assert list(response["content"]) == ["application/problem+json"]


def test_every_example_of_a_request_works(document, client_program):
    for (method, path), operation in operations_of(document).items():
        if "/payments/" in path:
            # They name a booking and a payment: see test_payments.py.
            continue
        if method == "POST":
            example = operation["requestBody"]["content"]["application/json"]["example"]
            answer = client_program.post(path.removeprefix("/api/v1"), example, Idempotency_Key=path)
            assert answer.status_code in {200, 201}, answer.text
            continue
        query = {
            each["name"]: each["schema"]["example"] for each in operation["parameters"] if "example" in each["schema"]
        }
        assert client_program.get(path.removeprefix("/api/v1"), query_string=query).status_code == 200


def attack(app, document: dict, operation: tuple[str, str], *, examples: int) -> None:
    """Sends valid and broken requests made from the document; raises for what the document does not allow."""
    method, path = operation
    schema = schemathesis.openapi.from_dict(document)
    schema.app = app
    target = schema[path][method]
    cases = target.as_strategy() | target.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def send(case):
        case.call_and_validate(checks=CHECKS)

    send()


@pytest.mark.parametrize("operation", sorted(OPERATIONS), ids="{0[0]} {0[1]}".format)
def test_no_input_finds_a_server_error_or_an_undocumented_answer(app, document, operation):
    attack(app, document, operation, examples=400 if os.environ.get("FAULTS") == "full" else 30)


def test_the_search_for_undocumented_answers_finds_one_that_was_taken_out(app, document):
    del document["paths"]["/api/v1/devices"]["get"]["responses"]["422"]

    with pytest.raises(FailureGroup, match="Undocumented status code"):
        attack(app, document, ("GET", "/api/v1/devices"), examples=10)
