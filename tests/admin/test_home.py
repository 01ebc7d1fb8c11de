import html
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import event as sa_event
from sqlalchemy import select

from shop.extensions import db
from shop.models.actor import CUSTOMER, SYSTEM
from shop.models.event import Delivery, DeliveryState, Event
from shop.models.payment import Dispute, Payment
from shop.models.permissions import Role
from shop.models.promise import Forecast, Outlook
from shop.models.repair import Repair
from shop.models.workflow import OPEN, State
from shop.services import bookings, slots
from shop.services.events import hold, record
from tests import factories
from tests.bookings import request

HTMX = {"HX-Request": "true"}
SIX_HOURS = timedelta(hours=6)
FIGURE = re.compile(r'<a [^>]*?href="([^"]+)"[^>]*? data-figure="(\d+)"')


def figures(page):
    """(address, number) of every figure that the dashboard shows."""
    found = [(html.unescape(url), int(number)) for url, number in FIGURE.findall(page)]
    assert len(found) == page.count("data-figure=")
    return found


def rows_of(browser, url):
    """How many things the view lists: rows of the queue, or of the undelivered."""
    page = browser.get(url).text
    if url.startswith("/admin/calendar/"):
        return page.partition('<table class="cal"')[2].partition("</table>")[0].count('class="cal-entry"')
    listed = page.count("data-repair=") or len(re.findall("<tr>", page.partition("<tbody>")[2]))
    assert " data-more>" not in page, "more than one page: the test has too many"
    return listed


@pytest.fixture
def busy(app, technician, front_desk):
    """Every open state, late, due today and later, on three benches; some stood for long; some handed over."""
    now = datetime.now(UTC)
    dues = (now - timedelta(hours=5), now + timedelta(minutes=10), now + timedelta(days=4))
    for place, state in enumerate(OPEN):
        who = (technician.id, None, front_desk.id)[place % 3]
        for due in dues:
            repair = factories.repair(state, assignee_id=who, due_at=due, total=4200)
            repair.status_since = now - timedelta(days=3 + place)
    for state in (State.COLLECTED, State.SHIPPED, State.CANCELLED):
        factories.repair(state, total=1000)
        old = factories.repair(state, total=9900)
        old.closed_at = now - timedelta(days=2)
    db.session.commit()


@pytest.fixture
def frozen_morning(app):
    """Tuesday 24 November 2026, 10:00 in London, before anybody signs in."""
    with time_machine.travel(datetime(2026, 11, 24, 10, tzinfo=UTC), tick=False):
        yield datetime.now(UTC)


@pytest.fixture
def dead(busy):
    repair = db.session.get(Repair, 1) or db.session.query(Repair).first()
    hold(repair)
    record("repair.noted", repair, actor=SYSTEM)
    db.session.flush()
    fact = db.session.query(Event).order_by(Event.id.desc()).first()
    db.session.add(Delivery(event_id=fact.id, subscriber="mail", ordering_key=fact.aggregate, state=DeliveryState.DEAD))
    db.session.commit()


def foreseen(repair, **facts):
    """What the forecasts say of it: `likely_at`, `stalls_at`."""
    repair = db.session.get(Repair, repair.id)
    look = Forecast(repair_id=repair.id, version=1, location_id=repair.location_id, status=repair.status)
    db.session.add(look)
    db.session.flush()
    db.session.add(
        Outlook(repair_id=repair.id, forecast_id=look.id, location_id=repair.location_id,
                seen_at=datetime.now(UTC) + SIX_HOURS, **facts)
    )  # fmt: skip
    db.session.commit()


@pytest.fixture
def at_risk(app, technician):
    """Two that will likely be late, one on Priya's bench; one on hers that stands still."""
    now = datetime.now(UTC)
    repairs = [factories.repair(State.IN_REPAIR, assignee_id=who, due_at=now + timedelta(days=2))
               for who in (technician.id, None, technician.id)]  # fmt: skip
    for repair in repairs[:2]:
        foreseen(repair, likely_at=now + timedelta(days=4))
    foreseen(repairs[2], stalls_at=now - timedelta(hours=1))
    return repairs


@pytest.mark.parametrize(
    ("role", "own", "risky"),
    [(Role.MANAGER, "", 2), (Role.TECHNICIAN, "&assignee=me", 1)],
    ids=["manager", "technician"],
)
def test_what_is_at_risk_or_stands_still_is_counted_listed_and_explained(
    browser_of, at_risk, manager, technician, role, own, risky
):
    browser = browser_of({Role.MANAGER: manager, Role.TECHNICIAN: technician}[role])
    page = browser.get("/admin/").text

    found = dict(figures(page))
    asked = {
        f"/admin/repairs/?view=open&risk=at_risk{own}": risky,
        f"/admin/repairs/?view=open&risk=stalled{own}": 1,
    }
    assert {url: found.get(url) for url in asked} == asked
    assert {url: rows_of(browser, url) for url in asked} == asked
    assert f"{at_risk[0].number}: Likely" in page
    assert "2 days late" in page
    assert f"{at_risk[2].number}: Nothing since today" in page


