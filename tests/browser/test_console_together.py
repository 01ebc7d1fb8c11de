"""Two people on one ticket: nobody's text is lost."""

import pytest
from playwright.sync_api import expect

from shop.services.demo import PASSWORD
from tests.browser.conftest import assert_quiet
from tests.browser.console import api_booking, change, field_of, is_live, sign_out_everywhere

YOURS = "Display assembly broken, frame straight. Front camera bracket bent but reusable."
THEIRS = "Display assembly broken, frame straight. Ear speaker mesh torn, add to quote."


@pytest.fixture
def number(busy_shop):
    return api_booking(busy_shop.url)


@pytest.fixture
def both_editing(signed_in, number):
    """Priya and Tom in the edit form of one ticket."""
    pages = signed_in("priya"), signed_in("tom")
    for page in pages:
        page.goto(f"/admin/repairs/{number}/edit")
    return pages


def save(page):
    page.get_by_role("button", name="Save").click()


def test_different_fields_merge_without_a_question(busy_shop, both_editing, number):
    priya, tom = both_editing
    priya.get_by_label("Diagnosis").fill(YOURS)
    tom.get_by_label("Now at").fill("Bench 2")

    save(priya)
    save(tom)

    expect(tom.locator(".toast")).to_have_text("Saved, together with what a colleague changed meanwhile")
    assert (field_of(busy_shop, number, "diagnosis"), field_of(busy_shop, number, "place")) == (YOURS, "Bench 2")


def test_the_same_field_shows_both_sides_and_the_text_from_both_is_saved(busy_shop, both_editing, number):
    priya, tom = both_editing
    priya.get_by_label("Diagnosis").fill(THEIRS)
    save(priya)
    tom.get_by_label("Diagnosis").fill(YOURS)
    tom.get_by_label("Now at").fill("Bench 2")
    save(tom)

    expect(tom.get_by_role("alert")).to_contain_text("Priya saved this ticket while you were writing.")
    expect(tom.locator(".pick mark").first).to_contain_text("bracket bent")
    expect(tom.locator(".pick mark").last).to_contain_text("mesh torn")
    expect(tom.locator(".banner-ok")).to_contain_text("Now at (yours)")
    text = tom.get_by_label("Final text")
    assert text.input_value() == YOURS
    tom.locator(".pick").last.click()
    assert text.input_value() == THEIRS
    text.fill(f"{YOURS} {THEIRS}")
    save(tom)

    expect(tom.locator("#ticket-title")).to_be_visible()
    assert field_of(busy_shop, number, "diagnosis") == f"{YOURS} {THEIRS}"
    assert field_of(busy_shop, number, "place") == "Bench 2"
    assert_quiet(tom)


def test_a_conflict_is_settled_without_a_script_too(busy_shop, signed_in, number):
    tom = signed_in("tom", java_script_enabled=False)
    tom.goto(f"/admin/repairs/{number}/edit")
    change(busy_shop, number, diagnosis=THEIRS)
    tom.get_by_label("Diagnosis").fill(YOURS)
    save(tom)

    tom.locator(".pick").last.click()
    save(tom)

    assert field_of(busy_shop, number, "diagnosis") == THEIRS


def test_after_a_colleagues_move_nothing_looks_chosen_until_it_is(busy_shop, signed_in, number):
    page = signed_in("priya")
    page.goto(f"/admin/repairs/{number}/move")
    page.locator('[name=target][value="diagnosing"]').check()
    colleague = signed_in("tom")
    colleague.goto(f"/admin/repairs/{number}")
    colleague.get_by_role("button", name="Start diagnosis").click()
    expect(colleague.locator(".ticket-line .pill")).to_have_text("Diagnosing")

    page.get_by_role("button", name="Move", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("A colleague moved this ticket")
    expect(page.locator("[name=target]:checked")).to_have_count(0)
    marks = page.locator("[name=target]").evaluate_all(
        "radios => radios.map(it => getComputedStyle(it, '::before').opacity)"
    )
    assert set(marks) == {"0"}


def test_a_note_in_writing_survives_what_others_do(busy_shop, signed_in, number):
    page = signed_in("priya")
    page.goto(f"/admin/repairs/{number}")
    is_live(page)
    area = page.locator("#note-body")
    area.press_sequentially("Half a thou")

    change(busy_shop, number, place="Shelf B4")
    expect(page.locator(".ticket-who")).to_contain_text("Shelf B4")
    area.press_sequentially("ght")
    page.get_by_role("button", name="Start diagnosis").click()
    expect(page.locator(".ticket-line .pill")).to_have_text("Diagnosing")

    assert area.input_value() == "Half a thought"


def test_a_note_that_is_too_long_comes_back_whole(signed_in, number):
    page = signed_in("priya")
    page.goto(f"/admin/repairs/{number}")
    long = "x" * 10_001
    page.locator("#note-body").fill(long)

    page.get_by_role("button", name="Add note").click()

    expect(page.locator("#note-body-error")).to_contain_text("under 10,000 characters")
    assert page.locator("#note-body").input_value() == long


def test_what_was_typed_is_there_again_after_the_sign_in_was_lost(busy_shop, signed_in, number):
    page = signed_in("maya", alone=True)
    page.goto(f"/admin/repairs/{number}/edit")
    page.get_by_label("Diagnosis").fill(YOURS)
    is_live(page)

    sign_out_everywhere(busy_shop, "Maya Lind")
    page.wait_for_url("**/login?next=**")
    page.get_by_label("E-mail").fill("maya@revivatech.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_label("Diagnosis")).to_have_value(YOURS)
    save(page)
    expect(page.locator("#ticket-title")).to_be_visible()
    assert field_of(busy_shop, number, "diagnosis") == YOURS
    page.goto(f"/admin/repairs/{number}/edit")
    expect(page.get_by_label("Diagnosis")).to_have_value(YOURS)


def test_what_one_person_typed_is_not_shown_to_the_next_in_the_same_tab(busy_shop, signed_in, number):
    page = signed_in("maya", alone=True)
    page.goto(f"/admin/repairs/{number}/edit")
    page.get_by_label("Diagnosis").fill(YOURS)
    is_live(page)
    before = field_of(busy_shop, number, "diagnosis")

    sign_out_everywhere(busy_shop, "Maya Lind")
    page.wait_for_url("**/login?next=**")
    page.get_by_label("E-mail").fill("ellie@revivatech.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_label("Diagnosis")).to_have_value(before)


def test_a_draft_does_not_write_over_a_colleague(busy_shop, signed_in, number):
    page = signed_in("priya")
    page.goto(f"/admin/repairs/{number}/edit")
    page.get_by_label("Diagnosis").fill(YOURS)
    change(busy_shop, number, diagnosis=THEIRS)

    page.reload()
    save(page)

    expect(page.get_by_role("alert")).to_contain_text("saved this ticket while you were writing")
    assert field_of(busy_shop, number, "diagnosis") == THEIRS
