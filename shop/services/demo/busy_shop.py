"""A shop that has been busy for years, for trying things out and for measuring.

Complaints, seasons and outcomes come from real repair records (see shop/seed/ATTRIBUTION.md); people are invented.
The same count, seed and moment give the same shop, but for tracking tokens and salts, which are always random.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice

from sqlalchemy import exists, select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.catalogue import DeviceModel
from shop.models.customer import Customer, Device
from shop.models.errors import Invalid
from shop.models.event import Event
from shop.models.permissions import Role
from shop.models.repair import Note, Repair, RepairLine, new_tracking_token, search_text
from shop.models.tag import BETWEEN, RepairTag
from shop.models.workflow import WAITING_ON, is_open
from shop.services import staff, word_uses, words
from shop.services.demo.board import choose_open
from shop.services.demo.desk import EXPECTED_SHARE, MOST_EXPECTED, Desk
from shop.services.demo.foresight import Foresight
from shop.services.demo.hours import OpenTime
from shop.services.demo.intake import Counter, Intake
from shop.services.demo.log import Fact, Log
from shop.services.demo.money import Money
from shop.services.demo.people import COLLEAGUES, PASSWORD, email_of
from shop.services.demo.rosters import enter_rosters
from shop.services.demo.rows import LineRow, NoteRow, RepairRow, TagRow
from shop.services.demo.sorting import Sorting
from shop.services.demo.story import Crew, Happening, Story, archived, booked, closed_state, told
from shop.services.demo.tables import (
    REBUILD_FROM,
    new_ids,
    put_up_indexes,
    refresh_statistics,
    take_down_indexes,
    write_rows,
)
from shop.services.demo.views import save_demo_views
from shop.services.locations import home_location
from shop.services.repairs import number_of

OPEN_SHARE = 0.004
FEWEST_OPEN = 47
TOLD = 2_000

_LONGEST_PAST = timedelta(days=8 * 365)
_SHORTEST_PAST = timedelta(days=45)
_REPAIRS_A_DAY = 7
_BOARD = timedelta(days=12)
_BOARD_SHARE = 1.6
_BATCH = 5_000
_PRIORITY = {"same_day": 1, "express": 2, "standard": 3}
_TABLES = tuple(model.__table__ for model in (Customer, Device, Repair, RepairLine, RepairTag, Note, Event))


@dataclass(frozen=True, slots=True)
class Filled:
    repairs: int
    open: int


def fill(
    count: int,
    *,
    open_count: int | None = None,
    seed: int = 1,
    now: datetime | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> Filled:
    """Adds `count` repairs with customers, devices, prices, notes, payments and events; the caller commits, once.

    `open_count` of them are open; without it about 0.4 %, but never fewer than 47. The newest 2,000 have the full
    history of their events, older ones a single `repair.imported`. Nothing is owed: the events are sealed here,
    so the relay never sees them. Memory stays flat. `advance` is told after each batch how many were added.
    Raises Invalid below 1 and where the reference data are missing.
    """
    if count < 1:
        raise Invalid({"repairs": "Ask for at least one repair."})
    is_first = not has_repairs()
    crew = _crew()
    if is_first:
        save_demo_views()
    rebuild = take_down_indexes(_TABLES) if is_first and count >= REBUILD_FROM and _is_postgresql() else []
    opened = max(FEWEST_OPEN, round(count * OPEN_SHARE)) if open_count is None else open_count
    filling = _Filling(count, min(count, opened), crew=crew, now=now or utc_now(), seed=seed)
    enter_rosters(filling.location, now=filling.now)
    filling.run(advance)
    put_up_indexes(rebuild)
    refresh_statistics(_TABLES)
    words.gather()
    word_uses.gather()
    return Filled(count, len(filling.board) + filling.expected)


def has_repairs() -> bool:
    return db.session.scalars(select(exists().where(Repair.id.is_not(None)))).one()


def _is_postgresql() -> bool:
    return db.engine.dialect.name == "postgresql"


def _crew() -> Crew:
    """The demo shop's staff, created where missing."""
    ids: dict[str, list[int]] = {}
    for name, role in COLLEAGUES:
        person = staff.find_staff(email_of(name))
        if person is None:
            person = staff.create_staff(email=email_of(name), password=PASSWORD, role=role, name=name)
        ids.setdefault(role, []).append(person.id)
    db.session.flush()
    return Crew(tuple(ids[Role.TECHNICIAN]), counter=ids[Role.FRONT_DESK][0], manager=ids[Role.MANAGER][0])


