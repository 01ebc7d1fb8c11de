"""Test 4: every route, every person, every way of asking; the one permission table decides, and nothing else.

Built from `app.url_map`, so that no route is forgotten. The twins weaken one route of each blueprint and must
be noticed.
"""

from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from shop.admin import sockets
from shop.extensions import db, socketio
from shop.models.base import utc_now
from shop.models.permissions import Role, may
from shop.models.staff import SignIn, Staff
from tests import factories
from tests.fingerprint import fingerprint
from tests.reference import catalogue_put_back
from tests.routes import CLOSED, PUBLIC, RIGHTS, SUDO, World, make_world, put_back, routes

pytestmark = pytest.mark.faults

HTMX = {"HX-Request": "true"}
OUTSIDERS = ("stranger", "disabled", "ended")
ENDS_THE_VISIT = "sign_in.logout"
# Asked by a script, never by a person: it is told so in a way that a script understands.
SCRIPTED = {"console.since"}


@dataclass
class Persona:
    """Someone at the door. `role` is None for those whom the door does not know."""

    name: str
    role: Role | None
    browser: FlaskClient
    world: World


@pytest.fixture
def persona(app, cracked_iphone):
    """`persona(name)`: a stranger, a role by its name, a disabled person or one whose sign-in has ended.

    Without `sudo` the sign-in is too old for dangerous acts.
    """

    def make(name: str, *, sudo: bool = True) -> Persona:
        factories.staff("Zoe Spare", Role.OWNER)
        target = factories.staff("Tess Target", Role.TECHNICIAN)
        if name == "stranger":
            return Persona(name, None, app.test_client(), make_world(cracked_iphone, target=target))
        person = factories.staff("Pat Persona", Role(name) if name not in OUTSIDERS else Role.OWNER)
        browser = factories.signed_in_client(app, person, sudo=sudo)
        factories.signed_in_client(app, person)
        newest = db.session.scalars(select(SignIn).order_by(SignIn.id.desc())).first()
        world = make_world(cracked_iphone, target=target, sign_in=newest)
        _shut_out(name, person)
        return Persona(name, None if name in OUTSIDERS else Role(name), browser, world)

    with catalogue_put_back():
        yield make


def _shut_out(name: str, person: Staff) -> None:
    if name == "disabled":
        person.disabled_at = utc_now()
    if name == "ended":
        db.session.execute(update(SignIn).where(SignIn.staff_id == person.id).values(ended_at=utc_now()))
    db.session.commit()


def ways(rule) -> list[tuple[str, dict]]:
    """Each method of the route, and a plain GET as htmx asks it too."""
    methods = sorted(rule.methods - {"HEAD", "OPTIONS"})
    return (
        [(method, {}) for method in methods]
        + [("GET", HTMX)] * ("GET" in methods)
        + [("POST", HTMX)] * ("POST" in methods)
    )


def is_refused(role: Role | None, right: str) -> bool:
    return right != PUBLIC and (right == CLOSED or role is None or not may(role, right))


def fault_of(answer, *, role: Role | None, right: str, is_page: bool) -> str:
    """What is wrong with the answer; empty when it is the one that the table asks for."""
    status, to_door = answer.status_code, answer.headers.get("Location", "").startswith("/login")
    if status >= 500:
        return f"{status}"
    if right == PUBLIC:
        return f"{status}, but it is public" if status in (401, 403) else ""
    if role is None:
        if is_page:
            return "" if status == 303 and to_door else f"{status} instead of the way to the door"
        return "" if status == 401 and "HX-Redirect" in answer.headers else f"{status} instead of 401"
    if is_refused(role, right):
        return "" if status == 404 else f"{status} instead of 404"
    return f"{status}, but {role} may" if status in (401, 403, 404) or to_door else ""


def ask(persona: Persona, rule) -> list[str]:
    """All ways of asking one route; returns what is wrong."""
    right = RIGHTS[rule.endpoint]
    faults = []
    for method, headers in ways(rule):
        is_page = method == "GET" and not headers and rule.endpoint not in SCRIPTED
        with (
            put_back(rule.endpoint, persona.world),
            persona.browser.open(persona.world.path(rule), method=method, headers=headers) as answer,
        ):
            fault = fault_of(answer, role=persona.role, right=right, is_page=is_page)
        if fault:
            faults.append(f"{persona.name} {method} {rule.rule}{' by htmx' if headers else ''}: {fault}")
    return faults


def is_confirmation(answer, headers: dict) -> bool:
    """Whether the answer asks for the password again, in the way that the asker understands."""
    if headers:
        return answer.status_code == 403 and answer.headers["HX-Redirect"].startswith("/admin/account/confirm")
    if answer.status_code == 303:
        return answer.location.startswith("/admin/account/confirm?next=")
    return answer.status_code == 403 and 'name="sudo_password"' in answer.text


def unasked(persona: Persona, rules) -> list[str]:
    """Every way of asking these dangerous routes that is answered without the password."""
    answers = [
        (rule, method, headers, persona.browser.open(persona.world.path(rule), method=method, headers=headers))
        for rule in rules
        for method, headers in ways(rule)
    ]
    return [f"{method} {rule.rule}" for rule, method, headers, one in answers if not is_confirmation(one, headers)]


def test_every_route_stands_in_the_table_and_the_table_holds_no_other(app):
    assert {rule.endpoint for rule in routes(app)} == set(RIGHTS)


