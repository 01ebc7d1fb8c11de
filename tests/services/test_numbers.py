"""Numbers as people write them, and what they stand for."""

import pytest

from shop.extensions import db
from shop.services import numbers, queue
from tests import factories
from tests.services.test_queue import SOON
from tests.statements import statements_of

IMEI = "490154203237518"


@pytest.mark.parametrize(
    ("typed", "kind", "key"),
    [
        ("10482", "ticket", "RT-10482"),
        ("#10482", "ticket", "RT-10482"),
        ("#482", "ticket", "RT-482"),
        ("rt-10482", "ticket", "RT-10482"),
        ("RT 10482", "ticket", "RT-10482"),
        ("https://shop.example/admin/repairs/RT-10482?view=late", "ticket", "RT-10482"),
        ("https://shop.example/track/AbC_dEf-0123456789AbCd", "link", "AbC_dEf-0123456789AbCd"),
        ("http://192.168.0.4:8000/t/AbC_dEf-0123456789AbCd?from=label", "link", "AbC_dEf-0123456789AbCd"),
        (IMEI, "imei", IMEI),
        ("49 015420 323751 8", "imei", IMEI),
        ("49-015420-323751-8", "imei", IMEI),
        (IMEI[:14], "imei", IMEI),
        (IMEI[:14] + "37", "imei", IMEI),
        ("07700 900418", "phone", "+447700900418"),
        ("7700 900418", "phone", "+447700900418"),
        ("+44 (0)7700 900-418", "phone", "+447700900418"),
        ("0044 7700 900 418", "phone", "+447700900418"),
        ("447700900418", "phone", "+447700900418"),
        ("(11) 91234-5678", "phone", "+5511912345678"),
        ("+55 11 91234 5678", "phone", "+5511912345678"),
        ("f2lxk1abcd12", "serial", "F2LXK1ABCD12"),
    ],
)
def test_read_one_takes_every_spelling(typed, kind, key):
    number = numbers.read_one(typed)

    assert (number.kind, number.key, " " in number.typed) == (kind, key, False)


@pytest.mark.parametrize(
    "words", ["", "Hannah", "iPhone 14 Pro", "S24 Ultra", "12", "490154203237519", "https://a.example/"]
)
def test_read_one_leaves_words_alone(words):
    assert numbers.read_one(words) is None


@pytest.mark.parametrize(
    "text",
    [
        f"RT-10482,07700 900418;{IMEI}",
        f"RT-10482\r\n07700 900418\r\n\r\n{IMEI}\r\n",
        f"10482 07700 900418 {IMEI}",
        "10482\t+44 7700 900 418 | 49 015420 323751 8",
    ],
)
def test_read_list_splits_on_commas_spaces_and_line_ends(text):
    pasted = numbers.read_list(text)

    assert [number.key for number in pasted.numbers] == ["RT-10482", "+447700900418", IMEI]
    assert numbers.read_list(pasted.text) == pasted


@pytest.mark.parametrize(
    "text",
    ["Whitcombe, Hannah", "iPhone 14 Pro", "10482", "07700 900418", "7700 900418", "49 015420 323751 8", "hannah 10482",
     "iphone14promax galaxys24ultra", "10482, Hannah"],
)  # fmt: skip
def test_read_list_takes_a_search_for_no_list(text):
    assert numbers.read_list(text) is None


def test_read_list_names_what_it_cannot_read_what_came_twice_and_what_is_too_much():
    pasted = numbers.read_list("10482\n10483\nrt-10482\nHannah W.\n490154203237519\n10482")
    many = numbers.read_list("\n".join(str(20_000 + place) for place in range(230)))

    assert [number.typed for number in pasted.numbers] == ["10482", "10483"]
    assert (pasted.strange, pasted.twice) == (("Hannah W.", "490154203237519"), ("rt-10482", "10482"))
    assert (len(many.numbers), many.left_out) == (200, 30)


@pytest.fixture
def shelf(app):
    """An iPhone with an IMEI, a laptop with a serial number, and two devices of one customer with a phone."""
    jonas = factories.customer("Jonas Lindqvist", phone="+447700900222", email="jonas@example.org")
    ann = factories.customer("Ann Lee", phone="+447700900333", email="ann@example.org")
    return [
        factories.repair(imei=IMEI, customer=ann),
        factories.repair(serial="C02xk1ABCD12", customer=factories.customer("Bo Ek", phone="", email="b@example.org")),
        factories.repair(customer=jonas),
        factories.repair(customer=jonas, label="Galaxy S24 Ultra"),
    ]  # fmt: skip


def test_report_says_each_number_by_name_in_one_statement(shelf):
    link = f"https://x.example/t/{shelf[0].tracking_token}"
    lines = [shelf[0].number, "07700 900222", "C02xk1ABCD12", "99999", link, IMEI, "07700 900999"]
    pasted = numbers.read_list("\n".join(lines))

    sent = statements_of(lambda: numbers.report(pasted))
    report = numbers.report(pasted)

    assert len(sent) == 1
    assert (report.found, report.all) == (5, 7)
    assert report.missing == ("99999", "07700900999")
    assert report.several == (("07700900222", 2),)


def test_list_of_numbers_is_a_list_of_the_queue(shelf):
    filters = queue.parse_filters({"q": f"{IMEI}, 07700 900222, 99999"})

    rows = queue.page(filters, me=0, day_ends=SOON).rows
    found, shown = queue.rows_of([shelf[0].number, shelf[1].number], filters, me=0, day_ends=SOON)

    assert [row.number for row in rows] == [shelf[3].number, shelf[2].number, shelf[0].number]
    assert (len(found), shown) == (2, {shelf[0].number})
    assert filters.arguments()["q"] == f"{IMEI},07700900222,99999"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (IMEI, 0),
        ("c02XK1abcd12", None),
        ("C02xk1ABCD12", 1),
        ("07700 900222", None),
        ("07700 900333", 0),
        ("Ann Lee", None),
        ("77777", None),
    ],
)
def test_find_only_wants_one_ticket_and_a_number(shelf, typed, expected):
    assert numbers.find_only(typed) == (None if expected is None else shelf[expected].number)


def test_two_hundred_numbers_are_one_statement_as_well(shelf):
    filters = queue.parse_filters({"q": " ".join(str(20_000 + place) for place in range(250))})

    sent = statements_of(lambda: queue.page(filters, me=0, day_ends=SOON))

    assert (len(filters.pasted), len(sent)) == (200, 1)
    db.session.rollback()
