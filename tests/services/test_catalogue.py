import csv
import io
from contextlib import contextmanager

import pytest
from sqlalchemy import event, select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.catalogue import DeviceModel
from shop.models.errors import Invalid, NotFound
from shop.seed.load import load_catalogue
from shop.services import catalogue

HEADER = "category,brand,family,model,model_numbers,release_year,specs_json,source\n"


@contextmanager
def counted_statements():
    statements = []

    def note(connection, cursor, statement, *rest):
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def rows(*lines):
    return csv.DictReader(io.StringIO(HEADER + "".join(f"{line}\n" for line in lines)))


def named(name):
    return db.session.scalars(select(DeviceModel).where(DeviceModel.name == name)).one()


@pytest.fixture(autouse=True)
def _in_app(app):
    with app.app_context():
        yield
        db.session.rollback()


def test_search_finds_the_device_meant_with_one_statement():
    catalogue.search_devices("warm")

    with counted_statements() as statements:
        page = catalogue.search_devices("ipone 14pro", limit=4)

    assert page.items[0].name == "iPhone 14 Pro"
    assert len(page.items) == 4
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 1


def test_search_pages_give_each_device_once():
    first = catalogue.search_devices("galaxy tab", limit=10)
    second = catalogue.search_devices("galaxy tab", limit=10, cursor=first.next)

    seen = [card.id for card in (*first.items, *second.items)]
    assert len(set(seen)) == 20


def test_browsing_goes_through_the_whole_catalogue_once():
    seen, cursor = [], None
    while True:
        page = catalogue.search_devices(None, limit=100, cursor=cursor)
        seen += [card.id for card in page.items]
        cursor = page.next
        if cursor is None:
            break

    assert len(seen) == len(set(seen)) == db.session.query(DeviceModel).count()


def test_browsing_starts_with_the_most_repaired():
    page = catalogue.search_devices("", limit=50)

    popularity = [card.popularity for card in page.items]
    assert popularity == sorted(popularity, reverse=True)


def test_browsing_goes_on_after_a_device_that_was_retired_meanwhile():
    first = catalogue.search_devices(None, limit=5)
    expected = catalogue.search_devices(None, limit=5, cursor=first.next).items
    db.session.get(DeviceModel, first.items[-1].id).retired_at = utc_now()
    db.session.flush()

    again = catalogue.search_devices(None, limit=5, cursor=first.next).items

    assert [card.id for card in again] == [card.id for card in expected]


def test_filters_hold_for_every_result():
    page = catalogue.search_devices("pro", brand="apple", category="tablet", limit=50)

    assert page.items
    assert {(card.brand, card.category) for card in page.items} == {("Apple", "tablet")}


def test_unknown_brand_shows_nobody():
    assert catalogue.search_devices(None, brand="Acme").items == ()


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("category", {"category": "toaster"}),
        ("limit", {"limit": 0}),
        ("limit", {"limit": 101}),
        ("limit", {"limit": "many"}),
        ("cursor", {"cursor": "!!!"}),
        ("cursor", {"cursor": "é"}),
        ("cursor", {"cursor": "bnVsbA"}),
        ("cursor", {"cursor": "WzFd"}),
        ("cursor", {"cursor": "W" * 50_000}),
        ("cursor", {"q": "iphone", "cursor": "WzEsICJhIiwgImIiLCAyXQ"}),
        ("cursor", {"q": "iphone", "cursor": "LTE"}),
    ],
)
def test_bad_search_argument_is_named(field, values):
    with pytest.raises(Invalid) as refused:
        catalogue.search_devices(**{"q": None, **values})

    assert list(refused.value.fields) == [field]


def test_retired_device_disappears_from_search_and_can_still_be_read():
    device = named("iPhone 14 Pro")
    assert catalogue.search_devices("A2890").items[0].id == device.id

    device.retired_at = utc_now()
    db.session.flush()

    assert device.id not in [card.id for card in catalogue.search_devices("A2890").items]
    assert catalogue.find_device(device.id) is None
    assert catalogue.get_device(device.id) is device


def test_new_device_is_found_at_once():
    catalogue.import_devices(rows("console,Panic,Playdate,Playdate,,2022,,general-knowledge"))

    assert catalogue.search_devices("playdate").items[0].brand == "Panic"


@pytest.mark.parametrize("device_id", [0, -1, 10**9, 2**70, "1", None, 1.5])
def test_unknown_device_is_not_found(device_id):
    with pytest.raises(NotFound):
        catalogue.get_device(device_id)


