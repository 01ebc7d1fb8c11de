import json

import pytest

from tests.payments import iphone, simulator, till, verbs  # noqa: F401


class Client:
    """A client program: it speaks JSON and sends each booking under a key."""

    def __init__(self, app):
        self.http = app.test_client()

    def get(self, path: str, **options):
        return self.http.get(f"/api/v1{path}", **options)

    def post(self, path: str, body, **headers):
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(f"/api/v1{path}", data=data, headers={"Content-Type": "application/json"} | headers)

    def book(self, body, key: str = "one"):
        return self.post("/bookings", body, Idempotency_Key=key)


@pytest.fixture
def client_program(app):
    return Client(app)
