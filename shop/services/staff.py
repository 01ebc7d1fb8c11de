"""People of the staff: creating them, signing them in and out."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from shop import database
from shop.extensions import db
from shop.models.actor import SYSTEM, Actor
from shop.models.base import UtcDateTime, utc_now
from shop.models.errors import Invalid, NotFound, ShopError
from shop.models.permissions import Role
from shop.models.preferences import Preferences, loads
from shop.models.staff import SignIn, Staff
from shop.services import passwords, second_factor
from shop.services.events import hold, record

log = structlog.get_logger(__name__)
FAILURES_BEFORE_LOCK = 5
LOCK = timedelta(minutes=15)
SIGN_IN_LIFE = timedelta(hours=14)
# Then housekeeping deletes it.
KEPT_AFTER_END = timedelta(days=90)
SEEN_EVERY = timedelta(minutes=1)
# How long a password that was just typed is enough for dangerous acts.
SUDO_LIFE = timedelta(minutes=10)
# Every request asks this. Building it costs more than running it, so it is built once; and it is run on the
# session's connection, because the session's own way to read costs as much again.
_SIGNED_IN = (
    select(SignIn.id, SignIn.seen_at, SignIn.sudo_at, Staff.id, Staff.name, Staff.email, Staff.role, Staff.preferences)
    .join(Staff, Staff.id == SignIn.staff_id)
    .where(
        SignIn.token_hash == bindparam("token_hash"),
        SignIn.ended_at.is_(None),
        SignIn.expires_at > bindparam("now", type_=UtcDateTime),
        Staff.disabled_at.is_(None),
    )
)


class SignInFailed(ShopError):
    """Wrong address, password or code, or locked: the answer never says which."""

    code = "sign_in_failed"


class CodeNeeded(ShopError):
    """The password is right, and a code from the authenticator is needed as well."""

    code = "code_needed"

    def __init__(self, staff_id: int):
        super().__init__()
        self.staff_id = staff_id


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a valid sign-in belongs to, as one query reads it."""

    sign_in_id: int
    staff_id: int
    name: str
    email: str
    role: Role
    seen_at: datetime
    sudo_at: datetime | None
    preferences: Preferences

    @property
    def has_sudo(self) -> bool:
        """Whether the password, and the code if there is one, were typed in this browser within SUDO_LIFE."""
        return self.sudo_at is not None and utc_now() - self.sudo_at < SUDO_LIFE

    @property
    def actor(self) -> Actor:
        return Actor(kind="staff", id=self.staff_id, name=self.name, role=self.role)


def create_staff(*, email: str, password: str, role: str, name: str = "", actor: Actor = SYSTEM) -> Staff:
    """Adds a person. Raises Invalid for a bad address, role or password, or an address already in use."""
    email = clean_email(email)
    if role not in list(Role):
        raise Invalid({"role": f"Choose one of: {', '.join(Role)}."})
    if find_staff(email):
        raise Invalid({"email": f"{email} has an account already."})
    person = Staff(
        email=email,
        name=name.strip() or email.split("@")[0],
        role=role,
        password_hash=passwords.hash_password(password),
        version=0,
    )
    db.session.add(person)
    try:
        db.session.flush()
    except IntegrityError:
        raise Invalid({"email": f"{email} has an account already."}) from None
    hold(person)
    record("staff.created", person, actor=actor, body={"role": role}, detail={"name": person.name, "email": email})
    return person


def sign_in(*, email: str, password: str, address: str = "", browser: str = "") -> str:
    """Checks address and password and returns the token of a new sign-in.

    Raises SignInFailed, or CodeNeeded when the second factor is still missing. A failure is counted in the
    row, so the caller commits in every case.
    """
    person = _lock_staff(email)
    if person is None:
        passwords.matches(None, password)
        raise SignInFailed
    check_password(person, password)
    if passwords.is_outdated(person.password_hash):
        person.password_hash = passwords.hash_password(password)
    if person.totp_secret:
        raise CodeNeeded(person.id)
    return _open_sign_in(person, address=address, browser=browser)


def sign_in_with_code(staff_id: int, code: str, *, address: str = "", browser: str = "") -> str:
    """The second half of a sign-in whose password was right. Raises SignInFailed; the caller commits."""
    person = lock_staff(staff_id)
    if _is_shut_out(person) or not person.totp_secret:
        raise SignInFailed
    _check_code(person, code)
    return _open_sign_in(person, address=address, browser=browser)


def confirm(sign_in_id: int, *, password: str, code: str = "", actor: Actor) -> None:
    """Notes that the actor has just proved, in this sign-in, who they are: dangerous acts are open for SUDO_LIFE.

    Raises SignInFailed for a wrong password or code. A failure counts like one at the sign-in, so the caller
    commits in every case.
    """
    if actor.id is None:
        raise SignInFailed
    person = lock_staff(actor.id)
    check_password(person, password)
    if person.totp_secret:
        _check_code(person, code)
    person.failures = 0
    db.session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(sudo_at=utc_now()))
    record("staff.confirmed", person, actor=actor, body={"sign_in": sign_in_id})


