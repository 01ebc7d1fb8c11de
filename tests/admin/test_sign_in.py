"""The door: who comes in, who does not, and that nobody learns why."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta

import pyotp
import pytest
import time_machine
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.event import Event
from shop.models.staff import SignIn, Staff
from shop.services import passwords
from tests.factories import PASSWORD

TRIES = """
import json
from shop import create_app

app = create_app()
app.config["WTF_CSRF_ENABLED"] = False
answers = [app.test_client().post("/login", data={"email": "x"}) for _ in range(21)]
print(json.dumps({"statuses": [one.status_code for one in answers], "retry": answers[-1].headers.get("Retry-After")}))
"""
RIGHT = {"email": "ellie@revivatech.example", "password": PASSWORD}
WRONG = {**RIGHT, "password": "not this one at all"}
UNKNOWN = {"email": "nobody@revivatech.example", "password": PASSWORD}


def verbs() -> list[str]:
    return list(db.session.scalars(select(Event.verb).order_by(Event.id)))


def without_token(page: str) -> str:
    return re.sub(r'content="[^"]*"|value="[^"]*"', "", page)


@pytest.fixture
def csrf(app):
    app.config["WTF_CSRF_ENABLED"] = True
    yield
    app.config["WTF_CSRF_ENABLED"] = False


def test_right_password_opens_the_console_and_is_noted(owner, stranger):
    answer = stranger.post("/login", data=RIGHT, headers={"User-Agent": "Firefox/140.0 (Windows)"})

    assert (answer.status_code, answer.location) == (303, "/admin/")
    assert stranger.get("/admin/account/").status_code == 200
    assert verbs() == ["staff.signed_in"]
    assert db.session.scalars(select(SignIn.browser)).one() == "Firefox/140.0 (Windows)"


def test_wrong_password_and_unknown_address_get_the_same_answer(owner, app):
    wrong, unknown = (app.test_client().post("/login", data=data) for data in (WRONG, UNKNOWN))

    assert (wrong.status_code, unknown.status_code) == (422, 422)
    assert without_token(wrong.text) == without_token(unknown.text)
    assert dict(wrong.headers).keys() == dict(unknown.headers).keys()


@pytest.mark.parametrize("data", [WRONG, UNKNOWN, {**WRONG, "email": "x" * 254}], ids=["wrong", "unknown", "long"])
def test_every_failure_costs_one_hash_so_that_its_time_tells_nothing(owner, stranger, monkeypatch, data):
    hashed = []

    class Spy:
        def verify(self, stored, password):
            hashed.append(stored)
            return real.verify(stored, password)

    real = passwords._hasher
    monkeypatch.setattr(passwords, "_hasher", Spy())

    stranger.post("/login", data=data)

    assert len(hashed) == 1
    assert hashed[0].partition("$v=")[0] == passwords._DECOY.partition("$v=")[0]


def test_five_wrong_passwords_lock_the_account_for_fifteen_minutes(owner, stranger):
    for _ in range(5):
        stranger.post("/login", data=WRONG)

    locked = stranger.post("/login", data=RIGHT)

    assert (locked.status_code, verbs()) == (422, ["staff.locked"])
    assert without_token(locked.text) == without_token(
        stranger.post("/login", data=UNKNOWN | {"email": RIGHT["email"]}).text
    )
    with time_machine.travel(utc_now() + timedelta(minutes=16)):
        assert stranger.post("/login", data=RIGHT).status_code == 303


@pytest.mark.parametrize("field", ["email", "password"])
def test_empty_field_is_named_and_counts_as_no_try(owner, stranger, field):
    answer = stranger.post("/login", data={**RIGHT, field: ""})

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert db.session.scalar(select(Staff.failures)) == 0


@pytest.mark.parametrize("email", ["\x00", "nobody\x00@revivatech.example", "x" * 300, "<script>@x.example", "😀"])
def test_address_that_nobody_can_have_is_refused(owner, stranger, email):
    answer = stranger.post("/login", data={**RIGHT, "email": email})

    assert answer.status_code == 422
    assert verbs() == []


def test_second_factor_asks_for_a_code_before_anything_opens(secret, stranger):
    halfway = stranger.post("/login?next=/admin/audit/", data=RIGHT)

    assert (halfway.status_code, halfway.location) == (303, "/login/code?next=/admin/audit/")
    assert stranger.get("/admin/account/").status_code == 303
    assert db.session.scalar(select(func.count(SignIn.id))) == 0

    answer = stranger.post(halfway.location, data={"code": pyotp.TOTP(secret).now()})

    assert (answer.status_code, answer.location) == (303, "/admin/audit/")


def test_code_works_once(secret, app):
    code = pyotp.TOTP(secret).now()
    first, second = app.test_client(), app.test_client()
    for browser in (first, second):
        browser.post("/login", data=RIGHT)

    statuses = [browser.post("/login/code", data={"code": code}).status_code for browser in (first, second)]

    assert statuses == [303, 422]


def test_wrong_codes_lock_the_account_too(secret, stranger):
    stranger.post("/login", data=RIGHT)
    for _ in range(5):
        stranger.post("/login/code", data={"code": "000000"})

    answer = stranger.post("/login/code", data={"code": pyotp.TOTP(secret).now()})

    assert answer.status_code == 422
    assert "staff.locked" in verbs()


def test_code_page_is_closed_to_who_gave_no_password(secret, stranger):
    answer = stranger.post("/login/code", data={"code": pyotp.TOTP(secret).now()})

    assert answer.location.startswith("/login")
    assert db.session.scalar(select(func.count(SignIn.id))) == 0


def test_half_a_sign_in_waits_five_minutes_and_no_longer(secret, stranger):
    stranger.post("/login", data=RIGHT)

    with time_machine.travel(utc_now() + timedelta(minutes=6)):
        answer = stranger.post("/login/code", data={"code": pyotp.TOTP(secret).now()})

    assert answer.location.startswith("/login")


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "//evil.example/%2e%2e",
        "http:evil.example",
        " //evil.example",
        "admin",
    ],
)
def test_next_leads_nowhere_else(owner, stranger, target):
    answer = stranger.post("/login", query_string={"next": target}, data=RIGHT)

    assert (answer.status_code, answer.location) == (303, "/admin/")


def test_next_leads_back_to_where_the_person_was(owner, stranger):
    refused = stranger.get("/admin/audit/?verb=staff")

    answer = stranger.post(refused.location, data=RIGHT)

    assert answer.location == "/admin/audit/?verb=staff"


def test_nothing_that_was_in_the_cookie_survives_the_sign_in(owner, stranger):
    with stranger.session_transaction() as cookie:
        cookie["planted"] = "by somebody else"

    stranger.post("/login", data=RIGHT)

    with stranger.session_transaction() as cookie:
        assert set(cookie) <= {"_user_id", "_fresh", "_flashes"}


def test_sign_out_ends_the_sign_in_wherever_its_cookie_was_copied(owner, app, stranger):
    stranger.post("/login", data=RIGHT)
    stolen = app.test_client()
    stolen.set_cookie("session", stranger.get_cookie("session").value)

    stranger.post("/logout")

    assert stolen.get("/admin/account/").status_code == 303
    assert verbs() == ["staff.signed_in", "staff.signed_out"]


def test_sign_out_is_not_a_link(owner, browser_of):
    browser = browser_of(owner)

    assert browser.get("/logout").status_code == 405
    assert browser.get("/admin/account/").status_code == 200


def test_disabled_person_is_out_at_the_next_request(technician, browser_of):
    browser = browser_of(technician)
    technician.disabled_at = utc_now()
    db.session.commit()

    assert browser.get("/admin/account/").status_code == 303
    assert browser.post("/login", data={"email": technician.email, "password": PASSWORD}).status_code == 422


def test_sign_in_ends_by_itself_after_its_life(owner, stranger):
    stranger.post("/login", data=RIGHT)

    with time_machine.travel(utc_now() + timedelta(hours=15)):
        assert stranger.get("/admin/account/").status_code == 303


def test_sign_in_needs_its_form(owner, stranger, csrf):
    refused = stranger.post("/login", data=RIGHT)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', stranger.get("/login").text)[1]

    answer = stranger.post("/login", data={**RIGHT, "csrf_token": token})

    assert (refused.status_code, answer.status_code) == (400, 303)


def test_many_tries_from_one_address_are_slowed_down(tmp_path):
    # The limiter is one for the process, and the tests' own process has it switched off.
    environment = {"PATH": os.environ["PATH"], "SHOP_DATA": str(tmp_path), "LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", TRIES], env=environment, capture_output=True, text=True, timeout=60, check=True
    )

    found = json.loads(done.stdout.splitlines()[-1])

    assert found["statuses"] == [422] * 20 + [429]
    assert 0 < int(found["retry"]) <= 60


def test_a_change_long_after_the_sign_in_does_not_wait_for_itself(browser_of, technician, session, cracked_iphone):
    bench = browser_of(technician)
    session.query(SignIn).update({SignIn.seen_at: utc_now() - timedelta(minutes=5)})
    session.commit()

    answer = bench.post(f"/admin/repairs/{cracked_iphone.number}/notes", data={"body": "Ring before noon"})

    assert answer.status_code == 303