def test_what_is_late_and_stands_still_too_says_since_when(browser_of, frozen_morning, owner):
    repair = factories.repair(State.IN_REPAIR, due_at=frozen_morning - timedelta(hours=2))
    foreseen(repair, stalls_at=frozen_morning - timedelta(hours=1))

    page = browser_of(owner).get("/admin/").text

    assert f"{repair.number}: Nothing since today" in page


def test_first_today_says_why_it_will_be_late(browser_of, frozen_morning, owner):
    repair = factories.repair(State.IN_REPAIR, due_at=frozen_morning + timedelta(hours=2))
    foreseen(repair, likely_at=frozen_morning + timedelta(hours=5))

    first = browser_of(owner).get("/admin/").text.partition('id="pressing"')[2].partition("</section>")[0]

    assert repair.number in first
    assert "Likely today 15:00, 3 h late" in first


@pytest.mark.parametrize("role", list(Role))
def test_each_figure_is_the_number_of_rows_that_its_link_lists(browser_of, dead, owner, manager, technician, front_desk,
                                                              read_only, role):  # fmt: skip
    people = {one.role: one for one in (owner, manager, technician, front_desk, read_only)}
    browser = browser_of(people[role])

    found = figures(browser.get("/admin/").text)

    assert len(found) >= 6
    assert any(number for _url, number in found)
    assert [(url, rows_of(browser, url)) for url, _ in found] == found


def test_technician_sees_their_own_and_what_nobody_has(browser_of, owner, technician, front_desk):
    now = datetime.now(UTC)
    mine, free, other = (
        factories.repair(State.IN_REPAIR, assignee_id=who, due_at=now - timedelta(hours=1))
        for who in (technician.id, None, front_desk.id)
    )

    own = browser_of(technician).get("/admin/").text
    whole = browser_of(owner).get("/admin/").text

    assert (mine.number in own, free.number in own, other.number in own) == (True, True, False)
    assert other.number in whole


def test_value_of_today_is_that_of_what_was_handed_over(browser_of, busy, manager):
    page = browser_of(manager).get("/admin/").text

    assert "2 repairs handed over" in page
    assert "£20.00" in page.partition("Money today")[2]
    assert "£126.00" in page  # three ready at £42


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_empty_shop_is_good_news(browser_of, owner, headers):
    page = browser_of(owner).get("/admin/", headers=headers).text

    assert ("<html" in page) is not bool(headers)
    for words in ("Nothing is late", "Nothing waits for you", "Nothing waits to be collected", "0 late"):
        assert words in page


def test_alerts_are_told_to_those_who_may_see_them(browser_of, dead, owner, technician, front_desk):
    technician.locked_until = datetime.now(UTC) + timedelta(minutes=10)
    db.session.commit()

    told = {}
    for person in (owner, front_desk):
        page = browser_of(person).get("/admin/").text
        told[person.role] = ("has not arrived" in page, "Priya Nair is locked" in page)

    assert told == {Role.OWNER: (True, True), Role.FRONT_DESK: (True, False)}


def test_take_next_stands_only_where_it_may_be_used(browser_of, technician, front_desk):
    assert "/admin/next/take" in browser_of(technician).get("/admin/").text
    assert "/admin/next/take" not in browser_of(front_desk).get("/admin/").text


def test_counter_sees_who_comes_today_and_technicians_do_not(browser_of, frozen_morning, front_desk, technician):
    start = slots.list_slots(factories.location(), "in_store", start=frozen_morning, end=frozen_morning + SIX_HOURS)[2]
    repair = bookings.create_booking(request(slot_start=start.start), actor=CUSTOMER, source="wizard")
    db.session.commit()

    page, bench = (browser_of(person).get("/admin/").text for person in (front_desk, technician))

    coming = page.partition('id="coming"')[2].partition("</section>")[0]
    assert (repair.number in coming, 'data-figure="1"' in coming) == (True, True)
    assert f"/admin/calendar/{repair.number}/arrive" in coming
    assert 'id="coming"' not in bench
    assert [(url, rows_of(browser_of(front_desk), url)) for url, _ in figures(page)] == figures(page)