def check_password(person: Staff, password: str) -> None:
    """Raises SignInFailed for a wrong password, and for any while the person is locked or disabled.

    `person` is locked for this transaction. A failure is counted in the row, so the caller commits in every case.
    """
    is_right = passwords.matches(person.password_hash, password)
    if _is_shut_out(person):
        raise SignInFailed
    if not is_right:
        _count_failure(person)
        raise SignInFailed


def has_second_factor(staff_id: int) -> bool:
    return db.session.scalar(select(Staff.totp_secret.is_not(None)).where(Staff.id == staff_id)) or False


def find_signed_in(token: str) -> SignedIn | None:
    """Whose sign-in the token is, if it is still good: one statement."""
    row = db.session.connection().execute(_SIGNED_IN, {"token_hash": _hash(token), "now": utc_now()}).first()
    if row is None:
        return None
    sign_in_id, seen_at, sudo_at, staff_id, name, email, role, preferences = row
    return SignedIn(sign_in_id, staff_id, name, email, Role(role), seen_at, sudo_at, loads(preferences))


def living_sign_ins(ids: list[int]) -> dict[int, str]:
    """Of these sign-ins the ones that are still good, with the role of each: asked again and again by sockets."""
    query = (
        select(SignIn.id, Staff.role)
        .join(Staff, Staff.id == SignIn.staff_id)
        .where(
            SignIn.id.in_(ids), SignIn.ended_at.is_(None), SignIn.expires_at > utc_now(), Staff.disabled_at.is_(None)
        )
    )
    return {row.id: row.role for row in db.session.execute(query)}


def touch(signed_in: SignedIn) -> None:
    """Notes that the sign-in is in use, at most once a minute. Commits by itself: pages that read use it.

    No page fails for it: where the database gives it no turn, the next page notes it.
    """
    now = utc_now()
    if now - signed_in.seen_at < SEEN_EVERY:
        return
    try:
        with database.writing(), db.engine.begin() as connection:
            connection.execute(update(SignIn).where(SignIn.id == signed_in.sign_in_id).values(seen_at=now))
    except OperationalError:
        log.warning("sign_in_not_touched", exc_info=True)


def sign_out(sign_in_id: int, *, actor: Actor) -> None:
    """Ends a sign-in everywhere it is used. A second call changes nothing."""
    row = db.session.get(SignIn, sign_in_id)
    if row is None:
        return
    # The person first, then the sign-in: everything that ends sign-ins locks in this order.
    person = lock_staff(row.staff_id)
    db.session.refresh(row, with_for_update=True)
    if row.ended_at:
        return
    row.ended_at = utc_now()
    record("staff.signed_out", person, actor=actor, body={"sign_in": sign_in_id})


def lock_staff(staff_id: int) -> Staff:
    """The person, with the row locked for this transaction. Raises NotFound."""
    person = db.session.get(Staff, staff_id, with_for_update=True, populate_existing=True)
    if person is None:
        raise NotFound("There is no such person.")
    hold(person)
    return person


def find_staff(email: str) -> Staff | None:
    return db.session.scalar(select(Staff).where(Staff.email == email.strip().lower()))


def list_assignees() -> list[tuple[int, str]]:
    """(id, name) of everyone who can be given a repair, by name."""
    query = (
        select(Staff.id, Staff.name)
        .where(Staff.disabled_at.is_(None), Staff.role != Role.READ_ONLY)
        .order_by(Staff.name)
    )
    return [(row.id, row.name) for row in db.session.execute(query)]


def names(ids: set[int]) -> dict[int, str]:
    """The name of each of these people, also of those who have left."""
    if not ids:
        return {}
    query = select(Staff.id, Staff.name).where(Staff.id.in_(ids))
    return {row.id: row.name for row in db.session.execute(query)}


def clean_email(email: str) -> str:
    """The address in lower case. Raises Invalid with what is wrong with it."""
    try:
        return validate_email(email.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise Invalid({"email": str(error)}) from None


def _lock_staff(email: str) -> Staff | None:
    person = db.session.scalar(select(Staff).where(Staff.email == email.strip().lower()[:254]).with_for_update())
    if person is not None:
        hold(person)
    return person


def _is_shut_out(person: Staff) -> bool:
    return bool(person.disabled_at or (person.locked_until and person.locked_until > utc_now()))


def _check_code(person: Staff, code: str) -> None:
    if not second_factor.accept(person, code):
        _count_failure(person)
        raise SignInFailed


def _count_failure(person: Staff) -> None:
    person.failures += 1
    if person.failures >= FAILURES_BEFORE_LOCK:
        person.failures = 0
        person.locked_until = utc_now() + LOCK
        record("staff.locked", person, actor=SYSTEM, body={"minutes": LOCK.seconds // 60})


def _open_sign_in(person: Staff, *, address: str, browser: str) -> str:
    now = utc_now()
    person.failures, person.locked_until = 0, None
    token = secrets.token_urlsafe(32)
    row = SignIn(
        token_hash=_hash(token),
        staff_id=person.id,
        created_at=now,
        seen_at=now,
        sudo_at=now,
        expires_at=now + SIGN_IN_LIFE,
        address=address[:45],
        browser=browser[:200],
    )
    db.session.add(row)
    db.session.flush()
    record("staff.signed_in", person, actor=person.actor, body={"sign_in": row.id}, detail={"address": address})
    return token


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
