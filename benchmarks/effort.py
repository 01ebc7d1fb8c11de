"""What twelve daily tasks cost a person: interactions, page loads and time, in a scripted browser.

Each task is played with the keyboard as a person who knows the keys would play it. An interaction is one key or
one click; the text of a search or a note is not counted, for it is the same everywhere. The time runs from the
last interaction to the moment when the result stands on the page, both by the clock of this machine.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page

# Milliseconds since 1970 in the page once `ready` holds; asked at every frame, so to a sixtieth of a second.
_NOW_IF = "() => {{ try {{ return ({ready}) ? performance.timeOrigin + performance.now() : 0 }} catch {{ return 0 }} }}"
_PATIENCE_MS = 20_000


@dataclass
class Effort:
    """Of one task: interactions and page loads, the same at every run, and milliseconds to the result of each run."""

    task: str
    keys: str = ""
    interactions: int = 0
    loads: int = 0
    times: list[float] = field(default_factory=list)

    def p50(self) -> float:
        return sorted(self.times)[len(self.times) // 2]

    def p95(self) -> float:
        return sorted(self.times)[int(0.95 * len(self.times))]


class Hands:
    """Plays one run of one task and counts what it takes."""

    def __init__(self, page: Page):
        self.page, self.pressed, self.loads, self._acted_at = page, [], 0, 0.0
        page.on("domcontentloaded", self._count)

    def press(self, *keys: str) -> None:
        """One interaction each."""
        for key in keys:
            self.pressed.append(key)
            self._acted_at = time.time() * 1000
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Text that is not counted: a name, a number, a note."""
        self.page.keyboard.insert_text(text)

    def search(self, text: str) -> None:
        """Text whose last letter brings the result."""
        self.page.keyboard.insert_text(text[:-1])
        self._acted_at = time.time() * 1000
        self.page.keyboard.type(text[-1])

    def wait(self, ready: str) -> None:
        """Until the page is where the next key belongs: a person looks before pressing."""
        self._moment(ready)

    def shown(self, ready: str) -> float:
        """Milliseconds from the last interaction until `ready`, a JavaScript expression, holds."""
        return self._moment(ready) - self._acted_at

    def done(self) -> None:
        """The end of the run; news of page loads that are on their way are waited for."""
        self.page.wait_for_timeout(50)
        self.page.remove_listener("domcontentloaded", self._count)

    def _moment(self, ready: str) -> float:
        handle = self.page.wait_for_function(_NOW_IF.format(ready=ready), polling="raf", timeout=_PATIENCE_MS)
        return handle.json_value()

    def _count(self, _page) -> None:
        self.loads += 1


Play = Callable[[Hands, int], float]


def play(page: Page, tasks: dict[str, tuple[Callable[[int], None], Play]], *, runs: int) -> list[Effort]:
    """`tasks`: name -> (what puts the page where the task begins, the task itself)."""
    efforts = []
    for name, (begin, task) in tasks.items():
        effort = Effort(name)
        for run in range(runs):
            begin(run)
            hands = Hands(page)
            effort.times.append(task(hands, run))
            hands.done()
            effort.interactions = max(effort.interactions, len(hands.pressed))
            effort.loads = max(effort.loads, hands.loads)
            effort.keys = " ".join(hands.pressed)
        efforts.append(effort)
        print(f"{name:28} {effort.interactions} keys, {effort.loads} loads, {effort.p95():.0f} ms", flush=True)
    return efforts
