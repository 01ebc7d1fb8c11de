"""The palette's answers: what is offered to whom."""

import re

import pytest

from tests import factories

PIECE = {"HX-Request": "true"}


@pytest.fixture
def shelf(app):
    jonas = factories.customer("Jonas Lindqvist", phone="+447700900222", email="jonas@example.org")
    return [factories.repair(), factories.repair(label="Galaxy S24 Ultra", customer=jonas)]


def ask(browser, q="", **more) -> str:
    answer = browser.get("/admin/palette/", query_string={"q": q, **more}, headers=PIECE)
    assert answer.status_code == 200
    return answer.text


def acts_in(piece: str) -> list[str]:
    return re.findall(r'data-act-does="([a-z_]+)"', piece)


def titles_in(piece: str) -> list[str]:
    return re.findall(r'class="palette-title"[^>]*>([^<]+)<', piece)


def test_ticket_comes_first_and_its_acts_with_it(shelf, technician, browser_of):
    piece = ask(browser_of(technician), "whitc")

    assert titles_in(piece)[:3] == ["Tickets", "Customers", f"Do this for {shelf[0].number}"]
    assert acts_in(piece)[:3] == ["status", "assign", "note"]
    assert f'href="/admin/repairs/{shelf[0].number}/move"' in piece
    assert f'href="/admin/repairs/labels?numbers={shelf[0].number}"' in piece
    assert "<mark>Whitc</mark>ombe" in piece
    assert ("<html" in piece, "Start diagnosis" in piece) == (False, True)


def test_read_only_staff_are_offered_no_act_and_no_customer(shelf, read_only, browser_of):
    browser = browser_of(read_only)

    piece, commands = ask(browser, "lindq"), ask(browser, ">")

    assert acts_in(piece) == ["open", "labels", "copy"]
    assert ("Customers" in titles_in(piece), "900222" in piece) == (False, False)
    assert ('data-does="status"' in commands, 'data-does="help"' in commands) == (False, True)


def test_pages_are_those_of_the_navigation(shelf, owner, technician, browser_of):
    of_owner, of_technician = (ask(browser_of(person), "heatlh") for person in (owner, technician))

    assert ("/admin/health/" in of_owner, "/admin/health/" in of_technician) == (True, False)


def test_views_are_found_and_opened(shelf, technician, browser_of):
    assert "/admin/repairs/?view=late" in ask(browser_of(technician), "lat")


def test_commands_alone_after_the_sign(shelf, technician, browser_of):
    piece = ask(browser_of(technician), "> theme")

    assert set(titles_in(piece)) == {"Commands"}
    assert piece.count('role="option"') == 3


def test_number_alone_after_the_sign(shelf, technician, browser_of):
    piece = ask(browser_of(technician), f"#{shelf[1].number[3:]}")

    assert re.findall(r'data-ticket="([^"]+)"', piece) == [shelf[1].number]


def test_recent_tickets_come_back_in_their_order_and_nothing_else(shelf, technician, browser_of):
    recent = f"{shelf[1].number},RT-99999,{shelf[0].number},' OR 1=1"

    piece = ask(browser_of(technician), recent=recent)

    assert re.findall(r'data-ticket="([^"]+)"', piece) == [shelf[1].number, shelf[0].number]
    assert titles_in(piece)[0] == "Recent"


def test_near_match_is_said_in_the_palette_and_in_the_queue(shelf, technician, browser_of):
    browser = browser_of(technician)

    piece, page = ask(browser, "S24ulrta"), browser.get("/admin/repairs/?q=S24ulrta").text

    assert "Near it: “S24 Ultra”." in piece
    assert "One matches “S24 Ultra”." in page
    assert 'href="/admin/repairs/?q=S24+Ultra"' in page


def test_queue_offers_no_near_match_while_the_search_is_narrowed(shelf, technician, browser_of):
    page = browser_of(technician).get("/admin/repairs/?q=S24ulrta&view=open").text

    assert ("match “" in page, "Search all repairs" in page) == (False, True)


def test_what_is_typed_is_escaped(shelf, technician, browser_of):
    piece = ask(browser_of(technician), "<script>alert(1)</script>")

    assert ("<script" in piece, "&lt;script&gt;" in piece) == (False, True)


def test_palette_is_a_page_of_links_without_a_script(shelf, technician, browser_of):
    page = browser_of(technician).get("/admin/palette/?q=whitc").text

    assert ('role="listbox"' in page.partition("<main")[2].partition("</main>")[0], "<html" in page) == (False, True)
    assert f'<a class="palette-line" href="/admin/repairs/{shelf[0].number}"' in page


def test_stranger_is_sent_to_the_sign_in_and_back(shelf, stranger):
    headers = {**PIECE, "HX-Current-URL": "http://localhost/admin/repairs/?view=late"}

    answer = stranger.get("/admin/palette/?q=whitc", headers=headers)

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (
        401, "/login?next=/admin/repairs/%3Fview%3Dlate",
    )  # fmt: skip