@pytest.mark.parametrize("name", [*OUTSIDERS, *Role])
def test_refused_requests_get_the_refusal_and_change_no_row(app, persona, name):
    someone = persona(name)
    refused = [rule for rule in routes(app) if is_refused(someone.role, RIGHTS[rule.endpoint])]
    before = fingerprint()

    faults = [fault for rule in refused for fault in ask(someone, rule)]

    assert faults == []
    assert refused
    assert fingerprint() == before


@pytest.mark.parametrize("name", [*OUTSIDERS, *Role])
def test_granted_requests_are_answered(app, persona, name):
    someone = persona(name)
    granted = [rule for rule in routes(app) if not is_refused(someone.role, RIGHTS[rule.endpoint])]

    faults = [fault for rule in granted if rule.endpoint != ENDS_THE_VISIT for fault in ask(someone, rule)]

    assert faults == []


@pytest.mark.parametrize("name", list(Role))
def test_dangerous_requests_ask_for_the_password_and_change_no_row(app, persona, name):
    someone = persona(name, sudo=False)
    dangerous = [rule for rule in routes(app) if rule.endpoint in SUDO and may(name, RIGHTS[rule.endpoint])]
    someone.browser.get("/admin/account/")
    before = fingerprint()

    assert unasked(someone, dangerous) == []
    assert dangerous
    assert fingerprint() == before


@pytest.mark.parametrize("name", list(Role))
def test_without_sudo_everything_else_is_answered(app, persona, name):
    someone = persona(name, sudo=False)
    others = [rule for rule in routes(app) if rule.endpoint not in SUDO | {ENDS_THE_VISIT}]
    granted = [rule for rule in others if not is_refused(someone.role, RIGHTS[rule.endpoint])]

    assert [fault for rule in granted for fault in ask(someone, rule)] == []


@pytest.mark.parametrize("name", [*OUTSIDERS, *Role])
def test_socket_opens_for_those_who_may_see_repairs(app, persona, monkeypatch, name):
    monkeypatch.setattr(sockets, "_start_sweeper", lambda: None)
    someone = persona(name)

    socket = socketio.test_client(app, flask_test_client=someone.browser)

    assert socket.is_connected() == (someone.role is not None and may(someone.role, sockets.PERMISSION))
    if socket.is_connected():
        socket.disconnect()


@pytest.mark.parametrize("event", ["watch", "unwatch", "typing"])
@pytest.mark.parametrize("name", ["disabled", "ended"])
def test_open_socket_is_refused_at_the_next_event_after_the_door_was_shut(
    app, owner, cracked_iphone, monkeypatch, name, event
):
    monkeypatch.setattr(sockets, "_start_sweeper", lambda: None)
    socket = socketio.test_client(app, flask_test_client=factories.signed_in_client(app, owner))
    _shut_out(name, owner)
    before = fingerprint()

    socket.emit(event, {"number": cracked_iphone.number, "field": "problem"})

    assert not socket.is_connected()
    assert fingerprint() == before


def _one_of_each_blueprint(app) -> list:
    guarded = {}
    for rule in routes(app):
        if RIGHTS[rule.endpoint] not in (PUBLIC, CLOSED, "account.self", "console.enter", "style.view"):
            guarded.setdefault(rule.endpoint.partition(".")[0], rule)
    return list(guarded.values())


def _replace_right(monkeypatch, app, endpoint: str, right: str | None) -> None:
    blueprint = endpoint.partition(".")[0]
    view = next(view for view in app.extensions["admin"][0]._views if view.endpoint == blueprint)
    monkeypatch.setattr(type(view), "permission_for", classmethod(lambda cls, name: right))


def test_twin_a_route_that_lost_its_right_is_noticed_in_every_blueprint(app, persona, monkeypatch):
    someone = persona(Role.OWNER)
    silent = []

    for rule in _one_of_each_blueprint(app):
        with monkeypatch.context() as patch:
            _replace_right(patch, app, rule.endpoint, None)
            silent += [rule.endpoint] * (not ask(someone, rule))

    assert silent == []


def test_twin_a_route_that_is_open_to_all_staff_is_noticed_in_every_blueprint(app, persona, monkeypatch):
    someone = persona(Role.READ_ONLY)
    guarded = [rule for rule in _one_of_each_blueprint(app) if is_refused(someone.role, RIGHTS[rule.endpoint])]
    silent = []

    for rule in guarded:
        with monkeypatch.context() as patch:
            _replace_right(patch, app, rule.endpoint, "console.enter")
            silent += [rule.endpoint] * (not ask(someone, rule))

    assert silent == []
    assert {rule.endpoint.partition(".")[0] for rule in guarded} >= {
        "audit",
        "outbox",
        "health",
        "staff",
        "price_rules",
    }


def test_twin_a_dangerous_route_that_asks_nothing_is_noticed(app, persona, monkeypatch):
    someone = persona(Role.OWNER, sudo=False)
    monkeypatch.setattr("shop.admin.console.ask_first", lambda: None)
    dangerous = [rule for rule in routes(app) if rule.endpoint in SUDO]

    assert {one.partition(" ")[2] for one in unasked(someone, dangerous)} == {rule.rule for rule in dangerous}


def test_twin_a_door_that_is_left_open_is_noticed_in_every_blueprint(app, persona, monkeypatch):
    someone = persona("stranger")
    monkeypatch.setattr("shop.admin.console.refusal", lambda permission: None)

    noticed = {rule.endpoint.partition(".")[0] for rule in _one_of_each_blueprint(app) if ask(someone, rule)}

    assert noticed == {rule.endpoint.partition(".")[0] for rule in _one_of_each_blueprint(app)}
