"""Two people change one record: what merges by itself, and what a person must decide."""

from collections.abc import Mapping

from shop.models.errors import Stale


def merge(typed: Mapping[str, str], *, base: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """What to save: a field that only one of the two changed takes that change.

    `base` is what the writer saw before typing, `now` what is saved by now. Raises Stale with every field that both
    changed differently, as field -> (base, theirs, yours).
    """
    saved = {field: value if _differs(value, base.get(field, "")) else now[field] for field, value in typed.items()}
    clashes = {
        field: (base.get(field, ""), now[field], value)
        for field, value in saved.items()
        if _differs(value, now[field]) and _differs(now[field], base.get(field, ""))
    }
    if clashes:
        raise Stale(clashes)
    return saved


def _differs(one: str, other: str) -> bool:
    return one.replace("\r\n", "\n").strip() != other.replace("\r\n", "\n").strip()
