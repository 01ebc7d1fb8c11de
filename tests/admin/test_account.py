"""One's own account: who else is signed in as me, two-step sign-in, password."""

import re

import pyotp
import pytest
from sqlalchemy import select

from shop.admin.account import PENDING
from shop.admin.browsers import browser_words
from shop.extensions import db
from shop.models.event import Event
from shop.models.staff import SignIn, Staff
from shop.services import second_factor, staff
from tests.factories import PASSWORD

CHANGE = {"old": PASSWORD, "new": "five quiet words here", "again": "five quiet words here"}


def verbs() -> list[str]:
    return list(db.session.scalars(select(Event.verb).order_by(Event.id)))


def newest_sign_in() -> int:
    return db.session.scalars(select(SignIn.id).order_by(SignIn.id.desc())).first()


def pending(browser) -> str:
    with browser.session_transaction() as cookie:
        return cookie[PENDING]


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("curl/8.5.0", "curl"),
        ("<script>", "Unknown browser"),
    ],
)  # fmt: skip
def test_browser_is_named_as_people_know_it(agent, words):
    assert browser_words(agent) == words


def test_another_browser_is_ended_and_this_one_stays(technician, browser_of):
    mine, lost = browser_of(technician), browser_of(technician)

    answer = mine.post(f"/admin/account/sign-ins/{newest_sign_in()}/end")

    assert answer.status_code == 303
    assert lost.get("/admin/account/").status_code == 303
    assert mine.get("/admin/account/").status_code == 200
    assert verbs() == ["staff.signed_out"]


def test_all_others_are_ended_at_once(technician, browser_of):
    mine, *others = (browser_of(technician) for _ in range(3))

    mine.post("/admin/account/sign-ins/end-others")

    assert [browser.get("/admin/account/").status_code for browser in (mine, *others)] == [200, 303, 303]
    assert verbs() == ["staff.sign_ins_ended"]


def test_sign_in_of_somebody_else_is_not_mine_to_end(technician, owner, browser_of):
    mine, theirs = browser_of(technician), browser_of(owner)

    answer = mine.post(f"/admin/account/sign-ins/{newest_sign_in()}/end")

    assert answer.status_code == 404
    assert theirs.get("/admin/account/").status_code == 200


def test_password_is_changed_and_every_other_browser_is_out(technician, browser_of, stranger):
    mine, other = browser_of(technician), browser_of(technician)

    answer = mine.post("/admin/account/password", data=CHANGE)

    assert answer.status_code == 303
    assert [browser.get("/admin/account/").status_code for browser in (mine, other)] == [200, 303]
    assert verbs() == ["staff.password_changed"]
    sign_in = {"email": technician.email, "password": CHANGE["new"]}
    assert stranger.post("/login", data={**sign_in, "password": PASSWORD}).status_code == 422
    assert stranger.post("/login", data=sign_in).status_code == 303


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"old": "wrong"}, "old"),
        ({"old": ""}, "old"),
        ({"new": "short", "again": "short"}, "new"),
        ({"again": "another"}, "again"),
    ],
)
def test_password_that_cannot_be_changed_stays(technician, browser_of, change, field):
    before = technician.password_hash

    answer = browser_of(technician).post("/admin/account/password", data={**CHANGE, **change})

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert db.session.scalars(select(Staff.password_hash)).one() == before
    assert verbs() == []


@pytest.mark.parametrize(
    ("path", "wrong", "right"),
    [
        ("password", {**CHANGE, "old": "not this one"}, CHANGE),
        ("two-step/off", {"password": "not this one"}, {"password": PASSWORD}),
    ],
)
def test_wrong_present_passwords_lock_as_at_the_sign_in(technician, browser_of, stranger, path, wrong, right):
    browser = browser_of(technician)
    for _ in range(5):
        browser.post(f"/admin/account/{path}", data=wrong)

    answer = browser.post(f"/admin/account/{path}", data=right)

    assert (answer.status_code, verbs()) == (422, ["staff.locked"])
    assert stranger.post("/login", data={"email": technician.email, "password": PASSWORD}).status_code == 422


def test_two_step_sign_in_is_turned_on_by_a_code_from_the_app(technician, browser_of):
    browser = browser_of(technician)
    page = browser.get("/admin/account/two-step").text

    answer = browser.post("/admin/account/two-step", data={"code": pyotp.TOTP(pending(browser)).now()})

    assert answer.status_code == 303
    assert 'class="qr"' in page
    assert verbs() == ["staff.second_factor_changed"]
    assert "Turn off" in browser.get("/admin/account/").text
    with browser.session_transaction() as cookie:
        assert PENDING not in cookie


def test_two_step_sign_in_stays_off_without_the_right_code(technician, browser_of):
    browser = browser_of(technician)
    browser.get("/admin/account/two-step")

    answer = browser.post("/admin/account/two-step", data={"code": "000000"})

    assert answer.status_code == 422
    assert db.session.scalars(select(Staff.totp_secret)).one() is None


def test_secret_in_a_form_is_not_taken(technician, browser_of):
    browser, planted = browser_of(technician), second_factor.new_secret()
    browser.get("/admin/account/two-step")

    answer = browser.post(
        "/admin/account/two-step", data={"code": pyotp.TOTP(planted).now(), "secret": planted, PENDING: planted}
    )

    assert answer.status_code == 422


def test_key_stays_the_same_until_it_is_confirmed(technician, browser_of):
    browser = browser_of(technician)

    keys = {
        re.search(r'class="secret">([A-Z2-7 ]+)<', browser.get("/admin/account/two-step").text)[1] for _ in range(2)
    }

    assert len(keys) == 1


@pytest.mark.parametrize(("password", "status", "on"), [(PASSWORD, 303, False), ("wrong", 422, True)])
def test_two_step_sign_in_is_turned_off_by_the_password_alone(technician, browser_of, password, status, on):
    person, key = staff.lock_staff(technician.id), second_factor.new_secret()
    second_factor.turn_on(person, secret=key, code=pyotp.TOTP(key).now(), actor=person.actor)
    db.session.commit()

    answer = browser_of(technician).post("/admin/account/two-step/off", data={"password": password})

    assert answer.status_code == status
    assert (db.session.scalars(select(Staff.totp_secret)).one() is not None) == on
