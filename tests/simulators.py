"""A simulator that answers on a loopback port, and a listener that collects what it tells the shop."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests
import stripe
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from shop.simulator import create_simulator

KEYS = {
    "stripe_secret_key": "sk_test_simulator",
    "stripe_publishable_key": "pk_test_simulator",
    "stripe_webhook_secret": "whsec_test_simulator",
    "paypal_client_id": "simulator-client",
    "paypal_client_secret": "simulator-secret",
    "paypal_webhook_id": "1JE4291016473214C",
}


class QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_args, **_kwargs):
        pass


@dataclass
class Received:
    """One webhook as it came in."""

    path: str
    headers: dict
    body: bytes

    @property
    def event(self) -> dict:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        return self.event.get("type") or self.event["event_type"]


@dataclass
class Listener:
    """Stands where the shop would. `answers` are the statuses of the next answers; then 200."""

    url: str
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def wait_for(self, count: int, *, seconds: float = 10) -> list[Received]:
        """The first `count` webhooks. Fails if they do not come."""
        _until(lambda: len(self.received) >= count, seconds)
        assert len(self.received) >= count, [item.kind for item in self.received]
        return self.received[:count]

    def wait_for_kind(self, kind: str, *, seconds: float = 10) -> Received:
        _until(lambda: kind in self.kinds, seconds)
        assert kind in self.kinds, self.kinds
        return next(item for item in self.received if item.kind == kind)

    @property
    def kinds(self) -> list[str]:
        return [item.kind for item in self.received]


@dataclass
class RunningSimulator:
    """`url` is the base address for both companies' clients."""

    url: str
    app: Flask
    listener: Listener | None
    http: requests.Session

    def stripe(self, key: str = KEYS["stripe_secret_key"], **options) -> stripe.StripeClient:
        return stripe.StripeClient(key, base_addresses={"api": self.url}, **options)

    def control(self, path: str = "", body: dict | None = None) -> dict:
        """POST to /_control…, or GET it where there is nothing to say."""
        method = "GET" if body is None else "POST"
        headers = {"Authorization": f"Bearer {KEYS['stripe_secret_key']}"}
        answer = self.http.request(method, f"{self.url}/_control{path}", json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def balance(self) -> dict:
        return self.control("/balance")

    def deliveries(self) -> dict[str, int]:
        """How many webhooks are in which state, once none is on its way."""
        _until(lambda: "sending" not in self._states(), 10)
        return self._states()

    def wait_until_quiet(self, *, seconds: float = 10) -> None:
        """Until everything that is to be told has been told, or given up."""
        _until(lambda: not {"sending", "waiting"} & self._states().keys(), seconds)
        assert not {"sending", "waiting"} & self._states().keys()

    def _states(self) -> dict[str, int]:
        return self.control("/deliveries")["states"]

    def advance(self, seconds: float) -> None:
        self.control("/advance-time", {"seconds": seconds})


@contextmanager
def running_simulator(
    tmp_path: Path, *, shop_url: str | None = None, prefix: str = "", retry_seconds=(0.05, 0.1, 0.2), **settings
) -> Iterator[RunningSimulator]:
    """Serves a simulator from a thread. Without `shop_url` a listener stands in the shop's place.

    With `prefix` it is mounted below it, as the product does.
    """
    with listening() as listener, requests.Session() as http:
        app = create_simulator(
            tmp_path / "simulator.db",
            shop_url=listener.url if shop_url is None else shop_url,
            **({"retry_seconds": retry_seconds} | KEYS | settings),
        )
        server = make_server("127.0.0.1", 0, _mounted(app, prefix), threaded=True, request_handler=QuietHandler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield RunningSimulator(f"http://127.0.0.1:{server.server_port}{prefix}", app, listener, http)
        finally:
            app.extensions["simulator"].courier.stop()
            server.shutdown()
            thread.join()
            server.server_close()
            app.extensions["simulator"].store.close()


@contextmanager
def listening() -> Iterator[Listener]:
    """A server that keeps what is posted to it and answers what it is told to."""
    listener = Listener("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            listener.received.append(Received(self.path, dict(self.headers.items()), body))
            self.send_response(listener.answers.pop(0) if listener.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    listener.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class PayPalClient:
    """As plain as can be: a token, then JSON."""

    def __init__(
        self, simulator: RunningSimulator, client_id=KEYS["paypal_client_id"], secret=KEYS["paypal_client_secret"]
    ):
        self._simulator = simulator
        self.token_answer = simulator.http.post(
            f"{simulator.url}/v1/oauth2/token",
            auth=(client_id, secret),
            data={"grant_type": "client_credentials"},
            timeout=30,
        )
        self.token = self.token_answer.json().get("access_token")

    def call(self, method: str, path: str, body=None, **headers) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"} | named
        data = None if method == "GET" else json.dumps({} if body is None else body)
        return self._simulator.http.request(method, self._simulator.url + path, data=data, headers=sent, timeout=30)

    def post(self, path: str, body=None, **headers) -> requests.Response:
        return self.call("POST", path, body, **headers)

    def get(self, path: str, **headers) -> requests.Response:
        return self.call("GET", path, **headers)


def _mounted(app: Flask, prefix: str):
    if not prefix:
        return app
    from werkzeug.exceptions import NotFound
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    return DispatcherMiddleware(NotFound(), {prefix: app})


def _until(holds, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
