"""Ready-by dates in real browsers: on the ticket, for the customer, by month, and where there are none."""

import json
import re
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from shop.extensions import db
from shop.filters import local_datetime
from shop.models.base import utc_now
from shop.models.promise import Forecast, Outlook
from shop.models.repair import Repair
from shop.models.workflow import State
from shop.services import bookings, calibration, promise_view, relay, repairs, staff
from shop.services.calibration import Asked
from shop.services.memory import log_state
from tests.browser.conftest import PHONE, assert_quiet, assert_sound
from tests.browser.console import api_booking, is_live, shop_at

PANEL = ".ticket-side .panel:first-child"


@pytest.fixture(scope="module")
def past(busy_shop) -> str:
    """Sixty repairs more that were received and ready in time, and one promise of last month that did not hold: its
    ticket. Nothing has ever come back under warranty."""
    with shop_at(busy_shop.url).app_context():
        # Nothing else on record at that step: what is too little, is told.
        db.session.query(Forecast).filter(Forecast.status == State.WARRANTY_RETURN).update({"minutes": None})
        old = db.session.scalars(select(Repair).where(Repair.status == State.COLLECTED).order_by(Repair.id)).first()
        last_month = utc_now().replace(day=1, hour=12) - timedelta(days=10)
        version = db.session.scalar(select(func.max(Forecast.version)).where(Forecast.repair_id == old.id)) or 0
        for number in range(60):
            made = last_month + timedelta(minutes=number)
            ready = made + timedelta(minutes=60 + 20 * number)
            _remember(old, version + 1 + number, made, ready=ready, minutes=60 + 20 * number)
        promised = last_month - timedelta(days=2)
        dates = {"likely_at": promised - timedelta(days=1), "safe_at": promised, "curve": json.dumps([1])}
        _remember(old, version + 100, promised - timedelta(days=3), ready=promised + timedelta(days=4), **dates)
        db.session.commit()
        return old.number


def _remember(repair: Repair, version: int, made: datetime, *, ready: datetime, **values) -> None:
    db.session.add(
        Forecast(
            repair_id=repair.id, version=version, location_id=repair.location_id, made_at=made,
            status=State.RECEIVED, ready_at=ready, **values,
        )
    )  # fmt: skip


def foreseen(base: str, number: str) -> promise_view.Promise:
    """What the running shop foresees of it, as soon as it has looked."""
    for _ in range(100):
        with shop_at(base).app_context():
            repair = repairs.get_repair(number)
            outlook = db.session.get(Outlook, repair.id)
            latest = select(Forecast.status).where(Forecast.id == outlook.forecast_id) if outlook else None
            if outlook and outlook.seen_at and db.session.scalar(latest) == repair.status:
                return promise_view.promise_of(repair)
        time.sleep(0.1)
    raise AssertionError(f"{number} was not looked at in ten seconds")


def words_of(base: str, moment: datetime) -> str:
    with shop_at(base).test_request_context():
        return local_datetime(moment)


def customers_page(base: str, number: str) -> str:
    with shop_at(base).test_request_context():
        return bookings.tracking_path(repairs.get_repair(number))


def come_back(base: str, number: str) -> None:
    """A repair on which nothing can be foreseen: it was handed over, and came back."""
    with shop_at(base).app_context():
        owner = staff.find_staff("ellie@revivatech.example")
        for target in (State.DIAGNOSING, State.IN_REPAIR, State.QUALITY_CHECK, State.READY, State.COLLECTED):
            repair = repairs.lock_repair(number)
            repair.diagnosis = repair.diagnosis or "Display"
            repairs.move(repair, target, actor=owner.actor)
        repairs.move(repairs.lock_repair(number), State.WARRANTY_RETURN, actor=owner.actor)
        db.session.commit()
        relay.relay_batch()
        db.session.commit()


