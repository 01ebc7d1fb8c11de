"""Looking after the staff: roles, who may still come in, and everyone's sign-ins."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy import func, select, update

from shop.extensions import db
from shop.models.actor import Actor
from shop.models.base import utc_now
from shop.models.errors import Invalid, NotFound, Stale
from shop.models.permissions import Role
from shop.models.staff import SignIn, Staff, initials
from shop.services import passwords, second_factor
from shop.services.events import record
from shop.services.staff import check_password, lock_staff, sign_out
from shop.services.statements import changed_rows

LAST_OWNER = "This is the last owner who can sign in. Make somebody else an owner first."


@dataclass(frozen=True, slots=True)
class StaffRow:
    """One person as the staff page lists them. `sign_ins` counts the browsers that are signed in now."""

    id: int
    name: str
    email: str
    role: Role
    has_second_factor: bool
    locked_until: datetime | None
    disabled_at: datetime | None
    seen_at: datetime | None
    sign_ins: int

    @property
    def initials(self) -> str:
        return initials(self.name)

    @property
    def is_locked(self) -> bool:
        return self.locked_until is not None and self.locked_until > utc_now()


def list_staff() -> list[StaffRow]:
    """Everyone by name, those who are disabled last. One statement."""
    query = _rows().order_by(Staff.disabled_at.is_not(None), func.lower(Staff.name), Staff.id)
    return [_staff_row(row) for row in db.session.execute(query)]


def get_staff_row(staff_id: int) -> StaffRow:
    """Raises NotFound."""
    row = db.session.execute(_rows().where(Staff.id == staff_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such person.")
    return _staff_row(row)


def _rows():
    living = func.count(SignIn.id).filter(SignIn.ended_at.is_(None), SignIn.expires_at > utc_now())
    return (
        select(
            Staff.id, Staff.name, Staff.email, Staff.role, Staff.totp_secret.is_not(None), Staff.locked_until,
            Staff.disabled_at, func.max(SignIn.seen_at), living,
        )
        .outerjoin(SignIn, SignIn.staff_id == Staff.id)
        .group_by(Staff.id)
    )  # fmt: skip


def _staff_row(row) -> StaffRow:
    key, name, email, role, *rest = row
    return StaffRow(key, name, email, Role(role), *rest)


def change_role(staff_id: int, role: str, *, seen: str | None = None, actor: Actor) -> None:
    """Raises Invalid for an unknown role or when no owner would be left. The same role again changes nothing.

    `seen` is the role that was on the screen: if a colleague has changed it since, raises Stale.
    """
    person = _lock_for(staff_id, actor)
    if role not in list(Role):
        raise Invalid({"role": f"Choose one of: {', '.join(Role)}."})
    if role == person.role:
        return
    if seen is not None and seen != person.role:
        raise Stale(
            {"role": (seen, person.role, role)},
            _("A colleague changed this role while you were choosing. Nothing was changed by you. Choose again."),
        )
    if role != Role.OWNER:
        _keep_an_owner(person)
    before, person.role = person.role, role
    record("staff.role_changed", person, actor=actor, body={"from": before, "to": role})


def disable(staff_id: int, *, actor: Actor) -> None:
    """Shuts a person out at once, everywhere. Raises Invalid when no owner would be left. Harmless if repeated."""
    person = _lock_for(staff_id, actor)
    if person.disabled_at:
        return
    _keep_an_owner(person)
    person.disabled_at = utc_now()
    ended = _end_all(person)
    record("staff.disabled", person, actor=actor, body={"sign_ins_ended": ended})


def enable(staff_id: int, *, actor: Actor) -> None:
    """Lets a disabled person sign in again. A second call changes nothing."""
    person = _lock_for(staff_id, actor)
    if person.disabled_at is None:
        return
    person.disabled_at = None
    record("staff.enabled", person, actor=actor)


def unlock(staff_id: int, *, actor: Actor) -> None:
    """Ends the pause after too many wrong passwords. A second call changes nothing."""
    person = _lock_for(staff_id, actor)
    if person.locked_until is None and not person.failures:
        return
    person.locked_until, person.failures = None, 0
    record("staff.unlocked", person, actor=actor)


def end_sign_ins_of(staff_id: int, *, actor: Actor) -> int:
    """Signs a person out in every browser; returns in how many."""
    person = _lock_for(staff_id, actor)
    return _record_ended(person, _end_all(person), actor=actor)


def sign_ins_of(staff_id: int) -> list[SignIn]:
    """The browsers in which a person is signed in now, the last used first."""
    query = select(SignIn).where(SignIn.staff_id == staff_id, SignIn.ended_at.is_(None), SignIn.expires_at > utc_now())
    return list(db.session.scalars(query.order_by(SignIn.seen_at.desc(), SignIn.id.desc())))


def end_own_sign_in(sign_in_id: int, *, actor: Actor) -> None:
    """Raises NotFound for a sign-in of somebody else. A second call changes nothing."""
    owner_id = db.session.scalar(select(SignIn.staff_id).where(SignIn.id == sign_in_id))
    if owner_id != actor.id:
        raise NotFound("This sign-in is not yours.")
    sign_out(sign_in_id, actor=actor)


def end_other_sign_ins(*, keep: int, actor: Actor) -> int:
    """Signs the actor out everywhere but in the sign-in `keep`; returns in how many browsers."""
    person = _lock_own(actor)
    return _record_ended(person, _end_all(person, keep=keep), actor=actor)


def change_own_password(*, old: str, new: str, keep: int, actor: Actor) -> None:
    """Changes the password and ends every sign-in but `keep`. Raises Invalid for an unfit new one.

    Raises SignInFailed for a wrong old one, which counts like one at the sign-in: commit it.
    """
    person = _lock_own(actor)
    check_password(person, old)
    try:
        person.password_hash = passwords.hash_password(new)
    except Invalid as error:
        raise Invalid({"new": error.message}) from None
    ended = _end_all(person, keep=keep)
    record("staff.password_changed", person, actor=actor, body={"sign_ins_ended": ended})


def turn_on_second_factor(*, secret: str, code: str, actor: Actor) -> None:
    """Raises Invalid for a code that does not match the secret, or when it is on already."""
    person = _lock_own(actor)
    if person.totp_secret:
        raise Invalid({"code": "Two-step sign-in is on already. Turn it off first to use another app."})
    second_factor.turn_on(person, secret=secret, code=code, actor=actor)


def turn_off_second_factor(*, password: str, actor: Actor) -> None:
    """Raises SignInFailed for a wrong password, which counts like one at the sign-in: commit it.

    A second call changes nothing.
    """
    person = _lock_own(actor)
    check_password(person, password)
    second_factor.turn_off(person, actor=actor)


def _lock_for(staff_id: int, actor: Actor) -> Staff:
    actor.require("staff.manage")
    # All active owners in one order: two owners who demote each other at once wait for one another here.
    db.session.execute(_active_owners().order_by(Staff.id).with_for_update())
    return lock_staff(staff_id)


def _lock_own(actor: Actor) -> Staff:
    if actor.id is None:
        raise NotFound("There is no such person.")
    return lock_staff(actor.id)


def _active_owners():
    return select(Staff.id).where(Staff.role == Role.OWNER, Staff.disabled_at.is_(None))


def _keep_an_owner(person: Staff) -> None:
    owners = set(db.session.scalars(_active_owners()))
    if owners == {person.id}:
        raise Invalid({"role": LAST_OWNER})


def _end_all(person: Staff, *, keep: int | None = None) -> int:
    living = (SignIn.staff_id == person.id, SignIn.ended_at.is_(None), SignIn.expires_at > utc_now())
    query = update(SignIn).where(*living).values(ended_at=utc_now())
    if keep is not None:
        query = query.where(SignIn.id != keep)
    return changed_rows(db.session.execute(query.execution_options(synchronize_session=False)))


def _record_ended(person: Staff, ended: int, *, actor: Actor) -> int:
    if ended:
        record("staff.sign_ins_ended", person, actor=actor, body={"count": ended})
    return ended
