import json

import pytest
from sqlalchemy import update

from shop.extensions import db
from shop.models.errors import Invalid
from shop.models.preferences import Preferences, loads
from shop.models.staff import Staff
from shop.services import staff
from shop.services.preferences import save_preferences
from tests.factories import PASSWORD


def test_save_preferences_keeps_what_is_not_named(technician):
    save_preferences(actor=technician.actor, density="compact")

    save_preferences(actor=technician.actor, columns=("due", "status"))

    assert loads(technician.preferences) == Preferences(density="compact", columns=("due", "status"))
    assert json.loads(technician.preferences) == {"density": "compact", "columns": ["due", "status"]}


def test_save_preferences_refuses_a_value_that_is_not_offered(technician):
    with pytest.raises(Invalid) as error:
        save_preferences(actor=technician.actor, density="tiny", single_keys=False)

    assert set(error.value.fields) == {"density"}
    assert technician.preferences == "{}"


def test_a_sign_in_brings_the_preferences_along(technician):
    save_preferences(actor=technician.actor, single_keys=False)
    token = staff.sign_in(email=technician.email, password=PASSWORD)
    db.session.commit()

    assert staff.find_signed_in(token).preferences.single_keys is False


def test_loads_passes_over_names_of_another_release():
    assert loads('{"density": "compact", "sparkle": 1}') == Preferences(density="compact")


def test_save_preferences_keeps_what_another_tab_saved_meanwhile(technician):
    read_before = technician.preferences
    # Straight into the table: the session does not hear of it, as of another process.
    db.session.connection().execute(update(Staff).values(preferences='{"density": "compact"}'))

    kept = save_preferences(actor=technician.actor, single_keys=False)

    assert read_before == "{}"
    assert kept == Preferences(density="compact", single_keys=False)


def test_lock_staff_gives_the_person_as_they_are_now(technician):
    assert technician.version == 0
    db.session.connection().execute(update(Staff).values(version=7))

    assert staff.lock_staff(technician.id).version == 7
