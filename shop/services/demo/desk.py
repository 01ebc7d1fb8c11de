"""Appointments of the demo shop: who came, who is expected, who did not come, and what takes time away."""

import random
from datetime import datetime, time, timedelta

from sqlalchemy import select, update

from shop.extensions import db
from shop.models.booking import Booking, Slot
from shop.models.location import Block, Location
from shop.models.workflow import State
from shop.services.demo.hours import OpenTime
from shop.services.demo.intake import Intake
from shop.services.demo.rows import BookingRow, RepairRow, SlotRow
from shop.services.demo.story import Happening, Story, promised
from shop.services.demo.tables import new_ids, write_rows
from shop.services.slots import SlotView, cut

EXPECTED_SHARE, MOST_EXPECTED = 0.25, 160
_BEHIND, _AHEAD = timedelta(days=60), timedelta(days=24)
# Of those expected: missed yesterday or the day before, due about now, later today and on the next days.
_MISSED, _NOW = 0.09, 0.14
_HOMES = (
    ("12 Brick Lane, London", "E1 6QL"),
    ("4 Arnold Circus, London", "E2 7JP"),
    ("31 Columbia Road, London", "E2 7QB"),
    ("7 Hoxton Square, London", "N1 6NU"),
)


class Desk:
    """Gives every booking its place and keeps the rows until they are written."""

    def __init__(self, location: Location, *, now: datetime, time: OpenTime, rng: random.Random):
        self.location, self.now, self.time, self.rng = location, now, time, rng
        self._slots: dict[tuple[str, datetime], SlotRow] = {}
        self._taken: dict[tuple[str, datetime], int] = {}
        self._known: set[tuple[str, datetime]] = set()
        self._bookings: list[BookingRow] = []
        self._views: dict[str, list[SlotView]] = {
            service: list(cut(location.hours, grid, start=now - _BEHIND, end=now + _AHEAD))
            for service, grid in location.slot_grids.items()
        }
        self._remember_what_is_there()

    def came(self, row: RepairRow, story: Story) -> None:
        """A booking of the past: it was made some days before, and the device came at its time, more or less."""
        if not story.happenings or story.happenings[0].body.get("source") != "wizard":
            return
        before = timedelta(hours=self.rng.uniform(4, 90))
        slot_id = None
        if row.location_id == self.location.id and row.service_type in self._views:
            slot_id = self._take(row.service_type, row.received_at)
        self._book(row.id, slot_id, row.service_type, made=row.received_at - before, arrived=row.received_at)

    def expect(self, repair_id: int, intake: Intake) -> tuple[Story, datetime | None]:
        """A repair that is booked and not here yet, with the story of that. None: it comes at any time or by post."""
        view = self._choose(intake.service_type)
        made = self.now - timedelta(hours=self.rng.uniform(5, 120))
        slot_id = self._take(intake.service_type, view.start) if view else None
        starts_at = view.start if view and slot_id else None
        missed = starts_at is not None and starts_at.date() < self.now.date()
        if missed and starts_at:
            made = starts_at - timedelta(hours=self.rng.uniform(20, 90))
        begins = self.time.minute_of(starts_at or self.now + timedelta(days=2))
        story = Story(
            status=State.EXPECTED, received_at=made, status_since=made, assignee_id=None,
            due_at=promised(self.time, begins, intake.urgency),
        )  # fmt: skip
        missed_at = starts_at + timedelta(minutes=25) if missed and starts_at else None
        self._book(repair_id, slot_id, intake.service_type, made=made, missed=missed_at)
        if missed_at and starts_at:
            body = {"slot": starts_at.isoformat(), "message": "none"}
            story.happenings.append(Happening("repair.missed", "", body, at=missed_at))
        return story, starts_at

    def write(self) -> None:
        """Slots first: bookings name them."""
        for key in self._known & self._taken.keys():
            count = self._taken[key]
            db.session.execute(update(Slot).where(Slot.id == self._slots[key].id).values(taken=count))
        fresh = [self._slots[key]._replace(taken=self._taken[key]) for key in self._taken if key not in self._known]
        ids = new_ids(Slot.__table__, len(fresh))
        numbers = {old.id: new for old, new in zip(fresh, ids, strict=True)}
        write_rows(Slot.__table__, [row._replace(id=numbers[row.id]) for row in fresh])
        write_rows(
            Booking.__table__,
            [
                row if row.slot_id is None else row._replace(slot_id=numbers.get(row.slot_id, row.slot_id))
                for row in self._bookings
            ],
        )
        self._block_out()

    def _remember_what_is_there(self) -> None:
        query = select(Slot).where(
            Slot.location_id == self.location.id,
            Slot.starts_at >= self.now - _BEHIND,
            Slot.starts_at < self.now + _AHEAD,
        )
        for slot in db.session.scalars(query):
            key = slot.service_type, slot.starts_at
            self._known.add(key)
            self._slots[key] = SlotRow(
                slot.id, slot.location_id, slot.service_type, slot.starts_at, slot.ends_at, slot.capacity, slot.taken
            )

    def _choose(self, service: str) -> SlotView | None:
        """Most within the next days; at the counter some come at any time."""
        if service not in self._views or (service == "in_store" and self.rng.random() < 0.08):
            return None
        roll, now = self.rng.random(), self.now
        views = self._views[service]
        if roll < _MISSED:
            found = [view for view in views if now - timedelta(days=3) < view.start and view.start.date() < now.date()]
        elif roll < _MISSED + _NOW:
            found = [view for view in views if now - timedelta(minutes=50) < view.start < now + timedelta(minutes=60)]
        else:
            reach = timedelta(days=min(self.rng.expovariate(0.45), 20)) + timedelta(hours=9)
            found = [view for view in views if now < view.start < now + reach]
        return self.rng.choice(found) if found else None

    def _take(self, service: str, moment: datetime) -> int | None:
        """A place in the slot that holds this moment; a number below zero stands for a row that is not written yet."""
        view = next((one for one in reversed(self._views[service]) if one.start <= moment), None)
        if view is None or moment >= view.end:
            return None
        key = service, view.start
        row = self._slots.get(key)
        if row is None:
            row = self._slots[key] = SlotRow(
                -1 - len(self._slots), self.location.id, service, view.start, view.end, view.capacity, 0
            )
        taken = self._taken.get(key, row.taken)
        if taken >= row.capacity:
            return None
        self._taken[key] = taken + 1
        return row.id

    def _book(
        self, repair_id: int, slot_id: int | None, service: str, *, made: datetime, arrived: datetime | None = None,
        missed: datetime | None = None,
    ) -> None:  # fmt: skip
        street, postcode = "", ""
        if service == "pickup":
            street, postcode = self.rng.choice(_HOMES)
        self._bookings.append(
            BookingRow(
                repair_id=repair_id, slot_id=slot_id, source="wizard", created_at=made, arrived_at=arrived,
                missed_at=missed, misses=int(missed is not None), moves=0, address=street, postcode=postcode,
            )
        )  # fmt: skip

    def _block_out(self) -> None:
        """A talk with the supplier, an hour of training, and the inventory at the end of the month."""
        if db.session.scalar(select(Block.id).limit(1)):
            return
        hours, day, stops = self.location.hours, self.now.astimezone(self.location.hours.zone).date(), []
        for reason, ahead, begins, ends, places in (
            ("Supplier brings parts", 1, time(9), time(10), 2),
            ("Training: battery safety", 2, time(17), time(18, 30), None),
            ("Stocktaking", 8, time(9), time(12), None),
        ):
            coming = (day + timedelta(days=days) for days in range(ahead, ahead + 30))
            target = next(one for one in coming if hours.periods(one))
            starts_at, ends_at = (datetime.combine(target, clock, hours.zone) for clock in (begins, ends))
            stops.append(
                Block(location_id=self.location.id, starts_at=starts_at, ends_at=ends_at, places=places, reason=reason)
            )
        db.session.add_all(stops)
        db.session.flush()
