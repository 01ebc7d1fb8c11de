"""Threads that carry events to the shop and do what has become due, in every process that serves the simulator."""

import json
import logging
import os
import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from shop.simulator import tasks
from shop.simulator.signatures import ALGORITHM, Signer, paypal_message, stripe_signature
from shop.simulator.store import Store, Transaction, shown
from shop.simulator.webhooks import timestamp

LONGEST_WAIT = 1.0
# After this and the time-out, who carried an event is gone, and another carries it.
LEASE_SPARE = 5.0
log = logging.getLogger(__name__)
_CLAIM = """
UPDATE deliveries SET state = 'sending', attempts = attempts + 1, lease = :lease WHERE id = (
  SELECT id FROM deliveries WHERE provider NOT IN (SELECT value FROM json_each(:paused))
  AND ((state = 'waiting' AND due <= :clock) OR (state = 'sending' AND lease < :real)) ORDER BY due, id LIMIT 1)
RETURNING id, provider, event_id, endpoint_id, attempts
"""


@dataclass(frozen=True)
class Delivery:
    id: int
    provider: str
    event: dict
    endpoint: dict
    attempts: int


class Courier:
    """`ensure_running` is harmless to call again, and starts anew in a process that was forked."""

    def __init__(self, store: Store, signer: Signer):
        self._store = store
        self._signer = signer
        self._lock = threading.Lock()
        self._news = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._pid = 0
        store.on_told = self.wake

    def ensure_running(self) -> None:
        if self._pid == os.getpid() or self._stopping.is_set():
            return
        with self._lock:
            if self._pid == os.getpid():
                return
            self._pid = os.getpid()
            self._news = threading.Condition()
            count = self._store.settings.senders
            self._threads = [
                threading.Thread(target=self._work, name=f"courier-{n}", daemon=True) for n in range(count)
            ]
            for thread in self._threads:
                thread.start()

    def wake(self) -> None:
        with self._news:
            self._news.notify_all()

    def stop(self) -> None:
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            thread.join(timeout=self._store.settings.delivery_timeout + 5)

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self._step()
            except Exception:
                log.exception("the simulator's courier stumbled")
                self._stopping.wait(LONGEST_WAIT)

    def _step(self) -> None:
        # The wait begins before the look: what is told in between wakes us.
        with self._news:
            wait = self._seconds_to_next()
            if wait > 0:
                self._news.wait(min(wait, LONGEST_WAIT))
                return
        with self._store.write() as tx:
            tasks.run_due(tx)
            delivery = _claim(tx)
        if delivery is not None:
            status, error = send(delivery, self._signer, timeout=self._store.settings.delivery_timeout)
            with self._store.write() as tx:
                _note(tx, delivery, status, error)

    def _seconds_to_next(self) -> float:
        with self._store.read() as tx:
            deliveries = (
                "SELECT MIN(due - :clock) FROM deliveries WHERE state = 'waiting' AND provider NOT IN "
                "(SELECT value FROM json_each(:paused)) UNION ALL "
                "SELECT MIN(lease - :real) FROM deliveries WHERE state = 'sending' UNION ALL "
                "SELECT MIN(due - :clock) FROM tasks"
            )
            values = {"clock": tx.clock, "real": time.time(), "paused": _paused(tx)}
            waits = [wait for (wait,) in tx.connection.execute(deliveries, values) if wait is not None]
        return min(waits, default=LONGEST_WAIT)


def send(delivery: Delivery, signer: Signer, *, timeout: float) -> tuple[int | None, str | None]:
    """The answer's status, or what went wrong. A redirect is not followed: it counts as a failure."""
    body = json.dumps(shown(delivery.event), indent=2).encode()
    sign = {"stripe": _stripe_headers, "paypal": _paypal_headers}[delivery.provider]
    headers = {"Content-Type": "application/json; charset=utf-8"} | sign(delivery, body, signer)
    url = urlsplit(delivery.endpoint["url"])
    make = HTTPSConnection if url.scheme == "https" else HTTPConnection
    connection = make(url.hostname or "", url.port, timeout=timeout)
    try:
        connection.request("POST", url.path + (f"?{url.query}" if url.query else ""), body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException) as error:
        return None, f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return answer.status, None


def _stripe_headers(delivery: Delivery, body: bytes, signer: Signer) -> dict:
    signature = stripe_signature(delivery.endpoint["secret"], body, int(time.time()))
    return {"Stripe-Signature": signature, "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)"}


def _paypal_headers(delivery: Delivery, body: bytes, signer: Signer) -> dict:
    sent = timestamp(time.time())
    message = paypal_message(delivery.event["_transmission_id"], sent, delivery.endpoint["id"], body)
    return {
        "PAYPAL-TRANSMISSION-ID": delivery.event["_transmission_id"],
        "PAYPAL-TRANSMISSION-TIME": sent,
        "PAYPAL-TRANSMISSION-SIG": signer.sign(message),
        "PAYPAL-CERT-URL": f"{delivery.event['_base']}/v1/notifications/certs/{signer.certificate_name}",
        "PAYPAL-AUTH-ALGO": ALGORITHM,
        "User-Agent": "PayPal/AUHD-1.0-1",
    }


def _paused(tx: Transaction) -> str:
    return json.dumps([name for name in ("stripe", "paypal") if tx.meta(f"controls:{name}", {}).get("paused")])


def _claim(tx: Transaction) -> Delivery | None:
    real = time.time()
    values = {
        "clock": tx.clock,
        "real": real,
        "lease": real + tx.settings.delivery_timeout + LEASE_SPARE,
        "paused": _paused(tx),
    }
    row = tx.connection.execute(_CLAIM, values).fetchone()
    if row is None:
        return None
    delivery_id, provider, event_id, endpoint_id, attempts = row
    endpoint = tx.find(endpoint_id)
    if endpoint is None:
        _set_state(tx, delivery_id, state="failed", error="the endpoint is gone")
        return None
    return Delivery(delivery_id, provider, tx.get(event_id), endpoint, attempts)


def _note(tx: Transaction, delivery: Delivery, status: int | None, error: str | None) -> None:
    retries = tx.settings.retry_seconds
    if status is not None and 200 <= status < 300:
        _set_state(tx, delivery.id, state="done", status=status)
        _count_pending(tx, delivery)
    elif delivery.attempts > len(retries):
        _set_state(tx, delivery.id, state="failed", status=status, error=error)
    else:
        due = tx.clock + retries[delivery.attempts - 1]
        _set_state(tx, delivery.id, state="waiting", status=status, error=error, due=due)


def _count_pending(tx: Transaction, delivery: Delivery) -> None:
    if delivery.provider == "stripe":
        query = "SELECT COUNT(*) FROM deliveries WHERE event_id = ? AND state <> 'done'"
        (pending,) = tx.connection.execute(query, (delivery.event["id"],)).fetchone()
        tx.save(tx.get(delivery.event["id"]) | {"pending_webhooks": pending})


def _set_state(tx: Transaction, delivery_id: int, **changes) -> None:
    columns = ", ".join(f"{name} = ?" for name in changes)
    query = f"UPDATE deliveries SET {columns} WHERE id = ?"  # noqa: S608
    tx.connection.execute(query, (*changes.values(), delivery_id))
