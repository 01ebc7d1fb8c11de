"""Whatever happens to the browser, nothing typed over two seconds ago is gone; whatever is sent twice acts once."""

import re

import pytest
from playwright.sync_api import expect

from shop.services.demo import PASSWORD
from tests.browser.conftest import DESKTOP, assert_accessible, assert_quiet, watched
from tests.browser.console import api_booking, change, field_of, is_live

TEXT = "Display assembly broken, frame straight. Front camera bracket bent but reusable."
TWO_SECONDS = 2_000


@pytest.fixture
def number(busy_shop):
    return api_booking(busy_shop.url)


@pytest.fixture
def enter(chromium, busy_shop):
    """`enter("priya", path)`: a browser profile of its own, signed in by hand, at that page."""
    opened = []

    def make(name: str, path: str):
        context = chromium.new_context(base_url=busy_shop.url, locale="en-GB", viewport=DESKTOP)
        opened.append(context)
        page = watched(context.new_page())
        page.goto(f"/login?next={path}")
        page.get_by_label("E-mail").fill(f"{name}@revivatech.example")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**{path}")
        return page

    yield make
    for context in opened:
        context.close()


def test_browser_killed_while_typing_loses_nothing_that_is_two_seconds_old(enter, number):
    ticket, device = f"/admin/repairs/{number}/edit", "/admin/devices/new/"
    typed = {"priya": (ticket, "Diagnosis"), "maya": (device, "Family")}
    for name, (path, label) in typed.items():
        page = enter(name, path)
        page.get_by_label(label).press_sequentially(TEXT[:70], delay=10)
        page.wait_for_timeout(TWO_SECONDS)
        page.context.close()

    for name, (path, label) in typed.items():
        page = enter(name, path)
        expect(page.get_by_label(label)).to_have_value(TEXT[:70])
        expect(page.locator("[data-draft-note]")).to_contain_text(re.compile(r"Restored from \d\d:\d\d, one field"))
        assert_accessible(page)
        assert_quiet(page)
        page.get_by_role("button", name="Discard").click()
        expect(page.get_by_label(label)).not_to_have_value(TEXT[:70])
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_label(label)).to_have_value(TEXT[:70])

    page.goto("/admin/recover/")
    expect(page.locator(".unfinished-row")).to_contain_text("Add a device")
    assert_accessible(page)
    page.get_by_role("link", name="Go on").click()
    expect(page.get_by_label("Family")).to_have_value(TEXT[:70])


def test_two_write_on_one_ticket_and_a_third_change_comes_between(enter, busy_shop, number):
    path = f"/admin/repairs/{number}/edit"
    priya, tom, queue = enter("priya", path), enter("tom", path), enter("maya", "/admin/repairs/?q=" + number)
    for page in (priya, tom, queue):
        is_live(page)
    priya.get_by_label("Diagnosis").fill(TEXT)
    expect(tom.locator('[data-field-here="diagnosis"]')).to_have_text("Priya is typing here")
    expect(queue.locator(f'[data-repair="{number}"] .here')).to_contain_text("more")
    tom.get_by_label("Now at").fill("Bench 2")
    tom.get_by_label("Diagnosis").fill("Only the glass")
    priya.get_by_role("button", name="Save").click()
    expect(priya.locator("#ticket-title")).to_be_visible()

    tom.get_by_role("button", name="Save").click()
    expect(tom.get_by_role("alert")).to_contain_text("Priya saved this ticket while you were writing.")
    change(busy_shop, number, diagnosis="A third opinion")
    tom.get_by_label("Final text").fill("Only the glass, and the bracket")
    tom.wait_for_timeout(TWO_SECONDS)
    tom.get_by_role("button", name="Save").click()
    expect(tom.get_by_role("alert")).to_contain_text("saved this ticket while you were writing")
    expect(tom.locator(".pick-text").last).to_contain_text("A third opinion")
    tom.context.close()

    again = enter("tom", path)
    expect(again.get_by_label("Diagnosis")).to_have_value("Only the glass, and the bracket")
    expect(again.get_by_label("Now at")).to_have_value("Bench 2")
    again.get_by_role("button", name="Save").click()
    expect(again.locator(".pick-text").last).to_contain_text("A third opinion")
    again.get_by_role("button", name="Save").click()
    expect(again.locator("#ticket-title")).to_be_visible()
    assert field_of(busy_shop, number, "diagnosis") == "Only the glass, and the bracket"
    assert field_of(busy_shop, number, "place") == "Bench 2"


