"""The one search box, without a script."""

import pytest

from tests import factories
from tests.services.test_numbers import IMEI


@pytest.fixture
def shelf(app):
    return [factories.repair(imei=IMEI), factories.repair(label="Galaxy S24 Ultra")]


def test_one_number_opens_its_ticket(shelf, technician, browser_of):
    browser = browser_of(technician)
    typed = [
        shelf[0].number[3:],
        shelf[0].number.lower(),
        "49 015420 323751 8",
        f"https://a.example/t/{shelf[0].tracking_token}",
    ]

    answers = [browser.get("/admin/find/", query_string={"q": text}) for text in typed]

    assert {(answer.status_code, answer.location) for answer in answers} == {(303, f"/admin/repairs/{shelf[0].number}")}


@pytest.mark.parametrize(
    ("typed", "location"),
    [
        ("Hannah  Whitcombe", "/admin/repairs/?q=Hannah+Whitcombe"),
        ("galaxy", "/admin/repairs/?q=galaxy"),
        ("07700 900418", "/admin/repairs/?q=07700+900418"),
        ("99999", "/admin/repairs/?q=99999"),
        (" ", "/admin/repairs/"),
        ("a\x00b", "/admin/repairs/?q=ab"),
        ("10482\r\n10483\r\nwhat", "/admin/repairs/?q=10482,10483,what"),
    ],
)
def test_a_name_or_several_tickets_or_none_open_the_list(shelf, technician, browser_of, typed, location):
    answer = browser_of(technician).get("/admin/find/", query_string={"q": typed})

    assert (answer.status_code, answer.location) == (303, location)


def test_thirty_numbers_are_a_list_with_what_was_not_found(shelf, technician, browser_of):
    typed = [repair.number for repair in shelf] + [f"RT-{90_000 + place}" for place in range(27)] + ["nonsense"]
    browser = browser_of(technician)

    page = browser.get("/admin/find/", query_string={"q": "\n".join(typed)}, follow_redirects=True).text

    assert all(f'data-repair="{repair.number}"' in page for repair in shelf)
    assert "2 of 29 numbers were found" in page
    assert ("RT-90000, RT-90001" in page, "nonsense" in page) == (True, True)


def test_what_was_pasted_is_escaped(shelf, technician, browser_of):
    page = browser_of(technician).get("/admin/repairs/", query_string={"q": "10482\n10483\n<script>x</script>"}).text

    assert ("<script>x" in page, "&lt;script&gt;x" in page) == (False, True)


def test_read_only_staff_find_tickets_as_well(shelf, read_only, browser_of):
    answer = browser_of(read_only).get("/admin/find/", query_string={"q": shelf[0].number})

    assert answer.location == f"/admin/repairs/{shelf[0].number}"