def tab_to(page: Page, pattern: str) -> None:
    """Tab until what has the focus reads so: no pointer is used."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if re.search(pattern, page.evaluate("document.activeElement.textContent").strip()):
            return
    raise AssertionError(f"nothing that reads {pattern!r} can be reached by Tab")


def test_staff_and_customer_see_the_dates_and_how_sure_they_are(busy_shop, signed_in, stranger_at, past):
    number = api_booking(busy_shop.url, name="Petra Promise")
    promise = foreseen(busy_shop.url, number)
    page = signed_in("priya", reduced_motion="reduce")
    customer = stranger_at(reduced_motion="reduce", viewport=PHONE)

    page.goto(f"/admin/repairs/{number}")
    is_live(page)
    customer.goto(customers_page(busy_shop.url, number))

    panel = page.locator(PANEL)
    expect(panel).to_contain_text(f"50%: half are ready by{words_of(busy_shop.url, promise.likely_at)}")
    expect(panel).to_contain_text(f"90%: nine of ten by{words_of(busy_shop.url, promise.safe_at)}")
    expect(panel).to_contain_text(f"{promise.tenths} of 10 repairs like this were ready by then.")
    expect(panel).to_contain_text("past repairs")
    expect(customer.locator("h1")).to_contain_text(f"Ready by {words_of(busy_shop.url, promise.due_at)}.")
    expect(customer.locator("#promise")).to_contain_text(
        f"{promise.tenths} of 10 repairs like yours were ready by then."
    )
    for one in (page, customer):
        assert_sound(one)


def test_months_say_how_many_held_and_lead_to_the_tickets_that_did_not(busy_shop, signed_in, past):
    api_booking(busy_shop.url)
    page = signed_in("ellie", reduced_motion="reduce")
    with shop_at(busy_shop.url).app_context():
        months = calibration.by_month(Asked(), zone=ZoneInfo("Europe/London"), state=log_state())
    month = months[-2]
    page.goto("/admin/promises/")
    is_live(page)

    row = page.get_by_role("row", name=re.compile(f"{month.begins:%B} {month.begins.year}"))
    share, missed = f"{100 * month.held / month.made:.0f}%", month.made - month.held
    assert row.locator("td").all_inner_texts()[0] == str(month.made)
    expect(row.locator("td").nth(1)).to_contain_text(share)
    assert_sound(page)

    page.locator(".page-title").evaluate("node => { node.tabIndex = -1; node.focus(); }")
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('href') ?? ''").endswith(
            f"month={month.begins:%Y-%m}&target=90#missed"
        ):
            break
    page.keyboard.press("Enter")
    page.wait_for_url(f"**month={month.begins:%Y-%m}**")
    table = page.get_by_role("table", name="Promises that did not hold")
    expect(table.locator("tbody tr")).to_have_count(min(missed, calibration.MISSED_SHOWN))
    tab_to(page, f"^{past}$")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/admin/repairs/{past}")
    assert_quiet(page)


def test_without_enough_history_there_is_no_date_but_words(busy_shop, signed_in, stranger_at, past):
    number = api_booking(busy_shop.url, name="Nora New")
    come_back(busy_shop.url, number)
    promise = foreseen(busy_shop.url, number)
    page = signed_in("priya", reduced_motion="reduce")
    customer = stranger_at(reduced_motion="reduce", viewport=PHONE)

    page.goto(f"/admin/repairs/{number}")
    is_live(page)
    customer.goto(customers_page(busy_shop.url, number))

    assert (promise.likely_at, promise.safe_at) == (None, None)
    panel = page.locator(PANEL)
    expect(panel).to_contain_text(
        f"Not enough history for a forecast: {promise.jobs} of 40 repairs at this step are done."
    )
    expect(panel.locator(".promise-dates")).to_have_count(0)
    expect(customer.locator("h1")).to_be_visible()
    expect(customer.locator("#promise")).to_have_count(0)
    for one in (page, customer):
        assert_sound(one)


def test_dates_are_reached_and_followed_by_keys_alone(busy_shop, signed_in, past):
    number = api_booking(busy_shop.url, name="Kim Keys")
    foreseen(busy_shop.url, number)
    page = signed_in("priya")
    page.goto(f"/admin/repairs/{number}")
    is_live(page)

    tab_to(page, "^See what Kim sees$")
    page.keyboard.press("Enter")
    page.wait_for_url("**/track/**")
    expect(page.locator("#promise")).to_be_visible()
    page.goto(f"/admin/repairs/{number}")
    is_live(page)
    tab_to(page, "^How often$")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/promises/")
    expect(page.get_by_role("heading", name=re.compile("Promised 90%, held"))).to_be_visible()
    assert_quiet(page)


def test_promise_follows_what_a_colleague_does(busy_shop, signed_in, past):
    number = api_booking(busy_shop.url, name="Lia Live")
    foreseen(busy_shop.url, number)
    page = signed_in("priya")
    page.goto(f"/admin/repairs/{number}")
    is_live(page)
    expect(page.locator(f"{PANEL} .promise-dates")).to_be_visible()

    with shop_at(busy_shop.url).app_context():
        owner = staff.find_staff("ellie@revivatech.example")
        repairs.move(repairs.lock_repair(number), State.CANCELLED, actor=owner.actor)
        db.session.commit()

    expect(page.locator(PANEL)).to_contain_text("Closed")
    expect(page.locator(f"{PANEL} .promise-dates")).to_have_count(0)
    assert_quiet(page)
