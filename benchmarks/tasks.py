"""The twelve daily tasks, as a technician (and, for bookings, the front desk) plays them with the keyboard."""

import time
from dataclasses import dataclass

from playwright.sync_api import Page

from benchmarks.effort import Hands
from benchmarks.environment import Database

DIALOG = "document.querySelector('#dialogs dialog[open]')"
TOAST = "document.querySelector('#toasts .toast')"
LIVE = "[data-connection=live]"


def of_status(number: str, status: str) -> str:
    return f"document.querySelector('[data-repair=\"{number}\"]').dataset.status === '{status}'"


@dataclass(frozen=True)
class Facts:
    """What the tasks look for, one for each run."""

    phones: list[tuple[str, str]]
    imeis: list[tuple[str, str]]
    names: list[str]
    batches: list[list[str]]

    @classmethod
    def of(cls, database: Database, *, runs: int) -> "Facts":
        with database.connect() as connection:
            ask = lambda query: connection.execute(query, [runs]).fetchall()  # noqa: E731
            phones = ask(
                "SELECT c.phone, c.name FROM customers c JOIN repairs r ON r.customer_id = c.id "
                "WHERE c.phone <> '' ORDER BY r.id %% 7919, r.id DESC LIMIT %s"
            )
            imeis = ask(
                "SELECT d.imei, r.number FROM devices d JOIN repairs r ON r.device_id = d.id "
                "WHERE d.imei <> '' ORDER BY r.id %% 7919, r.id DESC LIMIT %s"
            )
            names = ask("SELECT name FROM customers ORDER BY id %% 7919, id DESC LIMIT %s")
            # Told to nobody by a test: twenty at a time that may go to Ready.
            checked = connection.execute(
                "UPDATE repairs SET status = 'quality_check', waiting_on = 'us' WHERE id IN "
                "(SELECT id FROM repairs WHERE is_open ORDER BY id LIMIT %s) RETURNING number",
                [20 * runs],
            ).fetchall()
        numbers = sorted(row[0] for row in checked)
        batches = [numbers[place * 20 : place * 20 + 20] for place in range(runs)]
        return cls(phones, imeis, [row[0] for row in names], batches)


class Tasks:
    """`begin_…` puts the page where the task starts; the task itself gives milliseconds to its result."""

    def __init__(self, page: Page, facts: Facts):
        self.page, self.facts = page, facts

    def at(self, path: str) -> None:
        self.page.goto(path)
        self.page.wait_for_selector(LIVE, state="attached")

    def _at_cursor(self) -> str:
        return self.page.evaluate("document.querySelector('[data-cursor]').dataset.repair")

    def take_next(self, hands: Hands, _run: int) -> float:
        hands.press("t")
        return hands.shown(DIALOG)

    def change_status(self, hands: Hands, _run: int) -> float:
        hands.press("j")
        number = self._at_cursor()
        hands.press("s")
        hands.wait(DIALOG)
        hands.press("Enter")
        return hands.shown(of_status(number, "quality_check"))

    def assign(self, hands: Hands, _run: int) -> float:
        hands.press("j")
        row = f"document.querySelector('[data-repair=\"{self._at_cursor()}\"]')"
        hands.press("a")
        hands.wait(DIALOG)
        hands.press("Enter")
        return hands.shown(f"!{row}.querySelector('.avatar-none')")

    def add_note(self, hands: Hands, run: int) -> float:
        hands.press("n")
        hands.wait("document.activeElement.matches('textarea')")
        words = f"Rang {time.time():.3f}, no answer. Try after five."
        hands.type(words)
        hands.press("Tab", "Enter")
        return hands.shown(
            f"[...document.querySelectorAll('.notes, main')].some((one) => one.innerText.includes({words!r}))"
        )

    def find_by_phone(self, hands: Hands, run: int) -> float:
        phone, name = self.facts.phones[run]
        hands.press("/")
        hands.type(phone)
        hands.press("Enter")
        return hands.shown(f"document.querySelector('main').innerText.includes({name!r})")

    def find_by_imei(self, hands: Hands, run: int) -> float:
        imei, number = self.facts.imeis[run]
        hands.press("/")
        hands.type(imei)
        hands.press("Enter")
        return hands.shown(f"document.querySelector('main').innerText.includes({number!r})")

    def find_by_half_a_name(self, hands: Hands, run: int) -> float:
        name = self.facts.names[run]
        half = name[: len(name) // 2 + 1].strip()
        hands.press("Control+k")
        hands.wait("document.activeElement.getAttribute('role') === 'combobox'")
        hands.search(half)
        option = "[...document.querySelectorAll('[role=option]')]"
        return hands.shown(f"{option}.some((one) => one.innerText.toLowerCase().includes({half.lower()!r}))")

    def see_what_is_late(self, hands: Hands, _run: int) -> float:
        hands.press("2")
        return hands.shown("document.querySelector('.tab[aria-current]')?.innerText.startsWith('Late')")

    def check_load(self, hands: Hands, _run: int) -> float:
        hands.press("Control+k")
        hands.wait("document.activeElement.getAttribute('role') === 'combobox'")
        hands.type(">load")
        hands.wait("document.querySelector('[role=option]')?.innerText.includes('Load')")
        hands.press("Enter")
        return hands.shown("document.querySelector('h1')?.innerText === 'Load'")
