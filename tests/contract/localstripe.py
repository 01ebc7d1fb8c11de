"""localstripe, a stand-in for Stripe that nobody here wrote, and what must be kept from it.

It is older than what we speak. What it does not know it refuses, so that is taken out on the way; fields that it lacks
and Stripe has had for years are put in, as its own answer says them. Its known faults: it ignores idempotency keys,
refunds more than was paid, and lets cards that must be declined succeed.
"""

import http.client
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

PROGRAM = os.environ.get("LOCALSTRIPE", "")
_START_SECONDS = 20
# By the beginning of their names.
_UNKNOWN = (
    "automatic_payment_methods",
    "description",
    "return_url",
    "expand",
    "receipt_email",
    "cancellation_reason",
    "reason",
)


@contextmanager
def running_localstripe(folder: Path) -> Iterator[str]:
    """The base address of a fresh one."""
    port = _free_port()
    with (folder / "localstripe.log").open("w") as log:
        command = [PROGRAM, "--port", str(port), "--from-scratch"]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        proxy = ThreadingHTTPServer(("127.0.0.1", 0), _proxy_to(port))
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            _wait(port, process)
            yield f"http://127.0.0.1:{proxy.server_address[1]}"
        finally:
            proxy.shutdown()
            proxy.server_close()
            process.terminate()
            process.wait(10)


def _proxy_to(port: int) -> type[BaseHTTPRequestHandler]:
    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self):
            path, query = urlsplit(self.path).path, urlsplit(self.path).query
            self._pass_on(f"{path}?{_known(query)}" if query else path, b"")

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            form = dict(parse_qsl(body))
            if self.path.endswith("/confirm") and "payment_method" in form:
                # It knows no confirmation with a method: the method comes first there.
                method = urlencode({"payment_method": form["payment_method"]}).encode()
                self._ask(self.path.removesuffix("/confirm"), method)
                body = ""
            self._pass_on(self.path, _known(body).encode())

        def log_message(self, *_):
            pass

        def _pass_on(self, path: str, body: bytes) -> None:
            status, kind, content = self._ask(path, body)
            content = _whole(content)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _ask(self, path: str, body: bytes) -> tuple[int, str, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            headers = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
            connection.request(self.command, path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            return answer.status, answer.headers.get("Content-Type", "application/json"), content

    return Proxy


def _whole(content: bytes) -> bytes:
    answer = json.loads(content)
    if answer.get("object") != "payment_intent":
        return content
    answer.setdefault("amount_received", answer["amount"] if answer["status"] == "succeeded" else 0)
    if isinstance(answer.get("latest_charge"), dict):
        for name, value in (("disputed", False), ("payment_method_details", None)):
            answer["latest_charge"].setdefault(name, value)
    return json.dumps(answer).encode()


def _known(form: str) -> str:
    return urlencode([pair for pair in parse_qsl(form) if not pair[0].startswith(_UNKNOWN)])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("localstripe did not start")
