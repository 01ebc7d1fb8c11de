"""What twelve daily tasks cost a person: interactions, page loads and time, in a scripted browser.

Each task is played with the keyboard as a person who knows the keys would play it. An interaction is one key or
one click; the text of a search or a note is not counted, for it is the same everywhere. The time runs from the
last interaction to the moment when the result stands on the page, both by the clock of this machine.
"""

import math
import os
import shutil
from dataclasses import dataclass, field

from playwright.sync_api import Page, sync_playwright

from benchmarks import servers
from benchmarks.environment import Database
from benchmarks.hands import Hands
from benchmarks.servers import running
from benchmarks.session import EMAIL, PASSWORD
from benchmarks.tasks import TASKS, Facts, Tasks

_DESKTOP = {"width": 1280, "height": 800}


@dataclass
class Effort:
    """Of one task: interactions (all, and those after the search text) and page loads, the most of any run, and
    milliseconds to the result of each run."""

    task: str
    keys: str = ""
    interactions: int = 0
    after_text: int = 0
    loads: int = 0
    times: list[float] = field(default_factory=list)

    def p50(self) -> float:
        return sorted(self.times)[len(self.times) // 2]

    def p95(self) -> float:
        """By the nearest rank: of twenty runs the nineteenth."""
        return sorted(self.times)[math.ceil(0.95 * len(self.times)) - 1]


def measure(database: Database, *, runs: int) -> list[Effort]:
    """Every task `runs` times, in one browser of a manager, who may do all of them."""
    server = servers.shop(database, threads=30)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with running(server), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(base_url=server.url, viewport=_DESKTOP, locale="en-GB").new_page()
        _sign_in(page)
        tasks = Tasks(page, Facts.of(database, runs=runs + 1))
        efforts = [_play(words, task, path, tasks, runs) for words, (task, path) in TASKS.items()]
        browser.close()
    return efforts


def _sign_in(page: Page) -> None:
    page.goto("/login")
    page.fill("[name=email]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/**")


def _play(words: str, task, path: str, tasks: Tasks, runs: int) -> Effort:
    effort, facts = Effort(words), tasks.facts
    # The first run is not counted: the browser and the server load what they keep.
    for run in range(runs + 1):
        tasks.at(path.format(ticket=facts.batches[run][0], day=facts.days[run % len(facts.days)]))
        hands = Hands(tasks.page)
        effort.times.append(task(tasks, hands, run))
        hands.done()
        effort.interactions = max(effort.interactions, len(hands.pressed))
        effort.after_text = max(effort.after_text, len(hands.pressed) - hands.before_text)
        effort.loads = max(effort.loads, hands.loads)
        effort.keys = " ".join(hands.pressed)
    effort.times.pop(0)
    print(f"{words:30} {effort.interactions} keys, {effort.loads} loads, {effort.p95():.0f} ms", flush=True)
    return effort
