"""What one browser does, the others show: live, in place, and after an absence."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import assert_quiet
from tests.browser.console import api_booking, change, is_live, row_of, sign_out_everywhere

WITHIN_TWO_SECONDS = 2_000


@pytest.fixture
def number(busy_shop):
    return api_booking(busy_shop.url)


@pytest.fixture
def queue(signed_in):
    """Marta's queue, live."""
    page = signed_in("marta")
    page.goto("/admin/repairs/")
    is_live(page)
    return page


def test_a_booking_appears_at_its_place_without_a_jump(busy_shop, queue):
    queue.locator("[data-scroll]").evaluate("pane => pane.scrollTop = 400")
    queue.locator("#queue-rows > tr").nth(12).locator("a").evaluate("link => link.focus({preventScroll: true})")
    queue.locator("#scan").fill("half a wo")
    queue.evaluate("window.stayed = true")
    before = queue.evaluate("document.querySelectorAll('#queue-rows > tr')[12].getBoundingClientRect().top")
    shown = int(queue.locator("[data-shown]").inner_text())
    open_now = int(queue.locator("#queue-tabs .tab-count").first.inner_text())
    held = queue.evaluate("document.querySelectorAll('#queue-rows > tr')[12].dataset.repair")

    number = api_booking(busy_shop.url)

    row = row_of(queue, number)
    expect(row).to_have_attribute("data-fresh", "")
    expect(queue.locator("[data-shown]")).to_have_text(str(shown + 1))
    expect(queue.locator("#queue-tabs .tab-count").first).to_have_text(str(open_now + 1))
    dues = queue.evaluate("[...document.querySelectorAll('#queue-rows > tr')].map(row => Number(row.dataset.due))")
    assert dues == sorted(dues)
    assert queue.evaluate(f"document.querySelector('[data-repair={held}]').getBoundingClientRect().top") == before
    assert queue.evaluate("document.activeElement.id") == "scan"
    assert queue.locator("#scan").input_value() == "half a wo"
    assert queue.evaluate("window.stayed")
    assert_quiet(queue)


def test_a_list_written_anew_keeps_what_is_ticked_and_the_cursor(queue):
    number = queue.locator("#queue-rows > tr").nth(2).get_attribute("data-repair")
    row = row_of(queue, number)
    row.locator(".check").check()
    row.locator("a").focus()
    row.evaluate("row => row.insertAdjacentHTML('beforeend', '<td id=old></td>')")

    queue.evaluate("document.dispatchEvent(new CustomEvent('shop:reload'))")

    expect(queue.locator("#old")).to_have_count(0)
    expect(row.locator(".check")).to_be_checked()
    expect(row).to_have_attribute("data-cursor", "")
    expect(queue.locator("[data-selected]")).to_have_text(number)
    assert_quiet(queue)


def test_a_colleagues_move_changes_the_row_in_place(queue, signed_in, number):
    row = row_of(queue, number)
    row.locator(".check").check()
    row.locator("a").focus()
    bench = signed_in("priya")
    bench.goto(f"/admin/repairs/{number}")

    bench.get_by_role("button", name="Start diagnosis").click()

    expect(row).to_have_attribute("data-status", "diagnosing")
    expect(row.locator(".pill")).to_have_text("Diagnosing")
    expect(row).to_have_attribute("data-fresh", "")
    expect(row).to_have_attribute("data-cursor", "")
    expect(row.locator(".check")).to_be_checked()
    assert queue.evaluate("document.activeElement.closest('[data-repair]').dataset.repair") == number


def test_a_row_that_leaves_its_view_stays_greyed(signed_in, number):
    queue, bench = signed_in("marta"), signed_in("priya")
    queue.goto("/admin/repairs/?status=received")
    is_live(queue)
    bench.goto(f"/admin/repairs/{number}")

    bench.get_by_role("button", name="Start diagnosis").click()

    expect(row_of(queue, number)).to_have_attribute("data-gone", "")
    assert queue.locator("[data-shown]").inner_text() == str(queue.locator("tr[data-repair]:not([data-gone])").count())