def test_reader_sees_no_load(browser_of, busy, read_only, manager):
    assert "/admin/load/" not in browser_of(read_only).get("/admin/").text
    assert "/admin/load/" in browser_of(manager).get("/admin/").text


def test_front_desk_lands_on_the_dashboard_and_finds_repairs_first(browser_of, front_desk):
    page = browser_of(front_desk).get("/admin/").text

    places = re.findall(r'class="nav-item" href="([^"]+)"( aria-current="page")?', page)
    assert places[:2] == [("/admin/repairs/", ""), ("/admin/", ' aria-current="page"')]


def test_dashboard_takes_few_statements_and_none_more_with_more_repairs(app, browser_of, owner, technician):
    browser, sent = browser_of(owner), []
    sa_event.listen(db.engine, "before_cursor_execute", lambda *args: sent.append(args[2]))

    def look() -> int:
        factories.repair(assignee_id=technician.id)
        sent.clear()
        browser.get("/admin/")
        return len([text for text in sent if not text.startswith(("BEGIN", "UPDATE sign_ins"))])

    first, later = look(), look()
    sent.clear()
    browser.get("/admin/")

    assert first <= 26  # it also reads the staff
    assert later <= 22
    assert len([text for text in sent if not text.startswith("BEGIN")]) <= 8  # nothing has changed since


def test_closed_work_can_be_filtered_by_when(browser_of, busy, manager):
    browser = browser_of(manager)

    assert rows_of(browser, "/admin/repairs/?view=handed-over&closed=today") == 2
    assert rows_of(browser, "/admin/repairs/?view=handed-over&closed=30d") == 4
    assert rows_of(browser, "/admin/repairs/?view=closed&closed=30d") == 6
    assert rows_of(browser, "/admin/repairs/?view=open&closed=30d") == 0
    assert rows_of(browser, "/admin/repairs/?view=closed&closed=yesterday") == 0


def test_money_of_today_is_that_of_the_books(browser_of, manager, front_desk, technician, cracked_iphone, session):
    cracked_iphone.total = 20_000
    session.commit()
    desk = browser_of(front_desk)
    desk.post("/admin/till/open", data={"float": "50", "minimum": "0"})
    for way, amount in (("cash", "120"), ("terminal", "80")):
        desk.post(f"/admin/repairs/{cracked_iphone.number}/pay", data={"amount": amount, "provider": way})
    payment = session.scalars(select(Payment).where(Payment.provider == "cash")).one()
    browser_of(manager).post(
        f"/admin/repairs/{cracked_iphone.number}/payments/{payment.id}/refund", data={"amount": "20", "reason": "Late"}
    )

    shown = " ".join(
        re.sub("<[^>]+>", " ", browser_of(manager).get("/admin/").text.partition("Money today")[2]).split()
    )

    assert shown.startswith("Cash £120.00 Card terminal £80.00 Cash, given back −£20.00")
    assert "Card terminal" not in browser_of(technician).get("/admin/").text
    blind = " ".join(re.sub("<[^>]+>", " ", desk.get("/admin/").text.partition("Money today")[2]).split())
    assert blind.startswith("Card terminal £80.00 Cash is shown when the till is counted.")


def test_payments_in_trouble_need_somebody(browser_of, manager, technician, cracked_iphone, session):
    facts = {"repair_id": cracked_iphone.id, "purpose": "full", "amount": 100, "currency": "GBP", "actor": "customer"}
    payment = Payment(provider="stripe", state="paid", captured=100, fault="late", **facts)
    session.add(payment)
    session.flush()
    due_by = datetime(2026, 12, 4, 12, tzinfo=UTC)
    session.add(Dispute(payment_id=payment.id, provider_ref="dp_1", amount=100, currency="GBP", due_by=due_by))
    session.commit()

    page = browser_of(manager).get("/admin/").text

    assert "1 payment to be looked at" in page
    assert "1 dispute is open" in page
    assert "answer by Fri 4 Dec, 12:00" in page
    assert "dispute" not in browser_of(technician).get("/admin/").text


@pytest.mark.parametrize(("real", "words"), [(False, "Test mode: no real money"), (True, "Real payments")])
def test_every_page_says_whether_money_is_real(app, browser_of, owner, stranger, monkeypatch, real, words):
    monkeypatch.setitem(app.jinja_env.globals, "test_mode", not real)
    app.jinja_env.cache.clear()
    browser = browser_of(owner)

    console = browser.get("/admin/payments/").text
    public = [stranger.get(path).text for path in ("/", "/book/", "/login")]

    assert words in console
    assert ["Test mode: no real money" in page for page in public] == [not real] * 3
