"""A ticket is merged or deleted by keys while colleagues have it open: each is told what happened and loses nothing."""

import pytest
from playwright.sync_api import expect

from shop.extensions import db
from shop.models.repair import Repair
from shop.services import merges, removals, repairs, staff
from shop.services.demo import PASSWORD
from tests.browser.conftest import DESKTOP, PHONE, assert_accessible, assert_quiet
from tests.browser.console import api_booking, is_live, row_of, shop_at

TEXT = "Half a thought about the flex cable"
WHY = "Clicked twice at the counter"
# From the change to the words on a colleague's screen.
TWO_SECONDS = 2_000


@pytest.fixture
def pair(busy_shop):
    """(the ticket that stays, its duplicate): Hannah booked on the web, and then rang."""
    stays = api_booking(busy_shop.url)
    return stays, api_booking(busy_shop.url, problem="Screen flickers since the fall")


def merge_beside(server, number: str, stays: str) -> None:
    with shop_at(server.url).app_context():
        ellie = staff.find_staff("ellie@revivatech.example")
        merges.merge(*repairs.lock_pair(number, stays), actor=ellie.actor)
        db.session.commit()


def delete_beside(server, number: str) -> None:
    with shop_at(server.url).app_context():
        ellie = staff.find_staff("ellie@revivatech.example")
        removals.delete_repair(repairs.lock_repair(number), WHY, actor=ellie.actor)
        db.session.commit()


def status_of(server, number: str) -> str | None:
    with shop_at(server.url).app_context():
        return db.session.scalar(db.select(Repair.status).where(Repair.number == number))


def ending_in(place):
    return place.locator("[data-ending]")


def press_in_palette(page, typed: str, act: str) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type(typed)
    expect(page.locator(f'#palette [data-ticket="{typed}"]')).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Tab")
    for _ in range(12):
        chosen = page.locator('#palette [data-path][aria-selected="true"]')
        if act in chosen.inner_text():
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def test_duplicate_is_merged_by_keys_and_taken_back(busy_shop, signed_in, pair):
    stays, duplicate = pair
    desk, queue = signed_in("marta"), signed_in("priya")
    queue.goto("/admin/repairs/")
    desk.goto(f"/admin/repairs/{duplicate}")
    for page in (desk, queue):
        is_live(page)

    desk.keyboard.press("d")
    pick = desk.locator(f'dialog [name=pick][value="{stays}"]')
    expect(pick).to_be_focused()
    assert_accessible(desk)
    desk.keyboard.press("Enter")
    expect(desk.locator("#dialog-title")).to_have_text(f"Merge {duplicate} into {stays}?")
    expect(desk.locator("#dialogs dialog")).to_contain_text("Screen flickers since the fall")
    expect(desk.locator("#dialogs dialog")).to_contain_text("The customer is told nothing.")
    assert_accessible(desk)
    desk.keyboard.press("Enter")

    words = f"{duplicate} was merged into {stays} by Marta Kowal."
    expect(ending_in(desk)).to_contain_text(words)
    expect(desk.locator("#dialogs dialog")).to_have_count(0)
    expect(row_of(queue, duplicate)).to_have_attribute("data-status", "cancelled", timeout=TWO_SECONDS)
    expect(row_of(queue, duplicate)).to_have_attribute("data-gone", "")
    assert_accessible(desk)

    desk.keyboard.press("z")
    expect(ending_in(desk)).to_have_count(0)
    expect(desk.locator(".ticket-line .pill")).to_have_text("Received")
    expect(row_of(queue, duplicate)).to_have_attribute("data-status", "received")
    assert status_of(busy_shop, duplicate) == "received"
    for page in (desk, queue):
        assert_quiet(page)


def test_number_is_typed_and_a_wrong_one_asked_again(signed_in, pair):
    stays, duplicate = pair
    page = signed_in("marta")
    page.goto("/admin/")
    press_in_palette(page, duplicate, "Duplicate of")

    expect(page.locator("#merge-into")).to_be_visible()
    page.locator("#merge-into").focus()
    page.keyboard.type(duplicate)
    page.keyboard.press("Enter")
    expect(page.locator("dialog [role=alert]").first).to_contain_text("This is the ticket itself.")
    page.locator("#merge-into").fill(stays.removeprefix("RT-"))
    page.keyboard.press("Enter")
    expect(page.locator("#dialog-title")).to_have_text(f"Merge {duplicate} into {stays}?")
    assert_quiet(page)


