import pytest

from shop.models.event import Event
from tests import bookings


def price_body(**changes) -> dict:
    body = bookings.body(problem=None, customer=None, currency="GBP")
    return body | changes


def test_a_price_comes_with_lines_that_add_up_and_reasons(client_program, frozen):
    ids = [bookings.repair_type().id, bookings.repair_type("phone-battery").id]

    answer = client_program.post("/pricing/calculate", price_body(repair_type_ids=ids, urgency="express"))

    price = answer.json
    assert answer.status_code == 200
    assert set(price) == {"currency", "total", "lines", "explanation", "valid_until"}
    assert sum(line["amount"] for line in price["lines"]) == price["total"] > 0
    assert sum(reason["amount"] for reason in price["explanation"]) == price["total"]
    assert all(set(reason) == {"rule", "effect", "amount"} for reason in price["explanation"])


def test_the_same_facts_and_time_give_the_same_price(client_program, session):
    body = price_body(at="2026-07-01T12:00:00+02:00")

    first, second = (client_program.post("/pricing/calculate", body).json for _ in range(2))

    assert first == second
    assert session.query(Event).count() == 0


def test_a_price_writes_money_as_the_language_asked_for_does(client_program):
    answer = client_program.post("/pricing/calculate", price_body(currency="EUR"), Accept_Language="pt-BR")

    assert answer.status_code == 200
    assert "€\xa01,00" in answer.json["explanation"][-1]["effect"]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"device_id": None}, ["device_id"]),
        ({"device_id": "1"}, ["device_id"]),
        ({"device_id": 1.0}, ["device_id"]),
        ({"device_id": True}, ["device_id"]),
        ({"device_id": {"$gt": 0}}, ["device_id"]),
        ({"device_id": 2**63}, ["device_id"]),
        ({"device_id": -1}, ["device_id"]),
        ({"device_id": 10**300}, ["device_id"]),
        ({"device_id": 2_000_000_000}, ["device_id"]),
        ({"repair_type_ids": []}, ["repair_type_ids"]),
        ({"repair_type_ids": 1}, ["repair_type_ids"]),
        ({"repair_type_ids": "12"}, ["repair_type_ids"]),
        ({"repair_type_ids": [1, 1]}, ["repair_type_ids"]),
        ({"repair_type_ids": list(range(1, 2000))}, ["repair_type_ids"]),
        ({"repair_type_ids": [None, [1]]}, ["repair_type_ids.0", "repair_type_ids.1"]),
        ({"service_type": "drone"}, ["service_type"]),
        ({"urgency": []}, ["urgency"]),
        ({"currency": "gbp"}, ["currency"]),
        ({"currency": "GBP\n"}, ["currency"]),
        ({"currency": "ZZZ"}, ["currency"]),
        ({"at": "yesterday"}, ["at"]),
        ({"at": 1790000000}, ["at"]),
        ({"at": "1900-01-01T00:00:00Z"}, ["at"]),
        ({"at": "9999-12-31T23:59:59-14:00"}, ["at"]),
        ({"at": "0001-01-01T00:00:00+14:00"}, ["at"]),
        ({"at": "2026-02-30T00:00:00Z"}, ["at"]),
        ({"discount": 100}, ["discount"]),
        ({"total": 1, "device_id": 0}, ["device_id", "total"]),
    ],
)
def test_a_price_names_each_field_it_cannot_use(client_program, changes, fields):
    answer = client_program.post("/pricing/calculate", price_body(**changes))

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json["errors"]] == fields
    assert all(fault["message"] for fault in answer.json["errors"])


@pytest.mark.parametrize("at", ["2026-07-01", "2026-07-01T12:00:00", "2026-07-01T12:00:00.123456Z", "20260701T120000Z"])
def test_a_price_takes_any_iso_time(client_program, frozen, at):
    assert client_program.post("/pricing/calculate", price_body(at=at)).status_code == 200