def test_who_is_on_a_ticket_is_told_on_its_row_and_in_its_head(queue, signed_in, number):
    bench, second = signed_in("priya"), signed_in("tom")
    second.goto(f"/admin/repairs/{number}")
    is_live(second)

    bench.goto(f"/admin/repairs/{number}")
    bench.locator("#note-body").focus()

    expect(row_of(queue, number).locator(".here")).to_have_text(re.compile("Priya|Tom"))
    expect(second.locator("[data-here-people]")).to_have_text("Priya is writing a note")
    bench.goto("/admin/repairs/")
    expect(second.locator("[data-here-people]")).to_be_empty()
    expect(row_of(queue, number).locator(".here")).to_have_text("Tom is here")


def test_a_queue_opened_later_knows_who_is_where(signed_in, number):
    bench = signed_in("priya")
    bench.goto(f"/admin/repairs/{number}")
    is_live(bench)
    bench.wait_for_timeout(300)

    queue = signed_in("marta")
    queue.goto("/admin/repairs/")

    expect(row_of(queue, number).locator(".here")).to_have_text("Priya is here")


def test_the_queue_catches_up_after_the_shop_was_away(busy_shop, queue, number):
    queue.evaluate("window.stayed = true")
    try:
        busy_shop.stop()
        expect(queue.locator(".topbar [data-connection]")).to_have_attribute(
            "data-connection", "offline", timeout=15_000
        )
        expect(queue.locator(".topbar [data-connection-text]")).to_have_text(re.compile(r"^Offline since \d\d:\d\d$"))
        change(busy_shop, number, place="Shelf Z9")
    finally:
        busy_shop.start()

    expect(row_of(queue, number).locator("small").first).to_have_text("Shelf Z9", timeout=20_000)
    is_live(queue)
    assert queue.evaluate("window.stayed")


def test_a_list_that_missed_too_much_is_fetched_whole_without_a_reload(queue, number):
    queue.route(
        "**/admin/live/since*", lambda route: route.fulfill(json={"changes": [], "position": 10**9, "complete": False})
    )
    queue.evaluate("window.stayed = true")
    row_of(queue, number).evaluate("row => row.remove()")

    queue.evaluate("document.dispatchEvent(new CustomEvent('shop:reload'))")

    expect(row_of(queue, number)).to_be_attached()
    expect(row_of(queue, number).locator(".check")).to_be_attached()
    assert queue.evaluate("window.stayed")


def test_without_a_network_nothing_typed_is_lost(signed_in, number):
    page = signed_in("priya")
    page.goto(f"/admin/repairs/{number}")
    page.locator("#note-body").fill("Frame bent at the top left")

    page.context.set_offline(True)
    page.get_by_role("button", name="Add note").click()
    expect(page.locator("#note-form [data-unsent]")).to_be_visible()
    kept = page.locator("#note-body").input_value()
    page.context.set_offline(False)
    page.get_by_role("button", name="Add note").click()

    assert kept == "Frame bent at the top left"
    expect(page.locator(".ticket-notes")).to_contain_text("Frame bent at the top left")
    expect(page.locator("#note-body")).to_have_value("")


def test_a_revoked_sign_in_is_thrown_out_at_once(busy_shop, signed_in):
    page = signed_in("ola", alone=True)
    page.goto("/admin/repairs/?view=mine")
    is_live(page)

    sign_out_everywhere(busy_shop, "Ola Berg")

    page.wait_for_url(re.compile("/login"), timeout=WITHIN_TWO_SECONDS)


def test_two_tabs_of_one_person_stay_the_same(signed_in, number):
    first = signed_in("priya")
    first.goto(f"/admin/repairs/{number}")
    second = first.context.new_page()
    second.goto(f"/admin/repairs/{number}")
    is_live(second)

    first.get_by_role("button", name="Start diagnosis").click()

    expect(second.locator(".ticket-line .pill")).to_have_text("Diagnosing")
    expect(second.locator("[data-here-people]")).to_be_empty()
