"""Many tickets changed at once, by keyboard alone, and a long change followed to its end."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import PHONE, assert_accessible, assert_quiet
from tests.browser.console import api_booking, is_live, row_of, status_of


def test_range_is_chosen_previewed_run_and_taken_back_by_keyboard(busy_shop, signed_in):
    page = signed_in("ellie")
    numbers = [api_booking(busy_shop.url, name=f"Bulk Tester{n}", problem="Bulk by keys") for n in range(4)]
    busy_shop.run(f"""
from shop.extensions import db
from shop.services import repairs, staff
owner = staff.find_staff("ellie@revivatech.example").actor
for number in {numbers[:3]!r}:
    repair = repairs.lock_repair(number)
    if repair.status == "expected":
        repairs.move(repair, "received", actor=owner)
repair = repairs.lock_repair({numbers[3]!r})
repairs.move(repair, "cancelled", actor=owner)
db.session.commit()
""")
    page.goto("/admin/repairs/?q=bulk+by+keys&view=all")
    expect(page.locator("#queue-rows > [data-repair]")).to_have_count(4)
    is_live(page)

    page.keyboard.press("j")
    page.keyboard.press("x")
    for _ in range(3):
        page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    expect(page.locator("[data-selected]")).to_have_text("4 selected")
    assert_accessible(page)
    page.keyboard.press("s")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("radio", name="Ready")).to_be_focused()
    while not dialog.get_by_role("radio", name="Diagnosing").is_checked():
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("3 will change")).to_be_visible()
    expect(dialog.get_by_text("1 cannot: there is no such step from Cancelled")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Enter")

    expect(dialog).to_be_hidden()
    expect(page.get_by_text("3 tickets changed, 1 refused")).to_be_visible()
    for number in numbers[:3]:
        expect(row_of(page, number)).to_have_attribute("data-status", "diagnosing")
    expect(page.locator("#selection-bar")).to_be_hidden()
    page.keyboard.press("z")
    expect(page.get_by_text("3 tickets are as before")).to_be_visible()
    expect(row_of(page, numbers[0])).to_have_attribute("data-status", "received")
    assert status_of(busy_shop, numbers[3]) == "cancelled"
    assert_quiet(page)


def test_all_in_view_beyond_the_page_are_changed_as_a_job_that_is_followed(busy_shop, signed_in):
    busy_shop.python("-m", "flask", "--app", "wsgi", "demo", "--repairs", "150", "--seed", "5", "--force")
    page = signed_in("ellie")
    page.goto("/admin/repairs/?view=all")
    is_live(page)

    page.keyboard.press("j")
    page.keyboard.press("Shift+A")
    expect(page.locator("[data-selected]")).to_have_text("50 selected")
    page.keyboard.press("Shift+A")
    expect(page.locator("[data-selected]")).to_have_text(re.compile(r"All \d+ in this view"))
    amount = int(re.search(r"\d+", page.locator("[data-selected]").inner_text())[0])
    page.keyboard.press("g")
    page.get_by_role("dialog").get_by_label("Tag").fill("Stocktake")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_text(f"{amount} will change")).to_be_visible()
    page.keyboard.press("Enter")

    page.wait_for_url("**/admin/bulk/*")
    expect(page.get_by_role("heading", name=f"Tag {amount} tickets Stocktake")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("button", name="Undo all of it")).to_be_visible(timeout=60_000)
    expect(page.locator(".tabs")).to_contain_text(f"Done {amount}")
    assert_accessible(page)
    page.keyboard.press("z")
    expect(page.get_by_text("Taken back").first).to_be_visible(timeout=60_000)
    expect(page.locator(".tabs")).to_contain_text(f"Taken back {amount}", timeout=60_000)
    page.goto("/admin/repairs/?tag=stocktake&view=all")
    expect(page.locator("#queue-rows > [data-repair]")).to_have_count(0)
    assert_quiet(page)


def test_labels_print_at_their_true_size_and_the_phone_can_select(busy_shop, signed_in, tmp_path):
    page = signed_in("marta", viewport=PHONE, has_touch=True)
    page.goto("/admin/repairs/")
    page.get_by_role("button", name="Select", exact=True).tap()
    boxes = page.locator("#queue-rows .check")
    boxes.nth(0).tap()
    boxes.nth(2).tap()
    expect(page.locator("[data-selected]")).to_have_text("2 selected")
    assert_accessible(page)
    numbers = [box.get_attribute("aria-label").split()[-1] for box in (boxes.nth(0), boxes.nth(2))]

    page.goto(f"/admin/repairs/labels?numbers={','.join(numbers)}")
    expect(page.locator(".label")).to_have_count(2)
    assert_accessible(page)
    code = page.locator(".label-code svg").first.bounding_box()
    paper = page.pdf(prefer_css_page_size=True)

    assert abs(code["width"] - 21 / 25.4 * 96) < 0.5
    sizes = {tuple(round(float(n) / 72 * 25.4) for n in box.split()[2:]) for box in _boxes(paper)}
    assert (sizes, len(_boxes(paper))) == ({(62, 29)}, 2)
    assert_quiet(page)


def _boxes(paper: bytes) -> list[str]:
    """The size of every page of a PDF, in points."""
    return [found.decode() for found in re.findall(rb"/MediaBox\s*\[([\d. ]+)\]", paper)]
