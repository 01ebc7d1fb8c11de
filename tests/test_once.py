"""Whatever a form sends twice acts once and is answered twice."""

import re
import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from shop import once
from shop.models.booking import IdempotencyKey
from shop.models.event import Event
from shop.models.repair import Note
from shop.services import idempotency, repairs
from tests import factories
from tests.routes import routes
from tests.statements import statements_of

HTMX = {"HX-Request": "true"}
KEY = "k" * 22
SHOP = Path(__file__).resolve().parents[1] / "shop"


@pytest.fixture
def bench(browser_of, technician):
    return browser_of(technician)


def keys(session) -> list[IdempotencyKey]:
    return list(session.scalars(select(IdempotencyKey)))


def events(session, verb: str) -> int:
    return session.query(Event).filter(Event.verb == verb).count()


def moving(repair, **values) -> dict:
    return {
        "path": f"/admin/repairs/{repair.number}/move",
        "data": {"seen": "received", "target": "diagnosing", **values},
    }


def test_plain_form_sent_twice_moves_once_and_gets_the_same_redirect_and_words(bench, cracked_iphone, session):
    first, again = (bench.post(**moving(cracked_iphone, request_key=KEY)) for _ in range(2))

    assert (first.status_code, again.status_code) == (303, 303)
    assert first.location == again.location == f"/admin/repairs/{cracked_iphone.number}"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert events(session, "repair.moved") == 1
    assert "Moved to Diagnosing" in bench.get(again.location).text


def test_htmx_form_sent_twice_gets_the_same_news(bench, cracked_iphone, session):
    path, data = f"/admin/repairs/{cracked_iphone.number}/notes", {"body": "Called, no answer", "request_key": KEY}

    first, again = (bench.post(path, data=data, headers=HTMX) for _ in range(2))

    assert (first.status_code, first.headers["HX-Trigger"]) == (204, again.headers["HX-Trigger"])
    assert again.status_code == 204
    assert session.query(Note).count() == 1


def test_another_body_under_the_same_key_is_another_request(bench, cracked_iphone, session):
    path = f"/admin/repairs/{cracked_iphone.number}/notes"

    for body in ("First thought", "Second thought"):
        assert bench.post(path, data={"body": body, "request_key": KEY}, headers=HTMX).status_code == 204

    assert session.query(Note).count() == 2


def test_key_of_what_was_refused_stays_free(bench, cracked_iphone, session):
    path = f"/admin/repairs/{cracked_iphone.number}/notes"

    refused = bench.post(path, data={"body": " ", "request_key": KEY}, headers=HTMX)

    assert (refused.status_code, keys(session)) == (422, [])
    assert bench.post(path, data={"body": "Now with words", "request_key": KEY}, headers=HTMX).status_code == 204


def test_key_in_a_header_counts_like_one_in_the_form(bench, cracked_iphone, session):
    for _ in range(2):
        answer = bench.post(
            f"/admin/repairs/{cracked_iphone.number}/notes", data={"body": "x"}, headers={**HTMX, once.HEADER: KEY}
        )
        assert answer.status_code == 204

    assert session.query(Note).count() == 1


def test_key_of_one_person_is_not_anothers(browser_of, technician, manager, cracked_iphone, session):
    for person in (technician, manager):
        browser_of(person).post(
            f"/admin/repairs/{cracked_iphone.number}/notes", data={"body": "Same words", "request_key": KEY}
        )

    assert session.query(Note).count() == 2


def test_without_a_key_each_request_acts(bench, cracked_iphone, session):
    for _ in range(2):
        bench.post(f"/admin/repairs/{cracked_iphone.number}/notes", data={"body": "Same words"})

    assert (session.query(Note).count(), keys(session)) == (2, [])


@pytest.mark.parametrize("key", ["short", "x" * 65, "with space in it here", "'; DROP TABLE notes; --"])
def test_key_of_another_form_is_passed_over(bench, cracked_iphone, session, key):
    answer = bench.post(f"/admin/repairs/{cracked_iphone.number}/notes", data={"body": "Words", "request_key": key})

    assert (answer.status_code, keys(session)) == (303, [])


def test_nothing_that_was_typed_is_kept_with_the_key(bench, cracked_iphone, session):
    bench.post(f"/admin/repairs/{cracked_iphone.number}/notes", data={"body": "Hannah owes 40", "request_key": KEY})

    kept = keys(session)[0]

    assert "Hannah" not in kept.answer + kept.key + kept.scope + kept.request_hash
    assert kept.scope.startswith(idempotency.FORMS)


