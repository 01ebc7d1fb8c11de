"""A browser in words, for people who look for one that is not theirs."""

import re

# First match wins: most browsers also claim to be others.
_BROWSERS = (
    ("Edge", r"Edg(e|A|iOS)?/"), ("Opera", r"OPR/"), ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/|HeadlessChrome/"), ("Safari", r"Safari/"), ("curl", r"^curl/"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", r"iPhone"), ("iPad", r"iPad"), ("Android", r"Android"), ("Windows", r"Windows"),
    ("macOS", r"Mac OS X"), ("ChromeOS", r"CrOS"), ("Linux", r"Linux"),
)  # fmt: skip


def browser_words(agent: str) -> str:
    """Such as `Firefox on Windows`. What is not known is said so."""
    browser, system = _first(_BROWSERS, agent), _first(_SYSTEMS, agent)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or "Unknown browser"


def _first(names, agent: str) -> str:
    return next((name for name, pattern in names if re.search(pattern, agent)), "")
