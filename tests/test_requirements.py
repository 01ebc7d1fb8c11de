"""Every package that gets installed has its exact version written down, so that next year's install is today's."""

import re
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def pinned(*names: str) -> set[str]:
    lines = [
        line for name in names for line in (ROOT / name).read_text().splitlines() if line[:1] not in {"", "#", "-"}
    ]
    assert all("==" in line for line in lines)
    return {canonical(Requirement(line).name) for line in lines}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def brought_along(wanted: list[Requirement], known: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """(package, extra) of everything that these need here, all the way down."""
    for one in wanted:
        for extra in {"", *one.extras}:
            if (canonical(one.name), extra) not in known:
                known.add((canonical(one.name), extra))
                brought_along([need for need in needs(one.name) if applies(need, extra)], known)
    return known


def needs(name: str) -> list[Requirement]:
    return [Requirement(text) for text in requires(name) or ()]


def applies(need: Requirement, extra: str) -> bool:
    return need.marker is None or need.marker.evaluate({"extra": extra})


def test_everything_that_is_installed_has_its_version_written_down():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    named = [Requirement(line) for line in lines if line[:1] not in {"", "#", "-"}]

    installed = {name for name, _ in brought_along(named, set())}

    assert installed - pinned("requirements.txt", "constraints.txt") == set()


def test_what_is_named_is_not_constrained_a_second_time():
    assert pinned("requirements.txt", "requirements-dev.txt") & pinned("constraints.txt") == set()