def test_merged_while_colleagues_edit_write_and_look(busy_shop, signed_in, pair):
    stays, duplicate = pair
    editing, writing, asking, board = (signed_in(name) for name in ("priya", "tom", "maya", "ellie"))
    editing.goto(f"/admin/repairs/{duplicate}/edit")
    writing.goto(f"/admin/repairs/{duplicate}")
    asking.goto("/admin/repairs/")
    board.goto(f"/admin/repairs/board?q={duplicate}")
    for page in (editing, writing, asking, board):
        is_live(page)
    editing.get_by_label("Diagnosis").fill(TEXT)
    expect(editing.locator("[data-draft-state]")).to_contain_text("Draft kept")
    writing.locator("#note-body").fill(TEXT)
    expect(writing.locator("#note-form [data-draft-state]")).to_contain_text("Draft kept")
    row_of(asking, duplicate).locator("a").first.focus()
    asking.keyboard.press("n")
    asking.locator("#alone-note").fill(TEXT)
    expect(board.locator(f'.card[data-repair="{duplicate}"]')).to_be_visible()

    merge_beside(busy_shop, duplicate, stays)

    words = f"{duplicate} was merged into {stays} by Ellie Frost."
    for place in (editing, writing, asking.locator("#dialogs dialog")):
        expect(ending_in(place)).to_contain_text(words, timeout=TWO_SECONDS)
        expect(ending_in(place)).to_contain_text("kept under Unfinished work")
        expect(ending_in(place).get_by_role("link", name=f"Open {stays}")).to_be_visible()
    expect(board.locator(f'.card[data-repair="{duplicate}"]')).to_have_count(0)
    expect(editing.get_by_label("Diagnosis")).to_be_focused()
    expect(editing.get_by_label("Diagnosis")).to_have_value(TEXT)
    expect(writing.locator("#note-body")).to_have_value(TEXT)
    expect(writing.locator(".ticket-acts .button")).to_have_count(0)
    expect(asking.locator("#alone-note")).to_have_value(TEXT)
    assert_accessible(editing)

    editing.get_by_role("button", name="Save").click()
    expect(editing.locator("h1")).to_have_text("This ticket was merged into another one")
    expect(editing.locator("main")).to_contain_text(words)
    writing.get_by_role("button", name="Add note").click()
    expect(ending_in(writing)).to_be_focused()
    expect(writing.locator("#note-body")).to_have_value(TEXT)
    asking.locator("#dialogs dialog").get_by_role("button", name="Add note").click()
    expect(ending_in(asking.locator("#dialogs dialog"))).to_be_focused()
    expect(asking.locator("#alone-note")).to_have_value(TEXT)

    editing.goto("/admin/recover/")
    row = editing.locator(".unfinished-row", has_text=f"Edit {duplicate}")
    expect(row).to_contain_text(words)
    expect(row.locator("textarea")).to_have_value(TEXT)
    row.get_by_role("link", name=f"Open {stays}").click()
    expect(editing.locator("#ticket-title")).to_contain_text(stays)
    for page in (editing, writing, asking, board):
        assert_quiet(page)


