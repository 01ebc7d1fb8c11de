"""Ports for servers that tests start: a range of its own for each test process, below the system's own choices."""

import os

_FIRST = int(os.environ.get("TEST_PORT", "21000"))
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw9")


def port(offset: int) -> int:
    """The `offset`-th of a hundred ports that no other test process uses."""
    digits = "".join(filter(str.isdigit, _WORKER)) or "9"
    return _FIRST + 100 * (int(digits) % 20) + offset
