"""The board: a card is moved by hand or by keys, and what colleagues do shows on it at once."""

import re

import pytest
from playwright.sync_api import Page, expect

from shop.models.workflow import State
from tests.browser.conftest import DESKTOP, PHONE, assert_accessible, assert_quiet, small_targets
from tests.browser.console import api_booking, field_of, is_live, move, status_of

BOARD = "/admin/repairs/board?sort=number"


@pytest.fixture
def number(busy_shop):
    """A repair that has just been taken in."""
    return api_booking(busy_shop.url)


@pytest.fixture
def board(signed_in):
    """Priya's board, live, the newest on top of each column."""
    page = signed_in("priya")
    page.goto(BOARD)
    is_live(page)
    return page


def card_in(page: Page, status: str, number: str):
    return page.locator(f'[data-column="{status}"] .card[data-repair="{number}"]')


def lift(page: Page, number: str, status: str) -> None:
    """Takes a card by the mouse and holds it over a column."""
    page.locator(f'.card[data-repair="{number}"]').scroll_into_view_if_needed()
    box = page.locator(f'.card[data-repair="{number}"]').bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 64, steps=3)
    column = page.locator(f'[data-column="{status}"]')
    # At the edge the board scrolls by itself, until the column is there.
    for _ in range(100):
        left, edge = column.bounding_box()["x"], page.viewport_size["width"] - 10
        if 260 < left < edge - 200:
            break
        page.mouse.move(edge if left > 260 else 195, 330, steps=2)
        page.wait_for_timeout(30)
    page.mouse.move(column.bounding_box()["x"] + 80, 330, steps=3)
    expect(column).to_have_attribute("data-over", "")


def test_a_card_is_moved_by_mouse_with_the_checks_of_the_form(busy_shop, board, number):
    expect(card_in(board, "received", number)).to_be_visible()

    # A step that does not exist is said before the card is let go, and changes nothing.
    lift(board, number, "quality_check")
    expect(board.locator('[data-column="quality_check"]')).to_have_attribute("data-drop", "no")
    expect(board.locator(".card-tag")).to_have_text("No step leads from Received to Quality check")
    board.mouse.up()
    expect(board.locator("#board-trouble")).to_contain_text("No step leads from Received to Quality check")
    expect(card_in(board, "received", number)).to_be_visible()

    # A plain step is done at once.
    lift(board, number, "diagnosing")
    board.mouse.up()
    expect(card_in(board, "diagnosing", number)).to_have_attribute("data-status", "diagnosing")
    expect(board.locator("#board-trouble")).to_be_hidden()

    # One that needs the diagnosis asks for it, in the same form as everywhere.
    lift(board, number, "in_repair")
    expect(board.locator(".card-tag")).to_have_text("Asks first for the diagnosis")
    board.mouse.up()
    dialog = board.get_by_role("dialog")
    expect(dialog.locator('input[name="target"]:checked')).to_have_value("in_repair")
    dialog.get_by_label("Diagnosis").fill("Display broken, frame straight")
    dialog.get_by_role("button", name="Move", exact=True).click()
    expect(card_in(board, "in_repair", number)).to_be_visible()
    assert status_of(busy_shop, number) == "in_repair"
    assert field_of(busy_shop, number, "diagnosis") == "Display broken, frame straight"

    # One that the customer hears of shows the message first; not sent, not moved.
    lift(board, number, "awaiting_parts")
    expect(board.locator(".card-tag")).to_have_text("Asks first what the customer is told")
    board.mouse.up()
    expect(dialog).to_contain_text("This will send one e-mail to Hannah")
    board.keyboard.press("Escape")
    expect(card_in(board, "in_repair", number)).to_be_visible()
    assert status_of(busy_shop, number) == "in_repair"

    # Escape puts a card back, and no ticket opens where it is let go.
    lift(board, number, "quality_check")
    board.keyboard.press("Escape")
    board.mouse.up()
    expect(board.locator(".card-ghost")).to_have_count(0)
    expect(board).to_have_url(re.compile(r"/admin/repairs/board"))

    # Without the network the card comes back with the reason; tried again it goes once.
    board.context.set_offline(True)
    lift(board, number, "quality_check")
    board.mouse.up()
    expect(board.locator("#board-trouble")).to_contain_text("could not be reached")
    expect(card_in(board, "in_repair", number)).to_be_visible()
    board.context.set_offline(False)
    board.locator("[data-retry]").click()
    expect(card_in(board, "quality_check", number)).to_have_attribute("data-status", "quality_check")
    assert status_of(busy_shop, number) == "quality_check"


