"""Rules that every route and every module must keep, whoever writes it."""

import ast
import re
from pathlib import Path

import pytest
from sqlalchemy import select

from shop.extensions import db
from shop.models.permissions import PERMISSIONS
from shop.models.staff import SignIn
from tests import factories
from tests.fingerprint import fingerprint
from tests.routes import CLOSED, RIGHTS, SUDO, make_world, routes

SHOP = Path(__file__).resolve().parents[2] / "shop"
SEGMENT = re.compile(r"\.?[a-z0-9]+([-.][a-z0-9]+)*\.?")
PROGRAMS = ("api", "api_alias")
# Who may speak to the outside: the relay's announcements, the socket, and the code that wakes workers.
SPEAKERS = {"services/live.py", "services/wake.py", "admin/sockets.py"}
SPEECH = {"emit", "send_message", "sendmail", "publish", "enqueue"}


@pytest.fixture
def csrf(app):
    app.config["WTF_CSRF_ENABLED"] = True
    yield
    app.config["WTF_CSRF_ENABLED"] = False


@pytest.fixture
def world(app, owner, cracked_iphone):
    """Everything that a path may name, and a second sign-in of the owner that may be ended."""
    factories.signed_in_client(app, owner)
    newest = db.session.scalars(select(SignIn).order_by(SignIn.id.desc())).first()
    return make_world(cracked_iphone, target=factories.staff("Tess Target"), sign_in=newest)


def console_routes(app):
    return [rule for rule in routes(app) if rule.rule.startswith("/admin/") and rule.endpoint != "console.static"]


def test_every_console_route_names_its_permission_or_is_closed(app):
    views = {view.endpoint: view for view in app.extensions["admin"][0]._views}

    named = {}
    for rule in console_routes(app):
        blueprint, _, method = rule.endpoint.partition(".")
        named[rule.endpoint] = views[blueprint].permission_for(method) or CLOSED

    assert named == {endpoint: RIGHTS[endpoint] for endpoint in named}
    assert set(named.values()) - {CLOSED} <= set(PERMISSIONS)


def test_dangerous_routes_and_no_others_ask_for_the_password_again(app):
    views = {view.endpoint: view for view in app.extensions["admin"][0]._views}
    endpoints = {rule.endpoint for rule in console_routes(app)}

    asking = {name for name in endpoints if views[name.partition(".")[0]].asks_sudo(name.partition(".")[2])}

    assert asking == SUDO


def test_every_permission_is_asked_for_somewhere():
    tables = {SHOP / "models/permissions.py", SHOP / "admin/staff.py"}
    files = [path for path in (*SHOP.rglob("*.py"), *SHOP.rglob("*.html")) if path not in tables]
    staff_screen = (SHOP / "admin/staff.py").read_text()
    asked = "".join(path.read_text() for path in files) + "".join(re.findall(r'@requires\("[^"]+"', staff_screen))

    assert [name for name in PERMISSIONS if f'"{name}"' not in asked and f"'{name}'" not in asked] == []


def test_paths_are_kebab_case(app):
    parts = [part for rule in routes(app) for part in re.sub(r"<[^>]*>", "", rule.rule).split("/") if part]

    assert [part for part in parts if not SEGMENT.fullmatch(part)] == []


def test_placeholders_for_keys_are_typed(app):
    keys = [
        (rule.rule, name) for rule in routes(app) for name in rule.arguments if name.endswith("_id") or name == "id"
    ]

    assert keys
    assert [rule for rule, name in keys if f"<row_id:{name}>" not in rule] == []


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["plain", "htmx"])
def test_post_without_a_token_is_refused_and_changes_nothing(app, csrf, world, browser_of, owner, headers):
    browser = browser_of(owner)
    forms = [rule for rule in routes(app) if "POST" in rule.methods and rule.endpoint.partition(".")[0] not in PROGRAMS]
    before = fingerprint()

    answers = {rule.endpoint: browser.post(world.path(rule), headers=headers).status_code for rule in forms}

    assert len(forms) > 25
    assert answers == dict.fromkeys(answers, 400)
    assert fingerprint() == before


def test_post_with_the_token_of_another_person_is_refused(app, csrf, browser_of, owner, manager):
    theirs = re.search(r'name="csrf-token" content="([^"]+)"', browser_of(manager).get("/admin/account/").text)[1]
    browser = browser_of(owner)
    before = fingerprint()

    answer = browser.post("/admin/account/sign-ins/end-others", data={"csrf_token": theirs})

    assert answer.status_code == 400
    assert fingerprint() == before


def test_programs_need_no_token(app, csrf, stranger):
    answer = stranger.post("/api/v1/pricing/calculate", json={})

    assert answer.status_code == 422


def test_get_changes_no_row(app, world, browser_of, owner):
    browser = browser_of(owner)
    readers = [rule for rule in routes(app) if "GET" in rule.methods]
    before, changed = fingerprint(), []

    for rule in readers:
        with browser.get(world.path(rule)) as answer:
            assert answer.status_code < 500, rule.rule
        now = fingerprint()
        changed += [(rule.rule, table) for table in now if now[table] != before[table]]
        before = now

    assert changed == []


def test_unsafe_routes_take_no_get_that_acts(app):
    acts = ("delete", "end", "disable", "enable", "unlock", "retire", "restore", "resend", "logout", "verify")

    readable = [
        rule.rule for rule in routes(app) if "GET" in rule.methods and rule.rule.rstrip("/").rpartition("/")[2] in acts
    ]

    assert readable == []


def _calls(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr


def test_nobody_but_the_relay_and_its_handlers_speaks_to_the_outside():
    speaking = {path.relative_to(SHOP).as_posix() for path in SHOP.rglob("*.py") if SPEECH.intersection(_calls(path))}

    assert speaking == SPEAKERS


def test_services_and_models_never_commit_but_those_that_say_so():
    says_so = {
        "services/bulk_work.py", "services/deliveries.py", "services/forecasts.py", "services/housekeeping.py",
        "services/payments/reconcile.py", "services/payments/refunds.py", "services/booking_payments.py",
        "services/payments/attempts.py", "services/payments/cards.py", "services/payments/charges.py",
    }  # fmt: skip

    committing = {
        path.relative_to(SHOP).as_posix()
        for floor in ("services", "models")
        for path in (SHOP / floor).rglob("*.py")
        if "commit" in _calls(path)
    }

    assert committing <= says_so
