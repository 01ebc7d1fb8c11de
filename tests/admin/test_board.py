import html
import json
import re

import pytest

from shop.models.workflow import State
from shop.services import repairs
from tests import factories
from tests.statements import statements_of

HTMX = {"HX-Request": "true"}
BOARD = "/admin/repairs/board"


def columns_of(answer) -> dict[str, list[str]]:
    """Status -> numbers of its cards, in their order."""
    parts = re.split(r'<section class="board-col"[^>]* data-column="(\w+)"', answer.text)
    return {
        name: re.findall(r'data-repair="([^"]+)"', part) for name, part in zip(parts[1::2], parts[2::2], strict=True)
    }


def counts_of(answer) -> dict[str, str]:
    found = re.findall(r'data-column="(\w+)".*?data-count>([^<]*)<', answer.text, re.DOTALL)
    return {name: number for name, number in found if number != "0"}


def filled(answer) -> dict[str, list[str]]:
    return {name: cards for name, cards in columns_of(answer).items() if cards}


@pytest.fixture
def bench(browser_of, technician):
    """The technician's browser."""
    return browser_of(technician)


@pytest.fixture
def work(session, technician):
    """Two received, one of them Priya's, one in repair, one collected."""
    return [
        factories.repair(assignee_id=technician.id),
        factories.repair(label="Galaxy S24 Ultra"),
        factories.repair(State.IN_REPAIR),
        factories.repair(State.COLLECTED),
    ]


def test_board_has_a_column_for_each_open_status_and_places_for_the_closed_ones(bench, work):
    answer = bench.get(BOARD)

    assert answer.status_code == 200
    assert "<!doctype html>" in answer.text
    assert list(columns_of(answer)) == [state for state in State if state not in ("collected", "shipped", "cancelled")]
    assert filled(answer) == {"received": [work[0].number, work[1].number], "in_repair": [work[2].number]}
    assert counts_of(answer) == {"received": "2", "in_repair": "1"}
    assert re.findall(r'board-col-narrow" data-column="(\w+)"', answer.text) == ["collected", "shipped", "cancelled"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("?view=mine", {"received": [0]}),
        ("?assignee=nobody&sort=number", {"received": [1], "in_repair": [2]}),
        ("?q=galaxy", {"received": [1]}),
        ("?q=iphone&view=all", {"received": [0], "in_repair": [2]}),
        ("?status=in_repair", {"in_repair": [2]}),
        ("?view=ready", {}),
        ("?view=closed", {}),
        ("?since=2d", {}),
        ("?sort=number", {"received": [1, 0], "in_repair": [2]}),
    ],
)
def test_board_shows_what_the_list_shows_of_open_work(bench, work, asked, expected):
    answer = bench.get(f"{BOARD}{asked}")

    assert filled(answer) == {name: [work[place].number for place in places] for name, places in expected.items()}


def test_board_of_one_status_has_one_wide_column(bench, work):
    answer = bench.get(f"{BOARD}?status=in_repair")

    assert list(columns_of(answer)) == ["in_repair"]
    assert len(re.findall(r'board-col-narrow" data-column="(\w+)"', answer.text)) == len(State) - 1


def test_list_and_board_lead_to_each_other_with_the_same_filters(bench, work):
    there = html.unescape(bench.get("/admin/repairs/?view=late&assignee=me&sort=since").text)
    back = html.unescape(bench.get(f"{BOARD}?view=late&assignee=me&sort=since").text)

    assert 'href="/admin/repairs/board?view=late&assignee=me&sort=since"' in there
    assert 'href="/admin/repairs/?view=late&assignee=me&sort=since"' in back