def test_a_card_is_moved_by_keys_alone(busy_shop, board, number):
    link = card_in(board, "received", number).locator("a")
    expect(link).to_be_visible()

    board.keyboard.press("j")
    for _ in range(60):
        at = board.evaluate("document.activeElement.closest('[data-column]').dataset.column")
        if at == "received":
            break
        board.keyboard.press("ArrowRight" if at == "expected" else "ArrowLeft")
    for _ in range(60):
        if board.evaluate("document.activeElement.closest('.card').dataset.repair") == number:
            break
        board.keyboard.press("ArrowUp")
    expect(link).to_be_focused()
    expect(board.locator("#board-said")).to_have_text(re.compile(f"^{number}, Received, 1 of"))

    for target in ("diagnosing", "in_repair", "quality_check"):
        board.keyboard.press("m")
        dialog = board.get_by_role("dialog")
        expect(dialog).to_be_visible()
        expect(dialog.locator('input[name="target"]:checked')).to_have_value(target)
        if target == "in_repair":
            board.keyboard.press("Tab")
            dialog.get_by_label("Diagnosis").press_sequentially("Board short. m h l")
        dialog.get_by_role("button", name="Move", exact=True).press("Enter")
        expect(dialog).to_be_hidden()
        expect(card_in(board, target, number)).to_be_visible()
        expect(card_in(board, target, number).locator("a")).to_be_focused()

    board.keyboard.press("Enter")
    expect(board).to_have_url(re.compile(f"/admin/repairs/{number}$"))
    assert status_of(busy_shop, number) == "quality_check"
    assert_quiet(board)


def test_what_a_colleague_does_shows_on_the_board_at_once(busy_shop, signed_in, board, number):
    card = card_in(board, "received", number)
    card.locator("a").focus()
    board.evaluate("window.stayed = true")
    received = int(board.locator('[data-column="received"] [data-count]').inner_text())
    bench = signed_in("tom")
    bench.goto(f"/admin/repairs/{number}")
    expect(card.locator(".here")).to_have_text("Tom")

    # In the hand of one, moved by the other: it stays in the hand, and where it was dropped it is not.
    lift(board, number, "in_repair")
    bench.get_by_role("button", name="Start diagnosis").click()
    expect(bench.locator(".ticket-line .pill")).to_have_text("Diagnosing")
    expect(board.locator(".card-ghost")).to_have_count(1)
    board.mouse.up()
    expect(board.get_by_role("dialog")).to_contain_text("A colleague moved this ticket")
    board.keyboard.press("Escape")
    moved = card_in(board, "diagnosing", number)
    expect(moved).to_have_attribute("data-status", "diagnosing")
    expect(moved.locator("a")).to_be_focused()
    expect(board.locator('[data-column="received"] [data-count]')).to_have_text(str(received - 1))

    move(busy_shop, number, State.RECEIVED)
    expect(card_in(board, "received", number)).to_be_visible()
    expect(card_in(board, "received", number).locator("a")).to_be_focused()
    assert board.evaluate("window.stayed")


def test_board_is_sound(signed_in):
    page = signed_in("ellie", reduced_motion="reduce", has_touch=True)

    for path in ("/admin/repairs/board", "/admin/repairs/board?view=closed", "/admin/repairs/board?view=gone"):
        page.goto(path)
        is_live(page)
        for size in (DESKTOP, PHONE):
            page.set_viewport_size(size)
            assert_accessible(page)
            assert small_targets(page, least=24) == []

    page.goto("/admin/repairs/board")
    page.get_by_role("link", name=re.compile("^Diagnosing")).first.click()
    expect(page.locator('[data-column="diagnosing"]')).to_be_in_viewport(ratio=0.2)
    assert_quiet(page)