def test_page_that_was_answered_after_a_commit_is_answered_by_the_place_as_it_is(bench, cracked_iphone, session):
    bench.post(**moving(cracked_iphone, request_key=KEY))
    keys(session)[0].answer = "{}"
    session.commit()

    plain = bench.post(
        **moving(cracked_iphone, request_key=KEY), headers={"Referer": "http://localhost/admin/repairs/?view=mine"}
    )
    htmx = bench.post(**moving(cracked_iphone, request_key=KEY), headers=HTMX)

    assert (plain.status_code, plain.location) == (303, "/admin/repairs/?view=mine")
    assert (htmx.status_code, htmx.headers["HX-Refresh"]) == (204, "true")


def test_password_that_is_proved_on_the_way_does_not_use_the_key(app, owner, session):
    browser = factories.signed_in_client(app, owner, sudo=False)
    target = factories.staff("Tess Target")
    data = {"request_key": KEY, "sudo_password": factories.PASSWORD}

    first, again = (browser.post(f"/admin/staff/{target.id}/disable", data=data) for _ in range(2))

    assert (first.status_code, again.status_code, first.location) == (303, 303, again.location)
    assert (events(session, "staff.confirmed"), events(session, "staff.disabled")) == (1, 1)
    assert len(keys(session)) == 1


def test_twins_at_the_same_moment_act_once_and_get_one_answer(app, technician, cracked_iphone, session):
    browsers = [factories.signed_in_client(app, technician) for _ in range(6)]
    number = cracked_iphone.number
    session.remove()
    start, answers = threading.Barrier(6), []

    def send(browser) -> None:
        start.wait(timeout=10)
        data = {"seen": "received", "target": "diagnosing", "request_key": KEY}
        answers.append(browser.post(f"/admin/repairs/{number}/move", data=data, headers=HTMX))

    threads = [threading.Thread(target=send, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert [answer.status_code for answer in answers] == [204] * 6
    assert len({answer.headers["HX-Trigger"] for answer in answers}) == 1
    assert events(session, "repair.moved") == 1


def test_status_change_with_a_key_costs_two_statements_more(bench, cracked_iphone, session):
    number = cracked_iphone.number

    def cost(target: str, seen: str, **key) -> int:
        data = {"seen": seen, "target": target, **key}
        return len(statements_of(lambda: bench.post(f"/admin/repairs/{number}/move", data=data, headers=HTMX)))

    without = cost("diagnosing", "received")
    repair = repairs.lock_repair(number)
    repair.enter("received", at=repair.status_since)
    session.commit()

    assert cost("diagnosing", "received", request_key=KEY) == without + 2


def test_wizard_booked_twice_is_one_start(stranger, session):
    from shop.models.booking import BookingDraft
    from shop.models.catalogue import DeviceModel

    device = session.scalars(select(DeviceModel.id)).first()

    first, again = (stranger.post("/book/", data={"device_id": device, "request_key": KEY}) for _ in range(2))

    assert first.location == again.location
    assert session.query(BookingDraft).count() == 1


def test_exceptions_name_routes_that_exist_and_why(app):
    posts = {rule.endpoint for rule in routes(app) if "POST" in rule.methods}

    assert set(once.UNREMEMBERED) <= posts
    assert all(once.UNREMEMBERED.values())


def test_every_form_that_posts_carries_a_key():
    """By `forms.csrf()`, or `forms.hidden(form)` for a WTForm: a new form that forgets it fails here."""
    bare = []
    for path in (SHOP / "templates").rglob("*.html"):
        for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", path.read_text(), re.DOTALL | re.IGNORECASE):
            if not re.search(r"\bcsrf\(\)|\bhidden\(", form):
                bare.append(f"{path.relative_to(SHOP)}: {form[:80]}")

    assert bare == []


def test_each_form_of_a_page_has_a_key_of_its_own_also_where_the_page_is_kept(bench, cracked_iphone):
    pages = [bench.get("/admin/repairs/").text for _ in range(2)]
    pages.append(bench.get(f"/admin/repairs/{cracked_iphone.number}").text)

    found = [re.findall(r'name="request_key" value="([^"]*)"', page) for page in pages]
    everything = [key for page in found for key in page]

    assert all(len(page) == page_html.count('method="post"') for page, page_html in zip(found, pages, strict=True))
    assert len(set(everything)) == len(everything) > 3
    assert all(once._KEY.fullmatch(key) for key in everything)


def test_what_scripts_post_by_themselves_carries_a_key_or_is_named():
    """htmx gets it from once.js; a `fetch` that posts names the header, or stands here with its reason."""
    machines = {
        "wizard.js": "says what is typed; the last report holds",
        "draft_store.js": "the same, for the staff",
        "after_action.js": "says what one likes; twice is the same",
        "pay.js": "speaks to the API, which has keys of its own",
    }
    bare = [
        path.name
        for path in (SHOP / "static/js").glob("*.js")
        if re.search(r"method:\s*[\"']POST", path.read_text())
        and "X-Request-Key" not in path.read_text()
        and path.name not in machines
    ]

    assert bare == []
