"""How providers are called: with time-outs, without redirects, never while a lock is held, and each call on record."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

import requests
import structlog
from requests.adapters import HTTPAdapter
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from shop import database
from shop.extensions import db
from shop.models.base import utc_now
from shop.models.payment import ProviderCall
from shop.services.payments import breaker

log = structlog.get_logger(__name__)

# To connect, and between two bytes. Nobody waits longer: whether it was done is asked later, under the same key.
TIMEOUT = (3.05, 12.0)
LONGEST_BODY = 20_000
# No answer, or half of one.
_SILENCE = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
_SECRETS = frozenset({"client_secret", "access_token", "nonce", "number", "cvc", "payment_method_data", "scope"})
_REQUEST_IDS = ("Request-Id", "Paypal-Debug-Id")
_KEYS = ("Idempotency-Key", "PayPal-Request-Id")
_about: ContextVar[int | None] = ContextVar("provider_call_about", default=None)


class LockHeld(RuntimeError):
    """A provider was about to be called while a transaction was open: others would wait for its network."""


@contextmanager
def about(payment_id: int | None) -> Iterator[None]:
    """Calls made inside stand in the conversation of that payment."""
    token = _about.set(payment_id)
    try:
        yield
    finally:
        _about.reset(token)


def require_no_lock() -> None:
    """Raises LockHeld inside a transaction that could write."""
    if db.session().in_transaction() and not database.is_reading():
        raise LockHeld("commit before a provider is called")


class WireSession(requests.Session):
    """A pool of connections to one provider, shared by threads."""

    def __init__(self, provider: str):
        super().__init__()
        self.provider = provider
        # Nothing of this machine's own, such as a .netrc, may replace our keys.
        self.trust_env = False
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=20)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def request(self, method, url, *args, **options):
        require_no_lock()
        # A redirect would carry the key to wherever it points.
        options["allow_redirects"] = False
        options.setdefault("timeout", TIMEOUT)
        breaker.enter(self.provider)
        began, response = time.monotonic(), None
        try:
            response = super().request(method, url, *args, **options)
            breaker.note_answer(self.provider)
        except _SILENCE:
            breaker.note_silence(self.provider)
            raise
        finally:
            self._note(method, url, options, response, int((time.monotonic() - began) * 1000))
        return response

    def _note(self, method: str, url: str, options: dict, response, milliseconds: int) -> None:
        headers = options.get("headers") or {}
        values = {
            "payment_id": _about.get(),
            "provider": self.provider,
            "method": method.upper()[:6],
            "path": _path(url, options.get("params"))[:300],
            "idempotency_key": _first(headers, _KEYS)[:108],
            "status": response.status_code if response is not None else None,
            "request": _without_secrets(_sent(options)),
            "response": _without_secrets(response.content) if response is not None else "",
            "request_id": _first(response.headers, _REQUEST_IDS)[:80] if response is not None else "",
            "milliseconds": milliseconds,
            "at": utc_now(),
        }
        try:
            # By itself: what was said stays on record, whatever becomes of the use case.
            with database.writing(), database.alone(db.engine) as connection:
                connection.execute(insert(ProviderCall).values(**values))
        except SQLAlchemyError:
            log.warning("provider_call_not_recorded", path=values["path"], status=values["status"], exc_info=True)


def _sent(options: dict):
    return next((options[name] for name in ("data", "json") if options.get(name) is not None), "")


def _path(url: str, params) -> str:
    parts = urlsplit(url)
    query = parts.query or "&".join(f"{name}={value}" for name, value in (params or {}).items())
    return f"{parts.path}?{query}" if query else parts.path


def _first(headers, names: tuple[str, ...]) -> str:
    return next((str(headers[name]) for name in names if name in headers), "")


def _without_secrets(body) -> str:
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return _form(body)[:LONGEST_BODY]
    return json.dumps(_blacked(body), ensure_ascii=False)[:LONGEST_BODY]


def _form(text: str) -> str:
    """`a=1&client_secret=…`; anything that is neither form nor JSON is an error page."""
    parts = text.split("&")
    return "&".join(
        f"{part.partition('=')[0]}=…" if _leaf(part.partition("=")[0]) in _SECRETS else part for part in parts
    )


def _leaf(name: str) -> str:
    return name.rpartition("[")[2].rstrip("]").rpartition("%5B")[2].removesuffix("%5D")


def _blacked(value):
    if isinstance(value, dict):
        return {name: "…" if name in _SECRETS and each else _blacked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_blacked(each) for each in value]
    return value
