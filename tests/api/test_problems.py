import pytest

from shop.models.event import Event
from shop.services import catalogue
from tests import bookings

FIELDS = {"type", "title", "status", "code", "detail", "request_id"}


def assert_problem(answer, status: int, code: str) -> None:
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert set(answer.json) - {"errors"} == FIELDS
    assert (answer.json["status"], answer.json["code"]) == (status, code)
    assert answer.json["type"] == f"urn:revivatech:problem:{code}"
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/nothing", "/api/v1", "/api", "/api/v1/devices/1"])
def test_an_unknown_address_is_a_problem(stranger, path):
    assert_problem(stranger.get(path), 404, "not_found")


def test_a_wrong_method_says_which_ones_there_are(stranger):
    answer = stranger.delete("/api/v1/devices")

    assert_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[1,", b"nonsense", b"{'a': 1}", b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1, "a": 2}',
        b'{"customer": {"name": "a", "name": "b"}}', b'\xff\xfe{"a": 1}', b'{"a": "\xc3\x28"}', b"\x00",
        b'{"a": "\x00"}', b"[" * 50_000, b'{"a":' * 15_000, b'{"a": ' + b"9" * 5_000 + b"}", "{}".encode("utf-16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/pricing/calculate", "/bookings"])
def test_a_body_that_is_no_json_is_malformed(client_program, session, path, body):
    answer = client_program.post(path, body, Idempotency_Key="one")

    assert_problem(answer, 400, "malformed_request")
    assert session.query(Event).count() == 0


@pytest.mark.parametrize("body", [b"[]", b"null", b"1e999", b'"text"', b"[[1]]"])
def test_a_body_that_is_no_object_is_invalid(client_program, body):
    answer = client_program.post("/pricing/calculate", body)

    assert_problem(answer, 422, "invalid")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "text/json", ""])
def test_a_body_of_another_type_is_refused(stranger, content_type):
    answer = stranger.post("/api/v1/pricing/calculate", data=b"{}", content_type=content_type)

    assert_problem(answer, 415, "unsupported_media_type")


def test_a_huge_body_is_refused(client_program):
    answer = client_program.post("/pricing/calculate", b'{"a": "' + b"x" * 200_000 + b'"}')

    assert_problem(answer, 413, "too_large")


def test_very_many_wrong_fields_are_not_all_listed(client_program):
    answer = client_program.post("/pricing/calculate", {f"field{'x' * 200}{number}": 1 for number in range(300)})

    assert_problem(answer, 422, "invalid")
    assert len(answer.json["errors"]) == 100
    assert max(len(fault["field"]) for fault in answer.json["errors"]) == 100


WRONG = {"device_id": "32", "repair_type_ids": [], "service_type": "boat", "currency": "gbp", "at": "noon", "extra": 1}
ENGLISH = {
    "device_id": "Send a whole number.",
    "repair_type_ids": "Send 1 to 10 of them.",
    "service_type": "Choose one of: in_store, pickup, postal.",
    "urgency": "This field is missing.",
    "currency": "Write the currency as three capital letters, such as GBP.",
    "at": "Not a time. Write it like 2026-11-26T10:30:00Z.",
    "extra": "There is no such field.",
}
PORTUGUESE = {
    "device_id": "Envie um número inteiro.",
    "repair_type_ids": "Envie de 1 a 10 itens.",
    "service_type": "Escolha uma destas opções: in_store, pickup, postal.",
    "urgency": "Falta este campo.",
    "currency": "Escreva a moeda com três letras maiúsculas, como GBP.",
    "at": "Não é um horário. Escreva como 2026-11-26T10:30:00Z.",
    "extra": "Este campo não existe.",
}


@pytest.mark.parametrize(
    ("query", "headers", "title", "words"),
    [
        ("", {}, "Some fields cannot be used", ENGLISH),
        ("", {"Accept_Language": "pt-BR,pt;q=0.9"}, "Alguns campos não podem ser usados", PORTUGUESE),
        ("?lang=pt_BR", {"Accept_Language": "en"}, "Alguns campos não podem ser usados", PORTUGUESE),
    ],
    ids=["English", "by header", "by query"],
)
def test_faults_follow_the_language_of_the_request(client_program, query, headers, title, words):
    answer = client_program.post(f"/pricing/calculate{query}", WRONG, **headers)

    assert_problem(answer, 422, "invalid")
    assert answer.json["title"] == title
    assert {fault["field"]: fault["message"] for fault in answer.json["errors"]} == words


def test_our_own_fault_shows_nothing_of_the_inside(stranger, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("secret inside")

    monkeypatch.setattr(catalogue, "list_categories", fail)

    answer = stranger.get("/api/v1/services/categories")

    assert_problem(answer, 500, "internal_error")
    assert "secret" not in answer.text


def test_pages_outside_the_api_keep_their_errors_in_html(stranger):
    assert stranger.get("/apiary").mimetype == "text/html"


def test_the_api_needs_no_csrf_token(client_program, app, monkeypatch):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)

    assert client_program.book(bookings.body()).status_code == 201
    assert client_program.http.post("/api/pricing/calculate", json={}).status_code == 422
