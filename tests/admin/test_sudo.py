"""Sudo: a dangerous act asks for the password again, and loses nothing of what was typed."""

import re
from datetime import timedelta

import pyotp
import pytest
import time_machine
from sqlalchemy import select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.event import Event
from shop.models.staff import Staff
from tests import factories
from tests.factories import PASSWORD

NEW = {"name": "Ola Berg", "email": "ola@revivatech.example", "role": "technician", "password": "five quiet words here"}
CONFIRM = {"sudo_password": PASSWORD}


def verbs() -> list[str]:
    return list(db.session.scalars(select(Event.verb).order_by(Event.id)))


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


def failures() -> int:
    return db.session.scalar(select(Staff.failures).where(Staff.email == "ellie@revivatech.example"))


@pytest.fixture
def mine(app, owner):
    """A browser in which the owner signed in a while ago."""
    return factories.signed_in_client(app, owner, sudo=False)


def test_form_of_a_dangerous_act_is_behind_the_password_and_comes_after_it(mine):
    asked = mine.get("/admin/staff/new")
    page = mine.get(asked.location)
    answer = mine.post(asked.location, data=CONFIRM)

    assert (asked.status_code, asked.location) == (303, "/admin/account/confirm?next=/admin/staff/new")
    assert (page.status_code, "ellie@revivatech.example" in page.text) == (200, True)
    assert (answer.status_code, answer.location) == (303, "/admin/staff/new")
    assert mine.get("/admin/staff/new").status_code == 200
    assert verbs() == ["staff.confirmed"]


def test_what_was_sent_too_late_is_done_once_the_person_has_confirmed(mine):
    asked = mine.post("/admin/staff/new", data=NEW)
    before = verbs()

    answer = mine.post("/admin/staff/new", data={**hidden(asked.text), **CONFIRM})

    assert (asked.status_code, before, hidden(asked.text).items() >= NEW.items()) == (403, [], True)
    assert "?lang=" not in asked.text
    assert answer.status_code == 303
    assert verbs() == ["staff.confirmed", "staff.created"]
    assert db.session.scalars(select(Staff.name).where(Staff.email == NEW["email"])).one() == "Ola Berg"


def test_what_is_wrong_with_the_form_is_said_after_the_password(mine):
    answer = mine.post("/admin/staff/new", data={**NEW, **CONFIRM, "email": "not an address"})

    assert answer.status_code == 422
    assert 'id="email-error"' in answer.text
    assert "sudo_password" not in answer.text


def test_act_by_htmx_is_led_to_the_password_and_back_to_the_page_with_a_word(mine, technician):
    page = f"/admin/staff/{technician.id}"
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://localhost{page}"}

    answer = mine.post(f"{page}/disable", headers=headers)

    assert (answer.status_code, answer.data) == (403, b"")
    assert answer.headers["HX-Redirect"] == f"/admin/account/confirm?next={page}"
    assert "Nothing was changed yet" in mine.get(answer.headers["HX-Redirect"]).text
    assert verbs() == []


def test_sudo_of_a_sign_in_lasts_ten_minutes(owner, technician, stranger):
    stranger.post("/login", data={"email": owner.email, "password": PASSWORD})

    with time_machine.travel(utc_now() + timedelta(minutes=9)):
        soon = stranger.post(f"/admin/staff/{technician.id}/disable")
    with time_machine.travel(utc_now() + timedelta(minutes=11)):
        late = stranger.post(f"/admin/staff/{technician.id}/enable")

    assert (soon.status_code, late.status_code) == (303, 403)


def test_sudo_in_one_browser_opens_nothing_in_another(app, owner, mine, technician):
    other = factories.signed_in_client(app, owner, sudo=False)

    mine.post("/admin/account/confirm", data=CONFIRM)

    assert mine.post(f"/admin/staff/{technician.id}/disable").status_code == 303
    assert other.post(f"/admin/staff/{technician.id}/enable").status_code == 403


@pytest.mark.parametrize("path", ["/admin/account/confirm", "/admin/staff/new"])
def test_five_wrong_passwords_lock_as_at_the_sign_in(owner, mine, stranger, path):
    answers = [mine.post(path, data={**NEW, "sudo_password": "not this one"}) for _ in range(5)]

    right = mine.post(path, data={**NEW, **CONFIRM})

    assert [answer.status_code for answer in (*answers, right)] == [422] * 6
    assert 'id="sudo_password-error"' in right.text
    assert verbs() == ["staff.locked"]
    assert stranger.post("/login", data={"email": owner.email, "password": PASSWORD}).status_code == 422


def test_empty_password_is_named_and_counts_as_no_try(mine):
    answer = mine.post("/admin/account/confirm", data={"sudo_password": ""})

    assert answer.status_code == 422
    assert 'id="sudo_password-error"' in answer.text
    assert failures() == 0


def test_right_password_forgets_the_wrong_ones(mine):
    mine.post("/admin/account/confirm", data={"sudo_password": "not this one"})
    counted = failures()

    mine.post("/admin/account/confirm", data=CONFIRM)

    assert (counted, failures()) == (1, 0)


def test_second_factor_is_asked_for_as_well(mine, secret):
    asked = mine.get("/admin/account/confirm").text
    alone, wrong = (mine.post("/admin/account/confirm", data={**CONFIRM, **code}) for code in ({}, {"sudo_code": "0"}))
    counted = failures()

    right = mine.post("/admin/account/confirm", data={**CONFIRM, "sudo_code": pyotp.TOTP(secret).now()})

    assert 'name="sudo_code"' in asked
    assert (alone.status_code, wrong.status_code, counted, right.status_code) == (422, 422, 1, 303)
    assert verbs()[-1] == "staff.confirmed"


def test_code_is_not_used_up_by_a_wrong_password(mine, secret):
    code = pyotp.TOTP(secret).now()
    mine.post("/admin/account/confirm", data={"sudo_password": "not this one", "sudo_code": code})

    assert mine.post("/admin/account/confirm", data={**CONFIRM, "sudo_code": code}).status_code == 303


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example/", "/\\evil.example"])
def test_confirmation_leads_nowhere_else(mine, target):
    answer = mine.post("/admin/account/confirm", query_string={"next": target}, data=CONFIRM)
    page = mine.post("/admin/account/confirm", data={"sudo_password": "", "sudo_back": target}).text

    assert answer.location == "/admin/"
    assert f'href="{target}"' not in page


def test_who_has_sudo_is_asked_nothing(owner, browser_of):
    answer = browser_of(owner).get("/admin/account/confirm?next=/admin/staff/new")

    assert (answer.status_code, answer.location) == (303, "/admin/staff/new")


def test_what_was_sent_comes_back_as_text_and_nothing_else(mine):
    answer = mine.post("/admin/staff/new", data={**NEW, "name": '"><script>alert(1)</script>'})

    assert "<script>alert" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
