"""Rows of the bulk load: each class has the columns of one table."""

from datetime import datetime
from typing import NamedTuple


class CustomerRow(NamedTuple):
    id: int
    name: str
    email: str
    phone: str
    locale: str
    created_at: datetime
    may_email: bool = True
    may_email_source: str = ""
    may_email_since: datetime | None = None


class DeviceRow(NamedTuple):
    id: int
    customer_id: int
    model_id: int
    label: str
    serial: str
    imei: str


class RepairRow(NamedTuple):
    id: int
    number: str
    tracking_token: str
    location_id: int
    customer_id: int
    device_id: int
    assignee_id: int | None
    status: str
    is_open: bool
    status_since: datetime
    waiting_on: str | None
    priority: int
    service_type: str
    urgency: str
    problem: str
    diagnosis: str
    work: str
    work_minutes: int
    place: str
    tags: str
    total: int
    currency: str
    received_at: datetime
    due_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    version: int
    search_text: str


class SlotRow(NamedTuple):
    id: int
    location_id: int
    service_type: str
    starts_at: datetime
    ends_at: datetime
    capacity: int
    taken: int


class BookingRow(NamedTuple):
    repair_id: int
    slot_id: int | None
    source: str
    address: str
    postcode: str
    created_at: datetime
    arrived_at: datetime | None
    missed_at: datetime | None
    misses: int
    moves: int


class LineRow(NamedTuple):
    repair_id: int
    repair_type_id: int | None
    position: int
    label: str
    amount: int


class TagRow(NamedTuple):
    repair_id: int
    tag_id: int


class NoteRow(NamedTuple):
    id: int
    repair_id: int
    author_id: int
    body: str
    created_at: datetime


class EventRow(NamedTuple):
    id: int
    verb: str
    aggregate: str
    version: int
    actor: str
    at: str
    body: str
    detail_hash: str
    position: int
    previous_hash: str
    hash: str


class DetailRow(NamedTuple):
    event_id: int
    salt: str
    body: str
