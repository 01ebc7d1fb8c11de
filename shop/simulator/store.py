"""The simulator's own file: objects as their providers show them, and what is still to be done about them.

Every change is one BEGIN IMMEDIATE transaction, so threads and processes take turns. Keys of an object that begin
with an underscore are the simulator's own and never shown.
"""

import json
import os
import secrets
import sqlite3
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from shop.simulator.settings import SimulatorSettings

LINKS = ("payment_intent", "charge", "customer", "source", "invoice_id", "_order", "_capture")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL,
  body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, provider TEXT NOT NULL, event_id TEXT NOT NULL, endpoint_id TEXT NOT NULL,
  due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting',
  lease REAL NOT NULL DEFAULT 0, status INTEGER, error TEXT);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due);
CREATE TABLE IF NOT EXISTS tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, due REAL NOT NULL, name TEXT NOT NULL, object_id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS tasks_due ON tasks (due);
CREATE TABLE IF NOT EXISTS answers (
  provider TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, status INTEGER, body TEXT, at REAL NOT NULL,
  PRIMARY KEY (provider, key));
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
""" + "".join(
    f"CREATE INDEX IF NOT EXISTS objects_{link} ON objects (kind, json_extract(body, '$.{link}'));\n" for link in LINKS
)
_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Origin:
    """The request that a change came from: where links shall lead, and what an event says about it.

    `is_api`: the shop's server asked. Where it finds us, it shall look again, whatever address browsers use.
    """

    api_url: str = ""
    browser_url: str = ""
    request_id: str | None = None
    idempotency_key: str | None = None
    is_api: bool = False


class Transaction:
    """One consistent view of the file; `now` is the simulator's clock in whole seconds, `clock` the same exactly."""

    def __init__(self, connection: sqlite3.Connection, settings: SimulatorSettings, origin: Origin):
        self.connection = connection
        self.settings = settings
        self.origin = origin
        self.told = False
        self.clock = time.time() + self.meta("offset", 0)
        self.now = int(self.clock)

    def add(self, kind: str, body: dict) -> dict:
        row = (body["id"], kind, self.now, json.dumps(body))
        self.connection.execute("INSERT INTO objects (id, kind, created, body) VALUES (?, ?, ?, ?)", row)
        return body

    def save(self, body: dict) -> dict:
        self.connection.execute("UPDATE objects SET body = ? WHERE id = ?", (json.dumps(body), body["id"]))
        return body

    def remove(self, object_id: str) -> None:
        self.connection.execute("DELETE FROM objects WHERE id = ?", (object_id,))

    def find(self, object_id: str, *kinds: str) -> dict | None:
        """The object of that id, whatever its kind if none is named."""
        row = self.connection.execute("SELECT kind, body FROM objects WHERE id = ?", (object_id,)).fetchone()
        return json.loads(row[1]) if row and (not kinds or row[0] in kinds) else None

    def get(self, object_id: str) -> dict:
        """For ids that the simulator itself has written down. Raises LookupError."""
        found = self.find(object_id)
        if found is None:
            raise LookupError(object_id)
        return found

    def select(self, kind: str, *, limit: int = -1, before: str = "", after: str = "", **filters) -> list[dict]:
        """Newest first. `before` and `after` are ids: older than the one, newer than the other.

        A filter is a key of the object and its value; `created__gte` and its like compare, `type__in` takes a list.
        """
        where, values = ["kind = ?"], [kind]
        for name, value in filters.items():
            column, _, comparison = name.partition("__")
            # The same words as in the index, or it is not used.
            column = "created" if column == "created" else f"json_extract(body, '$.{column}')"
            where.append(f"{column} {_COMPARISONS[comparison]}")
            values.append(json.dumps(value) if comparison == "in" else value)
        for object_id, sign in ((before, "<"), (after, ">")):
            if object_id:
                where.append(f"seq {sign} (SELECT seq FROM objects WHERE id = ?)")  # noqa: S608
                values.append(object_id)
        order = "ASC" if after else "DESC"
        query = f"SELECT body FROM objects WHERE {' AND '.join(where)} ORDER BY seq {order} LIMIT ?"  # noqa: S608
        found = [json.loads(body) for (body,) in self.connection.execute(query, (*values, limit))]
        return found[::-1] if after else found

    def one(self, kind: str, **filters) -> dict | None:
        return next(iter(self.select(kind, limit=1, **filters)), None)

    def meta(self, key: str, default=None):
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else default

    def set_meta(self, key: str, value) -> None:
        self.connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, json.dumps(value)))

    def later(self, seconds: float, name: str, object_id: str) -> None:
        row = (self.clock + seconds, name, object_id)
        self.connection.execute("INSERT INTO tasks (due, name, object_id) VALUES (?, ?, ?)", row)


