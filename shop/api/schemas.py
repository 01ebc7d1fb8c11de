"""The contract of the API: what goes in, what comes out. The OpenAPI document is generated from this."""

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from marshmallow import RAISE, Schema, fields, pre_load, validate, validates_schema
from marshmallow.exceptions import ValidationError

from shop.api.fields import (
    Amount,
    Count,
    DayOrMoment,
    Id,
    List,
    Moment,
    Nested,
    String,
    Text,
    at_most,
    number_between,
    one_of,
)
from shop.locales import LOCALES
from shop.models.catalogue import DeviceCategory
from shop.models.payment_policy import PayChoice
from shop.services.bookings import LONGEST_ADDRESS, LONGEST_PROBLEM, faults_of_parts
from shop.services.catalogue import LARGEST_PAGE
from shop.services.customers import LONGEST_EMAIL, LONGEST_NAME, LONGEST_PHONE
from shop.services.pricing import MOST_REPAIRS, SERVICE_TYPES, URGENCIES

# In the words of JavaScript too, for they stand in the document: there is no \Z.
_END = r"$(?!\n)"
CURRENCY = validate.Regexp(rf"^[A-Z]{{3}}{_END}", error=_l("Write the currency as three capital letters, such as GBP."))


def _about(description: str, **more) -> dict:
    return {"description": description, **more}


_REPAIRS = validate.Length(min=1, max=MOST_REPAIRS, error=_l("Send {min} to {max} of them."))


class Request(Schema):
    """What comes in: nothing but what is named."""

    error_messages = {"unknown": _l("There is no such field."), "type": _l("Send a JSON object.")}

    class Meta:
        unknown = RAISE


class Query(Request):
    """An empty value in a query string is the same as none."""

    lang = String(validate=one_of(LOCALES), metadata=_about("Language of names and messages, before Accept-Language."))

    @pre_load
    def drop_empty(self, data, **_):
        return {name: data[name] for name in data if data[name] != ""}


class DeviceQuery(Query):
    q = String(metadata=_about("Forgiving search in names and model numbers.", example="iphone 14"))
    brand = String(metadata=_about("Exactly this brand, in any case.", example="Apple"))
    category = String(validate=one_of([kind.value for kind in DeviceCategory]))
    limit = Count(load_default=20, validate=number_between(1, LARGEST_PAGE))
    cursor = String(metadata=_about("`next` of the page before."))


class Device(Schema):
    id = fields.Integer(required=True)
    brand = fields.String(required=True)
    category = fields.String(required=True)
    family = fields.String(required=True)
    name = fields.String(required=True)
    model_numbers = fields.List(fields.String(), required=True)
    release_year = fields.Integer(required=True, allow_none=True)


class DevicePage(Schema):
    items = fields.List(fields.Nested(Device), required=True)
    next = fields.String(required=True, allow_none=True, metadata=_about("Pass it as `cursor`; null on the last page."))


class CategoryQuery(Query):
    pass


