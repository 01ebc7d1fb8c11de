"""What goes wrong between typing and saving: the socket away, the shop restarted, the way back, a dialog killed."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import assert_quiet
from tests.browser.console import api_booking, change, field_of, is_live, move, row_of, status_of

TEXT = "Display assembly broken, frame straight."
A_FEW_SECONDS = 4_000
TWO_SECONDS = 2_000


@pytest.fixture
def number(busy_shop):
    return api_booking(busy_shop.url)


@pytest.fixture
def cut(request):
    """`cut(page)` before it is opened: returns a switch, `switch(True)` takes its socket away, and nothing else."""

    def attach(page):
        state = {"is_cut": False, "open": []}

        def route(socket):
            if state["is_cut"]:
                return socket.close()
            socket.connect_to_server()
            return state["open"].append(socket)

        page.route_web_socket(re.compile("/socket.io/"), route)

        def switch(is_cut: bool) -> None:
            state["is_cut"] = is_cut
            while is_cut and state["open"]:
                state["open"].pop().close()

        return switch

    return attach


def shows(page, state: str) -> None:
    mark = page.locator(".topbar [data-connection]")
    expect(mark).to_have_attribute("data-connection", re.compile(state), timeout=15_000)


def test_socket_cut_for_a_minute_misses_nothing_and_loses_nothing(busy_shop, signed_in, cut, number):
    """The socket is really away for some seconds. What the other end sees of a whole minute is faked: the writer's
    presence is made older than its life and swept, as the server's own beat would do after 45 seconds."""
    queue, bench = signed_in("marta"), signed_in("priya")
    switches = [cut(page) for page in (queue, bench)]
    queue.goto("/admin/repairs/")
    bench.goto(f"/admin/repairs/{number}")
    for page in (queue, bench):
        is_live(page)
        page.evaluate("window.stayed = true")
    area = bench.locator("#note-body")
    area.press_sequentially("Half a ")
    expect(row_of(queue, number).locator(".here")).to_have_text("Priya is writing")

    for switch in switches:
        switch(True)
    for page in (queue, bench):
        shows(page, "reconnecting|offline")
    busy_shop.run("""
from sqlalchemy import update
from shop.admin.sockets import beat
from shop.extensions import db
from shop.models.base import database_now
from shop.models.repair import Presence
db.session.execute(update(Presence).values(seen_at=database_now(-60)))
db.session.commit()
beat()
""")
    change(busy_shop, number, place="Shelf Z7")
    move(busy_shop, number, "diagnosing")
    newer = api_booking(busy_shop.url, name="Come Meanwhile")
    area.press_sequentially("thought, ")
    bench.wait_for_timeout(A_FEW_SECONDS)
    expect(bench.locator("#note-form [data-draft-state]")).to_contain_text("Draft kept")
    expect(row_of(queue, newer)).to_have_count(0)
    expect(bench.locator(".ticket-line .pill")).to_have_text("Received")

    for switch in switches:
        switch(False)

    # an attempt that was turned away without a word is given up after 20 seconds
    expect(row_of(queue, newer)).to_be_attached(timeout=40_000)
    expect(row_of(queue, number)).to_have_attribute("data-status", "diagnosing")
    expect(row_of(queue, number).locator("small").first).to_have_text("Shelf Z7")
    expect(bench.locator(".ticket-line .pill")).to_have_text("Diagnosing", timeout=40_000)
    expect(bench.locator(".ticket-who")).to_contain_text("Shelf Z7")
    expect(row_of(queue, number).locator(".here")).to_have_text("Priya is writing")
    area.press_sequentially("and the rest")
    assert area.input_value() == "Half a thought, and the rest"
    assert [page.evaluate("window.stayed") for page in (queue, bench)] == [True, True]
    bench.get_by_role("button", name="Add note").click()
    expect(bench.locator(".ticket-notes")).to_contain_text("Half a thought, and the rest")


