"""How the time that customers can book is cut, and how many places there are in each piece: data of a branch."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import time


@dataclass(frozen=True, slots=True)
class Grid:
    """How one service type cuts the opening hours. `lunch` is the capacity while half the counter eats."""

    minutes: int
    capacity: int
    lunch: int
    lunch_from: time = time(12)
    lunch_to: time = time(14)

    def capacity_at(self, local: time) -> int:
        return self.lunch if self.lunch_from <= local < self.lunch_to else self.capacity


# Parcels come when the post comes, so postal has no slots.
DEFAULTS = {"in_store": Grid(minutes=30, capacity=4, lunch=2), "pickup": Grid(minutes=120, capacity=3, lunch=2)}
SLOTTED = tuple(DEFAULTS)


def dumps(grids: dict[str, Grid]) -> str:
    """Only what differs from the defaults."""
    kept = {
        service: {name: _plain(value) for name, value in asdict(grid).items() if value != getattr(default, name)}
        for service, default in DEFAULTS.items()
        if (grid := grids.get(service, default)) != default
    }
    return json.dumps(kept, sort_keys=True)


def loads(text: str) -> dict[str, Grid]:
    """The grid of every service type that has one."""
    stored = json.loads(text or "{}")
    return {service: replace(grid, **_typed(stored.get(service, {}))) for service, grid in DEFAULTS.items()}


def _plain(value: int | time) -> int | str:
    return f"{value:%H:%M}" if isinstance(value, time) else value


def _typed(stored: dict) -> dict:
    return {name: time.fromisoformat(value) if isinstance(value, str) else value for name, value in stored.items()}
