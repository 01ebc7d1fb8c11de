"""Commands, as the person at the server types them."""

import pytest
from sqlalchemy import select, text

from shop.extensions import db
from shop.models.actor import SYSTEM
from shop.models.event import GENESIS, Event
from shop.models.staff import Staff
from shop.services import relay, repairs
from shop.services.events import record

EMAIL, PASSWORD = "ola@revivatech.example", "five quiet words here"


@pytest.fixture
def run(app):
    return lambda *args, typed="": app.test_cli_runner().invoke(args=list(args), input=typed)


@pytest.fixture
def three_facts(cracked_iphone):
    for _ in range(2):
        record("repair.edited", repairs.lock_repair(cracked_iphone.number), actor=SYSTEM)
    db.session.commit()
    relay.relay_batch()
    db.session.commit()
    return relay.head()


def test_created_person_signs_in_with_the_password_from_stdin(run, stranger):
    result = run(
        "user", "create", "Ola@RevivaTech.example", "--role", "owner", "--name", "Ola Berg", typed=f"{PASSWORD}\n"
    )

    assert (result.exit_code, result.output) == (0, f"{EMAIL} can sign in as owner.\n")
    assert db.session.execute(select(Staff.email, Staff.name, Staff.role)).all() == [(EMAIL, "Ola Berg", "owner")]
    assert db.session.scalars(select(Event.verb)).all() == ["staff.created"]
    assert stranger.post("/login", data={"email": EMAIL, "password": PASSWORD}).status_code == 303


@pytest.mark.parametrize(
    ("email", "role", "typed", "code"),
    [
        (EMAIL, "owner", "short\n", 1),
        (EMAIL, "owner", "", 1),
        ("nobody", "owner", f"{PASSWORD}\n", 1),
        (EMAIL, "emperor", f"{PASSWORD}\n", 2),
    ],
)
def test_person_that_cannot_be_created_is_refused_in_words(run, email, role, typed, code):
    result = run("user", "create", email, "--role", role, typed=typed)

    assert result.exit_code == code
    assert "Error: " in result.output
    assert db.session.scalars(select(Staff.email)).all() == []


def test_person_is_created_once(run, owner):
    result = run("user", "create", owner.email, "--role", "owner", typed=f"{PASSWORD}\n")

    assert (result.exit_code, result.output) == (1, f"Error: {owner.email} has an account already.\n")


def test_verify_exits_0_and_prints_the_head_to_keep(run, three_facts):
    position, own = three_facts

    result = run("audit", "verify")

    assert (result.exit_code, result.output) == (0, f"Good to position {position}. Head {position}:{own}\n")
    assert run("audit", "verify", "--head", f"{position}:{own}").exit_code == 0


def test_verify_exits_1_and_names_the_first_bad_position(run, three_facts, database):
    if database == "postgresql":
        db.session.execute(text("ALTER TABLE events DISABLE TRIGGER USER"))
    else:
        for name in db.session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            db.session.execute(text(f"DROP TRIGGER {name}"))
    db.session.execute(text("UPDATE events SET verb = 'repair.noted' WHERE position = 2"))
    db.session.commit()

    result = run("audit", "verify")

    assert result.exit_code == 1
    assert result.output.startswith("Bad at position 2: ")


def test_verify_convicts_a_log_that_ends_before_the_head_kept_outside(run, three_facts):
    result = run("audit", "verify", "--head", f"{three_facts[0] + 1}:{'f' * 64}")

    assert result.exit_code == 1
    assert result.output.startswith(f"Bad at position {three_facts[0] + 1}: ")


@pytest.mark.parametrize("head", ["nonsense", "1", f"x:{'f' * 64}", "3:short"])
def test_head_that_is_none_is_refused(run, app, head):
    result = run("audit", "verify", "--head", head)

    assert result.exit_code == 2
    assert "POSITION:HASH" in result.output


def test_verify_of_a_new_shop_is_good(run, app):
    assert run("audit", "verify").output == f"Good to position 0. Head 0:{GENESIS}\n"
