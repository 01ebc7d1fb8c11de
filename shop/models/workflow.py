"""The states of a repair and the moves between them, as data."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    EXPECTED = "expected"
    RECEIVED = "received"
    DIAGNOSING = "diagnosing"
    AWAITING_APPROVAL = "awaiting_approval"
    AWAITING_PARTS = "awaiting_parts"
    IN_REPAIR = "in_repair"
    QUALITY_CHECK = "quality_check"
    READY = "ready"
    WARRANTY_RETURN = "warranty_return"
    COLLECTED = "collected"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"
    UNREPAIRABLE = "unrepairable"


S = State
# An unrepairable device is still ours to hand back, so it is open until collected.
CLOSED = frozenset({S.COLLECTED, S.SHIPPED, S.CANCELLED})
OPEN = tuple(state for state in State if state not in CLOSED)


# The work is done: whether the promise was kept is settled, so nothing is late any more.
DONE = frozenset({S.READY, S.UNREPAIRABLE}) | CLOSED

# Nothing is late in these: the work is done, or has not begun because the device is still with its owner.
NEVER_LATE = DONE | {S.EXPECTED}


class Party(StrEnum):
    """Who the shop waits for. Exactly one at any time while a repair is open."""

    US = "us"
    CUSTOMER = "customer"
    PART = "part"
    COLLECTION = "collection"


WAITING_ON: dict[State, Party] = {
    S.EXPECTED: Party.CUSTOMER,
    S.RECEIVED: Party.US,
    S.DIAGNOSING: Party.US,
    S.AWAITING_APPROVAL: Party.CUSTOMER,
    S.AWAITING_PARTS: Party.PART,
    S.IN_REPAIR: Party.US,
    S.QUALITY_CHECK: Party.US,
    S.READY: Party.COLLECTION,
    S.WARRANTY_RETURN: Party.US,
    S.UNREPAIRABLE: Party.COLLECTION,
}


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed move. `needs` names fields of the repair that must be filled in first."""

    source: State
    target: State
    permission: str = "repair.move"
    needs: tuple[str, ...] = ()


def _moves(source: State, *targets: State, **rules) -> list[Transition]:
    return [Transition(source, target, **rules) for target in targets]


_DIAGNOSED = {"needs": ("diagnosis",)}
_END = {"permission": "repair.cancel"}

_TABLE = [
    *_moves(S.EXPECTED, S.RECEIVED),
    *_moves(S.EXPECTED, S.CANCELLED, **_END),
    *_moves(S.RECEIVED, S.DIAGNOSING, S.IN_REPAIR, S.AWAITING_PARTS),
    *_moves(S.RECEIVED, S.CANCELLED, **_END),
    *_moves(S.DIAGNOSING, S.RECEIVED),
    *_moves(S.DIAGNOSING, S.AWAITING_APPROVAL, S.AWAITING_PARTS, S.IN_REPAIR, S.UNREPAIRABLE, **_DIAGNOSED),
    *_moves(S.DIAGNOSING, S.CANCELLED, **_END),
    *_moves(S.AWAITING_APPROVAL, S.DIAGNOSING, S.AWAITING_PARTS, S.IN_REPAIR),
    *_moves(S.AWAITING_APPROVAL, S.CANCELLED, **_END),
    *_moves(S.AWAITING_PARTS, S.DIAGNOSING, S.AWAITING_APPROVAL, S.IN_REPAIR),
    *_moves(S.AWAITING_PARTS, S.CANCELLED, **_END),
    *_moves(S.IN_REPAIR, S.DIAGNOSING, S.AWAITING_APPROVAL, S.AWAITING_PARTS, S.QUALITY_CHECK),
    *_moves(S.IN_REPAIR, S.UNREPAIRABLE, **_DIAGNOSED),
    *_moves(S.QUALITY_CHECK, S.IN_REPAIR, S.READY),
    *_moves(S.READY, S.COLLECTED, S.SHIPPED, S.QUALITY_CHECK),
    *_moves(S.WARRANTY_RETURN, S.DIAGNOSING, S.IN_REPAIR),
    *_moves(S.COLLECTED, S.WARRANTY_RETURN),
    *_moves(S.SHIPPED, S.WARRANTY_RETURN),
    *_moves(S.UNREPAIRABLE, S.DIAGNOSING, S.COLLECTED, S.SHIPPED),
    *_moves(S.CANCELLED, S.RECEIVED, S.EXPECTED, **_END),
]

TRANSITIONS: dict[tuple[str, str], Transition] = {(t.source, t.target): t for t in _TABLE}

# The way that most repairs go, once the device is here: the steps drawn on the ticket.
MAIN_ROAD = (
    S.RECEIVED,
    S.DIAGNOSING,
    S.AWAITING_APPROVAL,
    S.AWAITING_PARTS,
    S.IN_REPAIR,
    S.QUALITY_CHECK,
    S.READY,
    S.COLLECTED,
)

# The step that is suggested first.
_NEXT: dict[str, State] = {
    S.EXPECTED: S.RECEIVED,
    S.RECEIVED: S.DIAGNOSING,
    S.DIAGNOSING: S.IN_REPAIR,
    S.AWAITING_APPROVAL: S.IN_REPAIR,
    S.AWAITING_PARTS: S.IN_REPAIR,
    S.IN_REPAIR: S.QUALITY_CHECK,
    S.QUALITY_CHECK: S.READY,
    S.READY: S.COLLECTED,
    S.WARRANTY_RETURN: S.DIAGNOSING,
    S.UNREPAIRABLE: S.COLLECTED,
}


def is_open(state: State | str) -> bool:
    return state not in CLOSED


def find_transition(source: State | str, target: State | str) -> Transition | None:
    return TRANSITIONS.get((source, target))


def moves_from(source: State | str) -> list[Transition]:
    """Allowed moves in the order of the table, the suggested one first."""
    moves = [t for t in _TABLE if t.source == source]
    suggested = _NEXT.get(source)
    return sorted(moves, key=lambda t: t.target != suggested)