def test_every_kind_of_device_can_be_repaired_and_checked():
    devices = db.session.scalars(select(DeviceModel)).all()
    offered = {(device.category, device.tier): catalogue.repair_types_for(device) for device in _one_of_each(devices)}

    assert len(offered) == 18
    assert all(len(kinds) >= 5 for kinds in offered.values())
    assert all(any(kind.slug.endswith("-check") for kind in kinds) for kinds in offered.values())


def _one_of_each(devices):
    return {(device.category, device.tier): device for device in devices}.values()


def test_categories_come_in_order_with_their_repairs():
    with counted_statements() as statements:
        categories = catalogue.list_categories()
        kinds = [kind for category in categories for kind in category.repair_types]

    assert [category.position for category in categories] == list(range(8))
    assert len(kinds) == 67
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 2


def test_seed_catalogue_is_complete_and_loads_again_without_change():
    before = catalogue.export_devices()

    load_catalogue()

    assert catalogue.export_devices() == before
    assert before.count("\n") > 1900


def test_seed_catalogue_holds_no_copyleft_code_source():
    sources = set(db.session.scalars(select(DeviceModel.source)))

    assert not [source for source in sources if "device-detector" in source or "History-of-Video-Games" in source]


@pytest.mark.parametrize(
    "name",
    ["iPhone 16 Pro", "Galaxy S24 Ultra", "Pixel 9 Pro", "iPad Pro 13-inch (M4)", "MacBook Air 13-inch (M4, 2025)",
     "Dell XPS 15 9520", "PlayStation 5", "Xbox Series X", "Nintendo Switch 2", "Steam Deck OLED", "OnePlus 12"],
)  # fmt: skip
def test_seed_catalogue_holds_what_customers_bring(name):
    assert named(name).retired_at is None


def test_export_can_be_imported_unchanged():
    exported = csv.DictReader(io.StringIO(catalogue.export_devices()))

    report = catalogue.import_devices(exported)

    assert (report.added, report.updated, report.bad) == (0, 0, ())


def test_import_counts_what_is_new_changed_and_the_same():
    report = catalogue.import_devices(
        rows(
            "console,Panic,Playdate,Playdate,,2022,,general-knowledge",
            "smartphone,Apple,iPhone,iPhone 14 Pro,A2890,2022,,general-knowledge",
        )
    )
    again = catalogue.import_devices(rows("console,Panic,Playdate,Playdate,,2022,,general-knowledge"))

    assert (report.added, report.updated, report.unchanged, report.is_applied) == (1, 1, 0, True)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 1)
    assert named("iPhone 14 Pro").model_numbers == "A2890"


def test_dry_run_changes_nothing():
    report = catalogue.import_devices(rows("console,Panic,Playdate,Playdate,,2022,,x"), dry_run=True)

    assert (report.added, report.is_applied) == (1, False)
    assert catalogue.search_devices("playdate").items == ()


def test_one_bad_row_stops_the_import_and_is_named():
    report = catalogue.import_devices(
        rows(
            "console,Panic,Playdate,Playdate,,2022,,x",
            "smartphone,Samsnug,Galaxy,Galaxy S99,,20222,,x",
            "console,PANIC,Playdate,PLAYDATE,,2022,,x",
        )
    )

    assert not report.is_applied
    assert [bad.line for bad in report.bad] == [3, 4]
    assert "did you mean Samsung?" in report.bad[0].reason
    assert "20222" in report.bad[0].reason
    assert report.bad[1].reason == "the same device as line 2"
    assert catalogue.search_devices("playdate").items == ()


def test_bad_rows_can_be_left_out_when_asked():
    report = catalogue.import_devices(
        rows("console,Panic,Playdate,Playdate,,2022,,x", "toaster,Panic,,Toaster,,,,x"), skip_bad=True
    )

    assert (report.added, len(report.bad), report.is_applied) == (1, 1, True)
    assert db.session.scalar(select(DeviceModel.id).where(DeviceModel.name == "Toaster")) is None


def test_highlighted_name_reads_as_the_name():
    card = catalogue.search_devices("ipone 14pro max").items[0]

    pieces = catalogue.highlighted(card)

    assert "".join(text for text, _ in pieces) == "iPhone 14 Pro Max"
    assert pieces == [("iPhone 14 Pro Max", True)]
