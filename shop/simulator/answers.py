"""Answers that are kept by the key that a caller gave its request, so that asking twice acts once."""

import hashlib
import json
from dataclasses import dataclass

from shop.simulator.store import Transaction

# A request that has run for so long died with its process.
RUNNING_SECONDS = 15


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict


class KeyMismatch(Exception):
    """The key belongs to another request."""


class KeyInUse(Exception):
    """The first request with this key is still running."""


def digest_of(*parts) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def claim(tx: Transaction, provider: str, key: str, digest: str, *, kept_seconds: float) -> Answer | None:
    """None: the key is ours, and `keep` or `release` must follow. Raises KeyMismatch or KeyInUse."""
    old = (provider, tx.clock - kept_seconds)
    tx.connection.execute("DELETE FROM answers WHERE provider = ? AND at < ? AND status IS NOT NULL", old)
    query = "SELECT digest, status, body, at FROM answers WHERE provider = ? AND key = ?"
    row = tx.connection.execute(query, (provider, key)).fetchone()
    if row is not None:
        kept, status, body, at = row
        if kept != digest:
            raise KeyMismatch(key)
        if status is not None:
            return Answer(status, json.loads(body))
        if tx.clock - at < RUNNING_SECONDS:
            raise KeyInUse(key)
    values = (provider, key, digest, tx.clock)
    tx.connection.execute("INSERT OR REPLACE INTO answers (provider, key, digest, at) VALUES (?, ?, ?, ?)", values)
    return None


def keep(tx: Transaction, provider: str, key: str, answer: Answer) -> None:
    query = "UPDATE answers SET status = ?, body = ? WHERE provider = ? AND key = ?"
    tx.connection.execute(query, (answer.status, json.dumps(answer.body), provider, key))


def release(tx: Transaction, provider: str, key: str) -> None:
    tx.connection.execute("DELETE FROM answers WHERE provider = ? AND key = ? AND status IS NULL", (provider, key))
