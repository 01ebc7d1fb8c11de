import pytest

from shop.services import slots
from tests import bookings, factories


def test_slots_show_places_left_full_ones_too(client_program, frozen, session):
    bookings.slot_with(1)
    slots.take(factories.location(), "in_store", starts_at=bookings.THURSDAY_1030)
    session.commit()

    answer = client_program.get("/slots?service_type=in_store&from=2026-11-26T10:00:00Z&to=2026-11-26T11:30:00Z")

    assert answer.status_code == 200
    assert answer.json["items"] == [
        {"start": "2026-11-26T10:00:00Z", "end": "2026-11-26T10:30:00Z", "remaining": 4},
        {"start": "2026-11-26T10:30:00Z", "end": "2026-11-26T11:00:00Z", "remaining": 0},
        {"start": "2026-11-26T11:00:00Z", "end": "2026-11-26T11:30:00Z", "remaining": 4},
    ]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("from=2026-11-26&to=2026-11-26", 19),
        ("service_type=pickup&from=2026-11-26&to=2026-11-27", 8),
        ("service_type=postal&from=2026-11-26&to=2026-11-27", 0),
        ("from=2026-11-29&to=2026-11-29", 0),
        ("from=2026-12-25&to=2026-12-28", 0),
        ("from=2026-11-26T10:00:00+01:00&to=2026-11-26T11:00:00+01:00", 2),
        ("from=2026-11-26T09:00:00&to=2026-11-26T10:00:00%2B00:00", 2),
        ("from=1900-01-01&to=1900-12-31", 0),
        ("from=9000-01-01&to=9000-12-31", 0),
        ("service_type=&from=&to=2026-11-24", 17),
    ],
)
def test_slots_take_days_and_times(client_program, frozen, query, count):
    answer = client_program.get(f"/slots?{query}")

    assert answer.status_code == 200
    assert len(answer.json["items"]) == count


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("service_type=drone", "service_type"),
        ("from=soon", "from"),
        ("from=2026-02-30", "from"),
        ("to=9999-12-31", "to"),
        ("to=9999-12-31T23:59:59-14:00", "to"),
        ("from=0001-01-01T00:00:00%2B14:00", "from"),
        ("from=2026-11-27&to=2026-11-25", "to"),
        ("from=%00", "from"),
        ("until=2026-11-25", "until"),
    ],
)
def test_slots_refuse_what_they_do_not_understand(client_program, query, field):
    answer = client_program.get(f"/slots?{query}")

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json["errors"]] == [field]
