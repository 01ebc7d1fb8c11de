"""Documents as PDF. The same content gives the same bytes: fonts, layout and time come from nowhere but here.

Tagged for screen readers (PDF/UA-1), with its fonts embedded. Nothing is read from the system or the network.
"""

import json
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import typst

from shop.services import qr_codes

_SHOP = Path(__file__).parents[1]
_FONTS = _SHOP / "fonts"
# What was issued keeps the layout in which it was issued: a new look is a new file and a new number.
LAYOUTS = {1: _SHOP / "templates/documents/document.typ"}
LAYOUT = 1
# Stands for a character that none of our fonts can draw.
MISSING = "□"
_LONGEST_WORD, _PIECE = 30, 20
_BREAK_HERE = "\u200b"
# Part Persian letters, and make Indian ones into one.
_JOINERS = "\u200c\u200d"


def render(content: Mapping[str, Any], *, issued: int) -> bytes:
    """The document as PDF. `issued` is its time stamp in seconds since 1970. Takes some ten milliseconds."""
    return _compiled(content, issued=issued, format="pdf", pdf_standards=["ua-1"])


def picture(content: Mapping[str, Any], *, ppi: int = 144) -> list[bytes]:
    """Its pages as PNG, for people who look at the layout."""
    pages = _compiled(content, issued=0, format="png", ppi=ppi)
    return pages if isinstance(pages, list) else [pages]


def _compiled(content: Mapping[str, Any], *, issued: int, **how):
    layout = LAYOUTS[content["layout"]]
    pay = content.get("pay")
    return typst.compile(
        layout,
        root=layout.parent,
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={
            "document": json.dumps(_drawable(content), ensure_ascii=False),
            "code": qr_codes.svg(pay.get("code") or pay["url"]).decode() if pay else "",
        },
        timestamp=issued,
        **how,
    )


def _drawable(value):
    """The same with every text made of characters that the fonts have; addresses of links stay as they are."""
    match value:
        case str():
            return printable(value)
        case Mapping():
            return {key: part if key in ("url", "logo") else _drawable(part) for key, part in value.items()}
        case list() | tuple():
            return [_drawable(part) for part in value]
        case _:
            return value


def printable(text: str) -> str:
    """As it can be drawn: what no font has becomes □, what is not seen is left out, endless words may break."""
    shown = "".join(_shown(character) for character in unicodedata.normalize("NFC", text))
    return " ".join(_breakable(word) for word in shown.split(" "))


def _shown(character: str) -> str:
    kind = unicodedata.category(character)
    if character == "\n" or character in _JOINERS:
        return character
    # Marks that turn the direction of what follows could make a name read as another.
    if kind == "Cf":
        return ""
    if kind in ("Cc", "Zl", "Zp"):
        return " "
    if character in _covered() and kind not in ("Cs", "Co", "Cn"):
        return character
    return {"Mn": "", "Me": "", "Zs": " "}.get(kind, MISSING)


def _breakable(word: str) -> str:
    if len(word) <= _LONGEST_WORD:
        return word
    return _BREAK_HERE.join(word[start : start + _PIECE] for start in range(0, len(word), _PIECE))


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(_FONTS)])


@cache
def _covered() -> frozenset[str]:
    """Every character of the fonts, as written down by scripts/fonts.py."""
    spans = (line.split("-") for line in (_FONTS / "coverage.txt").read_text().split())
    return frozenset(chr(code) for first, last in spans for code in range(int(first, 16), int(last, 16) + 1))