def test_shop_restarted_between_typing_and_saving_and_the_way_back_after_it(busy_shop, signed_in, number):
    page = signed_in("priya")
    page.goto(f"/admin/repairs/{number}/edit")
    is_live(page)
    page.get_by_label("Diagnosis").fill(TEXT)
    expect(page.locator("[data-draft-state]")).to_contain_text("Draft kept")

    busy_shop.stop()
    busy_shop.start()
    page.reload()
    expect(page.get_by_label("Diagnosis")).to_have_value(TEXT)
    page.get_by_role("button", name="Save").click()

    expect(page.locator("#ticket-title")).to_be_visible()
    assert field_of(busy_shop, number, "diagnosis") == TEXT
    version = f"from shop.services.repairs import get_repair\nprint(get_repair({number!r}).version)"
    saved = busy_shop.run(version)

    page.go_back()
    expect(page.get_by_label("Diagnosis")).to_have_value(TEXT)
    expect(page.locator("[data-draft-note]")).to_have_count(0)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#ticket-title")).to_be_visible()
    assert busy_shop.run(version) == saved

    change(busy_shop, number, diagnosis="A colleague knows better")
    page.go_back()
    expect(page.get_by_label("Diagnosis")).to_have_value("A colleague knows better")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#ticket-title")).to_be_visible()
    assert field_of(busy_shop, number, "diagnosis") == "A colleague knows better"


def test_dialog_tells_who_writes_and_brings_back_what_was_chosen(busy_shop, signed_in, number):
    move(busy_shop, number, "diagnosing")
    queue, bench, ticket = signed_in("priya"), signed_in("marta"), signed_in("tom")
    for page, path in ((queue, ""), (bench, ""), (ticket, number)):
        page.goto(f"/admin/repairs/{path}")
        is_live(page)

    row_of(queue, number).locator("a").first.focus()
    queue.keyboard.press("n")
    expect(queue.locator("#alone-note")).to_be_focused()
    expect(ticket.locator("[data-here-people]")).to_have_text("Priya is writing a note")
    expect(row_of(bench, number).locator(".here")).to_contain_text("Priya")
    queue.keyboard.press("Escape")
    expect(ticket.locator("[data-here-people]")).to_be_empty()

    queue.keyboard.press("s")
    queue.locator("dialog [name=target]").nth(1).check()
    chosen = queue.locator("dialog [name=target]").nth(1).get_attribute("value")
    queue.wait_for_timeout(TWO_SECONDS)
    queue.keyboard.press("Escape")
    queue.keyboard.press("s")
    expect(queue.locator("dialog [name=target]").first).to_be_checked()
    queue.wait_for_timeout(500)
    expect(queue.locator("dialog [name=target]").first).to_be_checked()

    queue.locator("dialog [name=target]").nth(1).check()
    queue.locator("#move-diagnosis").press_sequentially(TEXT, delay=5)
    queue.wait_for_timeout(TWO_SECONDS)
    assert_quiet(queue)
    queue.context.close()

    again = signed_in("priya")
    again.goto("/admin/repairs/")
    is_live(again)
    row_of(again, number).locator("a").first.focus()
    again.keyboard.press("s")
    expect(again.locator("#move-diagnosis")).to_have_value(TEXT)
    expect(again.locator(f'dialog [name=target][value="{chosen}"]')).to_be_checked()
    again.get_by_role("button", name="Discard").click()
    expect(again.locator("#move-diagnosis")).to_have_value("")
    expect(again.locator("dialog [name=target]").first).to_be_checked()
    assert status_of(busy_shop, number) == "diagnosing"
    assert_quiet(again)


def test_form_keeps_its_selects_and_boxes_too(signed_in):
    page = signed_in("maya")
    page.goto("/admin/devices/new/")
    page.get_by_label("Family").press_sequentially("Phone X")
    kind = page.locator("main form select").first
    chosen = kind.locator("option").nth(2).get_attribute("value")
    kind.select_option(chosen)
    page.wait_for_timeout(TWO_SECONDS)
    page.goto("/admin/repairs/views/new")
    page.locator("#view-name").press_sequentially("Slow ones")
    page.locator("[name=shared]").check()
    page.wait_for_timeout(TWO_SECONDS)
    page.context.close()

    again = signed_in("maya")
    again.goto("/admin/devices/new/")
    expect(again.get_by_label("Family")).to_have_value("Phone X")
    expect(again.locator("main form select").first).to_have_value(chosen)
    again.goto("/admin/repairs/views/new")
    expect(again.locator("#view-name")).to_have_value("Slow ones")
    expect(again.locator("[name=shared]")).to_be_checked()
    again.get_by_role("button", name="Discard").click()
    expect(again.locator("[name=shared]")).not_to_be_checked()
    expect(again.locator("#view-name")).to_have_value("")
    assert_quiet(again)
