"""“This will send …” and undo, driven as at the counter: by keyboard alone, and over two pages."""

import json

from playwright.sync_api import expect

from tests.browser.conftest import PHONE, assert_accessible, assert_quiet
from tests.browser.console import api_booking, row_of, status_of

MOVES = """
import json
from sqlalchemy import select
from shop.extensions import db
from shop.models.event import Delivery, Event
from shop.models.outbox import OutboxMessage
from shop.services.repairs import get_repair
repair = get_repair({number!r})
events = db.session.scalars(select(Event).where(Event.aggregate == f"repair:{{repair.id}}").order_by(Event.version))
facts = [(event.id, event.verb, json.loads(event.body)) for event in events]
states = dict(db.session.execute(select(Delivery.event_id, Delivery.state)).all())
mails = db.session.scalars(select(OutboxMessage.subject).where(OutboxMessage.repair_id == repair.id)).all()
moves = [(verb.removeprefix("repair."), body.get("to"), body.get("message", ""), states.get(key, ""))
         for key, verb, body in facts if verb.startswith("repair.move")]
print(json.dumps({{"moves": moves, "mails": list(mails)}}))
"""


def log_of(server, number: str) -> dict:
    """What the log and the outbox hold: (verb, to, when the message leaves, what became of it), and subjects."""
    return json.loads(server.run(MOVES.format(number=number)))


def in_quality_check(server) -> str:
    """A ticket in quality check."""
    number = api_booking(server.url)
    server.run(f"""
from shop.extensions import db
from shop.services import repairs, staff
owner = staff.find_staff("ellie@revivatech.example").actor
for target in ("received", "in_repair", "quality_check"):
    repair = repairs.lock_repair({number!r})
    if repair.status != target:
        repairs.move(repair, target, actor=owner)
    db.session.commit()
""")
    return number


def test_move_with_its_message_seen_first_is_undone_by_a_key_and_nothing_leaves(busy_shop, signed_in):
    number = in_quality_check(busy_shop)
    page = signed_in("priya")
    page.goto(f"/admin/repairs/?q={number}")
    row = row_of(page, number)
    page.keyboard.press("j")

    page.keyboard.press("s")
    expect(page.get_by_role("dialog")).to_contain_text("Hannah gets an e-mail: you see it first")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=f"Move {number} to Ready?")
    expect(dialog.get_by_text("hannah@example.com")).to_be_visible()
    shown = dialog.locator("[data-message]").inner_text()
    expect(dialog.get_by_role("button", name="Move and send")).to_be_focused()
    assert_accessible(page)
    page.keyboard.press("Enter")
    expect(row).to_have_attribute("data-status", "ready")
    expect(page.locator(".toast-undo")).to_contain_text("E-mail to Hannah leaves in")
    page.keyboard.press("z")
    expect(row).to_have_attribute("data-status", "quality_check")
    expect(page.get_by_role("status")).to_contain_text([f"{number}: undone. Its e-mail was not sent"])

    assert "Your iPhone 14 Pro is ready." in shown
    assert page.evaluate("document.activeElement.closest('[data-repair]')?.dataset.repair") == number
    log = log_of(busy_shop, number)
    assert log["moves"][-2:] == [["moved", "ready", "now", "cancelled"], ["move_undone", "quality_check", "", ""]]
    assert not [subject for subject in log["mails"] if "ready" in subject]
    page.keyboard.press("Enter")
    expect(page.locator(".timeline")).to_contain_text("Undone: back to Quality check")
    expect(page.locator(".timeline")).to_contain_text("E-mail not sent")
    assert_quiet(page)


def test_send_later_and_send_nothing_and_undo_on_the_next_page(busy_shop, signed_in):
    later, never = in_quality_check(busy_shop), in_quality_check(busy_shop)
    page = signed_in("priya", viewport=PHONE)

    page.goto(f"/admin/repairs/{later}")
    page.get_by_role("button", name="Mark as ready").click()
    page.get_by_label("Later").check()
    expect(page.get_by_label("Leaves at")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Move, send later").click()
    waiting = page.locator(".waiting-messages")
    expect(waiting).to_contain_text("E-mail to Hannah Whitcombe leaves")
    expect(waiting.get_by_role("button", name="Do not send")).to_be_visible()

    page.goto(f"/admin/repairs/{never}")
    page.get_by_role("button", name="Mark as ready").click()
    page.get_by_label("Do not send").check()
    page.get_by_role("button", name="Move, send nothing").click()
    expect(page.locator(".timeline")).to_contain_text("No e-mail, as chosen")
    page.goto("/admin/repairs/")
    page.route("**/admin/undo/*", lambda route: route.abort())
    page.get_by_role("button", name="Undo").last.click()
    expect(page.locator(".toasts")).to_contain_text("Not undone: the shop is out of reach")
    page.unroute("**/admin/undo/*")
    page.get_by_role("button", name="Undo").last.click()
    expect(page.locator(".toasts")).to_contain_text(f"{never}: undone")

    assert log_of(busy_shop, later)["moves"][-1][:3] == ["moved", "ready", "later"]
    assert (status_of(busy_shop, later), status_of(busy_shop, never)) == ("ready", "quality_check")
    # The cut request is the only thing that the browser complains of.
    assert [trouble for trouble in page.troubles if "net::ERR_FAILED" not in trouble] == []
