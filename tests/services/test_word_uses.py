"""Who used a word last: kept with every change, and the way to the newest without a search."""

import pytest
from sqlalchemy import text

from shop.extensions import db
from shop.models.search_word import Kind, SearchWord, WordUse
from shop.services import housekeeping, palette, repairs, word_uses
from tests import factories
from tests.services.test_queue import SOON
from tests.statements import statements_of

ALL = {"me": 0, "day_ends": SOON, "sees_customers": True, "sees_devices": True}


def uses(word: str, kind: Kind) -> list[int]:
    query = db.select(WordUse.row_id).join(SearchWord, SearchWord.id == WordUse.word_id)
    return list(db.session.scalars(query.where(SearchWord.word == word, WordUse.kind == kind).order_by(WordUse.row_id)))


def crowd(number: int, name: str = "Hannah") -> list:
    return [
        factories.repair(customer=factories.customer(f"{name} Quux{place}", email="", phone=f"+4477009{place:05}"))
        for place in range(number)
    ]


@pytest.fixture
def hannahs(app):
    return crowd(9)


def test_words_of_a_new_customer_and_repair_name_them(cracked_iphone):
    customer = cracked_iphone.customer

    assert uses("hannah", Kind.CUSTOMER) == uses("whitcombe", Kind.CUSTOMER) == [customer.id]
    assert uses("hannah", Kind.REPAIR) == uses("iphone", Kind.REPAIR) == [cracked_iphone.id]
    assert uses("iphone", Kind.CUSTOMER) == []


def test_another_name_takes_the_old_words_away(cracked_iphone, technician):
    repair = repairs.lock_repair(cracked_iphone.number)
    repair.customer.name = "Edith Whitcombe"
    repairs.edit(
        repair, {"device_label": "Fairphone 5"}, base={"device_label": "iPhone 14 Pro"}, actor=technician.actor
    )
    db.session.commit()

    assert [uses(word, kind) for word in ("hannah", "iphone") for kind in Kind] == [[], [], [], []]
    assert (uses("edith", Kind.CUSTOMER), uses("whitcombe", Kind.CUSTOMER)) == ([repair.customer_id],) * 2
    assert uses("edith", Kind.REPAIR) == uses("fairphone", Kind.REPAIR) == [repair.id]


def test_what_was_taken_back_leaves_no_use(cracked_iphone):
    db.session.add(factories.Customer(name="Zebedee Whitcombe", email="", phone=""))
    db.session.flush()
    db.session.rollback()
    cracked_iphone.customer.name = "Edith Whitcombe"
    db.session.commit()

    assert uses("whitcombe", Kind.CUSTOMER) == [cracked_iphone.customer_id]


def test_gather_notes_the_newest_of_what_nobody_wrote_one_by_one(hannahs, monkeypatch):
    db.session.execute(db.delete(WordUse))
    monkeypatch.setattr(word_uses, "KEPT", 4)

    word_uses.gather()
    word_uses.gather()

    assert uses("hannah", Kind.REPAIR) == [repair.id for repair in hannahs[-4:]]
    assert uses("quux0", Kind.CUSTOMER) == [hannahs[0].customer_id]


def test_housekeeping_forgets_the_older_uses_of_a_common_word(hannahs, monkeypatch):
    monkeypatch.setattr(word_uses, "KEPT", 4)

    forgotten, again = housekeeping.forget_old(), housekeeping.forget_old()

    assert uses("hannah", Kind.REPAIR) == [repair.id for repair in hannahs[-4:]]
    assert uses("quux0", Kind.REPAIR) == [hannahs[0].id]
    assert (forgotten.word_uses > 0, again.word_uses) == (True, 0)


def test_palette_reads_the_newest_of_a_common_word_without_a_search(hannahs):
    palette.find("hannah", **ALL)
    sent = statements_of(lambda: palette.find("hannah", **ALL))
    found = palette.find("hannah", **ALL)

    assert [row.number for row in found.tickets] == [repair.number for repair in reversed(hannahs[-6:])]
    assert [one.id for one in found.customers] == [repair.customer_id for repair in reversed(hannahs[-4:])]
    assert [statement for statement in sent if "LIKE" in statement or "MATCH" in statement] == []


@pytest.mark.parametrize("typed", ["hannah", "hann", "annah", "hannah quux1", "quux7", "iphone", "hanah", "xylophone"])
def test_palette_finds_the_same_with_and_without_the_uses(hannahs, typed):
    with_uses = palette.find(typed, **ALL)
    db.session.execute(db.delete(WordUse))

    assert palette.find(typed, **ALL) == with_uses


def test_use_of_who_has_another_name_by_now_is_passed_over(hannahs):
    db.session.execute(text("UPDATE customers SET name = 'Edith' WHERE id = :id"), {"id": hannahs[-1].customer_id})
    db.session.execute(text("UPDATE repairs SET search_text = 'edith' WHERE id = :id"), {"id": hannahs[-1].id})
    db.session.commit()
    db.session.expire_all()

    found = palette.find("hannah", **ALL)

    assert hannahs[-1].number not in [row.number for row in found.tickets]
    assert "Edith" not in [one.name for one in found.customers]
    assert (len(found.tickets), len(found.customers)) == (palette.TICKETS, palette.CUSTOMERS)


def test_database_reads_the_uses_of_a_word_backwards_in_their_index_and_no_more_in_a_larger_shop(app, database):
    if database == "sqlite":
        pytest.skip("PostgreSQL says how many pages it has read")
    pages = []
    for first, last in ((1, 1_000), (1_001, 50_000)):
        numbers = "generate_series(CAST(:first AS int), CAST(:last AS int))"
        rows = text(f"INSERT INTO word_uses SELECT 2, :word, n FROM {numbers} n")
        for word in (1, 2, 3):
            db.session.execute(rows, {"word": word, "first": first, "last": last})
        db.session.commit()
        db.session.execute(text("ANALYZE word_uses"))
        [sent] = statements_of(lambda: word_uses.newest({Kind.REPAIR: [1, 3]}, most=12))
        plan = (
            db.session.connection()
            .exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sent}", {"word_2_0": 1, "word_2_1": 3})
            .scalar_one()[0]["Plan"]
        )
        pages.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])

    assert word_uses.newest({Kind.REPAIR: [1, 3], Kind.CUSTOMER: []}, most=3) == {
        Kind.REPAIR: [50_000, 49_999, 49_998], Kind.CUSTOMER: [],
    }  # fmt: skip
    assert pages[1] <= pages[0] + 4 <= 12
