"""What the wizard asks. Messages say what to type."""

from datetime import datetime

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields import SelectChoice
from wtforms.validators import StopValidation
from wtforms.widgets import CheckboxInput, ListWidget

from shop.locales import LOCALES
from shop.models.catalogue import DeviceCategory
from shop.models.errors import Invalid
from shop.models.grid import SLOTTED
from shop.models.location import Location
from shop.models.text import is_plain
from shop.services.customers import CustomerDetails, clean_details
from shop.services.drafts import Answers, find_postcode
from shop.services.pricing import SERVICE_TYPES, URGENCIES
from shop.services.slots import SlotView, find_slot

LONGEST_PROBLEM = 2000
LONGEST_ADDRESS = 300

CATEGORY_NAMES = {
    DeviceCategory.SMARTPHONE: _l("Phone"),
    DeviceCategory.TABLET: _l("Tablet"),
    DeviceCategory.LAPTOP: _l("Laptop"),
    DeviceCategory.DESKTOP: _l("Desktop or custom build"),
    DeviceCategory.CONSOLE: _l("Console"),
    DeviceCategory.WEARABLE: _l("Watch"),
}


def plain(text: str | None) -> str:
    """Text without NUL and outer space, with one kind of line end."""
    return (text or "").replace("\x00", "").replace("\r\n", "\n").strip()


def as_id(text: str | int | None) -> int | None:
    text = str(text or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


class Filled:
    """Required, at most `most` characters; each fault in a sentence of its own."""

    field_flags = {"required": True}

    def __init__(self, message, *, most: int):
        self.message, self.most = message, most

    def __call__(self, form, field):
        if not field.data:
            raise StopValidation(str(self.message))
        _check_length(field, self.most)


class AtMost:
    def __init__(self, most: int):
        self.most = most

    def __call__(self, form, field):
        _check_length(field, self.most)


def _check_length(field, most: int) -> None:
    if not is_plain(field.data or ""):
        raise StopValidation(gettext("This holds characters that cannot be shown. Type it again."))
    if len(field.data or "") > most:
        raise StopValidation(
            gettext("Keep this under %(most)s characters; it has %(count)s.", most=most, count=len(field.data))
        )


def _choices(words: dict) -> list[SelectChoice]:
    return [SelectChoice(value, label) for value, label in words.items()]


class WizardForm(FlaskForm):
    class Meta:
        # CSRFProtect checks every POST of the product; a second token in the form would say the same.
        csrf = False


class UnlistedForm(WizardForm):
    label = StringField(
        _l("Make and model"),
        filters=[plain],
        validators=[Filled(_l("Write the make and model, such as Fairphone 4."), most=160)],
    )
    category = SelectField(
        _l("Kind of device"), choices=_choices({"": _l("Choose"), **CATEGORY_NAMES}), validate_choice=False
    )

    def validate_category(self, field):
        if field.data not in set(DeviceCategory):
            raise StopValidation(gettext("Choose the kind of device."))


class FaultForm(WizardForm):
    repair_type_ids = SelectMultipleField(
        _l("Repairs"), coerce=as_id, validate_choice=False, option_widget=CheckboxInput(), widget=ListWidget()
    )
    problem = TextAreaField(_l("In your words"), filters=[plain], validators=[AtMost(LONGEST_PROBLEM)])

    def validate_repair_type_ids(self, field):
        if not field.data:
            raise StopValidation(gettext("Choose at least one repair, or the free check if you are not sure."))


class ServiceForm(WizardForm):
    service_type = StringField(_l("How it reaches us"))
    urgency = StringField(_l("How soon"))
    day = StringField(_l("Day"))
    slot = StringField(_l("Time"))
    address = TextAreaField(_l("Address for the rider"), filters=[plain], validators=[AtMost(LONGEST_ADDRESS)])
    postcode = StringField(_l("Postcode"), filters=[plain], validators=[AtMost(12)])

    def prepare(self, answers: Answers, location: Location) -> None:
        """Puts what cannot be chosen back to what was, and finds the slot of the day that is shown."""
        self.location = location
        if self.service_type.data not in SERVICE_TYPES:
            self.service_type.data = answers.service_type or SERVICE_TYPES[0]
        if self.urgency.data not in URGENCIES or not answers.is_listed:
            self.urgency.data = URGENCIES[0]
        self.found = self._find_slot()

    def choices(self) -> dict:
        """What the draft keeps, finished or not."""
        return {
            "service_type": self.service_type.data,
            "urgency": self.urgency.data,
            "slot_start": self.found.start.isoformat() if self.found else "",
            "address": self.address.data[:LONGEST_ADDRESS],
            "postcode": (find_postcode(self.postcode.data) or self.postcode.data)[:12],
        }

    def validate_slot(self, field):
        if self.service_type.data in SLOTTED and self.found is None:
            raise StopValidation(gettext("Choose a time."))

    def validate_address(self, field):
        if self.service_type.data == "pickup" and not field.data:
            raise StopValidation(gettext("Write the street and the number where the rider rings."))

    def validate_postcode(self, field):
        if self.service_type.data != "pickup":
            return
        if not field.data:
            raise StopValidation(gettext("Write the postcode, such as E2 7JP."))
        postcode = find_postcode(field.data)
        if postcode is None:
            raise StopValidation(
                gettext("A letter or digit is missing: %(text)s? Write it like E2 7JP.", text=field.data)
            )
        if not self.location.takes_postcode(postcode):
            raise StopValidation(
                gettext("The rider does not come to %(area)s yet. Choose in store or post.", area=postcode)
            )

    def _find_slot(self) -> SlotView | None:
        try:
            moment = datetime.fromisoformat(self.slot.data or "")
        except ValueError:
            return None
        found = find_slot(self.location, self.service_type.data, moment)
        zone = self.location.hours.zone
        is_shown = not self.day.data or found is None or str(found.start.astimezone(zone).date()) == self.day.data
        return found if is_shown else None


class DetailsForm(WizardForm):
    name = StringField(_l("Name"), filters=[plain])
    email = StringField(_l("E-mail"), filters=[plain])
    phone = StringField(_l("Phone"), filters=[plain])
    locale = SelectField(_l("Language of our messages"), choices=_choices(LOCALES), validate_choice=False)

    def validate(self, extra_validators=None) -> bool:
        """Checked by the shop's one rule for contact details."""
        given = CustomerDetails(self.name.data, self.email.data, self.phone.data, self.locale.data or "")
        try:
            clean_details(given)
        except Invalid as error:
            for name, message in error.fields.items():
                self[name.removeprefix("customer.")].errors = [message]
            return False
        return True


class ReviewForm(WizardForm):
    pay = RadioField(_l("How would you like to pay?"), choices=[], validate_choice=False)
    terms = BooleanField(_l("I accept the terms of repair"))

    def validate_terms(self, field):
        if not field.data:
            raise StopValidation(gettext("Tick the box to accept the terms; then we can book the repair."))
