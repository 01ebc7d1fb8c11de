"""The catalogue: found, edited, retired, taken out and brought in, and never half."""

import io
import json

import pytest
from sqlalchemy import func, select

from shop.admin.catalogue import _tries
from shop.extensions import db
from shop.models.catalogue import DeviceModel
from shop.models.event import Event
from shop.services import catalogue
from tests.fingerprint import fingerprint
from tests.reference import catalogue_put_back
from tests.statements import statements_of

NEW = {
    "category": "smartphone", "brand": "Apple", "model": "iPhone 99", "family": "iPhone",
    "model_numbers": "A9999; A9998", "release_year": "2030", "tier": "", "popularity": "",
    "specs_json": '{"screen_in": 6.1}', "source": "",
}  # fmt: skip
HEADER = "category,brand,family,model,model_numbers,release_year,specs_json,source\n"
GOOD = 'smartphone,Apple,iPhone,iPhone 98,A9898,2029,"{""screen_in"": 6.1}",test\n'


@pytest.fixture
def iphone(app) -> DeviceModel:
    return db.session.scalars(select(DeviceModel).where(DeviceModel.name == "iPhone 14 Pro")).one()


@pytest.fixture(autouse=True)
def _catalogue(app):
    with catalogue_put_back():
        yield


def upload(browser, text, *, name="devices.csv"):
    data = text if isinstance(text, bytes) else text.encode()
    return browser.post("/admin/devices/import", data={"file": (io.BytesIO(data), name)})


def facts() -> list[tuple[str, str]]:
    return [(fact.verb, fact.actor) for fact in db.session.scalars(select(Event).order_by(Event.id))]


def test_search_forgives_a_slip_and_puts_the_best_first(technician, browser_of):
    page = browser_of(technician).get("/admin/devices/?search=galxy+s24+ulrta").text

    first = page[page.index("rows-link") :]
    assert "Galaxy S24 Ultra" in first[:200]


def test_search_for_nobody_shows_nobody(technician, browser_of):
    page = browser_of(technician).get("/admin/devices/?search=zzqqxxyy").text

    assert "Nothing matches “zzqqxxyy”." in page
    assert "rows-link" not in page


def test_filters_hold_for_the_list_and_for_the_search(technician, browser_of):
    browser = browser_of(technician)

    for query in ("flt0_category_equals=tablet", "flt0_category_equals=tablet&search=apple"):
        page = browser.get(f"/admin/devices/?{query}").text
        assert "iPad" in page
        assert "iPhone" not in page
    assert "Category <b>Tablet</b>" in page


@pytest.mark.parametrize(
    "query",
    [
        "page=-1",
        "page=99999999999999",
        "page=x",
        "page_size=999999",
        "sort=99",
        "sort=-5&desc=1",
        "search=%00",
        "search=%25",
        "flt0_category_equals=",
        "flt9_none=1",
    ],
)
def test_odd_addresses_are_answered(technician, browser_of, query):
    assert browser_of(technician).get(f"/admin/devices/?{query}").status_code == 200


def test_list_neither_counts_nor_grows_in_statements(technician, browser_of):
    browser = browser_of(technician)

    sent = statements_of(lambda: browser.get("/admin/devices/"))

    assert len(sent) == 3
    assert not any("count(" in statement.lower() for statement in sent)


def test_device_is_added_and_found_at_once(manager, browser_of):
    answer = browser_of(manager).post("/admin/devices/new/", data=NEW)

    device = db.session.scalars(select(DeviceModel).where(DeviceModel.name == "iPhone 99")).one()
    assert (answer.status_code, answer.location) == (302, f"/admin/devices/details/?id={device.id}")
    assert (device.tier, device.model_numbers) == ("S2", "A9999;A9998")
    assert facts() == [("device_model.added", f"staff:{manager.id}")]
    assert catalogue.search_devices("iphone 99").items[0].id == device.id


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"brand": ""}, "brand"),
        ({"brand": "Aple"}, "model"),
        ({"model": ""}, "model"),
        ({"model": "x" * 161}, "model"),
        ({"model": "=1+1"}, "model"),
        ({"model": "iPhone 14 Pro"}, "model"),
        ({"release_year": "1066"}, "release_year"),
        ({"release_year": "9999"}, "release_year"),
        ({"category": "toaster"}, "category"),
        ({"specs_json": "[1]"}, "model"),
        ({"tier": "W1"}, "model"),
    ],
)
def test_device_that_cannot_be_kept_is_refused_at_the_field(manager, browser_of, change, field):
    browser, before = browser_of(manager), fingerprint()

    answer = browser.post("/admin/devices/new/", data={**NEW, **change})

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert fingerprint()["device_models"] == before["device_models"]
    assert facts() == []


