"""Passwords: Argon2id with the library's own parameters, and a floor on what may be chosen."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_babel import gettext as _

from shop.models.errors import Invalid

SHORTEST, LONGEST = 10, 256
_hasher = PasswordHasher()
# Hashing something when the address is unknown makes both answers take the same time.
_DECOY = _hasher.hash("no account has this password")


def hash_password(password: str) -> str:
    """Argon2id hash. Raises Invalid when too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid(
            {"password": _("Use a password of %(least)s to %(most)s characters.", least=SHORTEST, most=LONGEST)}
        )
    return _hasher.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """True if the password is right. Takes the same time without a hash."""
    try:
        return _hasher.verify(password_hash or _DECOY, password[:LONGEST]) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    return _hasher.check_needs_rehash(password_hash)
