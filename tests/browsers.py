"""A browser as the tests drive it."""

from flask import g, has_app_context
from flask.testing import FlaskClient


class Browser(FlaskClient):
    """Forgets between requests what Flask keeps for one request only, such as who is signed in.

    The tests run inside a context of their own, and each request would otherwise find in it what the one before
    has left.
    """

    def open(self, *args, **kwargs):
        if has_app_context():
            for name in list(g):
                g.pop(name)
        return super().open(*args, **kwargs)
