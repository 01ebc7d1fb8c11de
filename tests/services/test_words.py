"""Mistyped words: what they could have meant, and how the shop comes to know its words."""

import pytest

from shop.extensions import db
from shop.models.search_word import SearchWord
from shop.services import palette, queue, repairs, words
from tests import factories
from tests.services.test_queue import SOON
from tests.statements import statements_of

WHO = {"me": 0, "day_ends": SOON}
ALL = {**WHO, "sees_customers": True, "sees_devices": True}


@pytest.fixture
def shelf(app):
    jonas = factories.customer("Jonas Lindqvist", phone="+447700900222", email="jonas@example.org")
    will = factories.customer("Will Ek", phone="+447700914222", email="will@example.org")
    return [
        factories.repair(),
        factories.repair(label="Galaxy S24 Ultra", customer=jonas),
        factories.repair(label="iPhone 17", customer=will),
    ]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("hanah", "Hannah"),
        ("hnanah", "Hannah"),
        ("lindqist", "Lindqvist"),
        ("lindkvits", "Lindqvist"),
        ("ipone 14", "iPhone 14"),
        ("S24 ulrta", "S24 Ultra"),
        ("s24ulrta", "S24 Ultra"),
        ("galaxys24", "Galaxy 24"),
        ("whitcmobe hanna", "Whitcombe Hannah"),
        ("lindk", "Lindqvist"),
        ("s23 ultra", None),
        ("jo", None),
        ("xylophone", None),
    ],
)
def test_guess_is_one_or_two_letters_off_and_never_another_number(shelf, typed, meant):
    found = words.guesses(typed, words.read())

    assert (found[0] if found else None) == meant


def test_words_are_learned_when_a_customer_or_device_is_written(shelf, technician):
    repair = repairs.lock_repair(shelf[0].number)
    repairs.edit(
        repair, {"device_label": "Fairphone 5"}, base={"device_label": "iPhone 14 Pro"}, actor=technician.actor
    )
    db.session.commit()
    db.session.remove()

    known = dict(db.session.execute(db.select(SearchWord.word, SearchWord.spelling)).all())

    assert known.items() >= {"hannah": "Hannah", "iphone": "iPhone", "s24": "S24", "fairphone": "Fairphone"}.items()
    assert words.guesses("fiarphone", words.read()) == ["Fairphone"]


def test_words_of_a_change_that_was_taken_back_are_not_kept(shelf):
    db.session.add(factories.Customer(name="Zebedee Quux", email="", phone=""))
    db.session.flush()
    db.session.rollback()
    db.session.remove()

    assert "zebedee" not in set(db.session.scalars(db.select(SearchWord.word)))


def test_gather_learns_rows_that_nobody_wrote_one_by_one(shelf):
    db.session.execute(db.delete(SearchWord))

    first = words.gather()
    again = words.gather()

    assert first == again == db.session.query(SearchWord).count()
    assert {"hannah", "lindqvist", "ultra"} <= set(db.session.scalars(db.select(SearchWord.word)))


def test_palette_finds_tickets_customers_and_devices(shelf):
    found = palette.find("lindq", **ALL)

    assert [row.number for row in found.tickets] == [shelf[1].number]
    assert [(one.name, one.visits, one.total) for one in found.customers] == [("Jonas Lindqvist", 1, 0)]
    assert [card.name for card in palette.find("s24 ultra", **ALL).devices][:1] == ["Galaxy S24 Ultra"]


def test_palette_finds_what_a_mistyped_word_meant_and_says_so(shelf):
    found = palette.find("hanah", **ALL)

    assert ([row.number for row in found.tickets], found.meant) == ([shelf[0].number], "Hannah")
    assert found.marked == ("hannah",)


def test_palette_puts_first_where_the_word_begins(shelf):
    """14 stands in the phone number of the newest one."""
    found = palette.find("iphone 14", **ALL)

    assert [row.number for row in found.tickets] == [shelf[0].number, shelf[2].number]


def test_palette_shows_no_customer_to_who_may_not_see_them(shelf):
    found = palette.find("lindqvist", **WHO, sees_customers=False, sees_devices=False)

    assert (len(found.tickets), found.customers, found.devices) == (1, (), ())


@pytest.mark.parametrize("typed", ["07700 900222", "jonas@example.org", "jonas lindqvist", "LINDQVIST jo"])
def test_palette_finds_a_customer_by_phone_mail_and_parts_of_the_name(shelf, typed):
    assert [one.name for one in palette.find(typed, **ALL).customers] == ["Jonas Lindqvist"]


@pytest.mark.parametrize("typed", ["%", "_", "a", "o'", '"', "😀", "zz"])
def test_palette_asks_for_more_letters_before_it_reads_everything(shelf, typed):
    sent = statements_of(lambda: palette.find(typed, **ALL))

    assert (palette.find(typed, **ALL).is_too_short, sent) == (True, [])


def test_palette_by_the_first_digits_of_a_number(shelf):
    digits = shelf[0].number[3:]

    whole = palette.find_by_number(digits, **WHO)
    begun = palette.find_by_number(digits[:3], **WHO)

    assert [row.number for row in whole.tickets] == [shelf[0].number]
    assert [row.number for row in begun.tickets] == [repair.number for repair in reversed(shelf)]
    assert [palette.find_by_number(odd, **WHO).tickets for odd in ("", "0", "9" * 30, "x")] == [(), (), (), ()]


@pytest.mark.parametrize(("typed", "most"), [("lindq", 6), ("hanah", 8), ("07700 900222", 6), ("xylophone zz", 4)])
def test_palette_needs_few_statements_whatever_the_shop_holds(shelf, typed, most):
    palette.find("warm", **ALL)
    before = statements_of(lambda: palette.find(typed, **ALL))
    for place in range(5):
        factories.repair(customer=factories.customer(f"Lindqvist Hannah {place}", email="", phone="+447700900222"))

    after = statements_of(lambda: palette.find(typed, **ALL))

    assert len(before) <= most
    assert len(after) <= len(before)


def test_near_search_counts_what_it_would_find(shelf):
    near = palette.near_search(queue.parse_filters({"q": "S24ulrta"}), **WHO)

    assert (near.q, near.count, near.is_more) == ("S24 Ultra", 1, False)
    assert palette.near_search(queue.parse_filters({"q": "xylophone"}), **WHO) is None


def test_half_a_name_finds_who_goes_on_so_before_many_newer_ones(app):
    wanted = factories.repair(customer=factories.customer("Richard Carpenter"))
    for place in range(40):
        factories.repair(customer=factories.customer(f"Richard Macaulay{place}", phone=f"+4477009{place:05}"))

    found = palette.find("richard ca", **ALL)

    assert found.tickets[0].number == wanted.number
    assert found.customers[0].name == "Richard Carpenter"
    assert (len(found.tickets), len(found.customers)) == (palette.TICKETS, palette.CUSTOMERS)
