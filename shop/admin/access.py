"""The console's door: who is signed in, and whether they may."""

from urllib.parse import quote, urlsplit, urlunsplit

from flask import Flask, render_template, request
from flask_login import UserMixin, current_user

from shop.errors import page
from shop.extensions import htmx, login_manager
from shop.models.actor import Actor
from shop.models.preferences import Preferences
from shop.models.staff import initials
from shop.security import local_path
from shop.services import staff


class Person(UserMixin):
    """The signed-in person, as templates and routes see them."""

    def __init__(self, signed_in: staff.SignedIn, token: str):
        self.signed_in = signed_in
        self.id, self.name, self.email, self.role = (
            signed_in.staff_id, signed_in.name, signed_in.email, signed_in.role,
        )  # fmt: skip
        self.initials = initials(signed_in.name)
        self.actor: Actor = signed_in.actor
        self.preferences: Preferences = signed_in.preferences
        self._token = token

    def get_id(self) -> str:
        return self._token

    def may(self, permission: str) -> bool:
        return self.actor.may(permission)


def requires(permission: str, *, sudo: bool = False):
    """The permission that a console route asks for. A route without one is refused to everybody.

    `sudo`: a dangerous act, for which a person who may do it is asked for the password again.
    """

    def mark(function):
        function.permission, function.sudo = permission, sudo
        return function

    return mark


def refusal(permission: str | None):
    """None if the person may pass; else the answer: sign in first, or what is not yours looks absent."""
    if not current_user.is_authenticated:
        return sign_in_first()
    if permission is None or not current_user.may(permission):
        return page(404)
    return None


def sign_in_first():
    """To the sign-in page and back again; a piece of a page is never replaced by it."""
    if request.method != "GET" or htmx or request.path.endswith("/live/since"):
        here = local_path(path_of_page(), "/admin/")
        way = f"/login?next={quote(here, safe='/')}"
        return "" if htmx else render_template("admin/sign_in/ended.html", way=way), 401, {"HX-Redirect": way}
    return "", 303, {"Location": f"/login?next={quote(request.full_path.rstrip('?'), safe='/')}"}


def path_of_page() -> str:
    """Path and query of the page that was asked from."""
    return urlunsplit(("", "", *urlsplit(htmx.current_url or request.referrer or "")[2:4], ""))


def load_person(token: str) -> Person | None:
    signed_in = staff.find_signed_in(token)
    if signed_in is None:
        return None
    if request.method == "GET":
        # Not while this request holds SQLite's write lock: the touch has a connection of its own and would wait for it.
        staff.touch(signed_in)
    return Person(signed_in, token)


def init_app(_app: Flask) -> None:
    login_manager.session_protection = None
    login_manager.user_loader(load_person)