def notes_of(server, number: str) -> str:
    code = f"from shop.services import repairs\nprint([n.body for n in repairs.notes(repairs.get_repair({number!r}))])"
    return server.run(code)


def test_cut_network_keeps_what_is_typed_and_a_save_whose_answer_was_lost_acts_once(enter, busy_shop, number):
    page = enter("priya", f"/admin/repairs/{number}")
    is_live(page)
    area, add = page.locator("#note-body"), page.get_by_role("button", name="Add note")

    page.context.set_offline(True)
    area.press_sequentially("Typed without a network")
    expect(page.locator("#note-form [data-draft-state]")).to_contain_text("kept on this device")
    page.context.set_offline(False)
    expect(page.locator("#note-form [data-draft-state]")).to_contain_text("Draft kept", timeout=15_000)

    lost = []

    def lose_the_answer(route):
        lost.append(route.fetch().status)
        route.abort()

    page.route(f"**/repairs/{number}/notes", lose_the_answer, times=1)
    add.click()
    expect(page.locator("#note-form [data-unsent]")).to_be_visible()
    assert area.input_value() == "Typed without a network"
    add.click()
    expect(page.locator(".toast")).to_contain_text("Note added")
    expect(area).to_have_value("")

    assert lost == [204]
    assert notes_of(busy_shop, number) == "['Typed without a network']"
    page.reload()
    is_live(page)
    expect(area).to_have_value("")
    area.fill("Typed without a network")
    add.dblclick()
    expect(page.locator(".ticket-notes li")).to_have_count(2)
    page.wait_for_timeout(500)
    assert notes_of(busy_shop, number).count("Typed without a network") == 2


def test_rights_lost_while_writing_and_a_wizard_killed_while_typing(enter, busy_shop, number, open_context):
    una = f"una-{number.lower()}"  # another one when it is tried again
    busy_shop.run(f"""
from shop.extensions import db
from shop.services import staff
staff.create_staff(email="{una}@revivatech.example", password={PASSWORD!r}, role="technician", name="Una Reed")
db.session.commit()
""")
    kim = enter(una, f"/admin/repairs/{number}/edit")
    is_live(kim)
    kim.get_by_label("Diagnosis").fill(TEXT)
    expect(kim.locator("[data-draft-state]")).to_contain_text("Draft kept")
    busy_shop.run(f"""
from shop.extensions import db
from shop.services import staff
staff.find_staff("{una}@revivatech.example").role = "read_only"
db.session.commit()
""")
    expect(kim.locator(".error-page")).to_contain_text("What you typed here is kept.", timeout=15_000)
    kim.locator(".error-page li a").click()
    expect(kim.locator(".unfinished-row textarea")).to_have_value(TEXT)
    expect(kim.locator(".unfinished-row")).to_contain_text("Your role does not change this any more.")

    visitor = watched(open_context(busy_shop.url).new_page())
    visitor.goto("/book/?q=iphone+14+pro")
    visitor.locator(".device-option").first.click()
    visitor.wait_for_url("**/fault")
    address = visitor.url
    visitor.locator("#problem").press_sequentially("It fell on the sta", delay=10)
    visitor.wait_for_timeout(TWO_SECONDS)
    visitor.context.close()

    again = watched(open_context(busy_shop.url).new_page())
    again.goto(address)
    expect(again.locator("#problem")).to_have_value("It fell on the sta")
    assert_quiet(again)
