"""Two at the same moment: one link opens once, and one address has one account."""

import threading

import pytest
from sqlalchemy import func, select

from shop.extensions import db
from shop.models.account import AccountToken, CustomerAccount, Purpose
from shop.models.event import Event
from shop.services import accounts, passwords

PASSWORD = "four words, no relation"
AT_ONCE = 6


def together(app, act) -> list[str]:
    """What each of several threads came to, all let go at the same moment: the name of its error, or ''."""
    ends, begin = [], threading.Barrier(AT_ONCE)

    def run():
        with app.app_context():
            begin.wait(timeout=30)
            try:
                act()
                db.session.commit()
                ends.append("")
            except Exception as error:
                db.session.rollback()
                ends.append(type(error).__name__)

    threads = [threading.Thread(target=run) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return sorted(ends)


@pytest.fixture
def link(app, session) -> accounts.Link:
    made = accounts.issue_link("hannah@example.com")
    session.commit()
    return made


def test_one_link_sets_one_password(app, session, link):
    ends = together(app, lambda: accounts.set_password(link.token, PASSWORD))

    assert ends == [""] + ["LinkGone"] * (AT_ONCE - 1)
    assert list(session.scalars(select(AccountToken.purpose))) == [Purpose.SIGN_IN]


def test_asking_for_one_new_address_makes_one_account_and_owes_one_mail(app, session):
    ends = together(app, lambda: accounts.ask_link("nadia@example.com", locale="en"))

    assert ends == [""] * AT_ONCE
    assert session.scalar(select(func.count(CustomerAccount.id))) == 1
    assert list(session.scalars(select(Event.verb))) == ["customer_account.link_asked"]


def test_wrong_passwords_at_once_are_all_counted(app, session, link):
    accounts.set_password(link.token, PASSWORD)
    session.commit()

    def guess():
        try:
            accounts.sign_in(email=link.email, password="wrong password")
        except accounts.SignInFailed:
            db.session.commit()

    together(app, guess)

    account = session.scalars(select(CustomerAccount)).one()
    assert account.locked_until is not None
    assert passwords.matches(account.password_hash, PASSWORD)
