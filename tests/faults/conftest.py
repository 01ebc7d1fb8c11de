"""What the fault tests share: a seed that is printed and can be given again, and the length of the run."""

import os
import random
import secrets

import pytest

from tests.payments import iphone, simulator, till, verbs  # noqa: F401


def pytest_collection_modifyitems(items):
    for item in items:
        if "/faults/" in str(item.path):
            item.add_marker(pytest.mark.faults)


@pytest.fixture
def is_full() -> bool:
    """True in the long form, `make faults`."""
    return os.environ.get("FAULTS") == "full"


@pytest.fixture
def dice():
    """Chance that can be played again: FAULTS_SEED=… pytest …"""
    seed = int(os.environ.get("FAULTS_SEED") or secrets.randbits(32))
    print(f"\nFAULTS_SEED={seed}")  # noqa: T201 - shown with a failure
    return random.Random(seed)


@pytest.fixture
def figures(capsys, request):
    """`figures(name=value, …)`: a line of the table in docs/reliability.md, shown in the long form only."""

    def show(**values) -> None:
        if os.environ.get("FAULTS") == "full":
            facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
            with capsys.disabled():
                print(f"\n| {request.node.name} | {facts} |")  # noqa: T201

    return show
