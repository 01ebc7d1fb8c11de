"""What the demo shop would have foreseen: its stories played again, each promise with what was known at its moment."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import NamedTuple

from sqlalchemy import func, select, update

from shop.extensions import db
from shop.models.event import Event
from shop.models.forecast import FEWEST, TARGETS, Correction, Curve, Window, curve_of, duration_at, remaining
from shop.models.promise import Forecast, LogPlace, Outlook
from shop.models.workflow import DONE, State, is_open
from shop.services.demo.hours import OpenTime
from shop.services.demo.intake import Intake
from shop.services.demo.rows import RepairRow
from shop.services.demo.story import Story
from shop.services.demo.tables import new_ids, refresh_statistics, write_rows
from shop.services.forecasts import READER, STALLS, UNSEEN
from shop.services.statements import insert_if_absent

# The page of promises shows a year; a little more, so that its first month has learned.
_REMEMBERED = timedelta(days=400)
# An archived story knows only when the device left: it was ready a little sooner.
_READY_AT = 0.85
_QUARTER = timedelta(minutes=15)
_AT_ONCE = 5_000


class ForecastRow(NamedTuple):
    id: int
    repair_id: int
    version: int
    turn: int
    location_id: int
    made_at: datetime
    status: str
    repair_type_id: int
    family: str
    tier: str
    had_parts: bool
    load: int
    basis: str
    jobs: int
    curve: str
    likely_at: datetime | None
    safe_at: datetime | None
    ready_at: datetime | None
    minutes: int | None
    withdrawn_at: datetime | None


class OutlookRow(NamedTuple):
    repair_id: int
    forecast_id: int
    location_id: int
    likely_at: datetime | None
    safe_at: datetime | None
    told_at: datetime | None
    stalls_at: datetime | None
    seen_at: datetime


@dataclass(slots=True, eq=False)
class Job:
    """One way from the counter, or from coming back under warranty, to ready. Moments are opening minutes."""

    row: RepairRow
    kind_id: int
    family: str
    tier: str
    steps: list[tuple[int, str, float]] = field(default_factory=list)
    ready: float | None = None
    withdrawn: float | None = None
    made: list["Made"] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Made:
    version: int
    turn: int
    status: str
    minute: float
    load: int
    basis: str = ""
    jobs: int = 0
    curve: Curve = ()
    within: tuple[float, ...] = ()


class Foresight:
    """`saw` for every repair in the order of arrival, then `write`, once."""

    def __init__(self, *, time: OpenTime, now: datetime):
        self.time, self.now, self.latest = time, now, time.minute_of(now)
        self.jobs: list[Job] = []
        self.windows: defaultdict[tuple, Window] = defaultdict(Window)
        self.corrections = [Correction(target) for target in TARGETS]
        self.underway = 0

    def saw(self, row: RepairRow, intake: Intake, story: Story) -> None:
        if row.received_at < self.now - _REMEMBERED:
            return
        new = Job(row, intake.kind.id, intake.model.category, intake.model.tier)
        if story.happenings:
            self.jobs += self._told(new, story)
            return
        begun, ended = self.time.minute_of(row.received_at), self.time.minute_of(row.status_since)
        new.steps.append((1, State.RECEIVED, begun))
        if row.status == State.CANCELLED:
            new.withdrawn = ended
        else:
            new.ready = begun + _READY_AT * (ended - begun)
        self.jobs.append(new)

    def write(self) -> None:
        """All rows, and that the log is read to its end."""
        for moment in sorted(self._moments(), key=lambda entry: entry[:3]):
            self._pass(moment)
        outlooks = list(self._outlooks())
        rows = [row for job in self.jobs for row in self._rows(job)]
        ids = iter(new_ids(Forecast.__table__, len(rows)))
        rows = [row._replace(id=key) for row, key in zip(rows, ids, strict=True)]
        for begin in range(0, len(rows), _AT_ONCE):
            write_rows(Forecast.__table__, rows[begin : begin + _AT_ONCE])
        latest = {row.repair_id: row.id for row in rows}
        write_rows(Outlook.__table__, [row._replace(forecast_id=latest[row.repair_id]) for row in outlooks])
        head = db.session.scalar(select(func.max(Event.position))) or 0
        db.session.execute(insert_if_absent(LogPlace, unique=["reader"], values={"reader": READER, "position": 0}))
        db.session.execute(update(LogPlace).where(LogPlace.reader == READER).values(position=head))
        refresh_statistics((Forecast.__table__, Outlook.__table__))

    def _told(self, new: Job, story: Story) -> Iterator[Job]:
        for version, happening in enumerate(story.happenings, start=1):
            status = happening.body.get("to") if happening.verb == "repair.moved" else happening.body.get("status")
            if happening.verb not in {"repair.booked", "repair.moved"} or status is None or status in UNSEEN:
                continue
            minute = self.time.minute_of(happening.moment)
            if status not in DONE:
                new.steps.append((version, str(status), minute))
                continue
            if new.steps:
                new.ready, new.withdrawn = (minute, None) if status == State.READY else (None, minute)
                yield new
                new = Job(new.row, new.kind_id, new.family, new.tier)
        if new.steps:
            yield new

    def _moments(self) -> Iterator[tuple]:
        order = count()
        for job in self.jobs:
            for step in job.steps:
                yield step[2], 1, next(order), job, step
            end = job.ready if job.ready is not None else job.withdrawn
            if end is not None:
                yield end, 0 if end > job.steps[-1][2] else 2, next(order), job, None

    def _pass(self, moment: tuple) -> None:
        minute, _, _, job, step = moment
        if step is not None:
            self.underway += step is job.steps[0]
            job.made.append(self._foresee(Made(step[0], 0, step[1], minute, self.underway), job))
            return
        self.underway -= 1
        for made in job.made if job.ready is not None else ():
            took = minute - made.minute
            for key in _keys(made.status, job):
                self.windows[key].add(took, made.load)
            for place, within in enumerate(made.within):
                self.corrections[place].settle(took <= within, waiting=self.underway)

    def _foresee(self, made: Made, job: Job, *, passed: float = 0.0) -> Made:
        for basis, key in zip(("type", "status"), _keys(made.status, job), strict=True):
            durations = self.windows[key].durations
            left = remaining(durations, passed) if passed else durations
            made.jobs = max(made.jobs, len(left))
            if len(left) >= FEWEST:
                made.basis, made.jobs, made.curve = basis, len(left), curve_of(left)
                levels = [one.apply(one.target) for one in self.corrections]
                within = [duration_at(made.curve, level) for level in levels]
                made.within = (within[0], max(within))
                break
        return made

    def _outlooks(self) -> Iterator[OutlookRow]:
        for job in self.jobs:
            row, last = job.row, job.made[-1]
            if not is_open(row.status) or row.status in DONE or job.ready is not None or job.withdrawn is not None:
                continue
            if last.within and last.minute + last.within[0] < self.latest:
                again = Made(last.version, 1, last.status, self.latest, self.underway)
                last = self._foresee(again, job, passed=self.latest - last.minute)
                job.made.append(last)
            dates = [self._dates(made)[1] for made in job.made]
            likely, safe = self._dates(last)
            told = min((date for date in dates if date), default=None)
            limit = STALLS.get(State(row.status))
            stalls = self.time.at(self.time.minute_of(row.updated_at) + limit * 60) if limit else None
            yield OutlookRow(row.id, 0, row.location_id, likely, safe, told, stalls, row.updated_at)

    def _rows(self, job: Job) -> Iterator[ForecastRow]:
        had_parts = False
        for made in job.made:
            likely, safe = self._dates(made)
            yield ForecastRow(
                0, job.row.id, made.version, made.turn, job.row.location_id, self.time.at(made.minute), made.status,
                job.kind_id, job.family, job.tier, had_parts, made.load, made.basis, made.jobs,
                json.dumps([round(minutes) for minutes in made.curve]) if made.curve else "", likely, safe,
                None if job.ready is None else self.time.at(job.ready),
                None if job.ready is None else max(round(job.ready - made.minute), 0),
                None if job.withdrawn is None else self.time.at(job.withdrawn),
            )  # fmt: skip
            had_parts = had_parts or made.status == State.AWAITING_PARTS

    def _dates(self, made: Made) -> tuple[datetime | None, datetime | None]:
        if not made.within:
            return None, None
        likely, safe = (_up_to_the_quarter(self.time.at(made.minute + within)) for within in made.within)
        return likely, safe


def _keys(status: str, job: Job) -> tuple[tuple, tuple]:
    return (status, job.kind_id), (status,)


def _up_to_the_quarter(moment: datetime) -> datetime:
    over = timedelta(minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond)
    return moment + _QUARTER - over if over else moment
