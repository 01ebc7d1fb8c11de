"""The keys of the console: the one table. `?` lists them, the foot of a page shows the main ones.

What a key does is a function of the same name that a script registers (static/js/keys.js), so a key works where
its screen has that function, and nowhere else.
"""

from dataclasses import dataclass, field

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from flask_login import current_user


@dataclass(frozen=True, slots=True)
class Key:
    """`press` is the key as browsers name it (KeyboardEvent.key), or a range of digits. `foot`: at whose foot
    it stands, with which word."""

    does: str
    press: str
    words: LazyString
    permission: str = "console.enter"
    foot: dict[str, LazyString] = field(default_factory=dict)


_STEP = {"queue": _l("move"), "ticket": _l("in the list"), "board": _l("card"), "calendar": _l("next, before")}
_OPEN = dict.fromkeys(("queue", "board", "calendar"), _l("open"))
KEYS = (
    Key("next", "j", _l("Next row, or next ticket of the list"), "repair.view", _STEP),
    Key("previous", "k", _l("Row before, or ticket before in the list"), "repair.view", _STEP),
    Key("open", "Enter", _l("Open the ticket"), "repair.view", _OPEN),
    Key("select", "x", _l("Select the ticket"), "repair.view", {"queue": _l("select")}),
    Key("select_to_here", "X", _l("Select all from the last one to here"), "repair.view"),
    Key("left", "ArrowLeft", _l("Column to the left"), "repair.view", {"board": _l("column")}),
    Key("right", "ArrowRight", _l("Column to the right"), "repair.view", {"board": _l("column")}),
    Key("move", "m", _l("Move the card to another column"), "repair.move", {"board": _l("move")}),
    Key("select_all", "A", _l("Select the page; again, all of the view"), "repair.bulk"),
    Key("view", "1-9", _l("The view at that place"), "repair.view"),
    Key("status", "s", _l("Change the status"), "repair.move", {"queue": _l("status"), "ticket": _l("status")}),
    Key("assign", "a", _l("Assign"), "repair.assign", {"queue": _l("assign"), "ticket": _l("assign")}),
    Key("take", "t", _l("Take the next ticket"), "repair.take", {"queue": _l("take next")}),
    Key("note", "n", _l("Write a note"), "repair.note", {"queue": _l("note"), "ticket": _l("note")}),
    Key("priority", "p", _l("Set the priority"), "repair.edit"),
    Key("tags", "g", _l("Change the tags"), "repair.edit"),
    Key("untag", "G", _l("Take a tag off those selected"), "repair.edit"),
    Key("labels", "l", _l("Print labels"), "repair.view"),
    Key("branch", "h", _l("Hand over to another branch"), "repair.edit"),
    Key("duplicate", "d", _l("Merge into another ticket, as its duplicate"), "repair.merge"),
    Key("pay", "y", _l("Take a payment"), "payment.take", {"ticket": _l("payment")}),
    Key("edit", "e", _l("Edit the ticket"), "repair.edit", {"ticket": _l("edit")}),
    Key("undo", "z", _l("Undo what you did a moment ago"), "act.undo"),
    Key("copy", ".", _l("Copy the ticket number"), "repair.view"),
    Key("leave", "Escape", _l("Back to the list, or clear the selection"), foot={"ticket": _l("to the list")}),
    Key("arrived", "r", _l("The device has arrived"), "repair.move", {"calendar": _l("arrived")}),
    Key("rebook", "m", _l("Move the appointment"), "booking.move", {"calendar": _l("move")}),
    Key("missed", "o", _l("Nobody came"), "booking.move", {"calendar": _l("nobody came")}),
    Key("block_out", "b", _l("Block out time"), "calendar.plan", {"calendar": _l("block out")}),
    Key("check_in", "c", _l("Check a device in"), "repair.check_in", {"calendar": _l("check in")}),
    Key("today", "n", _l("Today"), "calendar.view", {"calendar": _l("today")}),
    Key("earlier", "[", _l("Earlier days"), "calendar.view", {"calendar": _l("earlier, later")}),
    Key("later", "]", _l("Later days"), "calendar.view", {"calendar": _l("earlier, later")}),
    Key("as_day", "d", _l("One day"), "calendar.view"),
    Key("as_week", "w", _l("The week"), "calendar.view"),
    Key("as_agenda", "v", _l("The agenda"), "calendar.view"),
    Key("search", "/", _l("Go to the search box")),
    Key(
        "help",
        "?",
        _l("Show the keys that work here"),
        foot={"queue": _l("all keys"), "ticket": _l("all keys"), "board": _l("all keys")},
    ),
)
_CAPS = {"Escape": "Esc", "ArrowLeft": "←", "ArrowRight": "→"}


def keys() -> list[tuple[str, str, str]]:
    """(what it does, the key, its words) of every key that this person's rights allow on some screen."""
    return [(key.does, key.press, str(key.words)) for key in KEYS if current_user.may(key.permission)]


def foot_keys(screen: str) -> list[tuple[tuple[str, ...], str]]:
    """The main keys of one screen for this person; those that share a word stand together. None when they are off."""
    if not current_user.preferences.single_keys:
        return []
    shown: dict[str, tuple[str, ...]] = {}
    for key in KEYS:
        if screen in key.foot and current_user.may(key.permission):
            word = str(key.foot[screen])
            shown[word] = (*shown.get(word, ()), _CAPS.get(key.press, key.press))
    return [(presses, word) for word, presses in shown.items()]
