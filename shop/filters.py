"""How values are written for people. Formatting happens here, at the edge, and nowhere else.

Date patterns are msgids: another language puts its own words between day and month.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from flask import Flask
from flask_babel import format_date, format_datetime, format_time, get_locale, gettext, to_user_timezone

from shop.models.base import utc_now
from shop.models.location import short_name
from shop.models.money import Money, format_money
from shop.services.catalogue import highlighted, translated
from shop.services.clock import local_datetime, zone_mark


def money(amount: int | Money, currency: str = "GBP") -> str:
    """Minor units and a currency, as the reader's language writes them."""
    value = amount if isinstance(amount, Money) else Money(amount, currency)
    return format_money(value, str(get_locale() or "en_GB"))


def moment(text: str | None) -> datetime | None:
    """A moment as the log writes it."""
    return datetime.fromisoformat(text) if text else None


def local_date(moment: datetime | None) -> str:
    return format_date(to_user_timezone(moment), gettext("EEE d MMM")) if moment else ""


def long_date(moment: datetime | None) -> str:
    return format_date(to_user_timezone(moment), gettext("EEEE d MMMM")) if moment else ""


def day_month(moment: datetime | None) -> str:
    """8 December: a date in running text."""
    return format_date(to_user_timezone(moment), gettext("d MMMM")) if moment else ""


def month_short(moment: datetime) -> str:
    """Nov: a month on an axis."""
    return format_date(to_user_timezone(moment), "LLL")


def local_time(moment: datetime | None) -> str:
    """15:00; of an hour that comes twice also which one, 01:30 GMT."""
    return format_time(moment, "HH:mm") + zone_mark(moment) if moment else ""


def ago(moment: datetime | None) -> str:
    """How long ago, in the shortest words: just now, 5 min, 3 h, 2 d."""
    if moment is None:
        return ""
    return short_span(utc_now() - moment)


def short_span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return gettext("just now")
    if minutes < 60:
        return gettext("%(n)d min", n=minutes)
    if minutes < 48 * 60:
        return gettext("%(n)d h", n=minutes // 60)
    return gettext("%(n)d d", n=minutes // (24 * 60))


def label_time(moment: datetime) -> str:
    """Tue 24 15:00: as short as a label is narrow."""
    return format_datetime(moment, "EEE d HH:mm") + zone_mark(moment)


def due_words(moment: datetime) -> str:
    """Today 16:00, Wed 25, 12:00 or Overdue by a span: the fact that a queue row leads with."""
    now = utc_now()
    if moment < now:
        return gettext("Overdue %(span)s", span=short_span(now - moment))
    local, today = to_user_timezone(moment), to_user_timezone(now).date()
    clock = local_time(moment)
    if local.date() == today:
        return gettext("Today %(time)s", time=clock)
    return f"{format_date(local, 'EEE d MMM')}, {clock}"


def marked(text: str, words: Sequence[str]) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is one of the words that were looked for; for `<mark>`."""
    wanted = "|".join(re.escape(word) for word in words if word)
    pieces = re.split(f"({wanted})", text, flags=re.IGNORECASE) if wanted else [text]
    return [(piece, place % 2 == 1) for place, piece in enumerate(pieces) if piece]


def init_app(app: Flask) -> None:
    for function in (
        money, moment, local_datetime, local_date, long_date, day_month, month_short, local_time, ago, due_words,
        translated, highlighted, marked, short_name, label_time, zone_mark,
    ):  # fmt: skip
        app.jinja_env.filters[function.__name__] = function
    app.jinja_env.globals["get_locale"] = get_locale
    # Said on every page.
    app.jinja_env.globals["test_mode"] = not app.config["SETTINGS"].ENABLE_REAL_PAYMENTS
