"""The twelve daily tasks, as a technician (and, for bookings, the front desk) plays them with the keyboard."""

import time
from dataclasses import dataclass

from playwright.sync_api import Page

from benchmarks.environment import Database
from benchmarks.hands import Hands

DIALOG = "document.querySelector('#dialogs dialog[open]')"
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
    # The day of each run's appointment that may be moved, as the calendar's address names it.
    days: list[str]

    @classmethod
    def of(cls, database: Database, *, runs: int) -> "Facts":
        with database.connect() as connection:
            ask = lambda query: connection.execute(query, [runs]).fetchall()  # noqa: E731
            # Invented mobile numbers are few, so hundreds share each: nobody's shop looks like that.
            phones = ask(
                "SELECT c.phone, c.name FROM customers c JOIN repairs r ON r.customer_id = c.id "
                "WHERE c.phone <> '' AND c.phone NOT LIKE '+447700%%' ORDER BY r.id %% 7919, r.id DESC LIMIT %s"
            )
            imeis = ask(
                "SELECT d.imei, r.number FROM devices d JOIN repairs r ON r.device_id = d.id "
                "WHERE d.imei <> '' ORDER BY r.id %% 7919, r.id DESC LIMIT %s"
            )
            names = ask("SELECT name FROM customers ORDER BY id %% 7919, id DESC LIMIT %s")
            # Told to nobody by a test: twenty at a time that may go to Ready.
            checked = connection.execute(
                "UPDATE repairs SET status = 'quality_check', waiting_on = 'us' WHERE id IN "
                "(SELECT id FROM repairs WHERE is_open AND status <> 'expected' ORDER BY id LIMIT %s) RETURNING number",
                [20 * runs],
            ).fetchall()
            days = ask(
                "SELECT to_char(s.starts_at, 'YYYY-MM-DD') FROM bookings b JOIN slots s ON s.id = b.slot_id "
                "JOIN repairs r ON r.id = b.repair_id WHERE r.status = 'expected' AND s.starts_at > now() "
                "AND s.service_type = 'in_store' GROUP BY 1 ORDER BY count(*) DESC LIMIT %s"
            )
        numbers = sorted(row[0] for row in checked)
        batches = [numbers[place * 20 : place * 20 + 20] for place in range(runs)]
        return cls(phones, imeis, [row[0] for row in names], batches, [row[0] for row in days])


class Tasks:
    """Each task gives the milliseconds to its result; `STARTS` says on which page it begins."""

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
        first, _, last = self.facts.names[run].partition(" ")
        half = f"{first} {last[:2]}"
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

    def ready_twenty(self, hands: Hands, run: int) -> float:
        hands.press("/")
        hands.type(" ".join(self.facts.batches[run]))
        hands.press("Enter")
        hands.wait("!document.getElementById('selection-bar').hidden")
        hands.press("s")
        hands.wait(f"{DIALOG} && document.activeElement.matches('[value=ready]')")
        hands.press("Enter")
        hands.wait("document.activeElement.matches('#dialogs button[data-safe]')")
        hands.press("Enter")
        return hands.shown("document.querySelectorAll('[data-repair][data-status=ready]').length === 20")

    def move_a_booking(self, hands: Hands, _run: int) -> float:
        hands.press("j")
        entry = f"document.getElementById('{self.page.evaluate('document.activeElement.id')}').dataset.at"
        before = self.page.evaluate(entry)
        hands.press("m")
        hands.wait(f"{DIALOG} && document.activeElement.matches('[name=slot_start]')")
        hands.press("Enter")
        return hands.shown(f"{entry} !== '{before}'")

    def undo(self, hands: Hands, _run: int) -> float:
        """After a change of status, which is not counted: it is the mistake."""
        self.page.keyboard.press("j")
        number = self._at_cursor()
        self.page.keyboard.press("s")
        hands.wait(DIALOG)
        self.page.keyboard.press("Enter")
        hands.wait(of_status(number, "quality_check"))
        hands.press("z")
        return hands.shown(of_status(number, "in_repair"))


QUEUE = "/admin/repairs/?view=open"
# Words of the table -> the task and the page on which it begins; {ticket} and {day} are those of the run.
TASKS = {
    "Take next": (Tasks.take_next, QUEUE),
    "Change the status": (Tasks.change_status, "/admin/repairs/?status=in_repair"),
    "Assign": (Tasks.assign, "/admin/repairs/?view=unassigned"),
    "Add a note": (Tasks.add_note, "/admin/repairs/{ticket}"),
    "Find a ticket by phone": (Tasks.find_by_phone, QUEUE),
    "Find a ticket by IMEI": (Tasks.find_by_imei, QUEUE),
    "Find a ticket by half a name": (Tasks.find_by_half_a_name, QUEUE),
    "Make 20 tickets ready": (Tasks.ready_twenty, QUEUE),
    "Move a booking": (Tasks.move_a_booking, "/admin/calendar/?view=week&day={day}"),
    "Check the load": (Tasks.check_load, QUEUE),
    "Undo a mistake": (Tasks.undo, "/admin/repairs/?status=in_repair"),
    "See what is late": (Tasks.see_what_is_late, QUEUE),
}
