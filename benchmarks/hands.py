"""The hands of a person at the keyboard: each key is an interaction, and the clock runs from the last one."""

import time

from playwright.sync_api import Page

# Milliseconds since 1970 in the page once `ready` holds; asked at every frame, so to a sixtieth of a second.
_NOW_IF = "() => {{ try {{ return ({ready}) ? performance.timeOrigin + performance.now() : 0 }} catch {{ return 0 }} }}"
_PATIENCE_MS = 20_000


class Hands:
    """Plays one run of one task and counts what it takes."""

    def __init__(self, page: Page):
        self.page, self.pressed, self.loads, self._acted_at = page, [], 0, 0.0
        # How many interactions there were before the last text was typed.
        self.before_text = 0
        page.on("domcontentloaded", self._count)

    def press(self, *keys: str) -> None:
        """One interaction each."""
        for key in keys:
            self.pressed.append(key)
            self._acted_at = time.time() * 1000
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Text that is not counted: a name, a number, a note."""
        self.before_text = len(self.pressed)
        self.page.keyboard.insert_text(text)

    def search(self, text: str) -> None:
        """Text whose last letter brings the result."""
        self.before_text = len(self.pressed)
        self.page.keyboard.insert_text(text[:-1])
        self._acted_at = time.time() * 1000
        self.page.keyboard.type(text[-1])

    def wait(self, ready: str) -> None:
        """Until the page is where the next key belongs, and a moment more: a person looks before pressing."""
        self._moment(ready)
        self.page.wait_for_timeout(100)

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
