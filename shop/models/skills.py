"""What a repair asks of a person, and how well the person fits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """`NEVER`: does not do this, whatever else is known."""

    NEVER = "never"
    LEARNING = "learning"
    ABLE = "able"
    EXPERT = "expert"


_RANK: dict[str | None, int] = {Level.NEVER: -1, None: 0, Level.LEARNING: 1, Level.ABLE: 2, Level.EXPERT: 3}


@dataclass(frozen=True, slots=True)
class Needs:
    """`work`: (repair type, service category) of each line that names one, by slug; `device` a category."""

    work: tuple[tuple[str, str], ...] = ()
    device: str = ""
    brand: str = ""


@dataclass(frozen=True, slots=True)
class Fit:
    """`level` is None where nothing is known. `subject` is what decided, or what nothing is known of."""

    level: Level | None
    subject: str

    @property
    def rank(self) -> int:
        return _RANK[self.level]

    @property
    def is_able(self) -> bool:
        return self.rank >= _RANK[Level.ABLE]


def fit(skills: Mapping[str, str], needs: Needs) -> Fit:
    """The weakest of all lines counts. Of each line what is most particular and known: the repair type, then its
    service category, then the brand, then the kind of device."""
    lines = [_best_known(skills, list(_subjects(needs, line))) for line in needs.work or ((),)]
    return min(lines, key=lambda one: one.rank)


def _subjects(needs: Needs, line: tuple[str, ...]) -> Iterator[str]:
    if line:
        yield f"type:{line[0]}"
        yield f"category:{line[1]}"
    if needs.brand:
        yield f"brand:{needs.brand.lower()}"
    if needs.device:
        yield f"device:{needs.device}"


def _best_known(skills: Mapping[str, str], subjects: list[str]) -> Fit:
    for subject in subjects:
        if subject in skills:
            return Fit(Level(skills[subject]), subject)
    return Fit(None, subjects[0] if subjects else "")
