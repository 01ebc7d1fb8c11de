"""Money at size: the endpoint of webhooks under a burst, and the list of payments in a shop with a million."""

import hashlib
import hmac
import json
import secrets
import statistics
import threading
import time
from dataclasses import dataclass, field
from functools import cache

from benchmarks import servers
from benchmarks.environment import Database, shop_environment
from benchmarks.load import Client
from benchmarks.servers import Server, running
from benchmarks.session import Browser

WEBHOOKS = "/api/v1/payments/stripe/webhooks"
_CONNECTIONS = 8
_PATIENCE_SECONDS = 120
# Each repair's payment, dated with it; marked as test, and named so that a second run finds them.
_FILL = """
    INSERT INTO payments (key, repair_id, provider, purpose, amount, currency, state, provider_ref, method, captured,
                          refunded, fee, failure_code, fault, livemode, actor, created_at, settled_at, version)
    SELECT md5('bench' || id), id, (ARRAY['stripe','cash','terminal','paypal'])[1 + id % 4], 'full',
           greatest(total, 100), currency, CASE WHEN id % 50 = 0 THEN 'failed' ELSE 'paid' END,
           CASE WHEN id % 4 IN (0, 3) THEN 'bench_' || id END, '',
           CASE WHEN id % 50 = 0 THEN 0 ELSE greatest(total, 100) END, 0, 0, '', '', false, 'system', received_at,
           received_at, 0
    FROM repairs ORDER BY id ON CONFLICT DO NOTHING
"""
LISTS = {
    "first page": "/admin/payments/",
    "deep page": "/admin/payments/?before={deep}",
    "paid by PayPal": "/admin/payments/?provider=paypal",
    "failed": "/admin/payments/?state=failed",
    "a day": "/admin/payments/?since={day}&until={day}",
    "by reference": "/admin/payments/?q=bench_{reference}",
}


@dataclass
class MoneyResult:
    """Milliseconds: of each webhook alone and in the burst; of each list, by (name, repairs)."""

    single: list[float] = field(default_factory=list)
    burst: list[float] = field(default_factory=list)
    lost: int = 0
    unhandled: int = 0
    lists: dict[str, dict[int, float]] = field(default_factory=dict)

    def p95(self, name: str) -> float:
        times = sorted(getattr(self, name))
        return times[int(0.95 * len(times))]


def measure(large: Database, small: Database, *, burst: int, rounds: int) -> MoneyResult:
    result = MoneyResult()
    for database in (large, small):
        with database.connect() as connection:
            connection.execute(_FILL)
            connection.execute("VACUUM ANALYZE payments")
    server = servers.shop(large, threads=40)
    with running(server):
        _send(server, result.single, count=min(200, burst), connections=1, prefix="single")
        sent = _send(server, result.burst, count=burst, connections=_CONNECTIONS, prefix="burst")
        result.lost, result.unhandled = _stored(large, sent)
    _lists(large, small, result, rounds)
    return result


def _send(server: Server, times: list[float], *, count: int, connections: int, prefix: str) -> list[str]:
    """Events of a payment that nobody knows, each signed anew; the ids of those that were answered with 200."""
    ids = [f"evt_{prefix}_{secrets.token_hex(8)}" for _ in range(count)]
    sent: list[str] = []
    guard = threading.Lock()

    def work(mine: list[str]) -> None:
        client = Client(server.url)
        for event_id in mine:
            body = json.dumps(_event(event_id))
            begun = time.perf_counter()
            status, _, _ = client.send(WEBHOOKS, method="POST", body=body, **_signed(body))
            with guard:
                times.append((time.perf_counter() - begun) * 1000)
                if status == 200:
                    sent.append(event_id)
        client.close()

    threads = [threading.Thread(target=work, args=(ids[place::connections],)) for place in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(sent) != count:
        raise SystemExit(f"{count - len(sent)} of {count} webhooks were refused")
    return sent


def _event(event_id: str) -> dict:
    subject = {"id": f"pi_{secrets.token_hex(8)}", "object": "payment_intent", "amount": 1_000, "currency": "gbp"}
    return {
        "id": event_id, "object": "event", "type": "payment_intent.succeeded", "created": int(time.time()),
        "livemode": False, "data": {"object": subject},
    }  # fmt: skip


def _signed(body: str) -> dict[str, str]:
    at = int(time.time())
    signature = hmac.new(_secret().encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "Stripe-Signature": f"t={at},v1={signature}"}


@cache
def _secret() -> str:
    """Under which the simulated provider signs: made of the shop's secret key."""
    from shop.config import load_settings

    environment = shop_environment(Database(0))
    chosen = {name: environment[name] for name in ("DATABASE_URL", "SECRET_KEY", "SHOP_DATA")}
    return load_settings(**chosen).STRIPE_WEBHOOK_SECRET


def _stored(database: Database, sent: list[str]) -> tuple[int, int]:
    """How many are not on disk, and how many no job has dealt with after a while."""
    query = "SELECT count(*), count(*) FILTER (WHERE state = 'waiting') FROM provider_events WHERE event_id = ANY(%s)"
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with database.connect() as connection:
        while True:
            kept, waiting = connection.execute(query, [sent]).fetchone()
            if not waiting or time.monotonic() > deadline:
                return len(sent) - kept, waiting
            time.sleep(0.5)


def _lists(large: Database, small: Database, result: MoneyResult, rounds: int) -> None:
    found = [large, small]
    started = [servers.shop(database) for database in found]
    with running(*started):
        headers = [Browser(server.url).headers for server in started]
        for name, path in LISTS.items():
            result.lists[name] = {}
            for database, server, known in zip(found, started, headers, strict=True):
                address = path.format(**_facts(database))
                result.lists[name][database.repairs] = _median(Client(server.url, known), address, rounds)


def _facts(database: Database) -> dict:
    with database.connect() as connection:
        deep, newest = connection.execute("SELECT min(id) + (max(id) - min(id)) / 2, max(id) FROM payments").fetchone()
        day = connection.execute("SELECT created_at::date FROM payments WHERE id = %s", [newest]).fetchone()[0]
        reference = connection.execute(
            "SELECT repair_id FROM payments WHERE provider_ref LIKE 'bench%' ORDER BY id DESC LIMIT 1"
        ).fetchone()[0]
    return {"deep": deep, "day": day, "reference": reference}


def _median(client: Client, path: str, rounds: int) -> float:
    times = []
    for turn in range(10 * rounds + 3):
        begun = time.perf_counter()
        status, _, _ = client.send(path)
        if status != 200:
            raise SystemExit(f"{path} answered {status}")
        if turn >= 3:
            times.append((time.perf_counter() - begun) * 1000)
    client.close()
    return statistics.median(times)
