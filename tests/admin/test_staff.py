"""The staff page: what an owner does to people, and what nobody can do to the last owner."""

import threading

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.base import utc_now
from shop.models.errors import Invalid
from shop.models.event import Event
from shop.models.permissions import Role
from shop.models.staff import SignIn, Staff
from shop.services import staff_admin
from shop.services.staff_admin import LAST_OWNER
from tests import factories
from tests.statements import statements_of

NEW = {"name": "Ola Berg", "email": "ola@revivatech.example", "role": "technician", "password": "five quiet words here"}


def last_event() -> tuple[str, str, str]:
    fact = db.session.scalars(select(Event).order_by(Event.id.desc())).first()
    return fact.verb, fact.actor, fact.body


def fresh(person: Staff) -> Staff:
    db.session.expire_all()
    return db.session.get(Staff, person.id)


def test_list_names_everyone_with_role_and_state(owner, technician, browser_of):
    technician.locked_until = utc_now().replace(year=2099)
    db.session.commit()

    page = browser_of(owner).get("/admin/staff/").text

    assert page.index("Ellie Frost") < page.index("Priya Nair")
    assert "Locked until" in page
    assert "1 browser" in page


def test_owner_adds_a_person_who_can_then_sign_in(owner, browser_of, stranger):
    answer = browser_of(owner).post("/admin/staff/new", data=NEW)

    person = db.session.scalars(select(Staff).where(Staff.email == NEW["email"])).one()
    assert (answer.status_code, answer.location) == (303, f"/admin/staff/{person.id}")
    assert last_event() == ("staff.created", f"staff:{owner.id}", '{"role":"technician"}')
    assert stranger.post("/login", data={"email": NEW["email"], "password": NEW["password"]}).status_code == 303


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "not an address"),
        ("email", "ellie@revivatech.example"),
        ("password", "short"),
        ("role", "emperor"),
        ("name", ""),
        ("name", "\x00"),
        ("email", "ne\x00w"),
    ],
)
def test_person_that_cannot_be_added_is_refused_at_the_field(owner, browser_of, field, value):
    answer = browser_of(owner).post("/admin/staff/new", data={**NEW, field: value})

    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert db.session.scalars(select(Staff.email)).all() == [owner.email]


def test_role_changes_at_once_for_browsers_that_are_signed_in(owner, technician, browser_of):
    theirs = browser_of(technician)

    browser_of(owner).post(f"/admin/staff/{technician.id}/role", data={"role": "manager"})

    assert last_event() == ("staff.role_changed", f"staff:{owner.id}", '{"from":"technician","to":"manager"}')
    assert theirs.get("/admin/audit/").status_code == 200


def test_disabled_person_is_out_everywhere_and_can_come_back(owner, technician, browser_of, stranger):
    theirs, mine = browser_of(technician), browser_of(owner)

    mine.post(f"/admin/staff/{technician.id}/disable")

    assert last_event() == ("staff.disabled", f"staff:{owner.id}", '{"sign_ins_ended":1}')
    assert theirs.get("/admin/account/").status_code == 303
    mine.post(f"/admin/staff/{technician.id}/enable")
    assert last_event()[0] == "staff.enabled"
    assert theirs.get("/admin/account/").status_code == 303
    assert stranger.post("/login", data={"email": technician.email, "password": factories.PASSWORD}).status_code == 303


def test_owner_ends_all_sign_ins_of_a_person(owner, technician, browser_of):
    first, second = browser_of(technician), browser_of(technician)

    browser_of(owner).post(f"/admin/staff/{technician.id}/end-sign-ins")

    assert last_event() == ("staff.sign_ins_ended", f"staff:{owner.id}", '{"count":2}')
    assert [browser.get("/admin/account/").status_code for browser in (first, second)] == [303, 303]


def test_owner_unlocks_a_person(owner, technician, browser_of):
    technician.locked_until = utc_now().replace(year=2099)
    db.session.commit()

    browser_of(owner).post(f"/admin/staff/{technician.id}/unlock")

    assert fresh(technician).locked_until is None
    assert last_event()[0] == "staff.unlocked"


@pytest.mark.parametrize(("act", "data"), [("disable", {}), ("role", {"role": "manager"})])
def test_last_owner_stays_an_owner_who_can_sign_in(owner, browser_of, act, data):
    factories.staff("Gone Owner", Role.OWNER, disabled_at=utc_now())

    answer = browser_of(owner).post(f"/admin/staff/{owner.id}/{act}", data=data)

    assert answer.status_code == 422
    assert LAST_OWNER in answer.text
    assert (fresh(owner).role, fresh(owner).disabled_at) == (Role.OWNER, None)


def test_one_of_two_owners_may_go(owner, browser_of):
    factories.staff("Nora Second", Role.OWNER)

    answer = browser_of(owner).post(f"/admin/staff/{owner.id}/role", data={"role": "manager"})

    assert answer.status_code == 303
    assert fresh(owner).role == Role.MANAGER


def test_two_owners_who_demote_each_other_at_once_leave_one(app, owner):
    other = factories.staff("Nora Second", Role.OWNER)
    pairs, barrier, refused = [(owner.actor, other.id), (other.actor, owner.id)], threading.Barrier(2), []
    db.session.rollback()

    def demote(actor, staff_id):
        with app.app_context():
            barrier.wait()
            try:
                staff_admin.change_role(staff_id, Role.MANAGER, actor=actor)
                db.session.commit()
            except Invalid as error:
                refused.append(error.message)

    threads = [threading.Thread(target=demote, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert refused == [LAST_OWNER]
    assert len(db.session.scalars(select(Staff.id).where(Staff.role == Role.OWNER)).all()) == 1


def test_repeated_acts_are_noted_once(owner, technician, browser_of):
    browser = browser_of(owner)
    for _ in range(2):
        browser.post(f"/admin/staff/{technician.id}/disable")
        browser.post(f"/admin/staff/{technician.id}/unlock")

    assert db.session.scalars(select(Event.verb)).all() == ["staff.disabled"]


@pytest.mark.parametrize("key", ["999999", "99999999999", "0", "x"])
def test_unknown_person_is_not_found(owner, browser_of, key):
    browser = browser_of(owner)

    assert browser.get(f"/admin/staff/{key}").status_code == 404
    assert browser.post(f"/admin/staff/{key}/disable").status_code == 404


def test_manager_sees_people_and_no_button(manager, technician, browser_of):
    page = browser_of(manager).get(f"/admin/staff/{technician.id}").text

    assert "Priya Nair" in page
    assert f"/admin/staff/{technician.id}/disable" not in page


def test_list_asks_as_many_statements_for_one_person_as_for_seven(owner, browser_of):
    browser = browser_of(owner)
    few = statements_of(lambda: browser.get("/admin/staff/"))
    for n in range(6):
        factories.staff(f"Person{n} Name")
        db.session.add(SignIn(token_hash=str(n), staff_id=owner.id, expires_at=utc_now()))
    db.session.commit()

    many = statements_of(lambda: browser.get("/admin/staff/"))

    assert len(few) == len(many) == 2
