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


class PaymentRow(NamedTuple):
    id: int
    key: str
    repair_id: int
    provider: str
    purpose: str
    amount: int
    currency: str
    state: str
    provider_ref: str | None
    charge_ref: str | None
    method: str
    captured: int
    refunded: int
    fee: int
    tendered: int | None
    failure_code: str
    fault: str
    livemode: bool
    drawer_id: int | None
    actor: str
    created_at: datetime
    settled_at: datetime | None
    version: int


class RefundRow(NamedTuple):
    id: int
    key: str
    payment_id: int
    amount: int
    state: str
    reason: str
    provider_ref: str | None
    failure_code: str
    actor: str
    created_at: datetime
    settled_at: datetime | None


class DisputeRow(NamedTuple):
    payment_id: int
    provider_ref: str
    amount: int
    currency: str
    reason: str
    state: str
    due_by: datetime
    opened_at: datetime


class DrawerRow(NamedTuple):
    id: int
    location_id: int
    currency: str
    opened_by: int
    opened_at: datetime
    float_amount: int
    minimum_float: int
    closed_by: int | None
    closed_at: datetime | None
    counted: int | None
    expected: int | None
    difference: int | None
    banked: int | None
    note: str
    version: int


class TransactionRow(NamedTuple):
    id: int
    key: str
    kind: str
    repair_id: int | None
    payment_id: int | None
    drawer_id: int | None
    currency: str
    at: datetime
    actor: str
    memo: str


class EntryRow(NamedTuple):
    transaction_id: int
    account: str
    amount: int
    currency: str
    repair_id: int | None


class DocumentRow(NamedTuple):
    id: int
    key: str
    kind: str
    series: str
    year: int
    number: int
    repair_id: int
    payment_id: int | None
    corrects_id: int | None
    issued_at: datetime
    currency: str
    net: int
    tax: int
    gross: int
    locale: str
    content: str
