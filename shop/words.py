"""The shop's words for customers: one table for each thing that has a short name in the data."""

from datetime import date, datetime
from urllib.parse import urlencode

from babel.dates import get_day_names
from flask import Flask
from flask_babel import format_date, get_locale, gettext, to_user_timezone
from flask_babel import lazy_gettext as _l

from shop.models.catalogue import DeviceCategory
from shop.models.device_index import DeviceCard
from shop.models.location import Location
from shop.models.money import Money, format_money
from shop.models.price_engine import PriceLine
from shop.models.repair import Repair, RepairLine
from shop.services import pricing
from shop.services.statuses import STATUSES, CustomerStatus

CATEGORIES = {
    DeviceCategory.SMARTPHONE: _l("Phones"),
    DeviceCategory.TABLET: _l("Tablets"),
    DeviceCategory.LAPTOP: _l("Laptops"),
    DeviceCategory.DESKTOP: _l("Desktops and custom builds"),
    DeviceCategory.CONSOLE: _l("Consoles"),
    DeviceCategory.WEARABLE: _l("Watches"),
}

CATEGORY_ICONS = {
    DeviceCategory.SMARTPHONE: "smartphone",
    DeviceCategory.TABLET: "tablet",
    DeviceCategory.LAPTOP: "laptop",
    DeviceCategory.DESKTOP: "monitor",
    DeviceCategory.CONSOLE: "gamepad-2",
    DeviceCategory.WEARABLE: "watch",
}

SERVICES = {"in_store": _l("In store"), "pickup": _l("Pick-up"), "postal": _l("Post")}
SERVICE_ICONS = {"in_store": "store", "pickup": "bike", "postal": "package"}
URGENCIES = {"standard": _l("Standard"), "express": _l("Express"), "same_day": _l("Same day")}
URGENCY_NOTES = {
    "standard": _l("Within three working days"),
    "express": _l("Within one working day"),
    "same_day": _l("By closing time of the day we have it"),
}


def month_words(day: date) -> str:
    """November: the head of the strip of days."""
    return format_date(day, "LLLL").capitalize()


def weekday_words(day: date) -> str:
    return format_date(day, "EEE").rstrip(".")


def day_words(day: date) -> str:
    return format_date(day, gettext("EEEE d MMMM"))


def weekday_full(day: date) -> str:
    """Thursday"""
    return format_date(day, "EEEE").capitalize()


def short_day(day: date) -> str:
    """Thu 26 Nov: a day among others."""
    return format_date(day, gettext("EEE d MMM"))


def whole_money(money: Money) -> str:
    """£189 where there are no pence."""
    return format_money(money, str(get_locale() or "en_GB"), whole=True)


def line_pair(line: PriceLine | RepairLine) -> tuple[str, Money]:
    """A line of a price or of a repair as (msgid, money)."""
    amount = line.amount
    return line.label, amount if isinstance(amount, Money) else Money(amount, line.repair.currency)


def total_money(repair: Repair) -> Money:
    return Money(repair.total, repair.currency)


def map_url(location: Location) -> str:
    return "https://www.openstreetmap.org/search?" + urlencode({"query": location.address})


def weekday_name(moment: datetime) -> str:
    return format_date(to_user_timezone(moment), "EEEE")


def opening_words(location: Location) -> str:
    """Monday to Saturday, 09:00 to 18:30: neighbouring days with the same hours in one."""
    groups: list[list] = []
    for weekday, periods in enumerate(location.hours.week):
        if groups and groups[-1][2] == periods:
            groups[-1][1] = weekday
        else:
            groups.append([weekday, weekday, periods])
    return "; ".join(_hours_words(*group) for group in groups if group[2])


def _hours_words(first: int, last: int, periods) -> str:
    names = get_day_names("wide", locale=get_locale() or "en")
    days = gettext("%(first)s to %(last)s", first=names[first], last=names[last]) if first != last else names[first]
    times = ", ".join(
        gettext("%(opens)s to %(closes)s", opens=f"{opens:%H:%M}", closes=f"{closes:%H:%M}")
        for opens, closes in periods
    )
    return f"{days[:1].upper()}{days[1:]}, {times}"


def status_of(state: str) -> CustomerStatus:
    return STATUSES[state]


def device_note(card: DeviceCard) -> str:
    """2022, 6.1″. A2650, A2889: what tells this model from its sisters."""
    size = card.specs.get("screen_in")
    facts = ", ".join(str(fact) for fact in (card.release_year, f"{size}″" if size else None) if fact)
    numbers = ", ".join(number for number in card.model_numbers if "," not in number and len(number) < 14)
    return ". ".join(part for part in (facts, _short(numbers)) if part)


def _short(numbers: str) -> str:
    return numbers if len(numbers) <= 40 else numbers[:40].rpartition(",")[0]


def _table(words: dict):
    return lambda key: words.get(key, key)


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(
        category_words=_table(CATEGORIES),
        device_icon=_table(CATEGORY_ICONS),
        service_words=_table(SERVICES),
        service_icon=_table(SERVICE_ICONS),
        urgency_words=_table(URGENCIES),
        urgency_note=_table(URGENCY_NOTES),
        month_words=month_words,
        weekday_words=weekday_words,
        day_words=day_words,
        short_day=short_day,
        weekday_full=weekday_full,
        weekday_name=weekday_name,
        opening_words=opening_words,
        map_url=map_url,
        total_money=total_money,
        status_of=status_of,
        whole_money=whole_money,
        line_pair=line_pair,
        device_note=device_note,
        present=pricing.present,
    )