class _Filling:
    """One run: the repairs in the order of their arrival, written a batch at a time."""

    def __init__(self, count: int, open_count: int, *, crew: Crew, now: datetime, seed: int):
        rng = random.Random(seed)
        models = list(db.session.scalars(select(DeviceModel).order_by(DeviceModel.brand, DeviceModel.name)))
        if not models:
            raise Invalid({"repairs": "Load the reference data first: flask --app wsgi seed."})
        expected = min(round(open_count * EXPECTED_SHARE), MOST_EXPECTED, count // 4)
        self.count, self.expected, open_count = count - expected, expected, open_count - expected
        self.crew, self.now, self.rng = crew, now, rng
        self.location = home_location()
        self.past = min(max(timedelta(days=count / _REPAIRS_A_DAY), _SHORTEST_PAST), _LONGEST_PAST)
        self.time = OpenTime(self.location.hours, start=now - self.past, now=now)
        self.latest = self.time.minute_of(now)
        self.counter = Counter(models, now=now.astimezone(self.location.hours.zone), rng=rng)
        self.on_board = min(self.count, round(open_count * _BOARD_SHARE))
        self.board = choose_open(
            self.on_board, open_count,
            now=now, zone=self.location.hours.zone, time=self.time, rng=rng,
        )  # fmt: skip
        self.desk = Desk(self.location, now=now, time=self.time, rng=rng)
        self.sorting = Sorting(self.location, rng=rng)
        self.foresight = Foresight(time=self.time, now=now)
        self.money = Money(self.location, now=now, crew=crew, rng=random.Random(f"money {seed}"))
        self.log = Log()
        self.recent: list[Fact] = []

    def run(self, advance: Callable[[int], object]) -> None:
        arrivals = enumerate(self._arrivals())
        while batch := list(islice(arrivals, _BATCH)):
            self._write(batch)
            advance(len(batch))
        self._write_expected()
        self.desk.write()
        advance(self.expected)
        self.money.write()
        self.log.append(sorted([*self.recent, *self.money.till.facts], key=lambda fact: fact.at))
        self.foresight.write()

    def _arrivals(self) -> Iterator[float]:
        months, board_begins = self.counter.texts.months, self.time.minute_of(self.now - _BOARD)
        return chain(
            self.time.arrivals(self.count - self.on_board, begin=0, end=board_begins, months=months, rng=self.rng),
            self.time.arrivals(self.on_board, begin=board_begins, end=self.latest, months=months, rng=self.rng),
        )

    def _write(self, batch: list[tuple[int, float]]) -> None:
        ids = [new_ids(model.__table__, len(batch)) for model in (Repair, Customer, Device)]
        repairs, notes, imported = [], [], []
        lines: list[LineRow] = []
        for (index, begun), repair_id, customer_id, device_id in zip(batch, *ids, strict=True):
            intake = self.counter.serve(self.time.at(begun), customer_id=customer_id, device_id=device_id)
            story = self._story(index, begun, intake)
            repairs.append(self.money.settle(self._repair(repair_id, intake, story), story))
            self.desk.came(repairs[-1], story)
            self.foresight.saw(repairs[-1], intake, story)
            lines += _lines(repair_id, intake)
            if story.happenings:
                notes += [(repair_id, happening) for happening in story.happenings if happening.note]
                self.recent += _facts(repair_id, story.happenings)
            else:
                imported.append(_imported(repair_id, story))
        for model, rows in (
            (Customer, self.counter.take_new_customers()),
            (Device, self.counter.take_new_devices()),
            (Repair, repairs),
            (RepairLine, lines),
            (RepairTag, [TagRow(row.id, tag) for row in repairs for tag in self.sorting.ids(row.tags)]),
            (Note, _notes(notes)),
        ):
            write_rows(model.__table__, rows)
        self.log.append(imported)

    def _write_expected(self) -> None:
        """Booked, and still at home."""
        ids = [new_ids(model.__table__, self.expected) for model in (Repair, Customer, Device)]
        repairs: list[RepairRow] = []
        lines: list[LineRow] = []
        for repair_id, customer_id, device_id in zip(*ids, strict=True):
            intake = self.counter.serve(self.now, customer_id=customer_id, device_id=device_id)
            story, starts_at = self.desk.expect(repair_id, intake)
            begun = booked(story, intake, self.crew, is_online=True, status=story.status, slot=starts_at)
            begun.at = story.received_at
            for happening in story.happenings:
                happening.actor = f"staff:{self.crew.counter}"
            story.happenings.insert(0, begun)
            row = self._repair(repair_id, intake, story)._replace(location_id=self.location.id)
            repairs.append(self.money.deposit(row, story))
            lines += _lines(repair_id, intake)
            self.recent += _facts(repair_id, story.happenings)
        for model, rows in (
            (Customer, self.counter.take_new_customers()),
            (Device, self.counter.take_new_devices()),
            (Repair, repairs),
            (RepairLine, lines),
            (RepairTag, [TagRow(row.id, tag) for row in repairs for tag in self.sorting.ids(row.tags)]),
        ):
            write_rows(model.__table__, rows)

    def _story(self, index: int, begun: float, intake: Intake) -> Story:
        if index < self.count - max(TOLD - self.expected, self.on_board):
            return archived(intake, begun, time=self.time, latest=self.latest, crew=self.crew, rng=self.rng)
        tell = partial(told, intake, begun, time=self.time, latest=self.latest, crew=self.crew, rng=self.rng)
        place = index - (self.count - self.on_board)
        if place not in self.board:
            return tell(closed_state(intake.complaint.outcome, self.rng), due_at=None)
        status, due_at = self.board[place]
        soonest = self.time.at(begun) + timedelta(minutes=45)
        return tell(status, due_at=max(due_at, soonest))

    def _repair(self, repair_id: int, intake: Intake, story: Story) -> RepairRow:
        customer, device, is_still_open = intake.customer, intake.device, is_open(story.status)
        number, problem = number_of(repair_id), intake.complaint.text
        tags = BETWEEN.join(self.sorting.tags(problem))
        return RepairRow(
            id=repair_id,
            number=number,
            tracking_token=new_tracking_token(),
            location_id=self.sorting.branch(),
            customer_id=customer.id,
            device_id=device.id,
            assignee_id=story.assignee_id,
            status=story.status.value,
            is_open=is_still_open,
            status_since=story.status_since,
            waiting_on=WAITING_ON[story.status].value if is_still_open else None,
            priority=_PRIORITY[intake.urgency],
            service_type=intake.service_type,
            urgency=intake.urgency,
            problem=problem,
            diagnosis=story.diagnosis,
            work=intake.kind.name,
            work_minutes=intake.kind.duration_minutes,
            place=story.place,
            tags=tags,
            total=intake.price.total.amount,
            currency=intake.price.currency,
            received_at=story.received_at,
            due_at=story.due_at,
            updated_at=story.happenings[-1].moment if story.happenings else story.status_since,
            closed_at=None if is_still_open else story.status_since,
            version=len(story.happenings) or 1,
            search_text=search_text(
                number,
                customer.name,
                customer.phone,
                customer.email,
                device.label,
                device.imei,
                device.serial,
                problem,
                tags,
            ),
        )


def _lines(repair_id: int, intake: Intake) -> Iterator[LineRow]:
    own = f"repair:{intake.kind.slug}"
    for position, line in enumerate(intake.price.lines):
        type_id = intake.kind.id if line.code == own else None
        yield LineRow(repair_id, type_id, position, line.label[:200], line.amount.amount)


def _notes(written: list[tuple[int, Happening]]) -> list[NoteRow]:
    """Rows of the internal notes; each event learns the id of its note."""
    rows = []
    for (repair_id, happening), note_id in zip(written, new_ids(Note.__table__, len(written)), strict=True):
        happening.body["note"] = note_id
        author = int(happening.actor.removeprefix("staff:"))
        rows.append(NoteRow(note_id, repair_id, author, happening.note, happening.moment))
    return rows


def _facts(repair_id: int, happenings: list[Happening]) -> Iterator[Fact]:
    for version, happening in enumerate(happenings, start=1):
        yield Fact(
            happening.moment, f"repair:{repair_id}", version, happening.verb, happening.actor, happening.body,
            happening.detail,
        )  # fmt: skip


def _imported(repair_id: int, story: Story) -> Fact:
    body = {"status": story.status, "received_at": story.received_at.isoformat()}
    return Fact(story.status_since, f"repair:{repair_id}", 1, "repair.imported", "system", body, None)
