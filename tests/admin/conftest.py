import pyotp
import pytest

from shop.extensions import db
from shop.services import second_factor, staff


@pytest.fixture
def secret(owner):
    """The owner's authenticator."""
    person, key = staff.lock_staff(owner.id), second_factor.new_secret()
    second_factor.turn_on(person, secret=key, code=pyotp.TOTP(key).now(), actor=person.actor)
    person.totp_step = 0
    db.session.commit()
    return key