def test_deleted_while_it_is_open_on_a_ticket_a_row_a_card_and_a_phone(busy_shop, signed_in):
    number = api_booking(busy_shop.url)
    ticket, queue, board = signed_in("tom"), signed_in("priya"), signed_in("marta")
    phone = signed_in("ellie", viewport=PHONE, has_touch=True)
    ticket.goto(f"/admin/repairs/{number}")
    phone.goto(f"/admin/repairs/{number}")
    queue.goto("/admin/repairs/")
    board.goto(f"/admin/repairs/board?q={number}")
    for page in (ticket, queue, board, phone):
        is_live(page)
    for page in (ticket, phone):
        page.locator("#note-body").fill(TEXT)
        expect(page.locator("#note-form [data-draft-state]")).to_contain_text("Draft kept")
    row_of(queue, number).locator("a").first.focus()
    after = row_of(queue, number).evaluate("row => row.nextElementSibling?.dataset.repair ?? null")
    expect(board.locator(f'.card[data-repair="{number}"]')).to_be_visible()

    delete_beside(busy_shop, number)

    words = f"{number} was deleted by Ellie Frost: “{WHY}”."
    for page in (ticket, phone):
        expect(ending_in(page)).to_contain_text(words, timeout=TWO_SECONDS)
        expect(page.locator("#note-body")).to_have_value(TEXT)
        expect(page.locator(".ticket-acts")).to_be_hidden()
    expect(phone.locator("#toasts")).to_contain_text(words)
    expect(row_of(queue, number)).to_have_count(0, timeout=TWO_SECONDS)
    if after:
        expect(row_of(queue, after).locator("a").first).to_be_focused()
    expect(board.locator(f'.card[data-repair="{number}"]')).to_have_count(0)
    assert_accessible(ticket)
    assert_accessible(phone)

    ticket.get_by_role("button", name="Add note").click()
    expect(ticket.locator("#note-form [data-refused]")).to_be_visible()
    expect(ticket.locator("#note-body")).to_have_value(TEXT)
    ticket.reload()
    expect(ticket.locator("h1")).to_have_text("This ticket was deleted")
    expect(ticket.locator("main")).to_contain_text(words)
    ticket.goto("/admin/recover/")
    row = ticket.locator(".unfinished-row", has_text=number)
    expect(row).to_contain_text(words)
    expect(row.locator("textarea")).to_have_value(TEXT)
    # htmx writes an answer of 404 to the console of the ticket.
    for page in (queue, board, phone):
        assert_quiet(page)


def test_expected_booking_leaves_the_calendar_when_it_is_deleted(busy_shop, signed_in):
    number = api_booking(busy_shop.url, arrived=False)
    page = signed_in("marta")
    page.goto("/admin/calendar/")
    is_live(page)
    entry = page.locator(f'.cal-entry[data-number="{number}"]')
    expect(entry).to_have_count(1)

    delete_beside(busy_shop, number)

    expect(entry).to_have_count(0)
    assert_quiet(page)


def test_mistake_is_deleted_by_keys_after_the_password(busy_shop, signed_in):
    number = api_booking(busy_shop.url)
    page = signed_in("maya", viewport=DESKTOP)
    busy_shop.run("""
from shop.extensions import db
from shop.models.staff import SignIn
db.session.query(SignIn).update({"sudo_at": None})
db.session.commit()
""")
    page.goto(f"/admin/repairs/{number}")
    menu = page.locator(".ticket-acts summary")
    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#ticket-title")).to_be_visible()
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    delete = page.locator(".ticket-acts .menu-item", has_text="Delete")
    for _item in range(6):
        page.keyboard.press("Tab")
        if delete.evaluate("(item) => item === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.locator("[name=sudo_password]").fill(PASSWORD)
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text(f"Delete {number}")
    assert_accessible(page)
    page.get_by_label("Why").focus()
    page.keyboard.type(WHY)
    page.keyboard.press("Enter")

    expect(page.locator("#toasts")).to_contain_text(f"{number} is deleted.")
    assert status_of(busy_shop, number) is None
    assert_quiet(page)


def test_without_a_script_a_duplicate_is_merged_by_pages(stranger_at, cookies, pair):
    stays, duplicate = pair
    page = stranger_at(storage_state=cookies("marta"), java_script_enabled=False)
    page.goto(f"/admin/repairs/{duplicate}/merge")
    page.locator(f'[name=pick][value="{stays}"]').check()
    page.get_by_role("button", name="See what happens").click()
    page.get_by_role("button", name="Merge", exact=True).click()

    expect(page.locator("#ticket-title")).to_contain_text(stays)
    expect(page.locator(".ticket-side")).to_contain_text(f"Took in {duplicate}")
