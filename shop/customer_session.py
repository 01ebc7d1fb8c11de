"""Which customer this browser is signed in as. The staff's sign-in has a key of its own and is never touched."""

from flask import g, session

from shop.services import accounts
from shop.services.accounts import SignedIn

_KEY = "customer"


def enter(token: str) -> None:
    session[_KEY] = token
    g.pop(_KEY, None)


def leave() -> None:
    """Ends the sign-in of this browser, here and on the server. The caller commits."""
    token = session.pop(_KEY, None)
    g.pop(_KEY, None)
    if token:
        accounts.sign_out(token)


def current() -> SignedIn | None:
    """Whoever is signed in; asks the database at most once a request, and not at all for a stranger."""
    if _KEY not in g:
        token = session.get(_KEY)
        setattr(g, _KEY, accounts.find_signed_in(token) if token else None)
    return g.get(_KEY)
