"""Each step of the wizard: answered well, answered badly, skipped, and come back to."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.booking import BookingDraft
from shop.services import drafts
from tests.booking.walk import device_id, repair_type

HOSTILE = [
    "<script>alert(1)</script>",
    "'; DROP TABLE repairs; --",
    "😀 تصليح الشاشة",
    "x" * 5000,
    "\x00",
    "%s %(a)s {{ 7*7 }}",
]
NO_TIMES = [
    "",
    "yesterday",
    "2020-01-06T10:00:00+00:00",
    "9999-12-31T23:59:59+00:00",
    "2026-11-24T10:00:00",
]
NO_DEVICES = [
    {"label": "", "category": "smartphone"},
    {"label": "x", "category": "boat"},
    {"label": "x" * 161, "category": "tablet"},
]


def answers(visitor) -> drafts.Answers:
    db.session.rollback()
    return drafts.answers_of(drafts.get_draft(visitor.token))


def draft_count() -> int:
    return db.session.scalar(select(func.count()).select_from(BookingDraft))


def test_start_shows_the_search_and_stores_nothing(visitor):
    answer = visitor.client.get("/book/")

    assert answer.status_code == 200
    assert "Which device is it?" in answer.text
    assert draft_count() == 0


def test_search_forgives_typing_and_marks_the_matched_letters(visitor):
    answer = visitor.client.get("/book/?q=ipone+14pro")

    assert answer.text.index("<mark>iPhone 14 Pro</mark></span>") > 0


def test_search_by_htmx_gives_only_the_results(visitor):
    answer = visitor.client.get("/book/?q=A2890", headers={"HX-Request": "true"})

    assert answer.text.lstrip().startswith('<div class="stack" id="device-results">')
    assert "iPhone 14 Pro" in answer.text


@pytest.mark.parametrize("q", HOSTILE)
def test_search_survives_anything_that_is_typed(visitor, q):
    answer = visitor.client.get("/book/", query_string={"q": q, "category": q, "cursor": q})

    assert answer.status_code in {200, 303}
    assert "<script>alert" not in answer.text


def test_choosing_a_device_makes_a_draft_and_leads_to_the_fault(visitor):
    answer = visitor.choose_device()

    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/book/{visitor.token}/fault"
    assert answers(visitor).device_id == device_id("iPhone 14 Pro")


@pytest.mark.parametrize("value", ["", "0", "999999999", "abc", "1; DROP TABLE", "²"])
def test_unknown_device_is_refused_and_stores_nothing(visitor, value):
    answer = visitor.client.post("/book/", data={"device_id": value})

    assert answer.status_code == 422
    assert "Choose a device from the list." in answer.text
    assert draft_count() == 0


def test_unlisted_device_is_offered_the_free_check_only(visitor):
    answer = visitor.client.post("/book/", data={"label": "Fairphone 4", "category": "smartphone"})
    visitor.token = answer.headers["Location"].split("/")[2]
    page = visitor.page("fault").text

    assert page.count('name="repair_type_ids"') == 1
    assert f'value="{repair_type("phone-check").id}"' in page
    assert "Fairphone 4" in page


@pytest.mark.parametrize("form", NO_DEVICES)
def test_unlisted_device_without_sense_is_refused(visitor, form):
    answer = visitor.client.post("/book/", data=form)

    assert answer.status_code == 422
    assert draft_count() == 0


def test_fault_keeps_the_choice_and_shows_the_price_with_its_reasons(visitor):
    visitor.come_to("fault")

    answer = visitor.choose_faults("phone-display-original", "phone-battery")

    assert answer.headers["Location"].endswith("/service")
    page = visitor.page("fault").text
    assert page.count("checked") == 2
    assert "Both in one opening" in page
    assert "What makes up this price" in page
    assert "It fell on the stairs" in page


def test_fault_without_a_choice_says_what_to_do_and_keeps_the_text(visitor):
    visitor.come_to("fault")

    answer = visitor.send("fault", problem="dead since Sunday")

    assert answer.status_code == 422
    assert "Choose at least one repair" in answer.text
    assert "dead since Sunday" in answer.text
    assert answers(visitor).problem == "dead since Sunday"


def test_fault_ignores_repairs_that_do_not_fit_the_device(visitor):
    visitor.come_to("fault")

    answer = visitor.choose_faults("console-hdmi")

    assert answer.status_code == 422
    assert answers(visitor).repair_type_ids == ()


@pytest.mark.parametrize("problem", HOSTILE)
def test_fault_takes_any_text_as_text(visitor, problem):
    visitor.come_to("fault")

    answer = visitor.choose_faults(problem=problem)

    assert answer.status_code == (422 if len(problem) > 2000 else 303)
    assert "<script>alert" not in visitor.page("fault").text


def test_refresh_changes_the_price_and_keeps_the_choice(visitor):
    visitor.come_to("fault")

    answer = visitor.refresh("fault", repair_type_ids=[repair_type("phone-battery").id])

    assert answer.status_code == 200
    assert 'id="price-panel"' in answer.text
    assert "Phone battery" in answer.text
    assert answers(visitor).repair_type_ids == (repair_type("phone-battery").id,)


def test_service_keeps_slot_and_urgency(visitor):
    visitor.come_to("service")
    slot = visitor.free_slots()[3]

    answer = visitor.send("service", service_type="in_store", urgency="express", slot=slot)

    assert answer.headers["Location"].endswith("/details")
    assert (answers(visitor).slot_start, answers(visitor).urgency) == (slot, "express")
    assert "Express, next in line" in visitor.page("details").text


@pytest.mark.parametrize("slot", NO_TIMES)
def test_service_refuses_a_time_that_is_not_offered(visitor, slot):
    visitor.come_to("service")

    answer = visitor.send("service", service_type="in_store", slot=slot)

    assert answer.status_code == 422
    assert "Choose a time." in answer.text


def test_service_without_javascript_shows_another_day_by_a_redirect(visitor):
    visitor.come_to("service")

    answer = visitor.client.post(f"/book/{visitor.token}/service", data={"service_type": "pickup", "day": "2026-12-01"})

    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/book/{visitor.token}/service?day=2026-12-01"
    assert "Where does the rider ring?" in visitor.page("service").text


def test_pickup_asks_for_address_and_postcode_and_keeps_what_was_typed(visitor):
    visitor.come_to("service")
    visitor.refresh("service", service_type="pickup")
    slot = visitor.free_slots()[0]

    answer = visitor.send("service", service_type="pickup", slot=slot, address="3 Brick Lane", postcode="E1 6P")

    assert answer.status_code == 422
    assert "A letter or digit is missing: E1 6P?" in answer.text
    assert "3 Brick Lane" in answer.text


def test_pickup_outside_the_area_is_refused(visitor):
    visitor.come_to("service")
    visitor.refresh("service", service_type="pickup")
    slot = visitor.free_slots()[0]

    answer = visitor.send("service", service_type="pickup", slot=slot, address="1 High Street", postcode="ab101xg")

    assert answer.status_code == 422
    assert "The rider does not come to AB10 1XG yet." in answer.text


def test_postal_needs_no_time_and_adds_the_post(visitor):
    visitor.come_to("service")

    answer = visitor.send("service", service_type="postal")

    assert answer.headers["Location"].endswith("/details")
    assert "Insured post, both ways" in visitor.page("details").text


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "Tell us your name."),
        ("email", "leila", "This is not an e-mail address."),
        ("phone", "12", "This is not a phone number."),
        ("locale", "xx", "Choose one of:"),
    ],
)
def test_details_say_what_to_type_and_lose_nothing(visitor, field, value, message):
    visitor.come_to("details")

    answer = visitor.give_details(**{field: value})

    assert answer.status_code == 422
    assert message in answer.text
    kept = {"name": "Leila Haddad", "email": "leila@example.com", "phone": "07700 900418"}
    assert all(text in answer.text for name, text in kept.items() if name != field)


@pytest.mark.parametrize(
    "name", ["Ólafur Þór", "محمد", "李 雷", "Zoë 😀", "<b>Bo</b>", "Robert'); DROP TABLE students;--"]
)
def test_details_take_names_of_any_script(visitor, name):
    visitor.come_to("details")

    answer = visitor.give_details(name=name)

    assert answer.status_code == 303
    assert answers(visitor).name == name
    assert "<b>Bo</b>" not in visitor.page("review").text


def test_details_lead_to_a_review_whose_price_is_promised(visitor):
    visitor.come_to("review")

    page = visitor.page("review").text

    assert answers(visitor).quote_id is not None
    assert "Leila Haddad" in page
    assert "Pay in store" in page
    assert page.count(">Change<") == 6


def test_review_without_the_terms_books_nothing(visitor):
    visitor.come_to("review")

    answer = visitor.book(terms="")

    assert answer.status_code == 422
    assert "Tick the box to accept the terms" in answer.text


@pytest.mark.parametrize("step", ["service", "details", "review", "confirmed"])
def test_steps_out_of_order_lead_to_the_first_open_one(visitor, step):
    visitor.come_to("fault")

    answer = visitor.page(step)

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/book/{visitor.token}/fault")


def test_posting_a_step_out_of_order_stores_nothing(visitor):
    visitor.come_to("fault")

    answer = visitor.give_details()

    assert answer.headers["Location"].endswith("/fault")
    assert answers(visitor).name == ""


def test_back_and_refresh_show_what_was_answered(visitor):
    visitor.come_to("review")

    pages = {step: visitor.page(step).text for step in ("device", "fault", "service", "details")}

    assert "Keep iPhone 14 Pro" in pages["device"]
    assert "It fell on the stairs" in pages["fault"]
    assert pages["service"].count("checked") == 4
    assert 'value="leila@example.com"' in pages["details"]


def test_changing_an_answer_leads_straight_back_to_the_review_with_a_new_promise(visitor):
    visitor.come_to("review")
    before = answers(visitor).quote_id

    answer = visitor.choose_faults("phone-battery")

    assert answer.headers["Location"].endswith("/review")
    assert answers(visitor).quote_id not in {before, None}


def test_another_device_drops_repairs_that_belonged_to_the_first(visitor):
    visitor.come_to("review")

    answer = visitor.client.post(f"/book/{visitor.token}/device", data={"device_id": device_id("PlayStation 5")})

    assert answer.headers["Location"].endswith("/fault")
    assert answers(visitor).repair_type_ids == ()
    assert answers(visitor).name == "Leila Haddad"


def test_resume_link_opens_the_draft_in_another_browser(visitor, app):
    visitor.come_to("details")
    other = app.test_client()

    answer = other.get(f"/book/{visitor.token}")

    assert answer.headers["Location"] == f"/book/{visitor.token}/details"
    assert f"/book/{visitor.token}" in visitor.page("resume").text
    assert visitor.page("resume.svg").mimetype == "image/svg+xml"


def test_expired_draft_is_a_friendly_page(visitor):
    visitor.come_to("details")
    draft = drafts.get_draft(visitor.token)
    draft.expires_at = utc_now() - timedelta(seconds=1)
    db.session.commit()

    answer = visitor.page("details")

    assert answer.status_code == 410
    assert "Start a new booking" in answer.text


@pytest.mark.parametrize("token", ["x", "a" * 500, "..", "%00"])
def test_unknown_draft_is_the_same_friendly_page(visitor, token):
    answer = visitor.client.get(f"/book/{token}/fault")

    assert answer.status_code in {410, 404}


def test_draft_data_of_an_older_release_is_still_read(visitor):
    visitor.come_to("details")
    draft = drafts.get_draft(visitor.token)
    draft.data = json.dumps({**json.loads(draft.data), "a_field_of_the_past": 1})
    db.session.commit()

    assert visitor.page("details").status_code == 200


def type_into(visitor, step: str, **texts):
    """What the script of the wizard reports while somebody types."""
    return visitor.client.post(f"/book/{visitor.token}/typed", data={"step": step, "texts": json.dumps(texts)})


def test_what_is_typed_is_there_again_before_it_is_sent_or_right(visitor):
    visitor.choose_device()
    visitor.choose_faults()
    visitor.choose_service()

    answer = type_into(visitor, "details", name="Leila", email="leila@exa", phone="", password="no")

    page = visitor.page("details").text
    assert answer.status_code == 204
    assert ('value="Leila"' in page, 'value="leila@exa"' in page, '"no"' in page) == (True, True, False)
    assert answers(visitor).email == ""


def test_what_was_sent_is_not_typed_any_more(visitor):
    visitor.choose_device()
    type_into(visitor, "fault", problem="It fell on")

    visitor.choose_faults(problem="It fell on the stairs")

    assert drafts.get_draft(visitor.token).typed == "{}"
    assert answers(visitor).problem == "It fell on the stairs"


@pytest.mark.parametrize("texts", ["", "[]", "nothing", "x" * 30_000])
def test_report_that_no_script_of_ours_sends_is_refused(visitor, texts):
    visitor.choose_device()

    answer = visitor.client.post(f"/book/{visitor.token}/typed", data={"step": "fault", "texts": texts})

    assert answer.status_code == 422
    assert drafts.get_draft(visitor.token).typed == "{}"


def test_typing_under_a_link_that_nobody_has_is_refused(visitor):
    assert visitor.client.post("/book/nobody/typed", data={"step": "fault", "texts": "{}"}).status_code == 410


def test_text_of_a_step_that_does_not_exist_or_is_endless_is_passed_over(visitor):
    visitor.choose_device()

    type_into(visitor, "review", problem="x")
    type_into(visitor, "fault", problem="x" * 4_001)

    assert drafts.get_draft(visitor.token).typed == "{}"