_COMPARISONS = {
    "": "= ?",
    "gt": "> ?",
    "gte": ">= ?",
    "lt": "< ?",
    "lte": "<= ?",
    "in": "IN (SELECT value FROM json_each(?))",
}


class Store:
    """Connections by process: one that was opened before a fork is never used after it."""

    def __init__(self, settings: SimulatorSettings, prepare: Callable[[Transaction], None]):
        self.settings = settings
        self.on_told: Callable[[], None] = lambda: None
        self._prepare = prepare
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._pid = 0

    @contextmanager
    def write(self, origin: Origin = Origin()) -> Iterator[Transaction]:
        connection = self._take()
        try:
            connection.execute("BEGIN IMMEDIATE")
            transaction = Transaction(connection, self.settings, origin)
            _remember_address(transaction)
            yield transaction
            connection.execute("COMMIT")
        finally:
            self._give(connection)
        if transaction.told:
            self.on_told()

    @contextmanager
    def read(self, origin: Origin = Origin()) -> Iterator[Transaction]:
        connection = self._take()
        try:
            connection.execute("BEGIN")
            yield Transaction(connection, self.settings, origin)
        finally:
            self._give(connection)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> sqlite3.Connection:
        if self._pid != os.getpid():
            self._prepare_process()
        try:
            return self._idle.pop()
        except IndexError:
            return self._open()

    def _prepare_process(self) -> None:
        with self._lock:
            if self._pid != os.getpid():
                self._idle = [self._open(prepare=True)]
                self._pid = os.getpid()

    def _give(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        self._idle.append(connection)

    def _open(self, *, prepare: bool = False) -> sqlite3.Connection:
        if prepare:
            self.settings.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.settings.path, timeout=60, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = NORMAL")
        if prepare:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in filter(str.strip, _SCHEMA.split(";\n")):
                connection.execute(statement)
            self._prepare(Transaction(connection, self.settings, Origin()))
            connection.execute("COMMIT")
        return connection


def _remember_address(tx: Transaction) -> None:
    """What a browser or time brings about has links for the shop too: they lead where it came in last."""
    known = tx.meta("api_url", "")
    if tx.origin.is_api and tx.origin.api_url != known:
        tx.set_meta("api_url", tx.origin.api_url)
    elif not tx.origin.is_api:
        address = known or tx.origin.api_url
        people = tx.origin.browser_url or tx.settings.public_url.rstrip("/") or address
        tx.origin = replace(tx.origin, api_url=address, browser_url=people)


def new_id(prefix: str, length: int = 24) -> str:
    return f"{prefix}_" + "".join(secrets.choice(_LETTERS) for _ in range(length))


def new_code(length: int = 17) -> str:
    """As PayPal names things: capital letters and digits."""
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(length))


def shown(body):
    """The object without what is the simulator's own."""
    if isinstance(body, dict):
        return {key: shown(value) for key, value in body.items() if not key.startswith("_")}
    return [shown(item) for item in body] if isinstance(body, list) else body
