"""A visitor who fills in the wizard, as a browser without JavaScript would."""

import html
import re
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shop.models.base import utc_now
from shop.models.catalogue import RepairType
from shop.services import catalogue, slots
from tests import factories

LEILA = {"name": "Leila Haddad", "email": "leila@example.com", "phone": "07700 900418", "locale": "en"}


@dataclass
class Visitor:
    """Every method sends one form and gives the answer; `token` is the draft's."""

    client: FlaskClient
    token: str = ""

    def page(self, step: str, **options) -> TestResponse:
        return self.client.get(f"/book/{self.token}/{step}", **options)

    def send(self, step: str, **answers) -> TestResponse:
        return self.client.post(f"/book/{self.token}/{step}", data={"act": "continue", **answers})

    def refresh(self, step: str, **answers) -> TestResponse:
        """What htmx sends when a choice changes."""
        return self.client.post(f"/book/{self.token}/{step}", data=answers, headers={"HX-Request": "true"})

    def choose_device(self, name: str = "iPhone 14 Pro") -> TestResponse:
        answer = self.client.post("/book/", data={"device_id": device_id(name)})
        self.token = answer.headers["Location"].split("/")[2]
        return answer

    def choose_faults(self, *slugs: str, problem: str = "It fell on the stairs") -> TestResponse:
        ids = [repair_type(slug).id for slug in slugs or ("phone-display-original",)]
        return self.send("fault", repair_type_ids=ids, problem=problem)

    def choose_service(self, place: int = 0, **answers) -> TestResponse:
        return self.send("service", **{"service_type": "in_store", "slot": self.free_slots()[place], **answers})

    def give_details(self, **details) -> TestResponse:
        return self.send("details", **{**LEILA, **details})

    def book(self, **answers) -> TestResponse:
        total = answers.pop("total", None) or self.shown_total()
        return self.send("review", **{"terms": "y", "total": total, **answers})

    def come_to(self, step: str, *, locale: str = "en") -> "Visitor":
        """Answers everything before `step`."""
        way = {
            "fault": self.choose_device, "service": self.choose_faults, "details": self.choose_service,
            "review": lambda: self.give_details(locale=locale), "confirmed": self.book,
        }  # fmt: skip
        for goal, answer in way.items():
            assert answer().status_code == 303
            if goal == step:
                break
        return self

    def free_slots(self) -> list[str]:
        """Of the first open day after today: at any hour it has all of its times."""
        page = self.page("service", query_string={"day": next_open_day().isoformat()})
        found = re.findall(r'name="slot" value="([^"]+)"(?![^>]*disabled)', page.text)
        return [html.unescape(value) for value in found]

    def shown_total(self) -> str:
        return re.search(r'name="total" value="(\d+)"', self.page("review").text)[1]


def next_open_day() -> date:
    location, now = factories.location(), utc_now()
    zone = ZoneInfo(location.zone)
    views = slots.list_slots(location, "in_store", start=now, end=now + timedelta(days=7))
    days = (view.start.astimezone(zone).date() for view in views)
    return next(day for day in days if day > now.astimezone(zone).date())


def device_id(name: str) -> int:
    return next(card.id for card in catalogue.search_devices(name).items if card.name == name)


def repair_type(slug: str) -> RepairType:
    return next(kind for kind in catalogue.list_repair_types() if kind.slug == slug)
