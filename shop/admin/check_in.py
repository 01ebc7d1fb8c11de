"""Check-in at the counter: a walk-in becomes a ticket in under a minute, by keyboard alone."""

from flask import flash, redirect, request, url_for
from flask_admin import Admin, expose
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import current_user

from shop.admin.access import requires
from shop.admin.console import ConsoleView, show
from shop.extensions import db
from shop.models.errors import Invalid
from shop.services import catalogue, check_ins
from shop.services.check_ins import CheckIn
from shop.services.customers import CustomerDetails
from shop.services.locations import list_locations
from shop.services.pricing import URGENCIES
from shop.words import URGENCIES as URGENCY_WORDS

MOST_DEVICES = 4
_TEXTS = ("phone", "email", "name", "device", "problem", "place")
_LONGEST = 6_000


class CheckInView(ConsoleView):
    @expose("/", methods=["GET", "POST"])
    @requires("repair.check_in")
    def index(self):
        typed = _typed()
        if request.method == "GET" or request.form.get("look"):
            return _page(typed)
        try:
            repair = check_ins.check_in(_request(typed), _branch(typed["location"]), actor=current_user.actor)
        except Invalid as error:
            db.session.rollback()
            return _page(typed, faults=error.fields, status=422)
        number = repair.number
        db.session.commit()
        flash(_("%(number)s is checked in", number=number), "success")
        return redirect(url_for("repairs.ticket", number=number), 303)

    @expose("/known")
    @requires("repair.check_in")
    def known(self):
        """The choices that what is typed so far leads to: who it may be, and what device."""
        return _page(_typed(), block="check_in_choices")


def _typed() -> dict[str, str]:
    values = request.values
    typed = {name: values.get(name, "").replace("\x00", "")[:_LONGEST] for name in _TEXTS}
    typed |= {name: values.get(name, "").strip()[:20] for name in ("customer_id", "device_id", "urgency", "locale")}
    # A choice holds for the words that it was offered for: who types on has not chosen from the new list yet.
    if values.get("seen_device", typed["device"]) != typed["device"]:
        typed["device_id"] = ""
    if values.get("seen_who", who_of(typed)) != who_of(typed):
        typed["customer_id"] = ""
    return typed | {"location": values.get("location", "").strip()[:40]}


def who_of(typed: dict[str, str]) -> str:
    """What the list of customers on file was made of."""
    return "|".join(typed[name] for name in ("phone", "email", "name"))


def _request(typed: dict[str, str]) -> CheckIn:
    return CheckIn(
        details=CustomerDetails(
            typed["name"], typed["email"], typed["phone"], typed["locale"] or str(get_locale() or "en")
        ),
        device_label=typed["device"], problem=typed["problem"], place=typed["place"],
        customer_id=_key(typed["customer_id"]), device_id=_key(typed["device_id"]),
        urgency=typed["urgency"] or URGENCIES[0],
    )  # fmt: skip


def _key(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _branch(slug: str):
    found = list_locations()
    return next((one for one in found if one.slug == slug), found[0])


def _page(typed: dict[str, str], *, faults=None, status: int = 200, block: str | None = None):
    known = check_ins.find_known(phone=typed["phone"], email=typed["email"], name=typed["name"])
    devices = catalogue.search_devices(typed["device"], limit=MOST_DEVICES).items if typed["device"].strip() else ()
    likely = known[0].id if len(known) == 1 and check_ins.is_called(known[0], typed["name"]) else None
    return show(
        "admin/check_in/page.html", block, status=status,
        typed=typed, known=known, likely=likely, devices=devices, faults=faults or {}, urgencies=URGENCY_WORDS.items(),
        branches=list_locations(), who=who_of(typed),
    )  # fmt: skip


def init_app(admin: Admin) -> None:
    admin.add_view(CheckInView("Check-in", path="check-in"))