class RepairType(Schema):
    id = fields.Integer(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    duration_minutes = fields.Integer(required=True)
    warranty_days = fields.Integer(required=True)


class Category(Schema):
    id = fields.Integer(required=True)
    slug = fields.String(required=True)
    name = fields.String(required=True)
    repair_types = fields.List(fields.Nested(RepairType), required=True)


class CategoryList(Schema):
    items = fields.List(fields.Nested(Category), required=True)


class SlotQuery(Query):
    service_type = String(load_default="in_store", validate=one_of(SERVICE_TYPES))
    start = DayOrMoment(
        data_key="from", metadata=_about("Day in the shop's zone, or time. Now, if left out.", example="2026-11-26")
    )
    end = DayOrMoment(
        data_key="to",
        ends=True,
        metadata=_about("Last day, or time before which slots begin. Two weeks on, if left out.", example="2026-11-28"),
    )

    @validates_schema
    def runs_forward(self, data, **_):
        if "start" in data and "end" in data and data["end"] < data["start"]:
            raise ValidationError(gettext("`to` lies before `from`."), "to")


class Slot(Schema):
    start = Moment(required=True)
    end = Moment(required=True)
    remaining = fields.Integer(required=True, metadata=_about("Places left; 0 when full."))


class SlotList(Schema):
    items = fields.List(fields.Nested(Slot), required=True)


class RepairChoice(Request):
    """Which repairs on which device, and how."""

    device_id = Id(required=True)
    repair_type_ids = List(Id(), required=True, validate=_REPAIRS)
    service_type = String(required=True, validate=one_of(SERVICE_TYPES))
    urgency = String(required=True, validate=one_of(URGENCIES))
    currency = String(load_default="GBP", validate=CURRENCY)


class PriceRequest(RepairChoice):
    at = Moment(metadata=_about("Price at this time; now, if left out."))


class PriceLine(Schema):
    label = fields.String(required=True)
    amount = fields.Integer(required=True, metadata=_about("Minor units."))


class Reason(Schema):
    rule = fields.String(required=True)
    effect = fields.String(required=True)
    amount = fields.Integer(required=True, metadata=_about("What the rule changed, in minor units."))


class Price(Schema):
    currency = fields.String(required=True)
    total = fields.Integer(required=True, metadata=_about("Minor units; the sum of the lines."))
    lines = fields.List(fields.Nested(PriceLine), required=True)
    explanation = fields.List(fields.Nested(Reason), required=True)
    valid_until = fields.String(required=True, metadata={"format": "date-time"})


class Customer(Request):
    name = Text(longest=LONGEST_NAME, required=True)
    email = Text(longest=LONGEST_EMAIL, required=True, metadata={"format": "email"})
    phone = Text(longest=LONGEST_PHONE, required=True, metadata=_about("National or with +; kept as +447700900418."))
    locale = String(load_default="en", metadata=_about("Language to write in: en or pt_BR."))


class BookingRequest(RepairChoice):
    slot_start = Moment(
        load_default=None,
        allow_none=True,
        metadata=_about("`start` of a slot. Needed for pickup; in store may do without; postal takes none."),
    )
    problem = Text(longest=LONGEST_PROBLEM, required=True)
    customer = Nested(Customer, required=True)
    address = String(
        load_default="", validate=at_most(LONGEST_ADDRESS), metadata=_about("Where to collect; for pickup.")
    )
    postcode = String(load_default="", validate=at_most(10), metadata=_about("For pickup."))
    pay = String(
        validate=one_of([way.value for way in PayChoice]),
        metadata=_about(
            "How it is paid: `later`, a `deposit` now or in `full` now. Left out, the first of these that is offered: "
            "`later`, or `deposit` for what is urgent. One that is not offered is refused."
        ),
    )

    def handle_error(self, error, data, **_):
        """What is well formed and still of no use is named in the same answer."""
        for field, text in faults_of_parts(error.valid_data or {}).items():
            error.messages.setdefault(field, [text])


def _idempotency_key(about: str) -> String:
    return String(
        data_key="Idempotency-Key",
        required=True,
        validate=validate.Regexp(rf"^[\x21-\x7e]{{1,255}}{_END}", error=_l("Send 1 to 255 visible ASCII characters.")),
        metadata=_about(about, maxLength=255),
    )


class BookingHeaders(Schema):
    key = _idempotency_key("New for each booking; the same when the same booking is sent again.")


class Booking(Schema):
    number = fields.String(required=True)
    status = fields.String(required=True)
    total = fields.Integer(required=True, metadata=_about("Minor units."))
    currency = fields.String(required=True)
    tracking_url = fields.String(required=True, metadata={"format": "uri"})
    due_now = fields.Integer(
        required=True, metadata=_about("Minor units that must be paid for the booking to hold; 0 where it holds.")
    )
    held_until = fields.String(
        required=True,
        allow_none=True,
        metadata=_about("Until then the place is kept for the payment; null where it holds.", format="date-time"),
    )
    pay_url = fields.String(
        required=True,
        allow_none=True,
        metadata=_about("Where the customer pays online; null where nothing can be paid.", format="uri"),
    )


_TOKEN = validate.Regexp(rf"^[A-Za-z0-9_-]{{16,32}}{_END}", error=_l("This is not a booking's token."))
_KEY = validate.Regexp(rf"^[0-9a-f]{{32}}{_END}", error=_l("This is not a payment's key."))
_LARGEST_AMOUNT = 10**12


class PaymentRequest(Request):
    """What is paid is the shop's own figure: an amount may be named to have it checked, and never sets it."""

    booking = String(
        required=True, validate=_TOKEN, metadata=_about("The booking: the last part of its `tracking_url`.")
    )
    purpose = String(
        load_default="full",
        validate=one_of(("deposit", "full", "balance", "hold")),
        metadata=_about("`deposit`, all that is still to be paid, or the `hold` that the shop asks for."),
    )
    amount = Amount(
        metadata=_about("Minor units. Another amount than ours is refused."),
        validate=number_between(1, _LARGEST_AMOUNT),
    )
    currency = String(validate=CURRENCY, metadata=_about("Another currency than the booking's is refused."))


class PaymentHeaders(Schema):
    key = _idempotency_key("New for each attempt; the same when the same attempt is sent again.")


class PaymentName(Request):
    booking = String(required=True, validate=_TOKEN, metadata=_about("The last part of its `tracking_url`."))
    payment = String(required=True, validate=_KEY, metadata=_about("`payment` of the attempt."))


class StripeConfirmation(PaymentName):
    payment_method = String(
        validate=validate.Regexp(rf"^pm_\w{{1,100}}{_END}", error=_l("This is not a payment method of Stripe's.")),
        metadata=_about("Pays with this method. Left out, what the customer did in the browser is looked at."),
    )


class Payment(Schema):
    payment = fields.String(required=True, metadata=_about("The attempt's key."))
    state = fields.String(
        required=True,
        metadata=_about("created, action_needed, processing, authorised, paid, failed or cancelled."),
    )
    amount = fields.Integer(required=True, metadata=_about("Minor units."))
    currency = fields.String(required=True)
    failure_code = fields.String(required=True, metadata=_about("The provider's own word for why it failed, or empty."))
    test = fields.Boolean(required=True, metadata=_about("True while no real money is taken."))


class StripePayment(Payment):
    payment_intent = fields.String(required=True)
    client_secret = fields.String(
        required=True, metadata=_about("For Stripe's element in the browser. Keep it nowhere.")
    )
    publishable_key = fields.String(required=True)


class PayPalPayment(Payment):
    order_id = fields.String(required=True)
    approve_url = fields.String(required=True, metadata=_about("Where the customer agrees, if there is no button."))
    client_id = fields.String(required=True)


class Taken(Schema):
    received = fields.Boolean(required=True)