def test_change_keeps_before_and_after(iphone, manager, browser_of):
    browser = browser_of(manager)
    page = browser.get(f"/admin/devices/edit/?id={iphone.id}").text

    answer = browser.post(f"/admin/devices/edit/?id={iphone.id}", data={**NEW, "model": "iPhone 14 Pro", "tier": "S1"})

    assert 'value="iPhone 14 Pro"' in page
    assert answer.status_code == 302
    fact = db.session.scalars(select(Event)).one()
    assert fact.verb == "device_model.changed"
    assert json.loads(fact.body)["changes"]["release_year"] == [2022, 2030]


def test_retired_device_leaves_the_search_of_customers_and_can_come_back(iphone, manager, browser_of):
    browser = browser_of(manager)

    browser.post(f"/admin/devices/{iphone.id}/retire")
    browser.post(f"/admin/devices/{iphone.id}/retire")

    assert all(card.id != iphone.id for card in catalogue.search_devices("iphone 14 pro").items)
    assert ">iPhone 14 Pro</a>" in browser.get("/admin/devices/?search=iphone+14+pro&flt2_state_is=retired").text
    browser.post(f"/admin/devices/{iphone.id}/restore")
    assert [verb for verb, _ in facts()] == ["device_model.retired", "device_model.restored"]
    assert catalogue.search_devices("iphone 14 pro").items[0].id == iphone.id


@pytest.mark.parametrize("key", ["0", "999999", "99999999999999999999", "x", "1;DROP", ""])
def test_unknown_device_is_not_found_or_leads_back(manager, browser_of, key):
    browser = browser_of(manager)

    for page in ("edit", "details"):
        answer = browser.get(f"/admin/devices/{page}/", query_string={"id": key})
        assert answer.status_code == (404 if key else 302)


def test_nothing_is_ever_deleted(iphone, owner, browser_of):
    browser, before = browser_of(owner), fingerprint()

    answers = [
        browser.post("/admin/devices/delete/", data={"id": iphone.id}),
        browser.post("/admin/devices/action/", data={"action": "delete", "rowid": iphone.id}),
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert fingerprint()["device_models"] == before["device_models"]


def test_export_comes_back_without_a_change(manager, browser_of):
    browser = browser_of(manager)
    exported = browser.get("/admin/devices/export")

    report = upload(browser, exported.get_data())

    assert exported.headers["Content-Disposition"] == "attachment; filename=devices.csv"
    assert report.status_code == 200
    assert "0 to add, 0 to change" in report.text


def test_import_is_tried_first_and_then_brought_in(manager, browser_of):
    browser = browser_of(manager)
    before = db.session.scalar(select(func.count(DeviceModel.id)))

    tried = upload(browser, HEADER + GOOD)

    assert "1 to add, 0 to change" in tried.text
    assert db.session.scalar(select(func.count(DeviceModel.id))) == before
    answer = browser.post("/admin/devices/import/tried", data={"tried": _tries().dumps(HEADER + GOOD)})
    assert answer.status_code == 303
    assert db.session.scalars(select(DeviceModel.release_year).where(DeviceModel.name == "iPhone 98")).one() == 2029
    assert facts() == [("device_model.added", f"staff:{manager.id}")]


def test_one_bad_line_stops_the_import_and_is_named(manager, browser_of):
    browser = browser_of(manager)
    text = HEADER + GOOD + "smartphone,Samsnug,,Galaxy Z,,20222,,\n"

    tried, forced = (
        upload(browser, text),
        browser.post("/admin/devices/import/tried", data={"tried": _tries().dumps(text)}),
    )

    for answer in (tried, forced):
        assert answer.status_code == 422
        assert "brand “Samsnug” is unknown, did you mean Samsung?" in answer.text
        assert "Import now" not in answer.text
    assert db.session.scalar(select(func.count()).where(DeviceModel.name == "iPhone 98")) == 0
    assert facts() == []


def test_import_that_was_not_tried_here_is_not_taken(manager, browser_of):
    answer = browser_of(manager).post("/admin/devices/import/tried", data={"tried": HEADER + GOOD})

    assert (answer.status_code, answer.location) == (303, "/admin/devices/import")
    assert facts() == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"a,b\n1,2\n",
        HEADER.encode() + b'"never closed',
        b"\x00" * 50,
        b"x" * 2001,
        HEADER.replace("brand", "colour").encode(),
    ],
    ids=["empty", "binary", "other columns", "open quote", "nul", "huge", "renamed"],
)
def test_file_that_is_no_catalogue_is_refused_in_words(manager, browser_of, monkeypatch, data):
    monkeypatch.setattr("shop.admin.catalogue.MOST_BYTES", 2000)

    answer = upload(browser_of(manager), data)

    assert answer.status_code == 422
    assert 'id="file-error"' in answer.text
    assert facts() == []