def test_column_says_how_many_more_there_are_and_leads_to_them(bench, monkeypatch, session):
    from shop.admin import board

    monkeypatch.setattr(board, "MOST_CARDS", 2)
    numbers = [factories.repair().number for _ in range(5)]

    answer = bench.get(f"{BOARD}?assignee=nobody")
    searched = bench.get(f"{BOARD}?q=iphone")

    assert columns_of(answer)["received"] == numbers[:2]
    assert counts_of(answer) == {"received": "5"}
    more = re.search(r'class="board-more" data-more href="([^"]+)">([^<]+)<', answer.text)
    assert html.unescape(more[1]) == "/admin/repairs/?status=received&assignee=nobody"
    assert more[2] == "3 more in the list"
    assert columns_of(searched)["received"] == numbers[:2]
    assert counts_of(searched) == {"received": "over 2"}


def test_board_answers_htmx_with_its_columns_only(bench, work):
    answer = bench.get(BOARD, headers=HTMX)

    assert filled(answer)["in_repair"] == [work[2].number]
    assert "<!doctype html>" not in answer.text


def test_board_of_an_empty_shop_says_so_in_each_column(bench):
    answer = bench.get(BOARD)

    assert filled(answer) == {}
    assert answer.text.count("Nothing here") == len(columns_of(answer)) == len(State) - 3


@pytest.mark.parametrize("asked", ["?view=gone", "?status=lost", "?sort=x", "?since=x"])
def test_board_with_an_address_that_cannot_be_read_shows_nothing_and_a_way_on(bench, work, asked):
    answer = bench.get(f"{BOARD}{asked}")

    assert (answer.status_code, columns_of(answer)) == (200, {})
    assert 'href="?view=open"' in answer.text


def test_board_tells_the_script_what_may_be_dropped_where(browser_of, technician, front_desk, read_only, work):
    def moves(person):
        found = re.search(r'data-moves="([^"]+)"', browser_of(person).get(BOARD).text)
        return json.loads(html.unescape(found[1])) if found else None

    assert moves(read_only) is None
    assert moves(technician)["received"] == {
        "diagnosing": "go", "in_repair": "go", "awaiting_parts": "tell", "cancelled": "right",
    }  # fmt: skip
    assert moves(front_desk)["received"]["cancelled"] == "tell"
    assert moves(technician)["diagnosing"]["in_repair"] == "field"
    assert moves(technician)["diagnosing"]["awaiting_approval"] == "tell field"
    assert "collected" not in moves(technician)["received"]


def test_changed_cards_come_with_the_columns_numbers_and_the_tabs(bench, session, work, manager):
    repairs.move(repairs.lock_repair(work[0].number), State.DIAGNOSING, actor=manager.actor)
    session.commit()

    answer = bench.get(f"{BOARD}/cards?numbers={work[0].number},{work[3].number},RT-0,'%00", headers=HTMX)

    cards = dict(re.findall(r'data-repair="([^"]+)" data-status="(\w+)"', answer.text))
    assert cards == {work[0].number: "diagnosing", work[3].number: "collected"}
    assert re.findall(r'data-repair="([^"]+)"[^>]*data-gone', answer.text) == [work[3].number]
    numbers = json.loads(html.unescape(re.search(r'data-numbers="([^"]+)"', answer.text)[1]))
    assert numbers == {"received": 1, "in_repair": 1, "diagnosing": 1}
    assert 'id="queue-tabs"' in answer.text


def test_board_escapes_what_customers_typed(bench):
    factories.repair(problem="<script>alert(1)</script>", customer=factories.customer('"><img src=x>'))

    assert "<script>alert(1)" not in bench.get(BOARD).text


@pytest.mark.parametrize("amount", [1, 3])
def test_board_takes_the_same_statements_for_any_number_of_cards(bench, session, amount):
    for state in (State.RECEIVED, State.IN_REPAIR, State.READY):
        for _ in range(amount):
            factories.repair(state)
    bench.get(BOARD)
    factories.repair()

    statements = statements_of(lambda: bench.get(BOARD))

    assert len(statements) == 4


def test_move_form_that_a_drop_opens_has_its_column_chosen(bench, work):
    form = bench.get(f"/admin/repairs/{work[0].number}/move?target=awaiting_parts", headers=HTMX)

    assert re.findall(r'name="target" value="(\w+)" checked', form.text) == ["awaiting_parts"]
