"""The till of the demo shop: a session for each day on which something was taken, the last one open."""

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from shop.models.ledger import Kind, drawer_difference_posting, payout_posting
from shop.models.location import Location
from shop.models.payment import Drawer, Provider
from shop.services.demo.books import Books
from shop.services.demo.log import Fact
from shop.services.demo.rows import DrawerRow
from shop.services.demo.story import Crew
from shop.services.demo.tables import new_ids, write_rows

if TYPE_CHECKING:
    from shop.services.demo.money import Sale

FLOAT = 15_000
_DIFFERENCES = (0, 0, 0, 0, 0, 0, -10, 5, -100, 20)


class Till:
    """`facts` are its events, once it was written."""

    def __init__(self, location: Location, *, now: datetime, crew: Crew, rng: random.Random):
        self.location, self.now, self.crew, self.rng = location, now, crew, rng
        self.facts: list[Fact] = []

    def open_for(self, sales: Sequence["Sale"], books: Books) -> None:
        """Gives each sale the drawer of its day; the float came from the bank on the first of them."""
        days: dict[date, list[Sale]] = defaultdict(list)
        for sale in sales:
            days[sale.at.astimezone(ZoneInfo(self.location.zone)).date()].append(sale)
        if not days:
            return
        today = self.now.astimezone(ZoneInfo(self.location.zone)).date()
        days[today] += []
        rows = []
        for (day, taken), drawer_id in zip(sorted(days.items()), new_ids(Drawer.__table__, len(days)), strict=True):
            opened = min((sale.at for sale in taken), default=self.now - timedelta(minutes=30)) - timedelta(minutes=20)
            for sale in taken:
                sale.drawer_id = drawer_id
            rows.append(self._session(drawer_id, taken, opened, books, is_open=day == today))
        first = rows[0]
        books.post(
            f"drawer:{first.id}:float", Kind.DRAWER, payout_posting(Provider.CASH, -FLOAT), at=first.opened_at,
            actor=f"staff:{self.crew.counter}",
        )  # fmt: skip
        write_rows(Drawer.__table__, rows)

    def _session(self, key: int, taken: list["Sale"], opened: datetime, books: Books, *, is_open: bool) -> DrawerRow:
        row = DrawerRow(
            id=key, location_id=self.location.id, currency=self.location.currency, opened_by=self.crew.counter,
            opened_at=opened, float_amount=FLOAT, minimum_float=FLOAT, closed_by=None, closed_at=None, counted=None,
            expected=None, difference=None, banked=None, note="", version=1,
        )  # fmt: skip
        self._say(row, "drawer.opened", opened, {"float": FLOAT, "currency": row.currency}, self.crew.counter)
        if is_open:
            return row
        closed = min(max(sale.at for sale in taken) + timedelta(minutes=45), self.now)
        expected = FLOAT + sum(sale.amount for sale in taken if sale.provider == Provider.CASH)
        difference = self.rng.choice(_DIFFERENCES)
        counted, banked = expected + difference, max(expected + difference - FLOAT, 0)
        # The next session begins with the same float: what lacks is taken from the bank's.
        if counted - banked != FLOAT:
            counted, banked, difference = FLOAT, 0, FLOAT - expected
        facts: dict[str, Any] = {"at": closed, "actor": f"staff:{self.crew.manager}", "drawer_id": key}
        if difference:
            books.post(f"drawer:{key}:difference", Kind.DRAWER, drawer_difference_posting(difference), **facts)
        if banked:
            books.post(f"drawer:{key}:banked", Kind.PAYOUT, payout_posting(Provider.CASH, banked), **facts)
        row = row._replace(
            closed_by=self.crew.manager, closed_at=closed, counted=counted, expected=expected, difference=difference,
            banked=banked, version=2,
        )  # fmt: skip
        body = {"counted": counted, "expected": expected, "banked": banked, "currency": row.currency}
        self._say(row, "drawer.closed", closed, body, self.crew.manager)
        return row

    def _say(self, row: DrawerRow, verb: str, at: datetime, body: dict, person: int) -> None:
        self.facts.append(Fact(at, f"drawer:{row.id}", row.version, verb, f"staff:{person}", body, None))
