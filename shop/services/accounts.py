"""Customers' accounts: a link by mail, a password, a sign-in. No answer tells which addresses are known."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import contains_eager, joinedload

from shop.extensions import db
from shop.models.account import AccountToken, CustomerAccount, Purpose
from shop.models.actor import CUSTOMER, SYSTEM
from shop.models.base import utc_now
from shop.models.customer import Customer
from shop.models.errors import NotFound, ShopError
from shop.models.repair import Repair
from shop.services import customers, endings, passwords
from shop.services.events import hold, record

LINK_LIFE = timedelta(hours=24)
# One mail to an address in this time, however often it is asked for.
LINK_EVERY = timedelta(minutes=5)
SIGN_IN_LIFE = timedelta(days=30)
FAILURES_BEFORE_LOCK = 5
LOCK = timedelta(minutes=15)
MOST_REPAIRS = 100


class LinkGone(NotFound):
    """The link is unknown, used or too old: the answer never says which."""


class SignInFailed(ShopError):
    """Wrong address or password, or locked: the answer never says which."""

    code = "sign_in_failed"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The account of a sign-in that is still good. Whoever holds it reads the mail of `email`."""

    account_id: int
    email: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it goes into a mail; the token is known to nobody else."""

    email: str
    token: str


def ask_link(email: str, *, locale: str) -> str:
    """Owes a link to this address and returns the address as it is kept. Asked again soon, it owes no second.

    The work is the same whether the address is known or not, so that its time tells nothing: whether there is
    somebody to write to is decided when the mail is written. Raises Invalid for what is no address.
    """
    email = customers.clean_email(email)
    account, now = _lock_or_create(email), utc_now()
    if account.asked_at is None or now - account.asked_at >= LINK_EVERY:
        account.asked_at = now
        record("customer_account.link_asked", account, actor=CUSTOMER, body={"locale": locale})
    return email


def issue_link(email: str) -> Link:
    """A link for an operator to hand over, known customer or not. Raises Invalid for what is no address."""
    account = _lock_or_create(customers.clean_email(email))
    account.asked_at = utc_now()
    record("customer_account.link_issued", account, actor=SYSTEM)
    return Link(account.email, _issue(account.id, Purpose.LINK, life=LINK_LIFE))


def new_link(account_id: int) -> Link | None:
    """A link that works once, for LINK_LIFE. None where nobody has ever booked with the address."""
    is_customer = exists().where(Customer.email == CustomerAccount.email)
    email = db.session.scalar(
        select(CustomerAccount.email).where(
            CustomerAccount.id == account_id, CustomerAccount.password_hash.is_not(None) | is_customer
        )
    )
    return Link(email, _issue(account_id, Purpose.LINK, life=LINK_LIFE)) if email else None


def is_to_be_offered(email: str) -> bool:
    """True for an address that has no password yet: its owner can be told of the account."""
    has_one = exists().where(CustomerAccount.email == email, CustomerAccount.password_hash.is_not(None))
    return bool(email) and not db.session.scalar(select(has_one))


def ask_path() -> str:
    """The address at which a link is asked for, from the root of the site."""
    return "/account/forgot"


def link_path(token: str) -> str:
    """The address of a link, from the root of the site."""
    return f"/account/set-password/{token}"


def find_link(token: str) -> str | None:
    """The address that a link was sent to, if it is still good. Looking does not use it up."""
    found = _find(token, Purpose.LINK)
    return found.email if found else None


def set_password(token: str, password: str) -> str:
    """Sets the password, uses up the link, ends every other link and sign-in, and returns a new sign-in's token.

    Raises Invalid for a password that is too short or too long, and LinkGone; neither uses up the link.
    """
    found = _find(token, Purpose.LINK)
    if found is None:
        raise LinkGone
    password_hash = passwords.hash_password(password)
    account = _lock(found.account_id)
    # Asked again behind the lock: two may have come with the same link.
    if account is None or _find(token, Purpose.LINK) is None:
        raise LinkGone
    account.password_hash, account.failures, account.locked_until = password_hash, 0, None
    db.session.execute(delete(AccountToken).where(AccountToken.account_id == account.id))
    record("customer_account.password_set", account, actor=CUSTOMER)
    return _issue(account.id, Purpose.SIGN_IN, life=SIGN_IN_LIFE)


def sign_in(*, email: str, password: str) -> str:
    """Checks address and password and returns the token of a new sign-in.

    Raises SignInFailed. A failure is counted in the row, so the caller commits in every case.
    """
    account = _lock_by_email(email.strip().lower()[:254])
    is_right = passwords.matches(account.password_hash if account else None, password)
    now = utc_now()
    if account is None or account.password_hash is None or (account.locked_until and account.locked_until > now):
        raise SignInFailed
    if not is_right:
        _count_failure(account)
        raise SignInFailed
    if passwords.is_outdated(account.password_hash):
        account.password_hash = passwords.hash_password(password)
    account.failures, account.locked_until = 0, None
    return _issue(account.id, Purpose.SIGN_IN, life=SIGN_IN_LIFE)


def find_signed_in(token: str) -> SignedIn | None:
    """Whose sign-in the token is, if it is still good: one statement."""
    return _find(token, Purpose.SIGN_IN)


def sign_out(token: str) -> None:
    """Ends a sign-in. A second call is harmless."""
    db.session.execute(
        delete(AccountToken).where(AccountToken.token_hash == _hash(token), AccountToken.purpose == Purpose.SIGN_IN)
    )


def repairs_of(signed_in: SignedIn) -> list[Repair]:
    """The repairs of everybody who books with this address, newest first, with their devices: one statement.

    A duplicate that was merged is left out: the customer has the ticket that it went into.
    """
    query = (
        select(Repair)
        .join(Repair.customer)
        .where(Customer.email == signed_in.email, ~endings.is_merged_for_its_customer())
        .options(contains_eager(Repair.customer), joinedload(Repair.device))
        .order_by(Repair.received_at.desc(), Repair.id.desc())
        .limit(MOST_REPAIRS)
    )
    return list(db.session.scalars(query))


def contact_of(signed_in: SignedIn) -> Customer | None:
    """Whoever booked last with this address, to fill in a form for them."""
    return db.session.scalars(
        select(Customer).where(Customer.email == signed_in.email).order_by(Customer.id.desc()).limit(1)
    ).first()


def _find(token: str, purpose: Purpose) -> SignedIn | None:
    row = db.session.execute(
        select(CustomerAccount.id, CustomerAccount.email)
        .join(AccountToken, AccountToken.account_id == CustomerAccount.id)
        .where(
            AccountToken.token_hash == _hash(token),
            AccountToken.purpose == purpose,
            AccountToken.expires_at > utc_now(),
        )
    ).first()
    return SignedIn(*row) if row else None


def _issue(account_id: int, purpose: Purpose, *, life: timedelta) -> str:
    token = secrets.token_urlsafe(32)
    row = AccountToken(token_hash=_hash(token), account_id=account_id, purpose=purpose, expires_at=utc_now() + life)
    db.session.add(row)
    return token


def _count_failure(account: CustomerAccount) -> None:
    account.failures += 1
    if account.failures >= FAILURES_BEFORE_LOCK:
        account.failures, account.locked_until = 0, utc_now() + LOCK
        record("customer_account.locked", account, actor=SYSTEM, body={"minutes": LOCK.seconds // 60})


def _lock_or_create(email: str) -> CustomerAccount:
    customers.queue_for(email)
    account = _lock_by_email(email)
    if account is None:
        account = CustomerAccount(email=email, failures=0, version=0)
        db.session.add(account)
        db.session.flush()
        hold(account)
    return account


def _lock_by_email(email: str) -> CustomerAccount | None:
    if "\x00" in email:
        return None
    return _held(select(CustomerAccount).where(CustomerAccount.email == email))


def _lock(account_id: int) -> CustomerAccount | None:
    return _held(select(CustomerAccount).where(CustomerAccount.id == account_id))


def _held(query) -> CustomerAccount | None:
    account = db.session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if account is not None:
        hold(account)
    return account


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
