"""Another view, filter, order or page of the list without a new page."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import assert_accessible, assert_quiet
from tests.browser.console import change, row_of

IS_SAME_PAGE = "window.marked === true"


def _queue(page: Page, query: str = "view=open") -> Page:
    page.goto(f"/admin/repairs/?{query}")
    page.wait_for_selector("[data-connection=live]", state="attached")
    page.evaluate("window.marked = true")
    return page


def _tickets(page: Page) -> list[str]:
    rows = "[...document.querySelectorAll('#queue-rows > [data-repair]')]"
    return page.evaluate(f"{rows}.map((row) => row.dataset.repair)")


def test_view_is_turned_by_key_and_back_again_with_cursor_and_place(signed_in):
    page = _queue(signed_in("tom"))
    everything = _tickets(page)
    for _row in range(6):
        page.keyboard.press("j")
    at = page.evaluate("document.querySelector('[data-cursor]').dataset.repair")

    page.keyboard.press("2")
    expect(page.locator("#queue-tabs [aria-current]")).to_contain_text("Late")
    page.wait_for_url("**view=late")
    late = _tickets(page)
    page.keyboard.press("j")
    assert page.evaluate("document.querySelector('[data-cursor]').dataset.repair") == late[0]
    page.go_back()

    expect(page.locator("#queue-tabs [aria-current]")).to_contain_text("All open")
    assert _tickets(page) == everything
    assert page.evaluate("document.activeElement.closest('[data-repair]')?.dataset.repair") == at
    assert page.evaluate(IS_SAME_PAGE)
    page.go_forward()
    expect(page.locator("#queue-tabs [aria-current]")).to_contain_text("Late")
    assert (_tickets(page), page.evaluate(IS_SAME_PAGE)) == (late, True)
    assert_accessible(page)
    assert_quiet(page)


def test_what_was_chosen_stays_with_its_view_and_live_rows_go_on(signed_in, busy_shop):
    page = _queue(signed_in("tom"))
    page.keyboard.press("j")
    page.keyboard.press("x")
    chosen = page.evaluate("document.querySelector('[data-cursor]').dataset.repair")
    expect(page.locator("#selection-bar")).to_be_visible()

    page.keyboard.press("2")
    page.wait_for_url("**view=late")
    expect(page.locator("#selection-bar")).to_be_hidden()
    number = _tickets(page)[0]
    change(busy_shop, number, place="Shelf 77")
    expect(row_of(page, number)).to_contain_text("Shelf 77")
    page.locator("#queue-tabs a", has_text="All open").click()
    page.wait_for_url("**view=open")

    expect(page.locator("#queue-tabs [aria-current]")).to_be_focused()
    assert chosen in _tickets(page)
    assert page.evaluate(IS_SAME_PAGE)


def test_two_views_pressed_quickly_show_the_last(signed_in):
    page = _queue(signed_in("tom"))

    page.keyboard.press("2")
    page.keyboard.press("1")
    page.wait_for_timeout(600)

    assert page.url.endswith("view=open")
    expect(page.locator("#queue-tabs [aria-current]")).to_contain_text("All open")


def test_out_of_reach_the_list_stays_and_says_so(signed_in):
    page = _queue(signed_in("tom"))
    before = _tickets(page)

    page.context.set_offline(True)
    page.keyboard.press("2")
    expect(page.locator("#toasts")).to_contain_text("The shop could not be reached, so this list stays as it was.")
    assert (_tickets(page), page.url.endswith("view=open")) == (before, True)
    page.context.set_offline(False)
    page.keyboard.press("2")

    expect(page.locator("#queue-tabs [aria-current]")).to_contain_text("Late")
    assert page.evaluate(IS_SAME_PAGE)
