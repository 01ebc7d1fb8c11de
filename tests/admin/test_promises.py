"""The page that says how often promises held, and what of them stands on tickets, lists and the customer's page."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from shop.extensions import db
from shop.models.promise import Forecast
from shop.models.workflow import State
from shop.services import forecasts, relay, risk
from tests import factories
from tests.services.test_forecasts import history

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.fixture
def bench(browser_of, technician):
    return browser_of(technician)


def promise(repair, *, due: datetime, ready: datetime | None, version: int, **values) -> None:
    db.session.add(
        Forecast(
            repair_id=repair.id, version=version, location_id=repair.location_id, made_at=due - timedelta(days=2),
            status="received", curve="[1]", likely_at=due - timedelta(days=1), safe_at=due, ready_at=ready, **values,
        )
    )  # fmt: skip
    db.session.commit()


def test_promises_are_counted_in_the_month_of_their_date(frozen, bench, cracked_iphone):
    october = datetime(2026, 10, 20, 15, 0, tzinfo=UTC)
    for number in range(9):
        promise(cracked_iphone, due=october, ready=october - timedelta(hours=1), version=10 + number)
    promise(cracked_iphone, due=october, ready=october + timedelta(days=1), version=30)
    promise(cracked_iphone, due=october, ready=None, version=31, withdrawn_at=october - timedelta(days=1))
    promise(cracked_iphone, due=NOW + timedelta(days=1), ready=NOW - timedelta(hours=2), version=32)

    page = bench.get("/admin/promises/?month=2026-10").text

    assert "Promised 90%, held 90%" in page
    assert "Of 10 promises in twelve months." in page
    assert "Fewer than 30 say little." in page
    assert page.count(f'href="/admin/repairs/{cracked_iphone.number}"') == 1


def test_chart_has_short_months_and_begins_half_a_year_ago_in_a_young_shop(frozen, bench, cracked_iphone):
    promise(cracked_iphone, due=datetime(2026, 10, 20, 15, 0, tzinfo=UTC), ready=None, version=10)

    page = bench.get("/admin/promises/").text

    assert re.findall(r'text-anchor="middle">(\w+)<', page) == ["Jun", "Jul", "Aug", "Sep", "Oct", "Nov"]
    assert "October 2026" in page


def test_promise_that_passed_while_nothing_was_ready_is_missed(frozen, bench, cracked_iphone):
    promise(cracked_iphone, due=NOW - timedelta(hours=1), ready=None, version=10)

    page = bench.get("/admin/promises/").text

    assert "held 0%" in page
    assert "not yet" in page


def test_promises_of_another_branch_or_repair_are_left_out(frozen, bench, cracked_iphone):
    promise(cracked_iphone, due=NOW - timedelta(hours=1), ready=None, version=10)

    assert "No promise has fallen due yet." in bench.get("/admin/promises/?location=999").text
    assert "No promise has fallen due yet." in bench.get("/admin/promises/?repair=1").text


@pytest.mark.parametrize("query", ["month=2019-01", "month=x", "location=x", "repair=-1", "repair=99999999999"])
def test_promises_that_do_not_exist_are_404(bench, query):
    assert bench.get(f"/admin/promises/?{query}").status_code == 404


def test_new_shop_says_that_nothing_was_promised(bench):
    assert "No promise has fallen due yet." in bench.get("/admin/promises/").text


def foresee() -> None:
    relay.relay_batch()
    db.session.commit()
    forecasts.follow()


def test_ticket_shows_both_dates_and_where_they_come_from(frozen, bench):
    history(100, minutes=range(10, 1010, 10))
    repair = factories.repair(due_at=NOW + timedelta(days=2))
    foresee()

    page = bench.get(f"/admin/repairs/{repair.number}").text

    assert "9 of 10 repairs like this were ready by then." in page
    assert "Tue 24 Nov, 18:30" in page
    assert "Wed 25 Nov, 15:45" in page
    assert "From 100 past repairs of any kind at the same step." in page


def test_ticket_without_history_says_so_and_shows_no_date(frozen, bench):
    repair = factories.repair()
    foresee()

    page = bench.get(f"/admin/repairs/{repair.number}").text

    assert "Not enough history for a forecast: 0 of 40 repairs at this step are done." in page
    assert "nine of ten by" not in page


def test_ticket_tells_what_the_customer_was_told_when_it_slips(frozen, bench):
    history(100, minutes=range(10, 1010, 10))
    history(100, status="awaiting_parts", minutes=range(2000, 3000, 10))
    repair = factories.repair()
    foresee()
    forecasts.foresee(repair, status="awaiting_parts", version=2, at=NOW)
    db.session.commit()

    page = bench.get(f"/admin/repairs/{repair.number}").text

    assert "The customer was told Wed 25 Nov, 15:45." in page


def test_queue_tells_who_is_at_risk_and_by_how_much(frozen, bench):
    history(100, minutes=range(10, 1010, 10))
    slow = factories.repair(due_at=NOW + timedelta(hours=2))
    safe = factories.repair(due_at=NOW + timedelta(days=3), customer=factories.customer(email="safe@example.com"))
    foresee()

    page = bench.get("/admin/repairs/?view=at-risk").text

    assert slow.number in page
    assert safe.number not in page
    assert "Likely today 18:30" in page
    assert 'tab-count-risk">1<' in page


def test_queue_tells_what_stands_still(bench, app):
    import time_machine

    with time_machine.travel(NOW, tick=False):
        repair = factories.repair(due_at=NOW + timedelta(days=9), updated_at=NOW)
        foresee()
        assert repair.number not in bench.get("/admin/repairs/?risk=stalled").text
    with time_machine.travel(NOW + timedelta(minutes=50), tick=False):
        assert repair.number not in bench.get("/admin/repairs/?risk=stalled").text


@pytest.mark.parametrize(
    ("quiet_since", "words"),
    [(NOW - timedelta(hours=2), "08:00"), (NOW - timedelta(days=2), "Sun"), (NOW - timedelta(days=12), "12 Nov")],
)
def test_reason_in_the_list_fits_its_column_and_is_whole_on_the_ticket(app, quiet_since, words):
    row = SimpleNamespace(
        status="in_repair", due_at=NOW + timedelta(days=9), likely_at=None, updated_at=quiet_since,
        stalls_at=NOW - timedelta(minutes=1), seen_at=quiet_since,
    )  # fmt: skip

    with app.test_request_context():
        found = risk.explain(row, now=NOW)

    assert found.brief == f"Nothing since {words}"
    assert len(found.brief) <= len(found.words)


def test_risk_that_does_not_exist_shows_nothing(bench, cracked_iphone):
    page = bench.get("/admin/repairs/?risk=meteorite").text

    assert "This list has a filter that does not exist." in page


def test_customer_sees_the_same_figure(frozen, stranger):
    history(100, minutes=range(10, 1010, 10))
    repair = factories.repair(due_at=NOW + timedelta(days=2))
    foresee()

    page = stranger.get(f"/track/{repair.tracking_token}").text

    assert "9 of 10 repairs like yours were ready by then." in page


def test_customer_whose_date_has_passed_hears_the_next(frozen, stranger):
    history(100, minutes=range(10, 1010, 10))
    repair = factories.repair(State.IN_REPAIR, due_at=NOW - timedelta(hours=2))
    forecasts.foresee(repair, status="received", version=1, at=NOW)
    db.session.commit()

    page = stranger.get(f"/track/{repair.tracking_token}").text

    assert "This date has passed, and we are sorry. 9 of 10 repairs like yours were ready by Wed 25 Nov, 15:45." in page


def test_customer_sees_no_figure_without_history(frozen, stranger, cracked_iphone):
    foresee()

    assert "of 10 repairs" not in stranger.get(f"/track/{cracked_iphone.tracking_token}").text
