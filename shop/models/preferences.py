"""How a person of the staff likes the console: read with every sign-in, so it costs no statement of its own."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

DENSITIES = ("comfortable", "compact")
# Columns of the queue that may be hidden: the ticket, the device, the customer and the status always stand.
COLUMNS = ("place", "tags", "waiting", "assignee", "due", "updated")
MOST_TABS = 12
AFTER_ACTION = ("", "stay", "next")


@dataclass(frozen=True, slots=True)
class Preferences:
    """`columns` are those of the queue, empty for all; `view` is the slug of the view that opens first, empty for
    the role's own; `tabs` are slugs in the order of the person's tabs, empty for the shop's; `single_keys` is the
    switch of WCAG 2.1.4; `after_action` is empty until it was chosen: stay."""

    density: str = "comfortable"
    columns: tuple[str, ...] = ()
    view: str = ""
    tabs: tuple[str, ...] = ()
    single_keys: bool = True
    after_action: str = ""

    @property
    def hidden(self) -> tuple[str, ...]:
        """Columns that the person does not want to see."""
        return tuple(name for name in COLUMNS if self.columns and name not in self.columns)

    def dumps(self) -> str:
        """Only what differs from the defaults, so that a better default reaches everybody who never chose."""
        return json.dumps({name: value for name, value in asdict(self).items() if value != getattr(DEFAULTS, name)})


DEFAULTS = Preferences()
_NAMES = {field.name for field in fields(Preferences)}


def loads(text: str) -> Preferences:
    """Preferences from their stored text; names of another release are passed over."""
    known: dict[str, Any] = {name: value for name, value in json.loads(text or "{}").items() if name in _NAMES}
    for name in ("columns", "tabs"):
        if name in known:
            known[name] = tuple(known[name])
    return Preferences(**known)
