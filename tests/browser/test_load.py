"""Load, take next and the dashboard, as people use them: the first test never touches the mouse."""

from playwright.sync_api import expect

from tests.browser.conftest import assert_quiet, assert_sound
from tests.browser.console import api_booking, is_live, row_of

LISTED = {
    "calendar": "table.cal .cal-entry",
    "payments": "table.rows tbody tr",
    "repairs": "#queue-rows > [data-repair]",
}
PAGES = (
    "/admin/",
    "/admin/load/",
    "/admin/load/3",
    "/admin/load/finished",
    "/admin/next/",
    "/admin/roster/",
    "/admin/roster/3",
)
# Both browsers press in the same moment, a little later than they are told to.
PRESS_SOON = (
    "(key) => setTimeout(() => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })), 600)"
)


def arrive(server, *numbers: str) -> None:
    """The devices are handed over at the counter."""
    server.run(f"""
from shop.extensions import db
from shop.services import repairs, staff
for number in {list(numbers)!r}:
    repair = repairs.lock_repair(number)
    if repair.status == "expected":
        repairs.move(repair, "received", actor=staff.find_staff("marta@revivatech.example").actor)
db.session.commit()
""")


def set_all_free_but(server, *numbers: str) -> None:
    """Gives what nobody has to Maya, so that only these wait to be taken."""
    server.run(f"""
from sqlalchemy import update
from shop.extensions import db
from shop.models.repair import Repair
from shop.services import staff
maya = staff.find_staff("maya@revivatech.example").id
free = update(Repair).where(Repair.assignee_id.is_(None), Repair.number.not_in({list(numbers)!r}))
db.session.execute(free.values(assignee_id=maya))
db.session.commit()
""")


def holder_of(server, number: str) -> str:
    return server.run(f"from shop.services.repairs import get_repair\nprint(get_repair({number!r}).assignee.name)")


def test_load_is_checked_a_person_is_proposed_and_two_take_different_tickets(busy_shop, signed_in):
    proposed, first, second = (api_booking(busy_shop.url, problem=f"Screen {n}") for n in "abc")
    arrive(busy_shop, proposed, first, second)
    set_all_free_but(busy_shop, proposed, first, second)
    manager = signed_in("maya")

    # Check load: one press of a link from the dashboard, by keyboard.
    manager.goto("/admin/")
    is_live(manager)
    manager.get_by_role("link", name="All benches").focus()
    manager.keyboard.press("Enter")
    manager.wait_for_url("**/admin/load/")
    expect(manager.locator(".load-row").first).to_contain_text("of roster until")
    expect(manager.locator(".load-finished tbody tr").first).to_be_visible()

    # Assign for me: a opens it with the best person ticked, Enter gives it away.
    manager.goto(f"/admin/repairs/{proposed}")
    is_live(manager)
    manager.keyboard.press("a")
    dialog = manager.get_by_role("dialog")
    expect(dialog).to_contain_text("proposed")
    name = dialog.locator(".pick:has(input:checked) > span").first.inner_text().split("\n")[0]
    expect(dialog.locator(".pick:has(input:checked) .pick-why")).to_contain_text("free before")
    manager.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    assert name.startswith(holder_of(busy_shop, proposed))

    # Take next: two technicians press at once.
    pages = [signed_in("priya"), signed_in("maya", alone=True)]
    for page in pages:
        page.goto("/admin/repairs/")
        is_live(page)
    for page in pages:
        page.evaluate(
            "setTimeout(() => document.dispatchEvent(new KeyboardEvent('keydown', {key: 't', bubbles: true})), 600)"
        )
    taken = []
    for page in pages:
        title = page.get_by_role("dialog").get_by_role("heading")
        expect(title).to_contain_text("is yours", timeout=15_000)
        taken.append(title.inner_text().split()[0])
    assert sorted(taken) == sorted([first, second])
    assert holder_of(busy_shop, taken[0]) == "Priya Nair"

    # One is given back by z, while it can be.
    pages[1].keyboard.press("Escape")
    pages[1].keyboard.press("z")
    expect(row_of(pages[1], taken[1]).locator(".avatar-none")).to_be_visible()

    # Enter starts the work; the row of the list shows it.
    expect(pages[0].get_by_role("button", name="Start diagnosis")).to_be_focused()
    pages[0].keyboard.press("Enter")
    expect(row_of(pages[0], taken[0]).locator(".pill")).to_have_text("Diagnosing")

    for page in (manager, *pages):
        assert_quiet(page)


def test_dashboard_keeps_its_figures_true_and_each_leads_to_its_list(busy_shop, signed_in):
    page = signed_in("maya")
    page.goto("/admin/")
    is_live(page)
    free = page.locator('[data-figure][href*="assignee=nobody"]')
    before = int(free.get_attribute("data-figure")) if free.count() else 0

    number = api_booking(busy_shop.url, problem="Dead battery")
    arrive(busy_shop, number)

    expect(free).to_have_attribute("data-figure", str(before + 1), timeout=10_000)
    expect(free).to_contain_text("nobody has taken")
    for place in range(page.locator("[data-figure]").count()):
        page.goto("/admin/")
        figure = page.locator("[data-figure]").nth(place)
        wanted = int(figure.get_attribute("data-figure"))
        room = figure.get_attribute("href").split("/")[2]
        figure.click()
        page.wait_for_load_state()
        expect(page.locator(LISTED[room]), page.url).to_have_count(wanted if room == "calendar" else min(wanted, 50))
    assert_quiet(page)


def test_pages_of_load_and_roster_are_sound(signed_in):
    page = signed_in("ellie", reduced_motion="reduce")

    for path in PAGES:
        page.goto(path)
        is_live(page)
        assert_sound(page)
        page.set_viewport_size({"width": 1280, "height": 800})
