"""Events of the past, appended to the sealed log as the relay would: in order, each with its seal, owed to nobody."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from shop.models.event import Event, EventDetail, detail_hash, seal
from shop.services import relay
from shop.services.demo.rows import DetailRow, EventRow
from shop.services.demo.tables import new_ids, write_rows
from shop.services.events import dumps


class Fact(NamedTuple):
    at: datetime
    aggregate: str
    version: int
    verb: str
    actor: str
    body: dict
    detail: dict | None


class Log:
    """Takes the relay's lock until the transaction ends, after everything that was committed has its place."""

    def __init__(self):
        while relay.relay_batch():
            pass
        # Between two batches of a million repairs a slow machine reckons for more than half a minute.
        relay.take_time()
        self.position, self.hash = relay.head()

    def append(self, facts: Iterable[Fact]) -> None:
        facts = list(facts)
        if not facts:
            return
        events, details = [], []
        for fact, event_id in zip(facts, new_ids(Event.__table__, len(facts)), strict=True):
            salt, text = (secrets.token_hex(16), dumps(fact.detail)) if fact.detail else ("", "")
            events.append(self._sealed(fact, event_id, detail_hash(salt, text) if text else ""))
            if text:
                details.append(DetailRow(event_id, salt, text))
        write_rows(Event.__table__, events)
        write_rows(EventDetail.__table__, details)

    def _sealed(self, fact: Fact, event_id: int, hidden: str) -> EventRow:
        self.position += 1
        row = EventRow(
            id=event_id, verb=fact.verb, aggregate=fact.aggregate, version=fact.version, actor=fact.actor,
            at=fact.at.isoformat(timespec="microseconds"), body=dumps(fact.body), detail_hash=hidden,
            position=self.position, previous_hash=self.hash, hash="",
        )  # fmt: skip
        self.hash = seal(row, position=self.position, previous_hash=self.hash)
        return row._replace(hash=self.hash)
