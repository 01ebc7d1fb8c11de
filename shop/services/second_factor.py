"""Time-based one-time codes (RFC 6238). The secret is encrypted at rest; each code works once."""

import time

import pyotp
from cryptography.fernet import InvalidToken

from shop.models.actor import Actor
from shop.models.errors import Invalid
from shop.models.staff import Staff
from shop.services import vault
from shop.services.events import record

ISSUER = "RevivaTech"
_STEP = 30


def new_secret() -> str:
    return pyotp.random_base32()


def provisioning_uri(person: Staff, secret: str) -> str:
    """The address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=person.email, issuer_name=ISSUER)


def turn_on(person: Staff, *, secret: str, code: str, actor: Actor) -> None:
    """Stores the secret once a code proves that the app has it. Raises Invalid for a wrong code."""
    step = _matching_step(secret, code, after=0)
    if step is None:
        raise Invalid({"code": "This code does not match. Wait for the next one and type it again."})
    person.totp_secret, person.totp_step = vault.encrypt(secret), step
    record("staff.second_factor_changed", person, actor=actor, body={"on": True})


def turn_off(person: Staff, *, actor: Actor) -> None:
    """Forgets the secret. A second call changes nothing."""
    if person.totp_secret is None:
        return
    person.totp_secret, person.totp_step = None, 0
    record("staff.second_factor_changed", person, actor=actor, body={"on": False})


def accept(person: Staff, code: str) -> bool:
    """True if the code is right and was not used before. Marks it as used."""
    if person.totp_secret is None:
        return False
    try:
        secret = vault.decrypt(person.totp_secret)
    except InvalidToken:
        return False
    step = _matching_step(secret, code, after=person.totp_step)
    if step is None:
        return False
    person.totp_step = step
    return True


def _matching_step(secret: str, code: str, *, after: int) -> int | None:
    """The time step whose code this is, one step of clock error allowed, but none at or before `after`."""
    totp, now = pyotp.TOTP(secret), int(time.time()) // _STEP
    code = code.replace(" ", "")
    for step in (now, now - 1, now + 1):
        if step > after and pyotp.utils.strings_equal(totp.generate_otp(step), code):
            return step
    return None
